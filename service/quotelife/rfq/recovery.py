"""Recovery at start: restores the open quotes, used QuoteReqIDs and positions of the run before.

Quotes and their ends come from the journal, fills and positions from the ledger. A quote is open until its
ValidUntilTime by the wall clock, unless it was filled, passed on, withdrawn or cancelled. The death of the process is
not a logout: a client that reconnects may hit. A fill in the ledger that is missing from the journal (the process died
between the two writes) is written to the journal here, for all of its readers.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from quotelife.config import Config
from quotelife.decision.client_state import ClientState
from quotelife.decision.exposure import Exposure
from quotelife.decision.multileg.multileg import Multileg, make_multileg
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.decision.quoter import QuoteDecision
from quotelife.journal import layout as J
from quotelife.journal.names import RecordNames
from quotelife.journal.record import Record, decisive_side
from quotelife.journal.ring import Reader
from quotelife.ledger.position import NANO, Position
from quotelife.ledger.quote_state import (
    CANCELLED,
    FILLED,
    INDICATIVE,
    OPEN,
    PASSED,
    REPLACED,
    VOIDED,
    WITHDRAWN,
    QuoteState,
)
from quotelife.ledger.store import Fill, Ledger
from quotelife.market.board.passage import PASSAGE_UNKNOWN
from quotelife.metrics.labels import CANCEL_REASONS
from quotelife.rfq import messages
from quotelife.rfq.handler import RfqHandler
from quotelife.rfq.open_quotes import REMEMBERED_NS, OpenQuote
from quotelife.rfq.terms.quote_terms import QuoteTerms, decode
from quotelife.runtime.clock import NS_PER_S
from quotelife_models.enums import BUY

STATE_OF_REASON: dict[str, QuoteState] = {
    "market_moved": WITHDRAWN,
    "no_market": WITHDRAWN,
    "replaced": REPLACED,
    "cancelled_by_client": CANCELLED,
    "session_ended": VOIDED,
    "stopped": VOIDED,
    "stopped_by_desk": WITHDRAWN,
}


class Restored(NamedTuple):
    """Counts of what was restored."""

    open: int
    requests: int
    positions: int
    missing_fills: int

    def __str__(self) -> str:
        return (
            f"restored {self.open} open quotes, {self.requests} request ids and {self.positions} positions; "
            f"{self.missing_fills} fills were not in the journal"
        )


class _Journalled(NamedTuple):
    """The content of the journal: quotes by id, the legs of multilegs, the terms of quotes that have some, the ends of
    quotes, the ids of filled quotes."""

    quotes: dict[str, Record]
    legs: dict[str, list[Record]]
    terms: dict[str, QuoteTerms]
    ends: dict[str, tuple[QuoteState, int]]  # state, wall clock
    filled: set[str]


def restore(handler: RfqHandler, config: Config, journal: Path, ledger: Ledger, wall_ns: int, mono_ns: int) -> Restored:
    """Restore a new handler from the journal at `journal`, which it has opened for writing, and the ledger."""
    found = _read(Reader(journal, from_start=True).read())
    fills = {fill.quote_id: fill for fill in ledger.fills(_oldest(found))}
    _continue_numbers(handler, found, fills)
    positions = restore_positions(handler.quoter.exposure, config, ledger)
    names, issuer = RecordNames(config), handler.issuer
    n_open = 0
    for quote_id, record in found.quotes.items():
        session = handler.sessions.get(names.session(record) or "")
        if session is None or session.client is None or session.client.client.name != names.client(record):
            continue  # its client is not configured any more
        key = session.name, record.request_id
        until_ns = record.valid_until_ns or record.wall_ns
        if until_ns + REMEMBERED_NS <= wall_ns:
            issuer.seen_request_ids.add(key)
            continue
        quote = _quote(handler, names, record, found, session.name, session.client, wall_ns, mono_ns)
        if quote is None:
            continue
        if record.kind == J.KIND_INDICATIVE:
            quote.state, quote.deadline_ns = INDICATIVE, quote.issued_ns
        if quote_id in fills:
            quote.state = FILLED
        elif quote_id in found.ends:
            state, at_ns = found.ends[quote_id]
            quote.end(state, mono_ns + at_ns - wall_ns)
        handler.open_quotes.add(quote)
        if quote.is_live(mono_ns):
            handler.event_log.monitor(quote, record)
            n_open += 1
        else:
            handler.open_quotes.schedule_expiry(quote)
        issuer.restore(key, record.digest, quote)
    missing = [fill for quote_id, fill in fills.items() if quote_id in found.quotes and quote_id not in found.filled]
    for fill in missing:
        _write_fill(handler, names, found.quotes[fill.quote_id], fill)
    n_requests = len(issuer.quoted_requests) + len(issuer.seen_request_ids)
    return Restored(n_open, n_requests, positions, len(missing))


def _read(records: Iterator[Record]) -> _Journalled:
    found = _Journalled({}, {}, {}, {}, set())
    for record in records:
        kind, quote_id = record.kind, record.quote_id
        if kind in (J.KIND_QUOTE, J.KIND_INDICATIVE):
            found.quotes[quote_id] = record
        elif kind == J.KIND_TERMS:
            found.terms[quote_id] = decode(record.terms.encode())
        elif kind == J.KIND_LEG:
            found.legs.setdefault(quote_id, []).append(record)
        elif kind == J.KIND_FILL:
            found.filled.add(quote_id)
        elif kind == J.KIND_CANCEL:
            reason = CANCEL_REASONS[record.outcome]
            found.ends[quote_id] = STATE_OF_REASON[reason], record.wall_ns
        elif kind == J.KIND_PASS:
            found.ends[quote_id] = PASSED, record.wall_ns
    return found


def _oldest(found: _Journalled) -> int:
    """Receipt of the oldest request (wall clock), less a minute in case the clock was stepped."""
    return min((r.wall_ns for r in found.quotes.values()), default=2**62) - 60 * NS_PER_S


def _continue_numbers(handler: RfqHandler, found: _Journalled, fills: dict[str, Fill]) -> None:
    """New ids follow those of all earlier starts, even if the clock has gone back."""
    ids = [*found.quotes, *(fill.exec_id for fill in fills.values())]
    starts = [int(start, 16) for start in {id_[1:].partition("-")[0] for id_ in ids} if _is_hex(start)]
    handler.ids.started_ms = max([handler.ids.started_ms, *(start + 1 for start in starts)])


def _is_hex(text: str) -> bool:
    return bool(text) and all(c in "0123456789abcdef" for c in text)


def restore_positions(exposure: Exposure, config: Config, ledger: Ledger) -> int:
    """Read the positions of the desk and those with each client; returns how many the desk has."""
    rows = {instrument.symbol: row for row, instrument in enumerate(config.instrument)}
    clients = {client.name: index for index, client in enumerate(config.client)}
    for symbol, position in ledger.desk_positions().items():
        if symbol in rows:
            exposure.move(rows[symbol], position.lots)
            exposure.mark(rows[symbol], float(position.average or 0) / NANO)  # until there is a market
    restore_client_positions(exposure, config, ledger.client_positions(), list(clients))
    return sum(1 for lots in exposure.lots if lots)


def restore_client_positions(
    exposure: Exposure, config: Config, positions: Mapping[tuple[str, str], Position], names: Collection[str]
) -> None:
    """Take over the ledger's positions with these clients, of which none is known yet."""
    rows = {instrument.symbol: row for row, instrument in enumerate(config.instrument)}
    clients = {client.name: index for index, client in enumerate(config.client) if client.name in names}
    for (name, symbol), position in positions.items():
        if name in clients and symbol in rows:
            exposure.move_client(clients[name], rows[symbol], position.lots)


def _quote(
    handler: RfqHandler,
    names: RecordNames,
    record: Record,
    found: _Journalled,
    session: str,
    client: ClientState,
    wall_ns: int,
    mono_ns: int,
) -> OpenQuote | None:
    """The quote of a journal record; None if its instrument or one of its legs is not quoted any more."""
    decided, terms, legs = record.sides, found.terms.get(record.quote_id), found.legs.get(record.quote_id, [])
    quoted = handler.quoter.instruments
    symbol = names.symbol(record) or ""
    multileg = _multileg([(quoted.get(names.symbol(leg) or ""), leg) for leg in legs]) if record.row < 0 else None
    instrument = multileg or quoted.get(symbol)
    if instrument is None or not decided:
        return None
    decision = QuoteDecision(
        legs[0].request_id if multileg is not None else symbol,
        -1 if multileg is not None else quoted[symbol].row,
        record.side,
        record.quantity_lots,
        record.bid_ticks,
        record.offer_ticks,
        record.model,
        decisive_side(decided).reason_index,
        record.lifetime_ns,
        record.valid_until_ns,
        max(side.one_tick_probability for side in decided),
        max(side.pick_off_probability for side in decided),
        multileg,
        tuple((leg.bid_ticks, leg.offer_ticks) for leg in legs),
    )
    issued_wall_ns, disclose, ids = record.wall_ns, client.client.disclose, (record.quote_id, record.request_id)
    quantity = instrument.sizes.short(decision.size_lots)
    if terms is None:
        text = messages.quote(decision, *ids, quantity, instrument.prices, disclose, issued_wall_ns)
    else:
        quantity = terms.amount or quantity
        text = messages.quote_with_terms(decision, terms, *ids, quantity, instrument.prices, disclose, issued_wall_ns)
    return OpenQuote(
        record.quote_id,
        record.request_id,
        session,
        client,
        decision,
        mono_ns + issued_wall_ns - wall_ns,
        issued_wall_ns,
        mono_ns + decision.valid_until_ns - wall_ns,
        text,
        OPEN,
        min_lots=record.min_lots,
        terms=terms,
    )


def _multileg(legs: list[tuple[QuotedInstrument | None, Record]]) -> Multileg | None:
    """The multileg of leg records; None if one is missing or not quoted any more."""
    made = [(instrument, leg.side, leg.leg_ratio) for instrument, leg in legs if instrument is not None]
    return make_multileg(made) if made and len(made) == len(legs) else None


def _write_fill(handler: RfqHandler, names: RecordNames, record: Record, fill: Fill) -> None:
    """Write the record of a fill, with the numbers of now."""
    instrument = handler.quoter.instruments.get(names.symbol(record) or "")
    session = handler.sessions.get(names.session(record) or "")
    row = -1 if instrument is None else instrument.row
    client = -1 if session is None or session.client is None else session.client.index
    number = 0 if session is None else session.number
    after_ns = fill.wall_ns - record.wall_ns
    ticks = record.offer_ticks if fill.side == BUY else record.bid_ticks  # without the points of a forward
    handler.journal.hit(
        "filled", fill.wall_ns, record.mono_ns + after_ns, row, client, number, fill.side, ticks, fill.quantity_lots,
        after_ns, record.valid_until_ns, PASSAGE_UNKNOWN,
        fill.quote_id, fill.response_id,
    )  # fmt: skip
