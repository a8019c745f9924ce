"""What the handler returns for a message, a timer or a control: messages to send, and events that say what happened.

`EventLog` derives from the events what is journalled, counted and monitored:

    emit    before anything is sent: writes to the journal what must survive a crash
    apply   after the messages have been sent: counters, journal records that promise nothing, the watchlist

Every quote and every end passes through here, whatever its origin. A fill is durable in the ledger before its
ExecutionReport is sent (`quotelife.rfq.hit_handler`); its journal record follows.
"""

from msgspec import Struct, field

from quotelife.decision import refusal
from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.client_state import ClientState
from quotelife.decision.multileg.quoter import LegBuffers
from quotelife.decision.quoter import Quoter
from quotelife.decision.refusal import REFUSALS, RefusalReason
from quotelife.decision.request import RelatedSymbol
from quotelife.journal.record_writer import NO_MODEL, RecordWriter
from quotelife.journal.ring import Record
from quotelife.ledger.quote_state import EXPIRED, INDICATIVE, OPEN
from quotelife.market.board import layout as L
from quotelife.metrics.labels import CANCEL_REASONS, CLIENT_REJECTS
from quotelife.rfq.delivery.client_rejects import ClientReject
from quotelife.rfq.hit_handler import PendingHit
from quotelife.rfq.metrics import QuotingMetrics
from quotelife.rfq.open_quotes import OpenQuote, OpenQuotes
from quotelife.rfq.positions.hedges import HedgeReport
from quotelife.rfq.quote_margin import LEG_WEIGHT
from quotelife.rfq.quote_request import FIX_SIDES
from quotelife.rfq.quote_response import HitDecision, ReportedEnding
from quotelife.rfq.terms.quote_terms import NO_TERMS, encode
from quotelife.rfq.withdrawal import Watchlist
from quotelife.runtime.clock import mono_ns
from quotelife_models.enums import BUY


class Session:
    """One FIX session of a client, with the memory for its decisions. `number` identifies it in the journal; it is 0
    where no client is configured for the session (`client` None)."""

    def __init__(self, name: str, client: ClientState | None, number: int = 0) -> None:
        self.name = name
        self.configure(client, number)
        self.is_logged_on = False
        self.decision_buffers = [DecisionBuffers()]

    def configure(self, client: ClientState | None, number: int) -> None:
        """Belong to this client from now on."""
        self.client, self.number = client, number
        self.role = client.client.role if client is not None else "quotes"

    def buffers(self, n: int) -> DecisionBuffers:
        """The buffers for the n-th related symbol of a request; each is overwritten by the next request."""
        while len(self.decision_buffers) <= n:
            self.decision_buffers.append(DecisionBuffers())
        return self.decision_buffers[n]


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
    """A quote that ended before its ValidUntilTime without a fill, for `reason`, one of CANCEL_REASONS."""

    quote: OpenQuote
    reason: str


class QuotePassed(Struct, gc=False):
    """A quote that its client ended with the QuoteResponse `response_id`, without a hit."""

    quote: OpenQuote
    reported: ReportedEnding
    response_id: str


Event = QuoteIssued | RequestRefused | QuoteEnded | QuotePassed | HitDecision | ClientReject


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
    hedge: HedgeReport | None = None
    rejected: dict[str, str] | None = None  # fields of a client's Reject or BusinessMessageReject


class EventLog:
    """Used under the handler's lock."""

    def __init__(
        self,
        journal: RecordWriter,
        metrics: QuotingMetrics,
        open_quotes: OpenQuotes,
        watchlist: Watchlist,
        quoter: Quoter,
    ) -> None:
        self._journal, self._metrics, self._open_quotes = journal, metrics, open_quotes
        self._watchlist, self._quoter = watchlist, quoter

    def emit(self, outcome: Outcome, event: Event) -> None:
        """Add an event to an outcome whose messages have not been sent."""
        outcome.events.append(event)
        if isinstance(event, QuoteIssued):
            self._write_quote(outcome, event)
        elif isinstance(event, QuoteEnded):
            self._write_cancel(outcome, event)
        elif isinstance(event, QuotePassed):
            self._write_pass(outcome, event)

    def apply(self, outcome: Outcome, sent_ns: int) -> None:
        """The messages of an outcome have been sent at `sent_ns` (monotonic)."""
        metrics, model, requests = self._metrics, NO_MODEL, 0
        for event in outcome.events:
            if isinstance(event, QuoteIssued):
                decision = event.quote.decision
                self.monitor(event.quote, event.record)
                if event.quote.state == INDICATIVE:
                    metrics.count_indicative()
                else:
                    metrics.count_quote(decision)
                if not event.is_renewal:
                    requests += 1
                    model = decision.model
            elif isinstance(event, RequestRefused):
                requests += 1
                metrics.count_refusal(event.reason.name)
                self._write_refusal(outcome, event)
            elif isinstance(event, QuoteEnded):
                self.stop_monitoring(event.quote)
                metrics.count_cancel(event.reason)
                if event.quote.board_change_ns and outcome.messages:
                    metrics.observe_withdrawal(sent_ns - event.quote.board_change_ns)
            elif isinstance(event, QuotePassed):
                self.stop_monitoring(event.quote)
                metrics.count_pass(event.reported.ending.kind)
            elif isinstance(event, ClientReject):
                metrics.count_client_reject(outcome.session.name, event.kind)
                self._write_client_reject(outcome, event)
            else:
                self._apply_hit(outcome, event)
        if requests:
            metrics.count_requests(requests)
            metrics.time_stages(model, outcome.received_ns, outcome.parsed_ns, outcome.decided_ns, sent_ns)

    def monitor(self, quote: OpenQuote, record: Record) -> None:
        """Monitor a quote that has been sent, until it ends; `record` is the journal's of its decision."""
        self._open_quotes.schedule_expiry(quote)
        if quote.state == OPEN:
            self._watchlist.add(quote, record)

    def stop_monitoring(self, quote: OpenQuote) -> None:
        if quote.slot >= 0:
            self._watchlist.drop(quote.slot)
            quote.slot = -1

    def expired(self, quote: OpenQuote) -> None:
        """The ValidUntilTime of a quote has passed, whether it was still open or not."""
        self.stop_monitoring(quote)
        if quote.state == EXPIRED:
            self._metrics.count_expiry(quote.decision.model)

    def _write_quote(self, outcome: Outcome, event: QuoteIssued) -> None:
        quote = event.quote
        decision, session = quote.decision, outcome.session.number
        if event.legs is not None:
            self._write_legs(quote, event.legs, session)
        if quote.terms is not None:
            self._journal.terms(
                quote.issued_wall_ns, quote.issued_ns, decision.row, quote.client.index, session, encode(quote.terms),
                quote.quote_id, quote.quote_req_id,
            )  # fmt: skip
        took_ns = mono_ns() - (outcome.parsed_ns or outcome.received_ns)
        self._journal.quote(
            event.record, quote.issued_wall_ns, quote.issued_ns, decision.row, quote.client.index, session,
            decision.side, decision.valid_until_ns, decision.size_lots, took_ns, quote.quote_id, quote.quote_req_id,
            event.digest, event.is_subscribed, quote.min_lots,
        )  # fmt: skip

    def _write_legs(self, quote: OpenQuote, legs: LegBuffers, session: int) -> None:
        decision, client = quote.decision, quote.client.index
        multileg = decision.multileg
        assert multileg is not None
        versions = legs.snaps[:, L.SNAP_VERSION : L.SNAP_VERSION + 3]
        for n, (leg, (bid, offer)) in enumerate(zip(multileg.legs, decision.leg_prices, strict=True)):
            self._journal.leg(
                quote.issued_wall_ns, quote.issued_ns, leg.instrument.row, client, session, leg.side, leg.ratio,
                int(multileg.watched[LEG_WEIGHT, n]), leg.unit_lots, bid, offer, legs.xs[n], versions[n],
                quote.quote_id, decision.symbol,
            )  # fmt: skip

    def _write_cancel(self, outcome: Outcome, event: QuoteEnded) -> None:
        quote = event.quote
        self._journal.cancel(
            CANCEL_REASONS.index(event.reason), outcome.wall_ns, outcome.received_ns, quote.decision.row,
            quote.client.index, outcome.session.number, quote.decision.model, quote.board_change_ns, quote.quote_id,
        )  # fmt: skip

    def _write_pass(self, outcome: Outcome, event: QuotePassed) -> None:
        quote, reported = event.quote, event.reported
        self._journal.passed(
            reported.ending.kind_index, outcome.wall_ns, outcome.received_ns, quote.decision.row, quote.client.index,
            outcome.session.number, reported.side, quote.decision.model, reported.price_ticks, quote.quote_id,
            event.response_id,
        )  # fmt: skip

    def _write_client_reject(self, outcome: Outcome, event: ClientReject) -> None:
        session, instrument = outcome.session, self._quoter.instruments.get(event.symbol)
        self._journal.client_reject(
            CLIENT_REJECTS.index(event.kind), outcome.wall_ns, outcome.received_ns,
            instrument.row if instrument is not None else -1,
            session.client.index if session.client is not None else -1, session.number, event.quote_id, event.exec_id,
            event.reason,
        )  # fmt: skip

    def _write_refusal(self, outcome: Outcome, event: RequestRefused) -> None:
        """The record of a refusal; with features and decision where a model has refused."""
        related, session = event.related, outcome.session
        by_model = event.reason in (refusal.RISK, refusal.NOT_USEFUL)
        instrument = self._quoter.instruments.get(related.symbol) if related is not None else None
        self._journal.reject(
            event.record if by_model else None, REFUSALS.index(event.reason.name), outcome.wall_ns, outcome.received_ns,
            instrument.row if instrument is not None else -1,
            session.client.index if session.client is not None else -1, session.number,
            related.side if related is not None else 0, outcome.decided_ns - outcome.parsed_ns, event.quote_req_id,
        )  # fmt: skip

    def _apply_hit(self, outcome: Outcome, decision: HitDecision) -> None:
        """Count and journal a fill or a refused hit. A pass is a `QuotePassed`; a counter changes nothing."""
        if decision.result in ("ended", "countered"):
            return
        quote, response, session = decision.quote, decision.response, outcome.session
        ticks = lots = side = after_ns = until_ns = 0
        row = -1
        if quote is not None:
            row, until_ns = quote.decision.row, quote.decision.valid_until_ns
            after_ns = outcome.received_ns - quote.issued_ns
            side = quote.decision.side
            if response.side in FIX_SIDES:
                side = (quote.terms or NO_TERMS).side_of_instrument(FIX_SIDES[response.side])
            ticks = quote.decision.offer_ticks if side == BUY else quote.decision.bid_ticks
            lots = quote.decision.size_lots
        if decision.fill is not None:
            side, lots = decision.fill.side, decision.fill.quantity_lots
        self._metrics.count_hit(decision.result)
        self._journal.hit(
            decision.result, outcome.wall_ns, outcome.received_ns, row,
            session.client.index if session.client is not None else -1, session.number, side, ticks, lots, after_ns,
            until_ns, decision.board_change_ns, response.quote_id, response.id,
        )  # fmt: skip
