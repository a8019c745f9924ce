"""The desk without the engine: a message's text and the time in, the texts of the answers out.

    receive   decides and keeps what is promised: a quote is in the journal before it is sent      under `lock`
    store     puts the answer to a hit on disk, see `quotelife.rfq.hit_handler`                         without it
    apply     records what was answered, once it has left                                           under `lock`
    on_timer  withdraws a quote that the market has left, goes on with a subscription               under `lock`

Everything that a client sends as an application message is answered here, whatever is wrong with it.
"""

import sys
import threading
import traceback
from collections.abc import Sequence
from itertools import count

from quotelife.config.sections import Hits, Streaming, Withdrawal
from quotelife.decision import refusal
from quotelife.decision.client_state import ClientState
from quotelife.decision.quoter import Quoter
from quotelife.decision.refusal import RefusalReason
from quotelife.journal.record_writer import RecordWriter
from quotelife.journal.ring import Writer
from quotelife.ledger.history import HistoryReader
from quotelife.ledger.store import Ledger
from quotelife.parameters.region import ActiveParameters
from quotelife.rfq import messages as message
from quotelife.rfq import quote_request, quote_response, quote_status
from quotelife.rfq.bookkeeping import Bookkeeping
from quotelife.rfq.digest import digest
from quotelife.rfq.hit_handler import HitHandler, PendingHit
from quotelife.rfq.metrics import QuotingMetrics
from quotelife.rfq.monitor import UNSEEN
from quotelife.rfq.open_quotes import CANCELLED, EXPIRED, FILLED, OPEN, PASSED, VOIDED, WITHDRAWN, OpenQuote, OpenQuotes
from quotelife.rfq.outcome import Outcome, Session
from quotelife.rfq.quote_issuer import QuoteIssuer
from quotelife.rfq.quote_request import SUBSCRIBE, UNSUBSCRIBE, Fields, Malformed
from quotelife.rfq.status_requests import StatusRequests
from quotelife.rfq.subscriptions import Subscription, Subscriptions
from quotelife.rfq.withdrawal import Watchlist
from quotelife.runtime.clock import NS_PER_MS, mono_ns

ALL_QUOTES = "4"  # QuoteCancelType (298)


class RfqHandler:
    """Answers R, AJ, D, a and Z. `lock` is held by whoever uses it; `sessions` are found by the client's
    SenderCompID. `symbols` are those of the board's rows."""

    def __init__(
        self,
        quoter: Quoter,
        clients: dict[str, ClientState],
        symbols: Sequence[str],
        metrics: QuotingMetrics,
        journal: Writer | None,
        started_wall_ns: int,
        parameters_hash: str,
        hits: Hits,
        withdrawal: Withdrawal,
        streaming: Streaming,
        ledger: Ledger | None = None,
        history: HistoryReader | None = None,
    ) -> None:
        self.lock = threading.Lock()
        self.quoter = quoter
        self.open_quotes = OpenQuotes(len(symbols))
        self.metrics = metrics
        self.sessions = {name: Session(name, state, n) for n, (name, state) in enumerate(clients.items(), 1)}
        self.started_ms = started_wall_ns // NS_PER_MS
        self.records = RecordWriter(journal, parameters_hash)
        self.watchlist = Watchlist(quoter, withdrawal)
        self._ids = count(1)
        self.issuer = QuoteIssuer(quoter, self.open_quotes, self.records, self._quote_id)
        self.subscriptions = Subscriptions(self.issuer, self.watchlist, streaming)
        responder = quote_response.HitDecider(self.open_quotes, quoter, self._exec_id, round(hits.grace_ms * NS_PER_MS))
        self.hits = HitHandler(responder, self.open_quotes, ledger, list(symbols), self.lock)
        self.status_requests = StatusRequests(self.open_quotes, quoter, history)
        self.bookkeeping = Bookkeeping(metrics, self.records, quoter, self.sessions)
        self.stopping = False  # no new quotes
        self._controls_generation = -1  # generation of the controls
        self._cancels: list[tuple[str, str]] = []  # sessions, and what is to be sent to them

    @property
    def started_ms(self) -> int:
        """What QuoteIDs and ExecIDs begin with, so that those of one start never meet those of another."""
        return int(self._prefix, 16)

    @started_ms.setter
    def started_ms(self, value: int) -> None:
        self._prefix = f"{value:x}"

    def use(self, active: ActiveParameters) -> None:
        """Decide with these parameters from the next message on; what was decided keeps the hash it has."""
        with self.lock:
            self.quoter.table = active.table
            self.records.use(active.hash)
            self.metrics.decides_with(active.generation)

    def _quote_id(self) -> str:
        return f"Q{self._prefix}-{next(self._ids)}"

    def _exec_id(self) -> str:
        return f"E{self._prefix}-{next(self._ids)}"

    # --- messages

    def receive(self, text: str, wall_ns: int, mono_now_ns: int) -> Outcome | None:
        """Answer a message; None if it is of a type that is not read here. Raises nothing that a message can cause."""
        if self.quoter.controls.generation != self._controls_generation:
            self.apply_controls(wall_ns, mono_now_ns)
        outcome = Outcome(mono_now_ns, wall_ns)
        garbled = not text.isascii() and quote_request.is_garbled(text)
        if garbled:
            text = quote_request.legible(text)
        fields = quote_request.read_fields(text)
        whole: dict[str, str] = dict(fields)  # type: ignore[arg-type]
        msg_type, name = whole["35"], whole["49"]
        session = self.sessions.get(name)
        if session is None:
            session = self.sessions[name] = Session(name, None)
        outcome.client, outcome.session = session.client, session.number
        if msg_type == "R":
            try:
                if garbled:
                    self._refuse(outcome, fields, refusal.MALFORMED, "the request has bytes that are not UTF-8")
                elif self.stopping:
                    self._refuse(outcome, fields, refusal.CLOSED, "the service is stopping")
                elif "263" in whole:
                    self._on_subscription(session, text, fields, whole, outcome)
                else:
                    self.issuer.on_request(session, digest(text), fields, whole, outcome)
            except BaseException:  # whatever it is: the client is owed an answer, and the process must not end
                self.issuer.fail(outcome, fields)
        elif msg_type in ("AJ", "D"):
            self._on_response(session, text, quote_response.parse(msg_type, whole), outcome)
        elif msg_type == "a":
            self.status_requests.on_request(session.name, whole, outcome)
        elif msg_type == "Z":
            self._on_cancel(session, fields, whole, outcome)
        else:
            return None
        outcome.decided_ns = mono_ns()
        return outcome

    def store(self, outcome: Outcome) -> None:
        """Complete an answer that `waits`: what needs the disk. Without the lock, before anything is sent."""
        if outcome.pending_hit is not None:
            took_ns = self.hits.store(outcome.pending_hit)
            if took_ns:
                self.metrics.on_disk(took_ns)
            outcome.messages = outcome.pending_hit.texts
        elif outcome.status_request is not None:
            outcome.messages = [self.status_requests.look_up(outcome.status_request, outcome.wall_ns)]

    def mark_sent(self, outcome: Outcome) -> None:
        """The engine has taken all messages of the answer."""
        if outcome.pending_hit is not None and outcome.pending_hit.durable:
            self.hits.mark_sent(outcome.pending_hit.key)

    def apply(self, outcome: Outcome, sent_ns: int) -> None:
        """Record an answer that has left: metrics, journal, and quotes that ran out meanwhile."""
        for decision in outcome.decisions:
            quote = decision.quote
            if quote is not None:
                self.open_quotes.schedule_expiry(quote)
                if quote.state == OPEN:
                    self.watchlist.add(quote)
        self.bookkeeping.answered(outcome, sent_ns)
        if outcome.pending_hit is not None:
            self._apply_hit(outcome, outcome.pending_hit)
        self.expire(sent_ns)

    def _apply_hit(self, outcome: Outcome, pending_hit: PendingHit) -> None:
        self.hits.apply(pending_hit)
        verdict = pending_hit.verdict
        if verdict is None:  # it was answered before
            return
        if verdict.quote is not None and verdict.quote.state in (FILLED, PASSED):
            self.subscriptions.ended(verdict.quote, outcome.received_ns)
        self.bookkeeping.dealt(outcome, verdict)

    def _on_response(self, session: Session, text: str, response: quote_response.Response, outcome: Outcome) -> None:
        try:
            pending_hit = self.hits.receive(response, session.name, digest(text), outcome.wall_ns, outcome.received_ns)
        except BaseException:  # as with requests
            traceback.print_exc(file=sys.stderr)
            pending_hit = self.hits.fail(response, session.name, outcome.wall_ns)
        outcome.pending_hit, outcome.messages, outcome.waits = pending_hit, pending_hit.texts, True
        self.bookkeeping.passed(outcome, pending_hit)

    def _on_subscription(
        self, session: Session, text: str, fields: Fields, whole: dict[str, str], outcome: Outcome
    ) -> None:
        kind, request_id = whole["263"], whole.get("131", "")
        if kind == UNSUBSCRIBE:
            subscriptions = self.subscriptions.of(session.name, request_id)
            for subscription in subscriptions:
                self.subscriptions.end(subscription)
                outcome.messages.append(self.status_requests.state(subscription.quote, outcome))
            if not subscriptions:
                self._refuse(outcome, fields, refusal.MALFORMED, f"no subscription has QuoteReqID (131) {request_id}")
            return
        if kind == SUBSCRIBE and self.subscriptions.full(session.name):
            self._refuse(outcome, fields, refusal.RATE_LIMITED, "no more subscriptions for this session")
            return
        content = digest(text)
        asked = self.issuer.on_request(session, content, fields, whole, outcome)
        if kind == SUBSCRIBE and asked is not None:
            given = [(d.related, d.quote) for d in outcome.decisions if d.related is not None and d.quote is not None]
            self.subscriptions.start(session, asked, given, content)

    def _refuse(self, outcome: Outcome, fields: Fields, reason: RefusalReason, text: str) -> None:
        known = Malformed(text, fields)
        self.issuer.refuse(outcome, known.quote_req_id, known.symbols, reason, text)

    def _on_cancel(self, session: Session, fields: Fields, whole: dict[str, str], outcome: Outcome) -> None:
        """QuoteCancel by the client: of one quote, of those for some symbols, or (298=4) of all that it has."""
        quote_id, kind = whole.get("117", ""), whole.get("298", "")
        quote = self.open_quotes.find(quote_id)
        symbols = [value for tag, value in fields if tag == "55"]
        if kind != ALL_QUOTES and quote is not None and quote.session == session.name:
            self._cancel([quote], outcome)
            outcome.messages.append(self.status_requests.state(quote, outcome))
        elif kind == ALL_QUOTES or (symbols and quote_id in ("", "*")):
            wanted = [] if kind == ALL_QUOTES else symbols
            quotes = [q for q in self.open_quotes.open_of(session.name) if not wanted or q.decision.symbol in wanted]
            self._cancel(quotes, outcome)
            outcome.messages.append(quote_status.all_cancelled(quote_id, wanted, len(quotes), outcome.wall_ns))
        else:
            outcome.messages.append(quote_status.not_found(quote_id, whole.get("55", ""), outcome.wall_ns))

    def _cancel(self, quotes: list[OpenQuote], outcome: Outcome) -> None:
        for quote in quotes:
            if quote.live(outcome.received_ns):
                self.end(quote, CANCELLED, "cancelled_by_client", outcome.wall_ns, outcome.received_ns)

    # --- ends

    def on_logon(self, name: str) -> None:
        """A session is there."""
        self.sessions[name].up = True
        self.metrics.on_logon(name)

    def on_logout(self, name: str, reason: str, wall_ns: int, mono_now_ns: int) -> None:
        """A session is gone, and with it its open quotes; `reason` is one of CANCEL_REASONS."""
        self.sessions[name].up = False
        self.metrics.on_logout(name)
        self.subscriptions.end_session(name)
        for quote in self.open_quotes.open_of(name):
            self.end(quote, VOIDED, reason, wall_ns, mono_now_ns)

    def end(self, quote: OpenQuote, state: int, reason: str, wall_ns: int, mono_now_ns: int) -> None:
        """End an open quote before its time; `reason` is one of CANCEL_REASONS."""
        quote.end(state, mono_now_ns)
        self.bookkeeping.cancelled(quote, reason, wall_ns, mono_now_ns)
        self.subscriptions.ended(quote, mono_now_ns)

    def apply_controls(self, wall_ns: int, mono_now_ns: int) -> None:
        """Withdraw what the desk has stopped or closed, as of now; `drain_cancels` has the messages."""
        self._controls_generation = self.quoter.controls.generation
        quoter = self.quoter
        stopped = [q for q in self._open(mono_now_ns) if quoter.is_stopped(q.decision, q.client)]
        self._withdraw(stopped, "stopped_by_desk", wall_ns, mono_now_ns)

    def stop_quoting(self) -> None:
        """Give no new quotes; subscriptions are over. Hits on open quotes are still answered."""
        self.stopping = True
        for name in self.sessions:
            self.subscriptions.end_session(name)

    def withdraw_all(self, wall_ns: int, mono_now_ns: int) -> None:
        """Withdraw what is open because the service stops; `drain_cancels` has the messages."""
        self._withdraw(self._open(mono_now_ns), "stopped", wall_ns, mono_now_ns)

    def any_open(self, mono_now_ns: int) -> bool:
        """Whether a quote can still be hit."""
        return bool(self._open(mono_now_ns))

    def _open(self, mono_now_ns: int) -> list[OpenQuote]:
        return [q for name in self.sessions for q in self.open_quotes.open_of(name) if q.live(mono_now_ns)]

    def _withdraw(self, quotes: list[OpenQuote], reason: str, wall_ns: int, mono_now_ns: int) -> None:
        for quote in quotes:
            self._unwatch(quote)
            self.end(quote, WITHDRAWN, reason, wall_ns, mono_now_ns)
            if self.sessions[quote.session].up:
                self._cancels.append((quote.session, self._cancel_text(quote, reason)))

    def drain_cancels(self, wall_ns: int, mono_now_ns: int) -> list[tuple[str, str]]:
        """Follow the desk's newest orders; the sessions and what is to be sent to them."""
        if self.quoter.controls.generation != self._controls_generation:
            self.apply_controls(wall_ns, mono_now_ns)
        cancels, self._cancels = self._cancels, []
        return cancels

    def on_timer(self, slot: int, wall_ns: int, mono_now_ns: int) -> tuple[str, str] | None:
        """A slot of the watchlist has come up: the session and what is to be sent to it, if anything is.

        The times are taken under the lock: a hit that was received before them counts before a withdrawal.
        """
        entry = self.watchlist.entries.get(slot)
        if isinstance(entry, Subscription):
            quote = self.subscriptions.due(entry, wall_ns, mono_now_ns)
            if quote is None:
                return None
            self.metrics.quoted(quote.decision)
            self.open_quotes.schedule_expiry(quote)
            self.watchlist.add(quote)
            return quote.session, quote.message
        if isinstance(entry, OpenQuote):
            return self._reconsider(entry, wall_ns, mono_now_ns)
        return None

    def _reconsider(self, quote: OpenQuote, wall_ns: int, mono_now_ns: int) -> tuple[str, str] | None:
        """Withdraw a quote if its risk is too high as of now."""
        if quote.state != OPEN:
            self._unwatch(quote)
            return None
        if not quote.live(mono_now_ns):
            return None
        risk = self.watchlist.risk(quote.slot, mono_now_ns)
        if risk <= self.watchlist.tolerance(quote):
            return None
        self._unwatch(quote)
        reason = "no_market" if risk >= UNSEEN else "market_moved"
        self.end(quote, WITHDRAWN, reason, wall_ns, mono_now_ns)
        if not self.sessions[quote.session].up:
            return None
        return quote.session, self._cancel_text(quote, reason)

    def _cancel_text(self, quote: OpenQuote, reason: str) -> str:
        told = reason if quote.client.client.disclose else ""
        return message.quote_cancel(quote.quote_id, quote.quote_req_id, quote.decision.symbol, told)

    def _unwatch(self, quote: OpenQuote) -> None:
        if quote.slot >= 0:
            self.watchlist.drop(quote.slot)
            quote.slot = -1

    def expire(self, now_ns: int) -> None:
        """End a few of the quotes whose time has passed, and forget a few that ended long ago."""
        for quote in self.open_quotes.expire(now_ns):
            self._unwatch(quote)
            if quote.state == EXPIRED:
                self.metrics.expired(quote.decision.model)
        for quote in self.open_quotes.evict(now_ns):
            self.issuer.evict(quote)
