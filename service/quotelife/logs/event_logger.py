"""The logger of a module. Each of its lines names a declared event."""

import logging

from quotelife.logs.events import LogEvent


class EventLogger:
    """Logs through the standard library: text with `%` and arguments, formatted only if the level is logged, and named
    fields, which a JSON line has as an object and a text line as `name=value` at its end."""

    def __init__(self, logger: logging.Logger, process: str | None = None) -> None:
        """`process` if the lines are of another process than this one."""
        self._logger, self._process = logger, process

    def info(self, event: LogEvent, text: str, /, *arguments: object, **fields: object) -> None:
        self.log(logging.INFO, event, text, *arguments, **fields)

    def warning(self, event: LogEvent, text: str, /, *arguments: object, **fields: object) -> None:
        self.log(logging.WARNING, event, text, *arguments, **fields)

    def error(self, event: LogEvent, text: str, /, *arguments: object, **fields: object) -> None:
        self.log(logging.ERROR, event, text, *arguments, **fields)

    def exception(
        self, event: LogEvent, text: str, /, *arguments: object, error: BaseException | bool = True, **fields: object
    ) -> None:
        """An error with the traceback of the exception that is being handled, or of `error`."""
        if self._logger.isEnabledFor(logging.ERROR):
            self._logger.error(text, *arguments, exc_info=error, extra=self._extra(event, fields))

    def log(self, level: int, event: LogEvent, text: str, /, *arguments: object, **fields: object) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, text, *arguments, extra=self._extra(event, fields))

    def _extra(self, event: LogEvent, fields: dict[str, object]) -> dict[str, object]:
        return {"event": event, "fields": fields, "of_process": self._process}


def event_logger(name: str, process: str | None = None) -> EventLogger:
    """The logger of the module `name`; `process` if its lines are of another process than this one."""
    return EventLogger(logging.getLogger(name), process)
