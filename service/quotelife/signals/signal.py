"""External signals and their validation."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from quotelife.config import Config
from quotelife.config.value_types import SIGNALS
from quotelife.runtime.clock import NS_PER_S

NEWS, VOLATILITY = "news_sentiment", "volatility_index"
MAX_AHEAD_NS = 1 * NS_PER_S  # tolerated lead of a source's clock over ours
MAX_SIGNALS = 100  # in one request


class Signal(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`value` is a sentiment in [-1, 1], or the index in points. `symbols` are the instruments that the news is about,
    all if empty, or the index itself. `time` is the source's time of the signal, by default now."""

    kind: Literal["news_sentiment", "volatility_index"]
    value: float
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    symbols: list[str] = []
    text: Annotated[str, msgspec.Meta(max_length=200)] = ""
    time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class SignalError(ValueError):
    """A signal that is refused because of `field`."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field = field


class SignalValidator:
    """Checks signals against a configuration."""

    def __init__(self, config: Config) -> None:
        self._symbols = {i.symbol for i in config.instrument}
        self._indices = {i.symbol: int(i.stale_after_ms * 1e6) for i in config.instrument if i.venue == SIGNALS}
        self._news_ns = int(config.market.sentiment_stale_after_s * NS_PER_S)

    def stale_after_ns(self, signal: Signal) -> int:
        """Time after which the signal is stale."""
        return self._news_ns if signal.kind == NEWS else self._indices[signal.symbols[0]]

    def check(self, signal: Signal, wall_ns: int) -> None:
        """SignalError if the signal is invalid at that time."""
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
        if age_ns < -MAX_AHEAD_NS:
            raise SignalError("time", f"{signal.time} is in the future; allowed: at most 1 s ahead of our clock")
        if age_ns > self.stale_after_ns(signal):
            raise SignalError("time", f"{signal.time} is {age_ns / 1e9:.0f} s old and already stale")


def time_ns(signal: Signal, wall_ns: int) -> int:
    """The source's time of the signal, wall clock; `wall_ns` if it gives none."""
    if signal.time is None:
        return wall_ns
    since = signal.time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def _some(names: object) -> str:
    known = sorted(names)  # type: ignore[call-overload]
    return ", ".join(known[:10]) + (f" and {len(known) - 10} more" if len(known) > 10 else "")
