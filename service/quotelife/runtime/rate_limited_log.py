"""Rate-limited logging of events that a peer can trigger: a few lines a second of each kind."""

from collections import Counter

from quotelife.logs import EventLogger, LogEvent
from quotelife.runtime.clock import NS_PER_S, mono_ns

_INTERVAL_NS = NS_PER_S // 4


class RateLimitedLog:
    """Logs at most four warnings a second of each event and reason, and with the next one how many were suppressed. Not
    thread-safe."""

    def __init__(self, logger: EventLogger) -> None:
        self._logger = logger
        self._logged_ns: dict[tuple[LogEvent, str], int] = {}
        self._suppressed: Counter[tuple[LogEvent, str]] = Counter()

    def warning(self, event: LogEvent, reason: str, text: str, **fields: object) -> None:
        """Log `text`, unless one of this event and reason was logged within the last quarter of a second."""
        now_ns, kind = mono_ns(), (event, reason)
        if now_ns - self._logged_ns.get(kind, -_INTERVAL_NS) < _INTERVAL_NS:
            self._suppressed[kind] += 1
            return
        self._logged_ns[kind] = now_ns
        suppressed = self._suppressed.pop(kind, 0)
        more = f"; {suppressed} similar messages suppressed" if suppressed else ""
        self._logger.warning(event, "%s%s", text, more, reason=reason, suppressed=suppressed, **fields)
