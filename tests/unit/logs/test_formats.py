"""The lines of the log: text and JSON, levels, fields, exceptions, and what peers and libraries write into them."""

import json
import logging
import warnings

import numpy as np
import pytest

from quotelife import logs
from quotelife.config.sections import Log
from quotelife.logs import LogEvent, event_logger
from tests.log_lines import TEXT_LINE, parse

logger = event_logger("quotelife.test")
pytestmark = pytest.mark.usefixtures("log_restored")


def test_text_line_has_time_level_process_event_text_and_fields(capsys):
    logs.configure("quoting", Log())
    logger.warning(LogEvent.CLIENT_LOGGED_ON, "client %s logged on", "OMS", session="OMS", address="a b", n=3)
    line = capsys.readouterr().err
    assert (match := TEXT_LINE.fullmatch(line.rstrip("\n")))
    assert match["rest"] == 'client OMS logged on session=OMS address="a b" n=3'
    assert parse(line, "text")[0] | {"time": ""} == {
        "time": "", "level": "WARNING", "process": "quoting", "event": "client_logged_on", "text": match["rest"],
    }  # fmt: skip


def test_json_line_is_one_object(capsys):
    logs.configure("recorder", Log(format="json"))
    logger.info(LogEvent.READY, "ready", ready_s=np.float64(1.5), path=object, large=1 << 70)
    (document,) = parse(capsys.readouterr().err, "json")
    del document["time"]
    fields = {"ready_s": 1.5, "path": str(object), "large": 1 << 70}
    assert document == {"level": "INFO", "process": "recorder", "event": "ready", "text": "ready", "fields": fields}


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_exception_is_logged_with_its_traceback_and_every_line_parses(capsys, log_format):
    logs.configure("quoting", Log(format=log_format))
    try:
        raise ValueError("wrong\nvalue")
    except ValueError:
        logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception at a message")
    lines = capsys.readouterr().err
    assert "exception at a message" in lines and "Traceback" in lines and "ValueError: wrong" in lines
    assert {record["event"] for record in parse(lines, log_format)} == {"unexpected_exception"}
    if log_format == "json":
        assert lines.count("\n") == 1 and "ValueError" in json.loads(lines)["exception"]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_text_of_a_peer_cannot_forge_a_line(capsys, log_format):
    logs.configure("quoting", Log(format=log_format))
    forged = "no\n2026-01-31T09:00:00.123Z ERROR quoting ready: \x1b[31m8=FIX\x01\udc80"
    logger.warning(LogEvent.LOGON_REFUSED, "refused: %s", forged, detail=forged)
    lines = capsys.readouterr().err
    assert [record["event"] for record in parse(lines, log_format)] == ["logon_refused"] * lines.count("\n")
    assert "\x1b" not in lines and "\x01" not in lines


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_records_of_libraries_are_lines_with_an_event(capsys, log_format):
    logs.configure("quoting", Log(format=log_format))
    logging.getLogger("asyncio").error("task failed\nfuture: <Task>", exc_info=ValueError("x"))
    logging.getLogger("aiohttp").warning("slow peer")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old call", DeprecationWarning, stacklevel=1)
    records = parse(capsys.readouterr().err, log_format)
    events = list(dict.fromkeys(record["event"] for record in records))
    assert events == ["unexpected_exception", "library_message", "python_warning"]


def test_records_below_the_configured_level_are_dropped(capsys):
    logs.configure("quoting", Log(level="error"))
    logger.warning(LogEvent.READY, "not logged")
    logger.error(LogEvent.READY, "logged")
    assert capsys.readouterr().err.count("\n") == 1
