"""Logging of every process of the service: one line per record on the standard error, as text or JSON."""

import logging
import sys
import time
from typing import Any

import orjson

from quotelife.config.sections import Log

_MS_PER_S = 1_000


def configure(process: str, settings: Log) -> None:
    """Send all records of this process, from the configured level on, to the standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(process) if settings.format == "json" else TextFormatter(process))
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)


def fields(**values: object) -> dict[str, dict[str, object]]:
    """The `extra` argument of a logging call: named values, which a JSON line has under "fields"."""
    return {"fields": values}


class TextFormatter(logging.Formatter):
    """`2026-01-31T09:00:00.123Z WARNING quoting: message`, and the traceback of an exception below it."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        head = f"{_utc(record.created)} {record.levelname} {self._process}: {record.getMessage()}"
        return head if record.exc_info is None else f"{head}\n{self.formatException(record.exc_info)}"


class JsonFormatter(logging.Formatter):
    """An object with time, level, process and message, and where there are any, fields and exception."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, Any] = {
            "time": _utc(record.created),
            "level": record.levelname,
            "process": self._process,
            "message": record.getMessage(),
        }
        if values := getattr(record, "fields", None):
            document["fields"] = values
        if record.exc_info is not None:
            document["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(document, default=str).decode()


def _utc(seconds: float) -> str:
    """ISO 8601 with milliseconds."""
    whole, ms = divmod(int(seconds * _MS_PER_S), _MS_PER_S)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{ms:03d}Z"
