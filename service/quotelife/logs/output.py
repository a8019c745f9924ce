"""Where a process logs to, and how all that it writes to the standard error becomes a line of the log.

A process of the service logs to the standard error that the supervisor was started with. What libraries write past the
log goes to a pipe, and the supervisor logs it line by line (quotelife.supervisor.child).
"""

import contextlib
import io
import logging
import os
import sys
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, TextIO

from quotelife.logs.event_logger import event_logger
from quotelife.logs.events import LogEvent
from quotelife.logs.formats import JsonFormatter, TextFormatter

logger = event_logger(__name__)
_STDERR = 2
_stream: TextIO | None = None  # of the log, if it is not sys.stderr
_diverted = False
_settings: tuple[str, ...] = ()


class LogSettings(Protocol):
    """Section [log] of the configuration."""

    @property
    def level(self) -> str: ...

    @property
    def format(self) -> str: ...


def configure(process: str, settings: LogSettings, all_lines: bool = False) -> None:
    """Log all records of this process, from the configured level on, also warnings, and exceptions that nothing
    handles. `all_lines`: what Python code writes to sys.stderr becomes lines of the log, too, as long as it runs."""
    global _stream, _settings
    _settings = (settings.level, settings.format)
    if all_lines and not isinstance(sys.stderr, _Lines):
        _stream, sys.stderr = sys.stderr, _Lines()
    handler = logging.StreamHandler(_stream or sys.stderr)
    handler.setFormatter(JsonFormatter(process) if settings.format == "json" else TextFormatter(process))
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    sys.excepthook, sys.unraisablehook = _log_uncaught, _log_unraisable
    threading.excepthook = _log_in_thread


def settings() -> tuple[str, ...]:
    """(level, format) of the log of this process; empty before it is configured."""
    return _settings


def divert_standard_error(into: int) -> None:
    """What is configured from now on logs to what has been the standard error at the first call; the standard error
    goes to the descriptor `into`."""
    if not _diverted:
        sys.stderr.flush()
        log_to(os.dup(_STDERR))
    os.dup2(into, _STDERR)
    sys.stderr = _open(_STDERR)


def log_to(fd: int) -> None:
    """What is configured from now on logs to this descriptor."""
    global _stream, _diverted
    _stream, _diverted = _open(fd), True


@contextlib.contextmanager
def standard_error_as_lines() -> Iterator[None]:
    """What Python code writes to sys.stderr becomes lines of the log, which goes to what sys.stderr has been."""
    global _stream
    before = sys.stderr
    _stream, sys.stderr = before, _Lines()
    try:
        yield
    finally:
        sys.stderr.flush()
        _stream, sys.stderr = None, before


def _open(fd: int) -> TextIO:
    return open(fd, "w", buffering=1, errors="backslashreplace", closefd=False)


class _Lines(io.TextIOBase):
    """A text file, each line of which is logged."""

    def __init__(self) -> None:
        self._begun = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._log(line)
        return len(text)

    def flush(self) -> None:
        """A line that has no end yet is logged as it is."""
        begun, self._begun = self._begun, ""
        self._log(begun)

    def _log(self, line: str) -> None:
        if line.strip():
            logger.warning(LogEvent.PROCESS_OUTPUT, "%s", line.rstrip())


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logger.exception(LogEvent.UNCAUGHT_EXCEPTION, "exception that nothing handles; the process ends", error=error)


def _log_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        name = "" if args.thread is None else args.thread.name
        text = "exception that nothing handles; thread %s ends"
        logger.exception(LogEvent.UNCAUGHT_EXCEPTION, text, name, error=args.exc_value, thread=name)


def _log_unraisable(args: "sys.UnraisableHookArgs") -> None:
    what = args.err_msg or "exception in a destructor or a callback of a library"
    logger.exception(LogEvent.UNCAUGHT_EXCEPTION, "%s: %r", what, args.object, error=args.exc_value or True)
