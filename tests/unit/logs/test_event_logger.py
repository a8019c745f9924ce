"""The logger of a module."""

import logging

from quotelife.logs import LogEvent, event_logger

logger = event_logger("quotelife.test")


def test_a_record_has_event_fields_and_arguments(caplog):
    logger.error(LogEvent.LISTEN_FAILED, "port %d", 9880, port=9880)
    event_logger("quotelife.test", "quoting").log(logging.WARNING, LogEvent.PROCESS_OUTPUT, "line")
    first, second = caplog.records
    assert (first.message, first.event, first.fields) == ("port 9880", LogEvent.LISTEN_FAILED, {"port": 9880})
    assert (second.levelname, second.of_process, second.fields) == ("WARNING", "quoting", {})


def test_text_below_the_level_is_not_formatted(caplog):
    class Unprintable:
        def __str__(self) -> str:
            raise AssertionError("formatted")

    caplog.set_level(logging.WARNING)
    logger.info(LogEvent.READY, "%s", Unprintable())
    assert caplog.records == []
