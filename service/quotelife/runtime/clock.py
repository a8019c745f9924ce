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

_KEPT_SECONDS = 64  # now, and the ends of the quotes given now
_second_texts: dict[int, str] = {}


def utc_timestamp(ns: int) -> str:
    """FIX UTCTimestamp with microseconds of `ns` nanoseconds since the epoch (rounded down)."""
    second, rest = divmod(ns, NS_PER_S)
    text = _second_texts.get(second)
    if text is None:
        text = _write_second(second)
    return f"{text}.{rest // NS_PER_US:06d}"


def _write_second(second: int) -> str:
    """The text of a whole second, kept for the next time."""
    if len(_second_texts) >= _KEPT_SECONDS:
        _second_texts.clear()
    text = datetime.fromtimestamp(second, UTC).strftime("%Y%m%d-%H:%M:%S")
    _second_texts[second] = text
    return text


def parse_utc_timestamp(text: str) -> int:
    """Nanoseconds since the epoch of a FIX UTCTimestamp with 0 to 9 decimals; ValueError if it is none."""
    head, point, decimals = text.partition(".")
    if point and not (decimals.isascii() and decimals.isdigit() and len(decimals) <= 9):
        raise ValueError(f"not a UTCTimestamp: {text!r}")
    second = datetime.strptime(head, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    return int(second.timestamp()) * NS_PER_S + int(decimals.ljust(9, "0") or 0)
