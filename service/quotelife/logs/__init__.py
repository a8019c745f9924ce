"""The log of every process: declared events, one line each on the standard error, as text or as JSON."""

from quotelife.logs.event_logger import EventLogger, event_logger
from quotelife.logs.events import LogEvent
from quotelife.logs.output import (
    configure,
    divert_standard_error,
    log_to,
    settings,
    standard_error_as_lines,
)

__all__ = [
    "EventLogger",
    "LogEvent",
    "configure",
    "divert_standard_error",
    "event_logger",
    "log_to",
    "settings",
    "standard_error_as_lines",
]
