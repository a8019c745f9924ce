"""[[instrument]]: what is quoted, and where its market is."""

from typing import Annotated

from msgspec import Meta, field

from quotelife.config.value_types import Combine, InstrumentText, Milliseconds, Name, NotNegative, Positive, Section
from quotelife_models.enums import Phase


class Session(Section, frozen=True, kw_only=True):
    """A phase of the trading day in UTC, "HH:MM" or "HH:MM:SS"; outside all of them trading is continuous."""

    phase: Phase
    start: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$")]
    end: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$")]
    max_lifetime_ms: Milliseconds | None = None


def _by_venue(value: str | dict[str, str] | None, venue: str) -> str | None:
    return value.get(venue) if isinstance(value, dict) else value


class Instrument(Section, frozen=True, kw_only=True):
    symbol: Name
    tick: str
    lot: str
    # One venue, or several in the order of preference. "signals": the value is posted to /v1/signals.
    venue: Name | Annotated[list[Name], Meta(min_length=1)]
    combine: Combine = "failover"  # of several venues: the first that is usable, or one book that adds them up
    # These three: one text, or a table by venue.
    venue_symbol: Name | dict[Name, Name] | None = None  # the venue's name for it; default: `symbol`
    security_id: InstrumentText | dict[Name, InstrumentText] | None = None  # the venue's SecurityID (48)
    group: InstrumentText | dict[Name, InstrumentText] | None = None  # that its statuses name, see `halts.group_tag`
    correlated: str | None = None
    volatility_index: str | None = None
    parameters: str | None = None  # name of the fitted parameters; default: `symbol`, else the pooled ones
    max_quantity: Positive = 1_000_000.0  # in units of the instrument, like OrderQty
    max_position: Positive = 1_000_000.0
    stale_after_ms: Milliseconds = 2_000.0  # silence of the venue's session after which the market is stale
    min_half_spread_ticks: NotNegative = 0.5
    min_lifetime_ms: Milliseconds = 5.0
    max_lifetime_ms: Milliseconds = 10_000.0
    quotable: bool = True  # false for an instrument that only informs others, e.g. a volatility index
    session: list[Session] = field(default_factory=list)

    @property
    def venues(self) -> list[str]:
        """The venues in the order of preference."""
        return [self.venue] if isinstance(self.venue, str) else list(self.venue)

    def symbol_at(self, venue: str) -> str:
        """The venue's name for the instrument."""
        return _by_venue(self.venue_symbol, venue) or self.symbol

    def security_id_at(self, venue: str) -> str | None:
        return _by_venue(self.security_id, venue)

    def group_at(self, venue: str) -> str | None:
        return _by_venue(self.group, venue)
