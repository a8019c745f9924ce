"""QuoteRequests: to each related symbol a quote or a refusal, and which requests were quoted before."""

import sys
import traceback
from collections.abc import Callable, Sequence

from msgspec import Struct

from quotelife.decision import refusal
from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.multileg import Multileg
from quotelife.decision.multileg_quoter import MultilegQuoter
from quotelife.decision.quoter import Quoter
from quotelife.decision.refusal import Refusal, RefusalReason
from quotelife.decision.request import RelatedSymbol
from quotelife.journal import layout as J
from quotelife.journal.record_writer import RecordWriter
from quotelife.market.board import layout as L
from quotelife.rfq import messages, quote_request
from quotelife.rfq.monitor import LEG_WEIGHT
from quotelife.rfq.open_quotes import OpenQuote, OpenQuotes
from quotelife.rfq.outcome import Decision, Outcome, Session
from quotelife.rfq.quote_request import Fields, Malformed, Request
from quotelife.rfq.seen_request_ids import SeenRequestIds
from quotelife.runtime.clock import mono_ns
from quotelife.shm.layout import WORD_BYTES

MAX_ID_BYTES = J.REQUEST_ID_WORDS * WORD_BYTES  # of a QuoteReqID: the journal has to know it again in full


class QuotedRequest(Struct, gc=False):
    """A request that was given quotes: the digest of its content, and them."""

    digest: int
    quotes: list[OpenQuote]


_OVER = QuotedRequest(0, [])  # stands for a request whose quotes are forgotten


class QuoteIssuer:
    """Answers QuoteRequests. `new_id` gives QuoteIDs. Used under the handler's lock."""

    def __init__(
        self, quoter: Quoter, open_quotes: OpenQuotes, records: RecordWriter, new_id: Callable[[], str]
    ) -> None:
        self._quoter, self._open_quotes, self._records, self._new_id = quoter, open_quotes, records, new_id
        self._multilegs = MultilegQuoter(quoter)
        self.quoted_requests: dict[tuple[str, str], QuotedRequest] = {}  # requests of which a quote is remembered
        self.seen_request_ids = SeenRequestIds()  # the other QuoteReqIDs

    def on_request(
        self, session: Session, content: int, fields: Fields, whole: dict[str, str], outcome: Outcome
    ) -> Request | None:
        """Put the answer to a QuoteRequest into `answer`; the request if it was a new one and got quotes."""
        try:
            asked = quote_request.parse(fields, whole)
        except Malformed as error:
            outcome.parsed_ns = mono_ns()
            self.refuse(outcome, error.quote_req_id, error.symbols, refusal.MALFORMED, error.text)
            return None
        outcome.parsed_ns = mono_ns()
        outcome.request_id = asked.quote_req_id
        client = session.client
        if client is None:
            why = f"no client is configured for session {session.name}"
            self.refuse_all(outcome, asked, refusal.UNKNOWN_CLIENT, why)
            return None
        if not client.allow_request(outcome.received_ns):
            why = f"more than {client.client.requests_per_second:g} requests a second"
            self.refuse_all(outcome, asked, refusal.RATE_LIMITED, why)
            return None
        key = session.name, asked.quote_req_id
        earlier = self.quoted_requests.get(key)
        if earlier is None and key in self.seen_request_ids:
            earlier = _OVER
        if earlier is not None:
            self._repeat(outcome, asked, earlier, content)
            return None
        if len(asked.quote_req_id) > MAX_ID_BYTES:
            why = f"QuoteReqID (131) has {len(asked.quote_req_id)} characters; allowed: up to {MAX_ID_BYTES}"
            self.refuse_all(outcome, asked, refusal.MALFORMED, why)
            return None
        quotes = []
        for n, related in enumerate(asked.related):
            quote = self._answer(session, asked, related, session.buffers(n), content, outcome)
            if quote is not None:
                quotes.append(quote)
        if not quotes:
            return None
        self.quoted_requests[key] = QuotedRequest(content, quotes)
        return asked

    def issue(
        self, session: Session, quote_req_id: str, related: RelatedSymbol, model: int, buffers: DecisionBuffers,
        content: int, wall_ns: int, received_ns: int, parsed_ns: int, subscribed: bool,
    ) -> OpenQuote:  # fmt: skip
        """A new quote, which is in the journal and can be hit from now on; `Refusal` if there is none to be had."""
        client, instrument = session.client, self._quoter.instruments.get(related.symbol)
        assert client is not None
        if related.legs and instrument is None:  # one that has a book of its own is quoted from that
            positions = self._open_quotes.positions
            decision = self._multilegs.quote(client, related, model, positions, wall_ns, received_ns, buffers)
        else:
            position = self._open_quotes.positions[instrument.row] if instrument is not None else 0
            decision = self._quoter.quote(client, related, model, position, wall_ns, received_ns, buffers)
        dealt = decision.multileg or instrument
        assert dealt is not None
        quote_id = self._new_id()
        text = messages.quote(
            decision, quote_id, quote_req_id, related.quantity, dealt.prices, client.client.disclose, wall_ns
        )
        deadline_ns = received_ns + decision.valid_until_ns - wall_ns
        quote = OpenQuote(
            quote_id, quote_req_id, session.name, client, decision, received_ns, wall_ns, deadline_ns, text
        )
        if decision.multileg is not None:
            self._write_legs(decision.multileg, quote, session.number)
        self._records.quote(  # before it is sent: whatever happens to this process, the quote is known
            buffers.record, wall_ns, received_ns, decision.row, client.index, session.number, decision.side,
            decision.valid_until_ns, decision.size_lots, mono_ns() - parsed_ns, quote_id, quote_req_id, content,
            subscribed,
        )  # fmt: skip
        self._open_quotes.open(quote)
        return quote

    def _write_legs(self, multileg: Multileg, quote: OpenQuote, session: int) -> None:
        decision, client, legs = quote.decision, quote.client.index, self._multilegs.legs_of(multileg)
        versions = legs.snaps[:, L.SNAP_VERSION : L.SNAP_VERSION + 3]
        for n, (leg, (bid, offer)) in enumerate(zip(multileg.legs, decision.leg_prices, strict=True)):
            self._records.leg(
                quote.issued_wall_ns, quote.issued_ns, leg.instrument.row, client, session, leg.side, leg.ratio,
                int(multileg.watched[LEG_WEIGHT, n]), leg.unit_lots, bid, offer, legs.xs[n], versions[n],
                quote.quote_id, decision.symbol,
            )  # fmt: skip

    def evict(self, quote: OpenQuote) -> None:
        """A quote is remembered no more; of its request the id still is."""
        key = quote.session, quote.quote_req_id
        quoted = self.quoted_requests.get(key)
        if quoted is None:
            return
        quoted.quotes = [q for q in quoted.quotes if q is not quote]
        if not quoted.quotes:
            del self.quoted_requests[key]
            self.seen_request_ids.add(key)

    def replace(self, old: OpenQuote, new: OpenQuote, content: int) -> None:
        """A request, with that digest of its content, has a newer quote; the one before may be forgotten already."""
        decision = self.quoted_requests.setdefault((old.session, old.quote_req_id), QuotedRequest(content, []))
        decision.quotes = [q for q in decision.quotes if q is not old] + [new]

    def fail(self, outcome: Outcome, fields: Fields) -> None:
        """Whatever it was: the client is owed an answer."""
        traceback.print_exc(file=sys.stderr)
        known = Malformed("", fields)
        text = "internal error; it has been logged"
        self.refuse(outcome, known.quote_req_id, known.symbols, refusal.INTERNAL_ERROR, text)

    def refuse_all(self, outcome: Outcome, asked: Request, reason: RefusalReason, text: str) -> None:
        """Refuse every related symbol of a request."""
        self.refuse(outcome, asked.quote_req_id, [related.symbol for related in asked.related], reason, text)

    def _answer(
        self,
        session: Session,
        asked: Request,
        related: RelatedSymbol,
        buffers: DecisionBuffers,
        content: int,
        outcome: Outcome,
    ) -> OpenQuote | None:
        """Answer one related symbol; the quote if it got one."""
        try:
            quote = self.issue(
                session, asked.quote_req_id, related, asked.model, buffers, content, outcome.wall_ns,
                outcome.received_ns, outcome.parsed_ns, asked.subscribes,
            )  # fmt: skip
        except Refusal as refused:
            self.refuse(outcome, asked.quote_req_id, [related.symbol], refused.reason, refused.text, related, buffers)
            return None
        except BaseException:  # a desk's own pricing may raise anything
            traceback.print_exc(file=sys.stderr)
            text = f"internal error while pricing {related.symbol}; it has been logged"
            self.refuse(outcome, asked.quote_req_id, [related.symbol], refusal.INTERNAL_ERROR, text, related, buffers)
            return None
        outcome.messages.append(quote.message)
        outcome.decisions.append(Decision(related, quote, None, buffers))
        return quote

    def _repeat(self, outcome: Outcome, asked: Request, earlier: QuotedRequest, content: int) -> None:
        """The same QuoteReqID again: the live quotes if it asks for the same, else a refusal. Never a second quote."""
        live = [quote for quote in earlier.quotes if quote.live(outcome.received_ns)]
        if not live:
            text = f"QuoteReqID (131) {asked.quote_req_id} was used before, and its quote is over; use a new one"
            self.refuse_all(outcome, asked, refusal.DUPLICATE, text)
        elif content != earlier.digest:
            text = f"QuoteReqID (131) {asked.quote_req_id} was used before, for a request with other content"
            self.refuse_all(outcome, asked, refusal.DUPLICATE, text)
        else:
            outcome.messages.extend(quote.message for quote in live)
            rest = [related.symbol for related in asked.related]
            for quote in live:  # of multilegs several may have the same Symbol, or none
                rest.remove(quote.decision.symbol)
            if rest:
                text = f"QuoteReqID (131) {asked.quote_req_id} was used before, and there is no quote for this any more"
                self.refuse(outcome, asked.quote_req_id, rest, refusal.DUPLICATE, text)

    def refuse(
        self,
        outcome: Outcome,
        quote_req_id: str,
        symbols: Sequence[str],
        reason: RefusalReason,
        text: str,
        related: RelatedSymbol | None = None,
        buffers: DecisionBuffers | None = None,
    ) -> None:
        """Put a QuoteRequestReject into `answer`."""
        outcome.request_id = quote_req_id
        outcome.messages.append(messages.quote_request_reject(quote_req_id, symbols, reason.code, text))
        outcome.decisions.append(Decision(related, None, reason, buffers))
