"""Bodies of MarketDataRequests (V) as a venue's profile has them; `fix_config/venues/README.md` explains the keys."""

from collections.abc import Iterable
from dataclasses import dataclass

from quotelife.config.venue_profile import Field as ProfileField
from quotelife.config.venue_profile import InstrumentsProfile, SubscriptionProfile
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
        self._by_id = instruments.address == "SecurityID"
        self._id_source = instruments.security_id_source
        self._depth: Body = ((tags.MarketDepth, depth),) if profile.market_depth == "sent" else ()
        aggregated = {"by_model": "N" if by_order else "Y", "absent": None}.get(
            profile.aggregated_book, profile.aggregated_book
        )
        self._aggregated: Body = () if aggregated is None else ((tags.AggregatedBook, aggregated),)
        update_type = {"incremental": tags.INCREMENTAL_REFRESH, "full": tags.FULL_REFRESH}.get(profile.update_type)
        self._update_type: Body = () if update_type is None else ((tags.MDUpdateType, update_type),)
        self._fields = _as_body(profile.fields)
        self._symbol_fields = _as_body(profile.symbol_fields)
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
        entries = [self._entry(name) for name in names]
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

    def _entry(self, name: InstrumentName) -> Body:
        """An entry of NoRelatedSym."""
        if not self._by_id:
            return (tags.Symbol, name.symbol), *self._symbol_fields
        source: Body = () if self._id_source is None else ((tags.SecurityIDSource, self._id_source),)
        return (tags.SecurityID, name.security_id or name.symbol), *source, *self._symbol_fields


def _entry_types(types: list[str]) -> Body:
    return ((tags.NoMDEntryTypes, len(types)), *((tags.MDEntryType, t) for t in types)) if types else ()


def _as_body(fields: Iterable[ProfileField]) -> Body:
    return tuple((field.tag, field.value) for field in fields)
