"""Subscriptions: a QuoteRequest with SubscriptionRequestType (263) 1 gets a new quote whenever the one before is over.

A new quote follows at the expiry of the one before, or once that was withdrawn, but not sooner than the configured
interval. It has the same QuoteReqID and a QuoteID of its own, and replaces the one before, which can be hit no more:
of one request there is never more than one live quote for a symbol. Where there is no quote to be had (no market, not
worth its risk) nothing is sent, and it is tried again after the interval.

A subscription ends with the client's own limit (62 or 126 of the request), with 263=2 under the same QuoteReqID, with a
fill, a pass or a QuoteCancel by the client, and with its session. The quote that is live then stands until its time. A
restart of the service ends subscriptions too, for their sessions end with it.
"""

import sys
import traceback

from msgspec import Struct

from quotelife.config.sections import Streaming
from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.refusal import TOO_LATE, Refusal
from quotelife.decision.request import RelatedSymbol
from quotelife.rfq.open_quotes import EXPIRED, OPEN, REPLACED, RESERVED, WITHDRAWN, OpenQuote
from quotelife.rfq.outcome import Session
from quotelife.rfq.quote_issuer import QuoteIssuer
from quotelife.rfq.quote_request import Request
from quotelife.rfq.withdrawal import Watchlist
from quotelife.runtime.clock import NS_PER_MS

_GOES_ON = (OPEN, EXPIRED, WITHDRAWN, RESERVED)  # states of the latest quote; a hit may still come to nothing


class Subscription(Struct):
    """One related symbol of a subscription. `slot` is its timer's on the watchlist."""

    session: Session
    request_id: str
    related: RelatedSymbol
    model: int
    content: int
    quote: OpenQuote
    slot: int = -1


class Subscriptions:
    """All subscriptions. Used under the handler's lock."""

    def __init__(self, issuer: QuoteIssuer, watchlist: Watchlist, policy: Streaming) -> None:
        self._issuer, self._watchlist, self._policy = issuer, watchlist, policy
        self._interval_ns = round(policy.min_interval_ms * NS_PER_MS)
        self._of_quote: dict[str, Subscription] = {}  # by the QuoteID that is the latest
        self._buffers = DecisionBuffers()

    def full(self, session: str) -> bool:
        """Whether the session may not subscribe to anything more."""
        if not self._policy.enabled:
            return True
        return sum(s.session.name == session for s in self._of_quote.values()) >= self._policy.max_per_session

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._of_quote)

    def start(
        self, session: Session, asked: Request, given: list[tuple[RelatedSymbol, OpenQuote]], content: int
    ) -> None:
        """Go on quoting what was just quoted."""
        for related, quote in given:
            subscription = Subscription(session, asked.quote_req_id, related, asked.model, content, quote)
            self._of_quote[quote.quote_id] = subscription
            self._wake_at(subscription, quote.deadline_ns)

    def of(self, session: str, request_id: str) -> list[Subscription]:
        """The streams of a request."""
        return [s for s in self._of_quote.values() if s.session.name == session and s.request_id == request_id]

    def end(self, subscription: Subscription) -> None:
        """No more quotes."""
        self._watchlist.drop(subscription.slot)
        del self._of_quote[subscription.quote.quote_id]

    def end_session(self, session: str) -> None:
        """The session is gone."""
        for subscription in [s for s in self._of_quote.values() if s.session.name == session]:
            self.end(subscription)

    def ended(self, quote: OpenQuote, now_ns: int) -> None:
        """A quote was ended before its time: after a withdrawal there is a new one, else the subscription is over."""
        subscription = self._of_quote.get(quote.quote_id)
        if subscription is None:
            return
        if quote.state != WITHDRAWN:
            self.end(subscription)
            return
        self._watchlist.drop(subscription.slot)
        self._wake_at(subscription, max(now_ns, quote.issued_ns + self._interval_ns))

    def due(self, subscription: Subscription, wall_ns: int, now_ns: int) -> OpenQuote | None:
        """The stream's timer has come up: the next quote, or None if there is none for now or none any more."""
        self._watchlist.drop(subscription.slot)
        old = subscription.quote
        if old.state not in _GOES_ON:
            del self._of_quote[old.quote_id]
            return None
        earliest_ns = old.issued_ns + self._interval_ns
        if now_ns < earliest_ns or old.state == RESERVED:
            self._wake_at(subscription, max(earliest_ns, now_ns + NS_PER_MS))
            return None
        try:
            new = self._issuer.issue(
                subscription.session, subscription.request_id, subscription.related, subscription.model, self._buffers,
                subscription.content, wall_ns, now_ns, now_ns, True,
            )  # fmt: skip
        except Refusal as refused:
            if refused.reason is TOO_LATE:
                del self._of_quote[old.quote_id]
            else:
                self._wake_at(subscription, now_ns + self._interval_ns)
            return None
        except Exception:  # a desk's own pricing may raise anything
            traceback.print_exc(file=sys.stderr)
            self._wake_at(subscription, now_ns + self._interval_ns)
            return None
        if not old.ended_ns:
            old.end(REPLACED, now_ns)
        self._issuer.replace(old, new, subscription.content)
        del self._of_quote[old.quote_id]
        self._of_quote[new.quote_id] = subscription
        subscription.quote = new
        self._wake_at(subscription, new.deadline_ns)
        return new

    def _wake_at(self, subscription: Subscription, due_ns: int) -> None:
        subscription.slot = self._watchlist.add_timer(due_ns, subscription)
