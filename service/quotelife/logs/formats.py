"""A record of the log as text or as JSON. A line is never broken by what a peer or a library writes into it."""

import json
import logging
import re
import time
from collections.abc import Iterator
from typing import Any

import orjson

from quotelife.logs.events import LogEvent

_MS_PER_S = 1_000
_JSON = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
_BARE = re.compile(r"[^\s\"=\\]+")  # a value of a field that needs no quotes
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {9: " "}


class TextFormatter(logging.Formatter):
    """`2026-01-31T09:00:00.123Z WARNING quoting logon_refused: text name=value`. Further lines of the text, and a
    traceback, are lines of their own with the same beginning and `| ` before them."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        head = f"{_utc(record.created)} {record.levelname} {_process(record, self._process)} {_event(record)}:"
        first, *more = record.getMessage().splitlines() or [""]
        lines = [" ".join((first, *_as_text(_fields(record))))]
        if record.exc_info:
            more += self.formatException(record.exc_info).splitlines()
        lines += [f"| {line}" for line in more]
        text = "\n".join(f"{head} {line.translate(_CONTROL)}" for line in lines)
        return text.encode(errors="backslashreplace").decode()


class JsonFormatter(logging.Formatter):
    """An object with time, level, process, event, text and fields, and where there is one, the exception."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, Any] = {
            "time": _utc(record.created),
            "level": record.levelname,
            "process": _process(record, self._process),
            "event": _event(record),
            "text": record.getMessage(),
            "fields": _fields(record),
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return _dumps(document)


def _process(record: logging.LogRecord, process: str) -> str:
    return getattr(record, "of_process", None) or process


def _event(record: logging.LogRecord) -> str:
    """The declared event; of a record of a library, what kind of record it is."""
    if (event := getattr(record, "event", None)) is not None:
        return str(event)
    if record.name == "py.warnings":
        return str(LogEvent.PYTHON_WARNING)
    return str(LogEvent.UNEXPECTED_EXCEPTION if record.exc_info else LogEvent.LIBRARY_MESSAGE)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] | None = getattr(record, "fields", None)
    return {"logger": record.name} if fields is None else fields


def _as_text(fields: dict[str, object]) -> Iterator[str]:
    for name, value in fields.items():
        text = value if isinstance(value, str) else _dumps(value)
        yield f"{name}={text if _BARE.fullmatch(text) else _dumps(text)}"


def _dumps(value: object) -> str:
    try:
        return orjson.dumps(value, default=str, option=_JSON).decode()
    except TypeError:  # a text that is not Unicode, or a large number
        return json.dumps(value, default=str)


def _utc(seconds: float) -> str:
    """ISO 8601 with milliseconds."""
    whole, ms = divmod(int(seconds * _MS_PER_S), _MS_PER_S)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{ms:03d}Z"
