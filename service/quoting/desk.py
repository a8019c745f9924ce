"""The desk without the engine: a message's text and the time in, the texts of the answers out.

    receive   decides and keeps what is promised: a quote is in the journal before it is sent      under `lock`
    commit    puts the answer to a hit on disk, see `service.quoting.deals`                         without it
    settle    records what was answered, once it has left                                           under `lock`

Everything that a client sends as an application message is answered here, whatever is wrong with it.
"""

import sys
import threading
import traceback
from collections.abc import Sequence
from itertools import count

from msgspec import Struct, field

from service.clock import mono_ns
from service.journal import layout as J
from service.journal.ring import Writer
from service.ledger.store import Ledger
from service.quoting import hit, message, refusal, request
from service.quoting.client_state import ClientState
from service.quoting.deals import Deal, Deals
from service.quoting.digest import digest
from service.quoting.lifecycle import PASSED, VOIDED, Lifecycle, OpenQuote
from service.quoting.meters import Meters
from service.quoting.quoter import Quoter, Scratch
from service.quoting.records import NO_MODEL, Records
from service.quoting.refusal import Reason, Refused
from service.quoting.request import Fields, Malformed, Related, Request

REMEMBERED_REQUESTS = 200_000  # of all sessions; older QuoteReqIDs may be used again
MAX_ID_BYTES = J.REQUEST_ID_WORDS * J.WORD_BYTES  # of a QuoteReqID: the journal has to know it again in full


class Decision(Struct, gc=False):
    """What one related symbol came to; `quote` is None for a refusal."""

    related: Related | None
    quote: OpenQuote | None
    reason: Reason | None
    scratch: Scratch | None


class Answer(Struct):
    """Texts to send, and what `settle` records of them."""

    received_ns: int
    wall_ns: int
    client: ClientState | None = None
    session: int = 0
    parsed_ns: int = 0
    decided_ns: int = 0
    request_id: str = ""
    messages: list[str] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    deal: Deal | None = None


class Session:
    """One FIX session: its client, its number in the journal (0 without a client), memory for one message."""

    def __init__(self, name: str, client: ClientState | None, number: int = 0) -> None:
        self.name, self.client, self.number = name, client, number
        self.scratches = [Scratch()]

    def scratch(self, n: int) -> Scratch:
        while len(self.scratches) <= n:
            self.scratches.append(Scratch())
        return self.scratches[n]


class Answered(Struct, gc=False):
    """A request that was given quotes: the digest of its content, and them."""

    digest: int
    quotes: list[OpenQuote]


OVER = Answered(0, [])  # stands for every request whose quotes are forgotten: only its QuoteReqID is remembered


class Desk:
    """Answers R, AJ and D. `lock` is held by whoever uses it; `sessions` are found by the client's SenderCompID."""

    def __init__(
        self,
        quoter: Quoter,
        clients: dict[str, ClientState],
        n_rows: int,
        meters: Meters,
        journal: Writer | None,
        started_wall_ns: int,
        parameters_hash: str,
        ledger: Ledger | None = None,
        symbols: Sequence[str] = (),
        grace_ns: int = 0,
    ) -> None:
        self.lock = threading.Lock()
        self.quoter = quoter
        self.lifecycle = Lifecycle(n_rows)
        self.meters = meters
        self.sessions = {name: Session(name, state, n) for n, (name, state) in enumerate(clients.items(), 1)}
        self.id_prefix = started_wall_ns // 1_000_000  # ids of one start never meet those of another
        self.records = Records(journal, parameters_hash)
        self._ids = count(1)
        self.answered: dict[tuple[str, str], Answered] = {}
        responder = hit.Responder(self.lifecycle, quoter, self._exec_id, grace_ns)
        self.deals = Deals(responder, self.lifecycle, ledger, list(symbols), self.lock)

    def _exec_id(self) -> str:
        return f"E{self.id_prefix:x}-{next(self._ids)}"

    def receive(self, text: str, wall_ns: int, mono_now_ns: int) -> Answer | None:
        """Answer a message; None if it is of a type that is not read here. Raises nothing that a message can cause."""
        answer = Answer(mono_now_ns, wall_ns)
        fields = request.read_fields(text)
        whole: dict[str, str] = dict(fields)  # type: ignore[arg-type]
        msg_type, name = whole["35"], whole["49"]
        session = self.sessions.get(name)
        if session is None:
            session = self.sessions[name] = Session(name, None)
        answer.client, answer.session = session.client, session.number
        if msg_type == "R":
            try:
                self._on_request(session, digest(text), fields, whole, answer)
            except BaseException:  # whatever it is: the client is owed an answer, and the process must not end
                self._fail(answer, fields)
        elif msg_type in ("AJ", "D"):
            answer.deal = self.deals.receive(hit.parse(msg_type, whole), name, digest(text), wall_ns, mono_now_ns)
            answer.messages = answer.deal.texts
            self._write_pass(answer, answer.deal.verdict)
        else:
            return None
        answer.decided_ns = mono_ns()
        return answer

    def commit(self, answer: Answer) -> None:
        """Put what is promised to a hit on disk; without the lock, before anything is sent."""
        if answer.deal is not None:
            self.deals.commit(answer.deal)
            answer.messages = answer.deal.texts

    def sent(self, answer: Answer) -> None:
        """The engine has taken all messages of the answer."""
        if answer.deal is not None and answer.deal.durable:
            self.deals.note_sent(answer.deal.key)

    def settle(self, answer: Answer, sent_ns: int) -> None:
        """Record an answer that has left: metrics, journal, and quotes that ran out meanwhile."""
        meters = self.meters
        model = NO_MODEL
        for decision in answer.decisions:
            meters.requested(1)
            if decision.quote is not None:
                model = decision.quote.quoted.model
                meters.quoted(decision.quote.quoted)
            elif decision.reason is not None:
                meters.refused(decision.reason.name)
                self._write_reject(answer, decision, decision.reason)
        if answer.decisions:
            meters.timed(model, answer.received_ns, answer.parsed_ns, answer.decided_ns, sent_ns)
        if answer.deal is not None:
            self._settle_deal(answer, answer.deal)
        self.expire(sent_ns)

    def void(self, session: str, reason: str, wall_ns: int, mono_now_ns: int) -> None:
        """End the open quotes of a session that is gone; `reason` is one of CANCEL_REASONS."""
        for quote in self.lifecycle.open_of(session):
            self.end(quote, VOIDED, reason, wall_ns, mono_now_ns)

    def end(self, quote: OpenQuote, state: int, reason: str, wall_ns: int, mono_now_ns: int) -> None:
        """End an open quote before its time; `reason` is one of CANCEL_REASONS."""
        quote.end(state, mono_now_ns)
        self._write_end(quote, J.KIND_CANCEL, J.CANCEL_REASONS.index(reason), wall_ns, mono_now_ns, "")

    def expire(self, now_ns: int) -> None:
        """End a few of the quotes whose time has passed, and forget a few that ended long ago."""
        for quote in self.lifecycle.expire(now_ns):
            self.meters.expired(quote.quoted.model)
        for quote in self.lifecycle.forget(now_ns):
            key = quote.session, quote.quote_req_id
            if key in self.answered:
                self.answered[key] = OVER

    # --- requests

    def _on_request(
        self, session: Session, content: int, fields: Fields, whole: dict[str, str], answer: Answer
    ) -> None:
        try:
            asked = request.parse(fields, whole)
        except Malformed as error:
            answer.parsed_ns = mono_ns()
            self._refuse(answer, error.quote_req_id, error.symbols, refusal.MALFORMED, error.text)
            return
        answer.parsed_ns = mono_ns()
        answer.request_id = asked.quote_req_id
        if len(asked.quote_req_id) > MAX_ID_BYTES:
            why = f"QuoteReqID (131) has {len(asked.quote_req_id)} characters; allowed: up to {MAX_ID_BYTES}"
            self._refuse_all(answer, asked, refusal.MALFORMED, why)
            return
        client = session.client
        if client is None:
            why = f"no client is configured for session {session.name}"
            self._refuse_all(answer, asked, refusal.UNKNOWN_CLIENT, why)
            return
        if not client.may_ask(answer.received_ns):
            why = f"more than {client.client.requests_per_second:g} requests a second"
            self._refuse_all(answer, asked, refusal.RATE_LIMITED, why)
            return
        key = session.name, asked.quote_req_id
        earlier = self.answered.get(key)
        if earlier is not None:
            self._repeat(answer, asked, earlier, content)
            return
        quotes = []
        for n, related in enumerate(asked.related):
            quote = self._quote(session, client, asked, related, session.scratch(n), content, answer)
            if quote is not None:
                quotes.append(quote)
        if quotes:
            self.answered[key] = Answered(content, quotes)
            if len(self.answered) > REMEMBERED_REQUESTS:
                del self.answered[next(iter(self.answered))]

    def _quote(
        self, session: Session, client: ClientState, asked: Request, related: Related, scratch: Scratch, content: int,
        answer: Answer,
    ) -> OpenQuote | None:  # fmt: skip
        """Answer one related symbol; the quote if it got one."""
        traded = self.quoter.traded.get(related.symbol)
        position = self.lifecycle.positions[traded.row] if traded is not None else 0
        wall_ns, received_ns = answer.wall_ns, answer.received_ns
        try:
            quoted = self.quoter.quote(client, related, asked.model, position, wall_ns, received_ns, scratch)
        except Refused as refused:
            self._refuse(answer, asked.quote_req_id, [related.symbol], refused.reason, refused.text, related, scratch)
            return None
        except BaseException:  # a desk's own pricing may raise anything
            traceback.print_exc(file=sys.stderr)
            text = f"internal error while pricing {related.symbol}; it has been logged"
            self._refuse(answer, asked.quote_req_id, [related.symbol], refusal.INTERNAL_ERROR, text, related, scratch)
            return None
        assert traded is not None
        quote_id, quote_req_id = f"Q{self.id_prefix:x}-{next(self._ids)}", asked.quote_req_id
        text = message.quote(
            quoted, quote_id, quote_req_id, related.quantity, traded.prices, client.client.disclose, wall_ns
        )
        deadline_ns = received_ns + quoted.valid_until_ns - wall_ns
        quote = OpenQuote(quote_id, quote_req_id, session.name, client, quoted, received_ns, wall_ns, deadline_ns, text)
        took_ns = mono_ns() - answer.parsed_ns
        self.records.quote(  # before it is sent: whatever happens to this process, the quote is known
            scratch.record, wall_ns, received_ns, quoted.row, client.index, session.number, quoted.side,
            quoted.valid_until_ns, quoted.size_lots, took_ns, quote_id, quote_req_id, content,
        )  # fmt: skip
        self.lifecycle.open(quote)
        answer.messages.append(text)
        answer.decisions.append(Decision(related, quote, None, scratch))
        return quote

    def _repeat(self, answer: Answer, asked: Request, earlier: Answered, content: int) -> None:
        """The same QuoteReqID again: the live quotes if it asks for the same, else a refusal. Never a second quote."""
        live = [quote for quote in earlier.quotes if quote.live(answer.received_ns)]
        if not live:
            text = f"QuoteReqID (131) {asked.quote_req_id} was used before, and its quote is over; use a new one"
            self._refuse_all(answer, asked, refusal.DUPLICATE, text)
        elif content != earlier.digest:
            text = f"QuoteReqID (131) {asked.quote_req_id} was used before, for a request with other content"
            self._refuse_all(answer, asked, refusal.DUPLICATE, text)
        else:
            answer.messages.extend(quote.message for quote in live)
            symbols = {quote.quoted.symbol for quote in live}
            rest = [related.symbol for related in asked.related if related.symbol not in symbols]
            if rest:
                text = f"QuoteReqID (131) {asked.quote_req_id} was used before, and there is no quote for this any more"
                self._refuse(answer, asked.quote_req_id, rest, refusal.DUPLICATE, text)

    def _refuse_all(self, answer: Answer, asked: Request, reason: Reason, text: str) -> None:
        self._refuse(answer, asked.quote_req_id, [related.symbol for related in asked.related], reason, text)

    def _refuse(
        self,
        answer: Answer,
        quote_req_id: str,
        symbols: Sequence[str],
        reason: Reason,
        text: str,
        related: Related | None = None,
        scratch: Scratch | None = None,
    ) -> None:
        answer.request_id = quote_req_id
        answer.messages.append(message.quote_request_reject(quote_req_id, symbols, reason.code, text))
        answer.decisions.append(Decision(related, None, reason, scratch))

    def _fail(self, answer: Answer, fields: Fields) -> None:
        traceback.print_exc(file=sys.stderr)
        known = Malformed("", fields)
        text = "internal error; it has been logged"
        self._refuse(answer, known.quote_req_id, known.symbols, refusal.INTERNAL_ERROR, text)

    # --- the journal

    def _settle_deal(self, answer: Answer, deal: Deal) -> None:
        """Count and journal a response that was not answered before."""
        self.deals.settle(deal)
        verdict = deal.verdict
        if verdict is None:
            return
        quote, response = verdict.quote, verdict.response
        self.meters.hit(verdict.outcome)
        if verdict.outcome in ("passed", "countered"):
            return
        client = answer.client.index if answer.client is not None else -1
        ticks, lots, side, row, after_ns, until_ns = 0, 0, 0, -1, 0, 0
        if quote is not None:
            row, until_ns = quote.quoted.row, quote.quoted.valid_until_ns
            after_ns = answer.received_ns - quote.given_ns
            side = {"1": request.BUY, "2": request.SELL}.get(response.side, quote.quoted.side)
            ticks = quote.quoted.offer_ticks if side == request.BUY else quote.quoted.bid_ticks
            lots = quote.quoted.size_lots
        if verdict.fill is not None:
            side, lots = verdict.fill.side, verdict.fill.quantity_lots
        self.records.hit(
            verdict.outcome, answer.wall_ns, answer.received_ns, row, client, answer.session, side, ticks, lots,
            after_ns, until_ns, response.quote_id, response.id,
        )  # fmt: skip

    def _write_pass(self, answer: Answer, verdict: hit.Verdict | None) -> None:
        """A pass is journalled before it is confirmed, like a quote before it is sent."""
        quote = verdict.quote if verdict is not None and verdict.outcome == "passed" else None
        if verdict is not None and quote is not None and quote.state == PASSED:
            self._write_end(quote, J.KIND_PASS, 0, answer.wall_ns, answer.received_ns, verdict.response.id)

    def _write_end(
        self, quote: OpenQuote, kind: int, outcome: int, wall_ns: int, mono_now_ns: int, response_id: str
    ) -> None:
        self.records.ended(
            kind, outcome, wall_ns, mono_now_ns, quote.quoted.row, quote.client.index,
            self.sessions[quote.session].number, quote.quoted.model, quote.quote_id, response_id,
        )  # fmt: skip

    def _write_reject(self, answer: Answer, decision: Decision, reason: Reason) -> None:
        """The record of a refused request, in which the kernel has left features and decisions if it ran."""
        related = decision.related
        decided = decision.scratch is not None and reason in (refusal.RISK, refusal.NOT_USEFUL)
        traded = self.quoter.traded.get(related.symbol) if related is not None else None
        self.records.reject(
            decision.scratch.record if decided and decision.scratch is not None else None,
            reason.name,
            answer.wall_ns,
            answer.received_ns,
            traded.row if traded is not None else -1,
            answer.client.index if answer.client is not None else -1,
            answer.session,
            related.side if related is not None else 0,
            answer.decided_ns - answer.parsed_ns,
            answer.request_id,
        )
