"""Bodies of MarketDataRequests (V) as a venue's profile has them; `fix_config/venues/README.md` explains the keys."""

from collections.abc import Iterable
from dataclasses import dataclass

from quotelife.config.venues.venue_profile import Field as ProfileField
from quotelife.config.venues.venue_profile import InstrumentsProfile, SubscriptionProfile
from quotelife.fix import tags
from quotelife.fix.encode import Body

_TRADE = "2"  # MDEntryType


@dataclass(frozen=True, slots=True)
class InstrumentName:
    """The venue's names for an instrument: Symbol (55), and SecurityID (48) where it has one."""

    symbol: str
    security_id: str | None = None


class RequestBodies:
    """Bodies of the requests of one session."""

    def __init__(
        self, profile: SubscriptionProfile, instruments: InstrumentsProfile, depth: int, by_order: bool
    ) -> None:
        self._profile = profile
        self._instruments = instruments
        self._depth: Body = ((tags.MarketDepth, depth),) if profile.market_depth == "sent" else ()
        aggregated = {"by_model": "N" if by_order else "Y", "absent": None}.get(
            profile.aggregated_book, profile.aggregated_book
        )
        self._aggregated: Body = () if aggregated is None else ((tags.AggregatedBook, aggregated),)
        update_type = {"incremental": tags.INCREMENTAL_REFRESH, "full": tags.FULL_REFRESH}.get(profile.update_type)
        self._update_type: Body = () if update_type is None else ((tags.MDUpdateType, update_type),)
        self._fields = as_body(profile.fields)
        self._symbol_fields = as_body(profile.symbol_fields)
        with_book = profile.trades == "with_book"
        self._book_types = _entry_types([t for t in profile.entry_types if with_book or t != _TRADE])
        self._trade_types = _entry_types([_TRADE])

    def subscribe(self, request: int, names: Iterable[InstrumentName]) -> Body:
        """A subscription of these instruments' books, with the trades unless they are a stream of their own."""
        return self._body(request, tags.SNAPSHOT_PLUS_UPDATES, self._book_types, names)

    def subscribe_trades(self, request: int, names: Iterable[InstrumentName]) -> Body:
        """A subscription of the stream of these instruments' trades."""
        return self._body(request, tags.SNAPSHOT_PLUS_UPDATES, self._trade_types, names)

    def unsubscribe(self, request: int, names: Iterable[InstrumentName]) -> Body:
        """The end of a subscription of books."""
        return self._body(request, tags.UNSUBSCRIBE, self._book_types, names)

    def _body(self, request: int, request_type: str, types: Body, names: Iterable[InstrumentName]) -> Body:
        entries = [(*address(self._instruments, name), *self._symbol_fields) for name in names]
        return (
            (tags.MDReqID, request),
            (tags.SubscriptionRequestType, request_type),
            *self._depth,
            *(self._update_type if request_type != tags.UNSUBSCRIBE else ()),
            *self._aggregated,
            *self._fields,
            *types,
            (tags.NoRelatedSym, len(entries)),
            *(field for entry in entries for field in entry),
        )


def address(profile: InstrumentsProfile, name: InstrumentName) -> Body:
    """The fields that name an instrument to the venue."""
    if profile.address == "Symbol":
        return ((tags.Symbol, name.symbol),)
    source = profile.security_id_source
    by: Body = () if source is None else ((tags.SecurityIDSource, source),)
    return (tags.SecurityID, name.security_id or name.symbol), *by


def _entry_types(types: list[str]) -> Body:
    return ((tags.NoMDEntryTypes, len(types)), *((tags.MDEntryType, t) for t in types)) if types else ()


def as_body(fields: Iterable[ProfileField]) -> Body:
    """The fields that a profile adds to a message."""
    return tuple((field.tag, field.value) for field in fields)
