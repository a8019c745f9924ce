"""The timeline of a quote in microseconds since the receipt of its request.

The journal has the moment of each message by the monotonic clock, and the one at which the market left the quote or
passed its price. It is a ring: of older quotes the history has the same, but for the changes of the market.
"""

from quotelife.dashboard.quote_fields import Event
from quotelife.explain.document import Explanation
from quotelife.explain.explain import ENDING_TEXTS
from quotelife.explain.lookup import RecordedQuote
from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.ledger.client_layout import HORIZON_NAMES, HORIZONS_NS
from quotelife.ledger.quote_state import EXPIRED, INDICATIVE, OPEN, PASSED, WITHDRAWN
from quotelife.runtime.clock import NS_PER_US

_ENDS = (J.KIND_CANCEL, J.KIND_PASS)
_HITS = (J.KIND_FILL, J.KIND_HIT_REFUSED)


def timeline(recorded: RecordedQuote, explanation: Explanation, ring: list[Record]) -> list[Event]:
    """Events in order of time; `ring` is what the journal still has of the quote."""
    row, record = recorded.quote, recorded.record
    found = [_event(0, "request received", f"{row.request_id}, session {row.session or 'unknown'}")]
    if record is not None:
        lifetime = f"{row.model or 'no model'}: {explanation.quote.lifetime_ms:.1f} ms, {row.reason}"
        found.append(_event(record.decision_ns, "quote decided", lifetime.replace("_", " ")))
        found += _market_changes(record, ring)
    found += _hits(recorded, explanation)
    if row.ended_ns is not None and row.state in (WITHDRAWN, PASSED):
        ended = next((each for each in ring if each.kind in _ENDS), None)
        exact = ended is not None and record is not None
        at_ns = ended.mono_ns - record.mono_ns if exact else row.ended_ns - row.wall_ns  # type: ignore[union-attr]
        because = ENDING_TEXTS.get(row.because or "", "")
        found.append(_event(at_ns, "quote withdrawn" if row.state == WITHDRAWN else "client passed", because))
    if row.valid_until_ns and row.state != INDICATIVE:
        told = {OPEN: "quote expires", EXPIRED: "quote expired"}.get(row.state, "quote would have expired")
        found.append(_event(row.valid_until_ns - row.wall_ns, told, "ValidUntilTime (62)"))
    for rejected in recorded.rejects:
        found.append(_event(rejected.wall_ns - row.wall_ns, f"client did not accept {rejected.kind}", rejected.reason))
    return sorted(found, key=lambda event: float(str(event["at_us"])))


def _market_changes(record: Record, ring: list[Record]) -> list[Event]:
    """When the market left the quote, as its cancel says, or passed its price, as a fill says."""
    texts = {J.KIND_CANCEL: "market left the quote", J.KIND_FILL: "market passed the price"}
    return [
        _event(each.board_change_ns - record.mono_ns, texts[each.kind], "change of the book")
        for each in ring
        if each.kind in texts and each.board_change_ns > 0
    ]


def _hits(recorded: RecordedQuote, explanation: Explanation) -> list[Event]:
    """Hits, and where the mid stood after each."""
    found = []
    for hit, details in zip(recorded.hits, explanation.became.hits, strict=True):
        outcome = "" if hit.outcome == "filled" else f", {hit.outcome.replace('_', ' ')}"
        edge = "" if hit.edge_ticks is None else f", edge {hit.edge_ticks:+g} ticks"
        text = f"{details.quantity} at {details.price}{edge} ({hit.response_id})"
        found.append(_event(hit.response_ns, f"hit received{outcome}", text))
        for horizon_ns, name, ticks in zip(HORIZONS_NS, HORIZON_NAMES, hit.markouts, strict=True):
            if ticks is not None:
                against = "against the desk" if ticks > 0 else "for the desk" if ticks < 0 else "unchanged"
                found.append(_event(hit.response_ns + horizon_ns, f"markout {name}", f"{abs(ticks):g} ticks {against}"))
    return found


def _event(at_ns: int, event: str, detail: str) -> Event:
    return {"at_us": at_ns / NS_PER_US, "event": event, "detail": detail}
