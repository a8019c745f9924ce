"""The two clocks of the service, read once per message.

Times on the wire are wall clock; lifetimes of open quotes and windows of features are monotonic. All processes of a
machine share one monotonic clock, so their times can be compared.
"""

import time
from datetime import UTC, datetime

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000

wall_ns = time.time_ns
mono_ns = time.monotonic_ns

_CACHED_SECONDS = 64  # the present second, and the expiry times of quotes issued in it
_second_texts: dict[int, str] = {}


def utc_timestamp(ns: int) -> str:
    """FIX UTCTimestamp in microseconds, rounded down, from `ns` nanoseconds since the epoch."""
    second, rest = divmod(ns, NS_PER_S)
    text = _second_texts.get(second)
    if text is None:
        text = _write_second(second)
    return f"{text}.{rest // NS_PER_US:06d}"


def _write_second(second: int) -> str:
    """The text of a whole second, cached."""
    if len(_second_texts) >= _CACHED_SECONDS:
        _second_texts.clear()
    text = datetime.fromtimestamp(second, UTC).strftime("%Y%m%d-%H:%M:%S")
    _second_texts[second] = text
    return text


def parse_utc_timestamp(text: str) -> int:
    """Nanoseconds since the epoch of a FIX UTCTimestamp with 0 to 9 decimals; ValueError for any other text."""
    head, point, decimals = text.partition(".")
    if point and not (decimals.isascii() and decimals.isdigit() and len(decimals) <= 9):
        raise ValueError(f"not a UTCTimestamp: {text!r}")
    second = datetime.strptime(head, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    return int(second.timestamp()) * NS_PER_S + int(decimals.ljust(9, "0") or 0)
