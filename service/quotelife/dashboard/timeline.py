"""The timeline of a quote in microseconds since the receipt of its request."""

from quotelife.dashboard.quote_fields import Event
from quotelife.explain.document import Explanation
from quotelife.explain.lookup import RecordedQuote
from quotelife.ledger.client_layout import HORIZON_NAMES, HORIZONS_NS
from quotelife.ledger.quote_state import EXPIRED, OPEN, PASSED, WITHDRAWN
from quotelife.runtime.clock import NS_PER_US


def timeline(recorded: RecordedQuote, quote: Event, explanation: Explanation) -> list[Event]:
    """Events with `at_us`, in order of time."""
    row, record = recorded.quote, recorded.record
    found = [_event(0, "received", f"request {row.request_id} of session {row.session or 'unknown'}")]
    if record is not None:
        found.append(_event(record.decision_ns, "decided", f"{row.model or 'no model'}, {row.reason}"))
    for hit, details in zip(recorded.hits, explanation.became.hits, strict=True):
        text = f"{details.quantity} at {details.price} ({hit.response_id})"
        found.append(_event(hit.response_ns, f"hit {hit.outcome}".replace("_", " "), text))
        for horizon_ns, name, ticks in zip(HORIZONS_NS, HORIZON_NAMES, hit.markouts, strict=True):
            if ticks is not None:
                found.append(_event(hit.response_ns + horizon_ns, f"markout {name}", f"{ticks:+g} ticks"))
    if row.ended_ns is not None and row.state in (WITHDRAWN, PASSED):
        found.append(_event(row.ended_ns - row.wall_ns, row.state, (row.because or "").replace("_", " ")))
    if row.valid_until_ns and row.state in (OPEN, EXPIRED):
        found.append(_event(row.valid_until_ns - row.wall_ns, "expires" if row.state == OPEN else "expired", ""))
    for rejected in recorded.rejects:
        found.append(_event(rejected.wall_ns - row.wall_ns, f"client did not accept {rejected.kind}", rejected.reason))
    return sorted(found, key=lambda event: float(str(event["at_us"])))


def _event(at_ns: int, event: str, detail: str) -> Event:
    return {"at_us": at_ns / NS_PER_US, "event": event, "detail": detail}
