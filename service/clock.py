"""The two clocks of the service, read once per message.

Wall clock for what goes on the wire, monotonic clock for lifetimes in flight and windows of features. The monotonic
clock is the machine's, so a time taken in one process may be compared with one taken in another on the same machine.
"""

import time
from datetime import UTC, datetime

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000

wall_ns = time.time_ns
mono_ns = time.monotonic_ns

_second_text: tuple[int, str] = (-1, "")


def utc_timestamp(ns: int) -> str:
    """FIX UTCTimestamp with microseconds of `ns` nanoseconds since the epoch (rounded down)."""
    global _second_text
    second, rest = divmod(ns, NS_PER_S)
    cached = _second_text
    if cached[0] != second:
        cached = (second, datetime.fromtimestamp(second, UTC).strftime("%Y%m%d-%H:%M:%S"))
        _second_text = cached
    return f"{cached[1]}.{rest // NS_PER_US:06d}"


def parse_utc_timestamp(text: str) -> int:
    """Nanoseconds since the epoch of a FIX UTCTimestamp with 0 to 9 decimals; ValueError if it is none."""
    head, point, decimals = text.partition(".")
    if point and not (decimals.isascii() and decimals.isdigit() and len(decimals) <= 9):
        raise ValueError(f"not a UTCTimestamp: {text!r}")
    second = datetime.strptime(head, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    return int(second.timestamp()) * NS_PER_S + int(decimals.ljust(9, "0") or 0)
