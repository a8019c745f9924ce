"""The log lines of a process: text and JSON, levels, fields and exceptions."""

import json
import logging
import re
from collections.abc import Iterator

import pytest

from quotelife.config.sections import Log
from quotelife.runtime import logs

logger = logging.getLogger("quotelife.test")


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    """The root logger is as before."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_text_line_has_time_level_process_and_message(capsys):
    logs.configure("quoting", Log())
    logger.warning("client %s logged on", "OMS", extra=logs.fields(session="OMS"))
    line = capsys.readouterr().err
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARNING quoting: client OMS logged on\n", line)


def test_json_line_is_one_object_with_fields(capsys):
    logs.configure("recorder", Log(format="json"))
    logger.info("ready", extra=logs.fields(ready_s=1.5, path=object))
    document = json.loads(capsys.readouterr().err)
    assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{3}Z", document.pop("time"))
    assert document == {
        "level": "INFO",
        "process": "recorder",
        "message": "ready",
        "fields": {"ready_s": 1.5, "path": str(object)},
    }


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_exception_is_logged_with_its_traceback(capsys, log_format):
    logs.configure("quoting", Log(format=log_format))
    try:
        raise ValueError("wrong\nvalue")
    except ValueError:
        logger.exception("exception at a message")
    lines = capsys.readouterr().err
    assert "exception at a message" in lines and "Traceback" in lines and "ValueError: wrong" in lines
    if log_format == "json":
        assert lines.count("\n") == 1 and "ValueError" in json.loads(lines)["exception"]


def test_records_below_the_configured_level_are_dropped(capsys):
    logs.configure("quoting", Log(level="error"))
    logger.warning("not logged")
    logger.error("logged")
    assert capsys.readouterr().err.count("\n") == 1
