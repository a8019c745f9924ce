"""Rate-limited logging of events that a peer can trigger: a few lines a second of each kind."""

import logging
from collections import Counter

from quotelife.runtime.clock import NS_PER_S, mono_ns
from quotelife.runtime.logs import fields

_INTERVAL_NS = NS_PER_S // 4


class RateLimitedLog:
    """Logs at most four warnings a second of each kind, and with the next one how many were suppressed. Not
    thread-safe."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._logged_ns: dict[str, int] = {}
        self._suppressed: Counter[str] = Counter()

    def warning(self, kind: str, message: str) -> None:
        """Log `message`, unless one of this kind was logged within the last quarter of a second."""
        now_ns = mono_ns()
        if now_ns - self._logged_ns.get(kind, -_INTERVAL_NS) < _INTERVAL_NS:
            self._suppressed[kind] += 1
            return
        self._logged_ns[kind] = now_ns
        suppressed = self._suppressed.pop(kind, 0)
        more = f"; {suppressed} similar messages suppressed" if suppressed else ""
        self._logger.warning("%s%s", message, more, extra=fields(kind=kind, suppressed=suppressed))
