"""The two clocks of the service, read once per message.

Times on the wire are wall clock; lifetimes of open quotes and windows of features are monotonic. All processes of a
machine share one monotonic clock, so their times can be compared.
"""

import re
import time
from datetime import UTC, datetime
from functools import lru_cache

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000

_TIMESTAMP = re.compile(r"(\d{8})-([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?", re.ASCII)

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
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        raise ValueError(f"not a UTCTimestamp: {text!r}")
    day, hours, minutes, seconds, decimals = found.groups("")
    second = _midnight_s(day) + int(hours) * 3_600 + int(minutes) * 60 + int(seconds)
    return second * NS_PER_S + int(decimals.ljust(9, "0"))


@lru_cache(maxsize=64)
def _midnight_s(day: str) -> int:
    """Seconds since the epoch at the start of a day, YYYYMMDD; few days are used at a time, and each for long."""
    return int(datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).timestamp())
