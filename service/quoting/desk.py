"""The desk without the engine: a message's text and the time in, the texts of the answers out.

`receive` decides and keeps what was promised; when the answers have left, `settle` records what they were. Everything
that a client sends as an application message is answered here, whatever is wrong with it.
"""

import sys
import traceback
from collections.abc import Sequence

from msgspec import Struct, field

from service.clock import mono_ns
from service.journal import layout as J
from service.journal.ring import Record, Writer
from service.metrics.catalog import REFUSALS
from service.quoting import hit, message, refusal, request
from service.quoting.client_state import ClientState
from service.quoting.lifecycle import Lifecycle, OpenQuote
from service.quoting.meters import Meters
from service.quoting.quoter import Quoter, Scratch
from service.quoting.refusal import Reason, Refused
from service.quoting.request import Fields, Malformed, Related, Request

REMEMBERED_REQUESTS = 200_000  # of all sessions; older QuoteReqIDs may be used again
REMEMBERED_RESPONSES = 100_000
NO_MODEL = -1


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
    hit: str | None = None


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
    """A request that was given quotes: its text, and them."""

    text: str
    quotes: list[OpenQuote]


OVER = Answered("", [])  # stands for every request whose quotes are forgotten: only its QuoteReqID is remembered


class Desk:
    """Answers R, AJ and D. One thread at a time; `sessions` are found by the client's SenderCompID."""

    def __init__(
        self,
        quoter: Quoter,
        clients: dict[str, ClientState],
        n_rows: int,
        meters: Meters,
        journal: Writer | None,
        started_wall_ns: int,
        parameters_hash: str,
    ) -> None:
        self.quoter = quoter
        self.lifecycle = Lifecycle(n_rows)
        self.meters = meters
        self.sessions = {name: Session(name, state, n) for n, (name, state) in enumerate(clients.items(), 1)}
        self._journal = journal
        self._parameters_hash = int.from_bytes(bytes.fromhex(parameters_hash)[:8], "little", signed=True)
        self._id_prefix = f"{started_wall_ns // 1_000_000:x}"  # ids of one start never meet those of another
        self._quotes = 0
        self._answered: dict[tuple[str, str], Answered] = {}
        self._responses: dict[tuple[str, str, str], list[str]] = {}
        self._responder = hit.Responder(self.lifecycle, quoter, self._id_prefix)
        self._blank = Record()

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
                self._on_request(session, text, fields, whole, answer)
            except BaseException:  # whatever it is: the client is owed an answer, and the process must not end
                self._fail(answer, fields)
        elif msg_type in ("AJ", "D"):
            self._on_response(session, hit.parse(msg_type, whole), answer)
        else:
            return None
        answer.decided_ns = mono_ns()
        return answer

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
            if self._journal is not None:
                self._write(self._journal, answer, decision)
        if answer.decisions:
            meters.timed(model, answer.received_ns, answer.parsed_ns, answer.decided_ns, sent_ns)
        if answer.hit is not None:
            meters.hit(answer.hit)
        self.expire(sent_ns)

    def expire(self, now_ns: int) -> None:
        """End a few of the quotes whose time has passed, and forget a few that ended long ago."""
        for quote in self.lifecycle.expire(now_ns):
            self.meters.expired(quote.quoted.model)
        for quote in self.lifecycle.forget(now_ns):
            key = quote.session, quote.quote_req_id
            if key in self._answered:
                self._answered[key] = OVER

    # --- requests

    def _on_request(self, session: Session, text: str, fields: Fields, whole: dict[str, str], answer: Answer) -> None:
        try:
            asked = request.parse(fields, whole)
        except Malformed as error:
            answer.parsed_ns = mono_ns()
            self._refuse(answer, error.quote_req_id, error.symbols, refusal.MALFORMED, error.text)
            return
        answer.parsed_ns = mono_ns()
        answer.request_id = asked.quote_req_id
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
        earlier = self._answered.get(key)
        if earlier is not None:
            self._repeat(answer, asked, earlier, fields)
            return
        quotes = []
        for n, related in enumerate(asked.related):
            quote = self._quote(session, client, asked, related, session.scratch(n), answer)
            if quote is not None:
                quotes.append(quote)
        if quotes:
            self._answered[key] = Answered(text, quotes)
            if len(self._answered) > REMEMBERED_REQUESTS:
                del self._answered[next(iter(self._answered))]

    def _quote(
        self, session: Session, client: ClientState, asked: Request, related: Related, scratch: Scratch, answer: Answer
    ) -> OpenQuote | None:
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
        self._quotes += 1
        quote_id = f"Q{self._id_prefix}-{self._quotes}"
        text = message.quote(
            quoted, quote_id, asked.quote_req_id, related.quantity, traded.prices, client.client.disclose, wall_ns
        )
        deadline_ns = received_ns + quoted.valid_until_ns - wall_ns
        quote = OpenQuote(quote_id, asked.quote_req_id, session.name, client, quoted, received_ns, deadline_ns, text)
        self.lifecycle.open(quote)
        answer.messages.append(text)
        answer.decisions.append(Decision(related, quote, None, scratch))
        return quote

    def _repeat(self, answer: Answer, asked: Request, earlier: Answered, fields: Fields) -> None:
        """The same QuoteReqID again: the live quotes if it asks for the same, else a refusal. Never a second quote."""
        live = [quote for quote in earlier.quotes if quote.live(answer.received_ns)]
        if not live:
            text = f"QuoteReqID (131) {asked.quote_req_id} was used before, and its quote is over; use a new one"
            self._refuse_all(answer, asked, refusal.DUPLICATE, text)
        elif request.content(fields) != request.content(request.read_fields(earlier.text)):
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

    # --- responses

    def _on_response(self, session: Session, response: hit.Response, answer: Answer) -> None:
        key = session.name, response.msg_type, response.id
        earlier = self._responses.get(key) if response.id else None
        if earlier is not None:
            answer.messages.extend(earlier)  # the same answer, not a second fill
            return
        texts, answer.hit = self._responder.respond(response, session.name, answer.wall_ns, answer.received_ns)
        answer.messages.extend(texts)
        self._responses[key] = texts
        if len(self._responses) > REMEMBERED_RESPONSES:
            del self._responses[next(iter(self._responses))]

    # --- journal

    def _write(self, journal: Writer, answer: Answer, decision: Decision) -> None:
        """Append the record of a decision, in which the kernel has left features, contexts and decisions if it ran."""
        quote, related = decision.quote, decision.related
        decided = quote is not None or decision.reason in (refusal.RISK, refusal.NOT_USEFUL)
        record = decision.scratch.record if decided and decision.scratch is not None else self._blank
        words = record.words
        if not decided:
            record.clear()
            words[J.MODEL] = NO_MODEL
        traded = self.quoter.traded.get(related.symbol) if related is not None else None
        words[J.KIND] = J.KIND_QUOTE if quote is not None else J.KIND_REJECT
        words[J.OUTCOME] = 0 if decision.reason is None else REFUSALS.index(decision.reason.name)
        words[J.WALL_NS] = answer.wall_ns
        words[J.MONO_NS] = answer.received_ns
        words[J.INSTRUMENT] = traded.row if traded is not None else -1
        words[J.CLIENT] = answer.client.index if answer.client is not None else -1
        words[J.SESSION] = answer.session
        words[J.SIDE] = related.side if related is not None else 0
        words[J.VALID_UNTIL_NS] = quote.quoted.valid_until_ns if quote is not None else 0
        words[J.QUANTITY] = quote.quoted.size_lots if quote is not None else 0
        words[J.DECIDED_NS] = answer.decided_ns - answer.parsed_ns
        words[J.PARAMETERS] = self._parameters_hash
        record.put_text(J.QUOTE_ID, J.QUOTE_ID_WORDS, quote.quote_id if quote is not None else "")
        record.put_text(J.REQUEST_ID, J.REQUEST_ID_WORDS, answer.request_id)
        journal.append(record)
