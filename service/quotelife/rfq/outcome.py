"""What the handler returns for a message, a timer or a control: messages to send, and events.

The events say what happened; `quotelife.rfq.event_log` derives from them what is journalled, counted and monitored.
"""

from msgspec import Struct, field

from quotelife.decision.multileg_quoter import LegBuffers
from quotelife.decision.refusal import RefusalReason
from quotelife.decision.request import RelatedSymbol
from quotelife.journal.ring import Record
from quotelife.rfq.hit_handler import PendingHit
from quotelife.rfq.open_quotes import OpenQuote
from quotelife.rfq.quote_response import HitDecision
from quotelife.rfq.session import Session


class QuoteIssued(Struct, gc=False):
    """A new quote. `record` holds the decision, `legs` those of a multileg's legs, `digest` that of the request."""

    quote: OpenQuote
    record: Record
    legs: LegBuffers | None
    digest: int
    is_subscribed: bool
    is_renewal: bool  # issued by a subscription's timer, without a new request


class RequestRefused(Struct, gc=False):
    """No quote. `related` is None where a request was refused as a whole before a symbol was looked up; `record` has
    the decision where a model has refused."""

    quote_req_id: str
    related: RelatedSymbol | None
    reason: RefusalReason
    record: Record | None


class QuoteEnded(Struct, gc=False):
    """A quote that ended before its ValidUntilTime without a fill: passed on by its client with the response
    `response_id`, or cancelled for `reason`, one of CANCEL_REASONS."""

    quote: OpenQuote
    reason: str
    response_id: str = ""


Event = QuoteIssued | RequestRefused | QuoteEnded | HitDecision


class StatusLookup(Struct, gc=False):
    """A QuoteStatusRequest for a quote that is not in memory."""

    session: str
    quote_id: str
    symbol: str
    status_req_id: str


class Outcome(Struct):
    """Messages to send to one session, and the events behind them. Times: receipt of the message or expiry of the
    timer. Where `waits`, the messages are complete only after `RfqHandler.store`."""

    received_ns: int  # monotonic
    wall_ns: int
    session: Session
    parsed_ns: int = 0
    decided_ns: int = 0
    messages: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    waits: bool = False
    pending_hit: PendingHit | None = None
    status_lookup: StatusLookup | None = None
