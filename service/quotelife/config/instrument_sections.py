"""[[instrument]]: what is quoted, and where its market is."""

from typing import Annotated, Literal

from msgspec import Meta, field

from quotelife.config.value_types import Combine, InstrumentText, Milliseconds, Name, NotNegative, Positive, Section
from quotelife_models.enums import Phase


class Session(Section, frozen=True, kw_only=True):
    """A phase of the trading day in UTC, "HH:MM" or "HH:MM:SS"; outside all of them trading is continuous."""

    phase: Phase
    start: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$")]
    end: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$")]
    max_lifetime_ms: Milliseconds | None = None


Currency = Annotated[str, Meta(pattern=r"^[A-Z0-9]{3,8}\Z", extra={"words": "3 to 8 capital letters and digits"})]
FixDate = Annotated[str, Meta(pattern=r"^\d{8}\Z", extra={"words": "a date, YYYYMMDD"})]
# A value of SettlType (63): "1" is cash, "2" next day, "M1" one month.
SettlType = Annotated[
    str, Meta(pattern=r"^([1-9A-Z]|[DWMY][1-9]\d{0,2})\Z", extra={"words": 'a SettlType (63), such as "2" or "M1"'})
]


class Forward(Section, frozen=True, kw_only=True):
    """A settlement later or earlier than the instrument's own, quoted as spot plus points.

    Points are in units of the price, as text, for one unit of the base currency; both or none are stated.
    Without any the settlement is not quoted, nor is one whose date is in the past."""

    tenor: SettlType  # SettlType (63) of requests for it
    settl_date: FixDate | None = None  # SettlDate (64); without it, requests for it state the tenor alone
    bid_points: str | None = None  # added to our bid; may be negative
    offer_points: str | None = None  # added to our offer


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
    # What a client may state about it. A request that states what is not here, or differs, is refused.
    security_ids: dict[str, InstrumentText] = field(default_factory=dict)  # SecurityID (48) by SecurityIDSource (22)
    security_type: Name | list[Name] | None = None  # SecurityType (167)
    maturity: Annotated[str, Meta(pattern=r"^\d{6}(\d\d)?\Z", extra={"words": "YYYYMM or YYYYMMDD"})] | None = None
    strike: str | None = None  # StrikePrice (202), of an option
    put_or_call: Literal["put", "call"] | None = None  # PutOrCall (201)
    currency: Currency | None = None  # of the price: the term currency where `base_currency` is stated
    base_currency: Currency | None = None  # of the quantity; with it, OrderQty (38) may also be in `currency`
    settl_type: SettlType | None = None  # beside 0 (regular), which always stands for what is quoted
    settl_date: FixDate | None = None  # the date on which what is quoted settles
    forward: list[Forward] = field(default_factory=list)

    @property
    def security_types(self) -> list[str]:
        """What SecurityType (167) may say."""
        return [self.security_type] if isinstance(self.security_type, str) else list(self.security_type or ())

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
