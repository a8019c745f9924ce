"""Subscriptions: a QuoteRequest with SubscriptionRequestType (263) 1 is quoted again whenever its quote has ended.

A new quote is issued when the previous one expires or has been withdrawn, but not before the configured interval has
passed since that was issued. It has the same QuoteReqID and a QuoteID of its own, and replaces the previous quote: a
subscription never has more than one live quote for a symbol. Where no quote is possible (no market, not worth its risk)
nothing is sent, and the service tries again after the interval.

A subscription ends at the client's own limit (62 or 126 of the request), by 263=2 under the same QuoteReqID, by a fill,
a pass or a QuoteCancel of the client, and with its session, so also with a restart. Its live quote then stays open
until its ValidUntilTime.
"""

from msgspec import Struct

from quotelife.config.sections import Streaming
from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.refusal import TOO_LATE, Refusal
from quotelife.decision.request import RelatedSymbol
from quotelife.ledger.quote_state import EXPIRED, OPEN, REPLACED, RESERVED, WITHDRAWN
from quotelife.logs import LogEvent, event_logger
from quotelife.rfq.open_quotes import OpenQuote
from quotelife.rfq.outcome import Outcome, QuoteIssued, Session
from quotelife.rfq.quote_issuer import QuoteIssuer
from quotelife.rfq.quote_request import Request
from quotelife.rfq.withdrawal import Watchlist
from quotelife.runtime.clock import NS_PER_MS

logger = event_logger(__name__)
_RENEWABLE = (OPEN, EXPIRED, WITHDRAWN, RESERVED)  # states of the latest quote; a reserved one may yet not be filled


class Subscription(Struct):
    """One related symbol of a subscription, with its latest quote. `slot` is that of its timer on the watchlist."""

    session: Session
    quote_req_id: str
    related: RelatedSymbol
    model: int
    digest: int
    quote: OpenQuote
    slot: int = -1


class Subscriptions:
    """All subscriptions. Used under the handler's lock."""

    def __init__(self, issuer: QuoteIssuer, watchlist: Watchlist, policy: Streaming) -> None:
        self._issuer, self._watchlist = issuer, watchlist
        self.configure(policy)
        self._by_quote_id: dict[str, Subscription] = {}  # of the latest quote
        self._buffers = DecisionBuffers()

    def configure(self, policy: Streaming) -> None:
        """Use these limits. Subscriptions that exist go on, also where there are more than they allow."""
        self._policy = policy
        self._interval_ns = round(policy.min_interval_ms * NS_PER_MS)

    def is_full(self, session: str) -> bool:
        """Whether the session may not subscribe to more."""
        if not self._policy.enabled:
            return True
        return sum(s.session.name == session for s in self._by_quote_id.values()) >= self._policy.max_per_session

    @property
    def count(self) -> int:
        """Number of subscriptions."""
        return len(self._by_quote_id)

    def start(self, request: Request, digest: int, outcome: Outcome) -> None:
        """Subscribe to every symbol that was quoted in `outcome`, the answer to `request`."""
        for related, event in zip(request.related, outcome.events, strict=True):
            if isinstance(event, QuoteIssued):
                quote = event.quote
                subscription = Subscription(
                    outcome.session, request.quote_req_id, related, request.model, digest, quote
                )
                self._by_quote_id[quote.quote_id] = subscription
                self._start_timer(subscription, quote.deadline_ns)

    def of_request(self, session: str, quote_req_id: str) -> list[Subscription]:
        """The subscriptions of one request."""
        return [s for s in self._by_quote_id.values() if s.session.name == session and s.quote_req_id == quote_req_id]

    def end(self, subscription: Subscription) -> None:
        """Issue no more quotes for it."""
        self._watchlist.drop(subscription.slot)
        del self._by_quote_id[subscription.quote.quote_id]

    def end_session(self, session: str) -> None:
        """End all subscriptions of a session."""
        for subscription in [s for s in self._by_quote_id.values() if s.session.name == session]:
            self.end(subscription)

    def on_quote_ended(self, quote: OpenQuote, now_ns: int) -> None:
        """A quote has ended before its time: a withdrawn one is renewed, any other end is that of the subscription."""
        subscription = self._by_quote_id.get(quote.quote_id)
        if subscription is None:
            return
        if quote.state != WITHDRAWN:
            self.end(subscription)
            return
        self._watchlist.drop(subscription.slot)
        self._start_timer(subscription, max(now_ns, quote.issued_ns + self._interval_ns))

    def renew(self, subscription: Subscription, outcome: Outcome) -> None:
        """The timer of a subscription has expired: put its next quote into `outcome`, if there is one now."""
        now_ns, old = outcome.received_ns, subscription.quote
        self._watchlist.drop(subscription.slot)
        if old.state not in _RENEWABLE:
            del self._by_quote_id[old.quote_id]
            return
        earliest_ns = old.issued_ns + self._interval_ns
        if now_ns < earliest_ns or old.state == RESERVED:
            self._start_timer(subscription, max(earliest_ns, now_ns + NS_PER_MS))
            return
        try:
            new = self._issuer.issue(
                subscription.quote_req_id, subscription.related, subscription.model, self._buffers,
                subscription.digest, True, True, outcome,
            )  # fmt: skip
        except Refusal as refused:
            if refused.reason is TOO_LATE:
                del self._by_quote_id[old.quote_id]
            else:
                self._start_timer(subscription, now_ns + self._interval_ns)
            return
        except Exception:  # a desk's own pricing may raise anything
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while pricing a subscription")
            self._start_timer(subscription, now_ns + self._interval_ns)
            return
        if not old.ended_ns:
            old.end(REPLACED, now_ns)  # its ValidUntilTime has passed: no event
        self._issuer.replace(old, new, subscription.digest)
        del self._by_quote_id[old.quote_id]
        self._by_quote_id[new.quote_id] = subscription
        subscription.quote = new
        self._start_timer(subscription, new.deadline_ns)

    def _start_timer(self, subscription: Subscription, due_ns: int) -> None:
        subscription.slot = self._watchlist.add_timer(due_ns, subscription)
