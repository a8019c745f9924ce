"""What a start takes over from the run before: quotes that still stand, QuoteReqIDs that were used, positions.

From the journal come the quotes and what became of them, from the ledger the fills and positions. A quote stands until
its ValidUntilTime by the wall clock, unless it was filled, passed on, withdrawn or cancelled. That the process died is
no logout of its clients: a client that comes back may hit. A fill that the ledger has and the journal has not (the
process died between the two) is written to the journal here, so that every reader of it comes to know.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from quotelife.config import Config
from quotelife.decision.client_state import ClientState
from quotelife.decision.multileg import Multileg, make_multileg
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.decision.quoter import QuoteDecision
from quotelife.journal import layout as J
from quotelife.journal.record import Record, decisive_side
from quotelife.journal.ring import Reader
from quotelife.ledger.quote_state import CANCELLED, FILLED, OPEN, PASSED, REPLACED, VOIDED, WITHDRAWN, QuoteState
from quotelife.ledger.store import Fill, Ledger
from quotelife.metrics.labels import CANCEL_REASONS
from quotelife.rfq import messages
from quotelife.rfq.handler import RfqHandler
from quotelife.rfq.open_quotes import REMEMBERED_NS, OpenQuote
from quotelife.runtime.clock import NS_PER_S

OF_REASON: dict[str, QuoteState] = {
    "market_moved": WITHDRAWN,
    "no_market": WITHDRAWN,
    "replaced": REPLACED,
    "cancelled_by_client": CANCELLED,
    "session_ended": VOIDED,
    "stopped": VOIDED,
    "stopped_by_desk": WITHDRAWN,
}


class Restored(NamedTuple):
    """How many of each were found."""

    open: int
    requests: int
    positions: int
    missing_fills: int

    def __str__(self) -> str:
        return (
            f"restored {self.open} open quotes, {self.requests} request ids and {self.positions} positions; "
            f"{self.missing_fills} fills were not in the journal"
        )


class _Seen(NamedTuple):
    """The journal read through: quotes by their id, the legs of multilegs, what ended quotes, which fills it knows."""

    quotes: dict[str, Record]
    legs: dict[str, list[Record]]
    ends: dict[str, tuple[QuoteState, int]]  # state, when by the wall clock
    filled: set[str]


def restore(handler: RfqHandler, config: Config, journal: Path, ledger: Ledger, wall_ns: int, mono_ns: int) -> Restored:
    """Fill a new desk. Reads the journal at `journal`, which the desk has opened for writing."""
    seen = _read(Reader(journal, from_start=True).read())
    fills = {fill.quote_id: fill for fill in ledger.fills(_oldest(seen))}
    _continue_numbers(handler, seen, fills)
    positions = _restore_positions(handler, config, ledger)
    names, issuer = list(handler.sessions), handler.issuer
    n_open = 0
    for quote_id, record in seen.quotes.items():
        session_number, client = record.session, record.client
        session = handler.sessions[names[session_number - 1]] if 0 < session_number <= len(names) else None
        if session is None or session.client is None or session.client.index != client:
            continue  # of a client that is not configured any more
        key = session.name, record.request_id
        until_ns = record.valid_until_ns
        if until_ns + REMEMBERED_NS <= wall_ns:
            issuer.seen_request_ids.add(key)
            continue
        quote = _quote(handler, record, seen.legs.get(quote_id, []), session.name, session.client, wall_ns, mono_ns)
        if quote is None:
            continue
        if quote_id in fills:
            quote.state = FILLED
        elif quote_id in seen.ends:
            state, at_ns = seen.ends[quote_id]
            quote.end(state, mono_ns + at_ns - wall_ns)
        handler.open_quotes.add(quote)
        handler.event_log.monitor(quote)
        n_open += quote.is_live(mono_ns)
        issuer.restore(key, record.digest, quote)
    missing = [fill for quote_id, fill in fills.items() if quote_id in seen.quotes and quote_id not in seen.filled]
    for fill in missing:
        _write_fill(handler, seen.quotes[fill.quote_id], fill)
    n_requests = len(issuer.quoted_requests) + len(issuer.seen_request_ids)
    return Restored(n_open, n_requests, positions, len(missing))


def _read(records: Iterator[Record]) -> _Seen:
    seen = _Seen({}, {}, {}, set())
    for record in records:
        kind, quote_id = record.kind, record.quote_id
        if kind == J.KIND_QUOTE:
            seen.quotes[quote_id] = record
        elif kind == J.KIND_LEG:
            seen.legs.setdefault(quote_id, []).append(record)
        elif kind == J.KIND_FILL:
            seen.filled.add(quote_id)
        elif kind == J.KIND_CANCEL:
            reason = CANCEL_REASONS[record.outcome]
            seen.ends[quote_id] = OF_REASON[reason], record.wall_ns
        elif kind == J.KIND_PASS:
            seen.ends[quote_id] = PASSED, record.wall_ns
    return seen


def _oldest(seen: _Seen) -> int:
    """When the first of the quotes was asked for, with room for a step of the wall clock."""
    return min((r.wall_ns for r in seen.quotes.values()), default=2**62) - 60 * NS_PER_S


def _continue_numbers(handler: RfqHandler, seen: _Seen, fills: dict[str, Fill]) -> None:
    """Ids begin with the time of the start; should the clock have gone back, behind the last one."""
    ids = [*seen.quotes, *(fill.exec_id for fill in fills.values())]
    starts = [int(start, 16) for start in {id_[1:].partition("-")[0] for id_ in ids} if _is_hex(start)]
    handler.started_ms = max([handler.started_ms, *(start + 1 for start in starts)])


def _is_hex(text: str) -> bool:
    return bool(text) and all(c in "0123456789abcdef" for c in text)


def _restore_positions(handler: RfqHandler, config: Config, ledger: Ledger) -> int:
    positions = ledger.positions()
    for row, instrument in enumerate(config.instrument):
        handler.open_quotes.positions[row] = positions.get(instrument.symbol, 0)
    return sum(1 for lots in handler.open_quotes.positions if lots)


def _quote(
    handler: RfqHandler,
    record: Record,
    legs: list[Record],
    session: str,
    client: ClientState,
    wall_ns: int,
    mono_ns: int,
) -> OpenQuote | None:
    """The quote of a record; None if its instrument, or a leg's, is not quoted any more."""
    decided = record.sides
    by_row = {instrument.row: instrument for instrument in handler.quoter.instruments.values()}
    row = record.row
    multileg = _multileg(legs, by_row) if row < 0 else None
    instrument = multileg or by_row.get(row)
    if instrument is None or not decided:
        return None
    decision = QuoteDecision(
        legs[0].request_id if multileg is not None else by_row[row].config.symbol,
        row,
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
    issued_wall_ns = record.wall_ns
    text = messages.quote(
        decision,
        record.quote_id,
        record.request_id,
        instrument.sizes.short(decision.size_lots),
        instrument.prices,
        client.client.disclose,
        issued_wall_ns,
    )
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
    )


def _multileg(legs: list[Record], by_row: dict[int, QuotedInstrument]) -> Multileg | None:
    """The multileg of leg records; None if one is missing or not quoted any more."""
    known = [(by_row.get(leg.row), leg) for leg in legs]
    made = [(instrument, leg.side, leg.leg_ratio) for instrument, leg in known if instrument is not None]
    return make_multileg(made) if made and len(made) == len(legs) else None


def _write_fill(handler: RfqHandler, record: Record, fill: Fill) -> None:
    after_ns = fill.wall_ns - record.wall_ns
    handler.journal.hit(
        "filled", fill.wall_ns, record.mono_ns + after_ns, record.row, record.client, record.session, fill.side,
        fill.price_ticks, fill.quantity_lots, after_ns, record.valid_until_ns, fill.quote_id, fill.response_id,
    )  # fmt: skip
