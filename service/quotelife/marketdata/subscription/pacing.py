"""Limits on the rate of messages: at most so many in any interval of a given length."""

import numpy as np

from quotelife.config.venues.venue_profile import Pacing
from quotelife.fix.rejections import RejectionLimit
from quotelife.logs import LogEvent, event_logger
from quotelife.runtime.rate_limited_log import RateLimitedLog

logger = event_logger(__name__)

_NS = 1_000_000_000
_STEP_NS = _NS // 10


class RateLimit:
    """Counts at most `count` in any `interval_ns`. Remembers the times of the last `count`, so a call costs the same
    whatever the rate."""

    def __init__(self, count: int, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._times_ns = np.full(count, -interval_ns, np.int64)  # a ring, oldest at `_next`
        self._next = 0
        self._free = count  # entries older than the interval, as of the last call
        self._oldest = 0  # first entry that may still be younger

    @classmethod
    def per_second(cls, rate: float) -> "RateLimit":
        """At most `rate` in any second, spread over it: in steps of 100 ms, or one by one below 20 a second."""
        if rate >= 2 * _NS / _STEP_NS:
            return cls(int(rate * _STEP_NS / _NS), _STEP_NS)
        return cls(1, int(np.ceil(_NS / rate)))

    def allowance(self, now_ns: int) -> int:
        """How many may follow at `now_ns`."""
        times, count = self._times_ns, len(self._times_ns)
        while self._free < count and now_ns - times[self._oldest] >= self._interval_ns:
            self._oldest = (self._oldest + 1) % count
            self._free += 1
        return self._free

    def count(self, number: int, now_ns: int) -> None:
        """`number` are sent at `now_ns`; more than the allowance if they could not wait."""
        times, size = self._times_ns, len(self._times_ns)
        for _ in range(min(number, size)):
            if self._free == 0:  # the oldest makes room
                self._oldest = (self._oldest + 1) % size
                self._free = 1
            times[self._next] = now_ns
            self._next = (self._next + 1) % size
            self._free -= 1


class RequestPacing:
    """How many MarketDataRequests may be sent now, by a venue's limits.

    Session messages never wait. So the requests leave room for them in the limit on all messages: for the heartbeats of
    an interval, and a twentieth for answers to TestRequests and the like. Half of that is for rejections, which are
    not sent beyond it (`rejection_limit`): a venue that sends what we reject takes nothing from the requests.
    """

    def __init__(self, pacing: Pacing, heartbeat_s: float) -> None:
        self._requests = RateLimit.per_second(pacing.requests_per_second)
        self._messages: RateLimit | None = None
        self._reserve = 0
        if pacing.messages is not None:
            self._messages = RateLimit(pacing.messages, int(pacing.interval_s * _NS))
            wanted = int(np.ceil(pacing.interval_s / heartbeat_s)) + 1 + pacing.messages // 20
            self._reserve = min(wanted, pacing.messages - 1)

    def allowance(self, now_ns: int) -> int:
        """How many requests may be sent at `now_ns`."""
        allowed = self._requests.allowance(now_ns)
        if self._messages is not None:
            allowed = min(allowed, self._messages.allowance(now_ns) - self._reserve)
        return max(allowed, 0)

    def count_requests(self, number: int, now_ns: int) -> None:
        """`number` requests are sent; as messages they are counted by `count_messages`."""
        self._requests.count(number, now_ns)

    def count_messages(self, number: int, now_ns: int) -> None:
        """`number` messages of every type but rejections are sent."""
        if self._messages is not None:
            self._messages.count(number, now_ns)


def rejection_limit(venue: str, pacing: Pacing) -> RejectionLimit:
    """How many rejections a venue may be sent: of a limit on all messages a fortieth."""
    log = RateLimitedLog(logger)
    total = None if pacing.messages is None else pacing.messages // 40

    def warn(kind: str, text: str) -> None:
        log.warning(LogEvent.VENUE_MESSAGE_REJECTED, kind, f"{venue}: we reject {text}", venue=venue)

    return RejectionLimit(total, int(pacing.interval_s * _NS), warn)
