"""Answers QuoteRequests: for each related symbol a quote or a refusal, and never a second quote for a repetition."""

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from quotelife.decision import refusal
from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.multileg.multileg import Multileg
from quotelife.decision.multileg.quoter import LegBuffers, MultilegQuoter
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.decision.quoter import QuoteDecision, Quoter
from quotelife.decision.refusal import Refusal, RefusalReason
from quotelife.decision.request import RelatedSymbol
from quotelife.ledger.quote_state import INDICATIVE
from quotelife.logs import LogEvent, event_logger
from quotelife.rfq import messages, quote_request
from quotelife.rfq.open_quotes import OpenQuote, OpenQuotes
from quotelife.rfq.outcome import EventLog, Outcome, QuoteIssued, RequestRefused
from quotelife.rfq.quote_request import Fields, Malformed, Request
from quotelife.rfq.seen_request_ids import SeenRequestIds
from quotelife.rfq.terms import conditions
from quotelife.rfq.terms.quoting import quote_amount
from quotelife.rfq.terms.resolver import ResolvedRequest, TermsResolver
from quotelife.runtime.clock import mono_ns

logger = event_logger(__name__)


class QuotedRequest(Struct, gc=False):
    """A request that got quotes: the digest of its body, and its quotes that are in memory."""

    digest: int
    quotes: list[OpenQuote]


_ONLY_ID_KNOWN = QuotedRequest(0, [])


class QuoteIssuer:
    """Issues quotes on requests and renews them for subscriptions. `new_id` returns QuoteIDs. Used under the handler's
    lock."""

    def __init__(self, quoter: Quoter, open_quotes: OpenQuotes, event_log: EventLog, new_id: Callable[[], str]) -> None:
        self._quoter, self._open_quotes, self._event_log, self._new_id = quoter, open_quotes, event_log, new_id
        self._multilegs = MultilegQuoter(quoter)
        self.terms = TermsResolver(quoter)
        self.quoted_requests: dict[tuple[str, str], QuotedRequest] = {}  # by (session, QuoteReqID)
        self.seen_request_ids = SeenRequestIds()

    def on_request(self, digest: int, fields: Fields, by_tag: dict[str, str], outcome: Outcome) -> Request | None:
        """Answer a QuoteRequest; returns it if it is new and at least one symbol was quoted."""
        try:
            request = quote_request.parse(fields, by_tag)
        except Malformed as error:
            outcome.parsed_ns = mono_ns()
            self.reject(outcome, error.quote_req_id, error.symbols, error.reason, error.text)
            return None
        outcome.parsed_ns = mono_ns()
        session, quote_req_id = outcome.session, request.quote_req_id
        client = session.client
        if client is None:
            why = f"no client is configured for session {session.name}"
            self._reject_all(outcome, request, refusal.UNKNOWN_CLIENT, why)
            return None
        if not client.allow_request(outcome.received_ns):
            why = f"more than {client.client.requests_per_second:g} requests a second"
            self._reject_all(outcome, request, refusal.RATE_LIMITED, why)
            return None
        key = session.name, quote_req_id
        earlier = self.quoted_requests.get(key)
        if earlier is None and key in self.seen_request_ids:
            earlier = _ONLY_ID_KNOWN
        if earlier is not None:
            self._repeat(outcome, request, earlier, digest)
            return None
        quotes = []
        for n, related in enumerate(request.related):
            quote = self._quote(request, related, session.buffers(n), digest, outcome)
            if quote is not None:
                quotes.append(quote)
        if not quotes:
            return None
        self.add(key, digest, quotes)
        return request

    def add(self, key: tuple[str, str], digest: int, quotes: list[OpenQuote]) -> QuotedRequest:
        """A request has quotes in memory from now on."""
        self.seen_request_ids.hold(key)
        quoted_request = self.quoted_requests[key] = QuotedRequest(digest, quotes)
        return quoted_request

    def add_held(self, key: tuple[str, str], digest: int, quote: OpenQuote) -> None:
        """The same of a request with one quote, whose id the kernel has added to those that were used."""
        self.quoted_requests[key] = QuotedRequest(digest, [quote])

    def issue(
        self, quote_req_id: str, related: RelatedSymbol, model: int, buffers: DecisionBuffers, digest: int,
        is_subscribed: bool, is_renewal: bool, outcome: Outcome,
    ) -> OpenQuote:  # fmt: skip
        """Issue a quote: it is in the journal and can be hit from now on. Raises `Refusal` where there is none, and
        whatever a desk's own pricing raises."""
        session, wall_ns, received_ns = outcome.session, outcome.wall_ns, outcome.received_ns
        client, resolved = session.client, None
        assert client is not None
        if related.stated is not None:
            resolved = self.terms.resolve(related, is_subscribed, wall_ns)
            related = resolved.related
        instrument = self._quoter.instruments.get(related.symbol)
        if related.legs and resolved is None and instrument is not None:
            self.terms.listed_legs(related, "")
        legs: LegBuffers | None = None
        quoted: QuotedInstrument | Multileg
        if related.legs and instrument is None:  # a multileg with a book of its own is quoted as an instrument
            positions = self._open_quotes.positions
            decision = self._multilegs.quote(client, related, model, positions, wall_ns, received_ns, buffers)
        else:
            position = self._open_quotes.positions[instrument.row] if instrument is not None else 0
            if resolved is not None and resolved.amount is not None and instrument is not None:
                decision = quote_amount(
                    self._quoter, client, instrument, resolved, model, position, wall_ns, received_ns, buffers
                )  # fmt: skip
            else:
                decision = self._quoter.quote(client, related, model, position, wall_ns, received_ns, buffers)
        if decision.multileg is not None:
            quoted, legs = decision.multileg, self._multilegs.legs_of(decision.multileg)
        else:
            assert instrument is not None
            quoted = instrument
        prices, disclose, quote_id = quoted.prices, client.client.disclose, self._new_id()
        if resolved is None:
            message = messages.quote(decision, quote_id, quote_req_id, related.quantity, prices, disclose, wall_ns)
        else:
            decision, message = _with_terms(resolved, decision, quoted, quote_id, quote_req_id, disclose, wall_ns)
        quote = OpenQuote(
            quote_id, quote_req_id, session.name, client, decision, received_ns, wall_ns,
            received_ns + decision.valid_until_ns - wall_ns, message,
        )  # fmt: skip
        if resolved is not None:
            quote.terms = resolved.terms
            if resolved.is_indicative:
                quote.state, quote.deadline_ns = INDICATIVE, received_ns
        if related.limit_price or related.min_quantity:
            quote.min_lots = conditions.smallest_lots(related, quote, quoted)
        event = QuoteIssued(quote, buffers.record, legs, digest, is_subscribed, is_renewal)
        self._event_log.emit(outcome, event)
        self._open_quotes.add(quote)
        outcome.messages.append(message)
        return quote

    def evict(self, quote: OpenQuote) -> None:
        """Drop a quote from memory; the id of its request stays known."""
        key = quote.session, quote.quote_req_id
        quoted_request = self.quoted_requests.get(key)
        if quoted_request is None:
            return
        quoted_request.quotes = [q for q in quoted_request.quotes if q is not quote]
        if not quoted_request.quotes:
            del self.quoted_requests[key]
            self.seen_request_ids.drop(key)

    def replace(self, old: OpenQuote, new: OpenQuote, digest: int) -> None:
        """A request with that digest has a newer quote; the old one may have been evicted already."""
        key = old.session, old.quote_req_id
        quoted_request = self.quoted_requests.get(key) or self.add(key, digest, [])
        quoted_request.quotes = [q for q in quoted_request.quotes if q is not old] + [new]

    def restore(self, key: tuple[str, str], digest: int, quote: OpenQuote) -> None:
        """Add a quote of an earlier run to its request, which `key` names."""
        quoted_request = self.quoted_requests.get(key) or self.add(key, digest, [])
        quoted_request.quotes.append(quote)

    def fail(self, outcome: Outcome, fields: Fields) -> None:
        """Reject a request after an unexpected exception, which is being handled."""
        logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while handling a request")
        known = Malformed("", fields)
        text = "internal error; it has been logged"
        self.reject(outcome, known.quote_req_id, known.symbols, refusal.INTERNAL_ERROR, text)

    def _reject_all(self, outcome: Outcome, request: Request, reason: RefusalReason, text: str) -> None:
        """Reject every related symbol of a request."""
        self.reject(outcome, request.quote_req_id, [related.symbol for related in request.related], reason, text)

    def _quote(
        self, request: Request, related: RelatedSymbol, buffers: DecisionBuffers, digest: int, outcome: Outcome
    ) -> OpenQuote | None:
        """Answer one related symbol; returns the quote, None if it was refused."""
        try:
            return self.issue(
                request.quote_req_id, related, request.model, buffers, digest, request.subscribes, False, outcome
            )
        except Refusal as refused:
            reason, text = refused.reason, refused.text
        except BaseException:  # a desk's own pricing may raise anything
            text = "exception while pricing %s"
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, text, related.symbol, instrument=related.symbol)
            reason = refusal.INTERNAL_ERROR
            text = f"internal error while pricing {related.symbol}; it has been logged"
        self.reject(outcome, request.quote_req_id, [related.symbol], reason, text, related, buffers)
        return None

    def _repeat(self, outcome: Outcome, request: Request, earlier: QuotedRequest, digest: int) -> None:
        """Answer a QuoteReqID that was used before: with its live quotes if the request is the same, else a refusal."""
        quote_req_id = request.quote_req_id
        live = [quote for quote in earlier.quotes if quote.is_live(outcome.received_ns)]
        if not live:
            text = f"QuoteReqID (131) {quote_req_id} was used before and its quote has ended; use a new one"
            self._reject_all(outcome, request, refusal.DUPLICATE, text)
        elif digest != earlier.digest:
            text = f"QuoteReqID (131) {quote_req_id} was used before, for a request with other content"
            self._reject_all(outcome, request, refusal.DUPLICATE, text)
        else:
            outcome.messages.extend(quote.message or self._text(quote) for quote in live)
            rest = [(related.symbol, self.terms.symbol_of(related)) for related in request.related]
            for quote in live:  # several multilegs may have the same Symbol, or none
                answered = next((each for each in rest if each[1] == quote.decision.symbol), None)
                if answered is not None:  # the instrument may have been given another identifier meanwhile
                    rest.remove(answered)
            if rest:
                text = f"QuoteReqID (131) {quote_req_id} was used before, and the quote for this symbol has ended"
                self.reject(outcome, quote_req_id, [symbol for symbol, _ in rest], refusal.DUPLICATE, text)

    def _text(self, quote: OpenQuote) -> str:
        """The message of a quote that a kernel has written."""
        prices = self._quoter.instruments[quote.decision.symbol].prices
        return messages.quote(
            quote.decision, quote.quote_id, quote.quote_req_id, quote.quantity, prices, quote.client.client.disclose,
            quote.issued_wall_ns,
        )  # fmt: skip

    def reject(
        self,
        outcome: Outcome,
        quote_req_id: str,
        symbols: Sequence[str],
        reason: RefusalReason,
        text: str,
        related: RelatedSymbol | None = None,
        buffers: DecisionBuffers | None = None,
    ) -> None:
        """Answer with a QuoteRequestReject for `symbols`."""
        record = buffers.record if buffers is not None else None
        self._event_log.emit(outcome, RequestRefused(quote_req_id, related, reason, record))
        outcome.messages.append(messages.quote_request_reject(quote_req_id, symbols, reason.code, text))


def _with_terms(
    resolved: ResolvedRequest, decision: QuoteDecision, quoted: QuotedInstrument | Multileg, quote_id: str,
    quote_req_id: str, disclose: bool, wall_ns: int,
) -> tuple[QuoteDecision, str]:  # fmt: skip
    """The decision and the message of a quote whose request stated terms. An indicative one has no ValidUntilTime."""
    quantity = resolved.related.quantity or quoted.sizes.short(decision.size_lots)
    if resolved.is_indicative:
        decision = replace(decision, valid_until_ns=0)
    message = messages.quote_with_terms(
        decision, resolved.terms, quote_id, quote_req_id, quantity, quoted.prices, disclose, wall_ns
    )
    return decision, message
