"""A signal as it is given from outside, and what can be wrong with one."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from quotelife.config import Config
from quotelife.config.sections import SIGNALS
from quotelife.runtime.clock import NS_PER_S

NEWS, VOLATILITY = "news_sentiment", "volatility_index"
AHEAD_NS = 1 * NS_PER_S  # how far a source's clock may be before ours
MOST = 100  # signals at once


class Signal(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`value` is a sentiment in [-1, 1], or the index in points. `symbols` are instruments the news is about, all if
    none is named, or the index itself. `time` is when the source said it, now if absent."""

    kind: Literal["news_sentiment", "volatility_index"]
    value: float
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    symbols: list[str] = []
    text: Annotated[str, msgspec.Meta(max_length=200)] = ""
    time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class SignalError(ValueError):
    """A signal that is not taken; `field` is what is wrong."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field = field


class Judge:
    """Knows what a configuration allows."""

    def __init__(self, config: Config) -> None:
        self._symbols = {i.symbol for i in config.instrument}
        self._indices = {i.symbol: int(i.stale_after_ms * 1e6) for i in config.instrument if i.venue == SIGNALS}
        self._news_ns = int(config.market.sentiment_stale_after_s * NS_PER_S)

    def stale_after_ns(self, signal: Signal) -> int:
        """How long the signal counts."""
        return self._news_ns if signal.kind == NEWS else self._indices[signal.symbols[0]]

    def check(self, signal: Signal, wall_ns: int) -> None:
        """SignalError if the signal cannot be taken at that time."""
        if signal.kind == NEWS:
            if not -1.0 <= signal.value <= 1.0:
                raise SignalError("value", f"{signal.value}; allowed: -1 to 1")
            unknown = [s for s in signal.symbols if s not in self._symbols]
            if unknown:
                raise SignalError(
                    "symbols", f"{', '.join(unknown[:5])} not configured; allowed: {_some(self._symbols)}"
                )
        else:
            if not 0.0 < signal.value < 1e9:
                raise SignalError("value", f"{signal.value}; allowed: above 0")
            if len(signal.symbols) != 1 or signal.symbols[0] not in self._indices:
                allowed = _some(self._indices) or f'none (no instrument has venue = "{SIGNALS}")'
                raise SignalError("symbols", f"{', '.join(signal.symbols) or 'none'}; allowed: one of {allowed}")
        age_ns = wall_ns - time_ns(signal, wall_ns)
        if age_ns < -AHEAD_NS:
            raise SignalError("time", f"{signal.time} is in the future; allowed: at most 1 s ahead of our clock")
        if age_ns > self.stale_after_ns(signal):
            raise SignalError("time", f"{signal.time} is {age_ns / 1e9:.0f} s old: stale already")


def time_ns(signal: Signal, wall_ns: int) -> int:
    """When the source said it, wall clock; `wall_ns` if it does not say."""
    if signal.time is None:
        return wall_ns
    since = signal.time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def _some(names: object) -> str:
    known = sorted(names)  # type: ignore[call-overload]
    return ", ".join(known[:10]) + (f" and {len(known) - 10} more" if len(known) > 10 else "")
