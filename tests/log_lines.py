"""Reads the log of the service."""

import json
import re
from typing import Any

from quotelife.logs import LogEvent

TEXT_LINE = re.compile(
    r"(?P<time>[\d-]{10}T[\d:]{8}\.\d{3}Z) (?P<level>[A-Z]+) (?P<process>[\w-]+) (?P<event>\w+): (?P<rest>.*)"
)
_EVENTS = {str(event) for event in LogEvent}
_KEYS = ["time", "level", "process", "event", "text", "fields"]


def parse(lines: str, log_format: str) -> list[dict[str, Any]]:
    """Each line as an object; an AssertionError shows a line that is none, or whose event is not declared."""
    return [_parse(line, log_format) for line in lines.splitlines()]


def _parse(line: str, log_format: str) -> dict[str, Any]:
    record: dict[str, Any]
    if log_format == "json":
        record = json.loads(line)
        assert list(record)[:6] == _KEYS and set(record) <= {*_KEYS, "exception"}, line
    else:
        match = TEXT_LINE.fullmatch(line)
        assert match is not None, line
        record = match.groupdict()
        record["text"] = record.pop("rest")
    assert record["event"] in _EVENTS, line
    return record
