"""Handles what clients send about quotes, without an engine: message text and times in, messages and events out.

    receive   decides; a quote is in the journal before it is sent                              under `lock`
    store     writes the answer to a hit to disk, see `quotelife.rfq.hit_handler`               without it
    (the messages of the outcome are sent)
    apply     counters, watchlist and the rest of the journal, once the messages have left      under `lock`
    complete  the same for a plain request, which `plain` has answered, see `quotelife.rfq.plain.answerer`
    on_found  withdraws quotes that are not worth keeping, renews a subscribed quote            under `lock`

Every application message of a client is answered here, whatever is wrong with it.
"""

import threading
from collections.abc import Sequence

from quotelife.config.sections import Hits, Streaming, Withdrawal
from quotelife.config.versions.succession import numbered_sessions
from quotelife.decision import refusal
from quotelife.decision.client_state import ClientState
from quotelife.decision.quoter import Quoter
from quotelife.decision.refusal import RefusalReason
from quotelife.decision.settings import DecisionSettings
from quotelife.journal.record_writer import RecordWriter
from quotelife.journal.ring import Writer
from quotelife.ledger.history import HistoryReader
from quotelife.ledger.quote_state import CANCELLED, OPEN, PASSED, VOIDED, WITHDRAWN, QuoteState
from quotelife.ledger.store import Ledger
from quotelife.logs import LogEvent, event_logger
from quotelife.parameters.region import ActiveParameters
from quotelife.rfq import messages, quote_request, quote_response, quote_status
from quotelife.rfq.delivery.client_rejects import REJECT_TYPES, ClientRejects
from quotelife.rfq.delivery.deliveries import Deliveries
from quotelife.rfq.delivery.drop_copies import DropCopies
from quotelife.rfq.field_policies.lookup import missing_text, refusal_text
from quotelife.rfq.field_policies.policy import CANCEL
from quotelife.rfq.hit_handler import HitHandler
from quotelife.rfq.message_ids import MessageIds
from quotelife.rfq.metrics import QuotingMetrics
from quotelife.rfq.monitor import MARKET_MOVED
from quotelife.rfq.open_quotes import OpenQuote, OpenQuotes
from quotelife.rfq.outcome import EventLog, Outcome, QuoteEnded, QuotePassed, Session
from quotelife.rfq.plain.answerer import PlainAnswerer
from quotelife.rfq.plain.handler_state import HandlerState
from quotelife.rfq.plain.session import PlainSession
from quotelife.rfq.positions.hedges import HedgeReport, Hedges, is_hedge
from quotelife.rfq.positions.keeper import PositionKeeper
from quotelife.rfq.quote_issuer import QuoteIssuer
from quotelife.rfq.quote_request import SUBSCRIBE, UNSUBSCRIBE, Fields, Malformed
from quotelife.rfq.quote_status import StatusRequests
from quotelife.rfq.subscriptions import Subscription, Subscriptions
from quotelife.rfq.withdrawal import Watchlist
from quotelife.runtime.clock import NS_PER_MS, mono_ns

logger = event_logger(__name__)
ALL_QUOTES = "4"  # QuoteCancelType (298)


def grace_ns(hits: Hits) -> int:
    return round(hits.grace_ms * NS_PER_MS)


class RfqHandler:
    """Answers R, AJ, D, a and Z. The caller holds `lock` where said above. `sessions` by the client's SenderCompID;
    `symbols` are those of the board's rows."""

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
        self.metrics = metrics
        numbered = enumerate(numbered_sessions(quoter.config), 1)
        self.sessions = {name: Session(name, clients.get(name), number) for number, name in numbered}
        self.state, self.ids = HandlerState(), MessageIds(started_wall_ns // NS_PER_MS)
        self.open_quotes = OpenQuotes(quoter.exposure)
        self.journal = RecordWriter(journal, parameters_hash)
        self.watchlist = Watchlist(quoter, withdrawal)
        self.event_log = EventLog(self.journal, metrics, self.open_quotes, self.watchlist, quoter)
        self.issuer = QuoteIssuer(quoter, self.open_quotes, self.event_log, self.ids.quote_id)
        self.subscriptions = Subscriptions(self.issuer, self.watchlist, streaming)
        self._decider = quote_response.HitDecider(
            self.open_quotes, quoter, self.issuer.terms, self.ids.exec_id, grace_ns(hits)
        )
        self.deliveries, self.client_rejects = Deliveries(ledger), ClientRejects(ledger)
        copies = DropCopies(quoter.config.client)
        self.hits = HitHandler(self._decider, self.open_quotes, ledger, list(symbols), self.lock, copies)
        self.positions = PositionKeeper(quoter.config, ledger, quoter.exposure, self.lock)
        self.hedges = Hedges(self.positions, metrics.count_hedge)
        self.status_requests = StatusRequests(self.open_quotes, quoter, history)
        self.plain = PlainAnswerer(
            quoter, self.state, self.ids, self.issuer, self.journal, self.open_quotes, self.event_log, metrics
        )
        self.plain.configure(self.sessions.values())
        self._withdrawals: list[Outcome] = []  # not yet drained

    def apply_parameters(self, active: ActiveParameters) -> None:
        """Decide with these parameters from the next message on."""
        with self.lock:
            self.quoter.table = active.table
            self.journal.set_parameters(active.hash)
            self.metrics.set_parameters_generation(active.generation)

    def configure(
        self, settings: DecisionSettings, clients: dict[str, ClientState], wall_ns: int, mono_now_ns: int
    ) -> None:
        """Work by another version of the configuration from the next message on. `clients` by session. Open quotes
        stay, but those of sessions that it does not have: they are withdrawn, for `drain_cancels`. `positions` are the
        caller's to configure, last."""
        config = settings.config
        for name in self.sessions.keys() - clients.keys():
            self.subscriptions.end_session(name)
            live = [quote for quote in self.open_quotes.of_session(name) if quote.is_live(mono_now_ns)]
            self._withdrawals += [self._withdraw(quote, "stopped_by_desk", wall_ns, mono_now_ns) for quote in live]
        self.quoter.configure(settings)
        self._decider.grace_ns = grace_ns(config.hits)
        self.watchlist.configure(config.withdrawal)
        self.subscriptions.configure(config.streaming)
        self.hits.copies = DropCopies(config.client)
        for number, name in enumerate(numbered_sessions(config), 1):
            session = self.sessions.setdefault(name, Session(name, None, number))
            session.configure(clients.get(name), number)
        self.state.controls_generation = -1
        self.plain.configure(self.sessions.values())

    # --- messages

    def receive(self, text: str, wall_ns: int, mono_now_ns: int) -> Outcome | None:
        """Answer a message; None if its type is not supported. No message can make it raise."""
        if self.quoter.controls.generation != self.state.controls_generation:
            self.apply_controls(wall_ns, mono_now_ns)
        is_invalid = not text.isascii() and quote_request.has_invalid_bytes(text)
        if is_invalid:
            text = quote_request.replace_invalid_bytes(text)
        fields = quote_request.read_fields(text)
        by_tag: dict[str, str] = dict(fields)  # type: ignore[arg-type]
        msg_type, name = by_tag["35"], by_tag["49"]
        session = self.sessions.get(name)
        if session is None:
            session = self.sessions[name] = Session(name, None)
        outcome = Outcome(mono_now_ns, wall_ns, session)
        if session.role != "quotes":
            return self._on_report(msg_type, by_tag, outcome)
        if msg_type == "R":
            try:
                if is_invalid:
                    self._reject(outcome, fields, refusal.MALFORMED, "the request has bytes that are not UTF-8")
                elif self.state.stopping:
                    self._reject(outcome, fields, refusal.CLOSED, "the service is stopping")
                elif "263" in by_tag:
                    self._on_subscription(text, fields, by_tag, outcome)
                else:
                    self.issuer.on_request(quote_request.digest(text), fields, by_tag, outcome)
            except BaseException:  # the client must get an answer, and the process must not end
                self.issuer.fail(outcome, fields)
        elif msg_type in ("AJ", "D"):
            self._on_response(text, quote_response.parse(msg_type, by_tag, fields), outcome)
        elif msg_type == "a":
            self.status_requests.on_request(by_tag, outcome)
        elif msg_type == "Z":
            self._on_cancel(fields, by_tag, outcome)
        elif msg_type in REJECT_TYPES:
            outcome.rejected, outcome.waits = by_tag, True
        else:
            return None
        outcome.decided_ns = mono_ns()
        return outcome

    def store(self, outcome: Outcome) -> None:
        """Do the disk read or write that an outcome which `waits` needs. Without the lock, before anything is sent."""
        pending_hit = outcome.pending_hit
        if pending_hit is not None:
            took_ns = self.hits.store(pending_hit)
            if took_ns:
                self.metrics.observe_ledger_write(took_ns)
            outcome.messages = pending_hit.messages
            if pending_hit.decision is not None:
                outcome.events.append(pending_hit.decision)
        elif outcome.hedge is not None:
            outcome.messages = self.hedges.book(outcome.hedge, outcome.wall_ns)
        elif outcome.rejected is not None:
            outcome.events.append(self.client_rejects.match(outcome.session.name, outcome.rejected))
        elif outcome.status_lookup is not None:
            outcome.messages = [self.status_requests.look_up(outcome.status_lookup, outcome.wall_ns)]

    def complete(self, answered: PlainSession, sent_ns: int) -> None:
        """A Quote of `plain` has left, or could not be sent: what `apply` does for an outcome."""
        self.plain.complete(answered, sent_ns)
        self.expire(sent_ns)

    def apply(self, outcome: Outcome, sent_ns: int) -> None:
        """The messages of an outcome have left: apply its events, and expire quotes whose time has passed."""
        self.event_log.apply(outcome, sent_ns)
        pending_hit = outcome.pending_hit
        if pending_hit is not None and pending_hit.decision is not None:
            decision = pending_hit.decision
            self.hits.apply(pending_hit, decision)
            if decision.fill is not None and decision.quote is not None:
                self.subscriptions.on_quote_ended(decision.quote, outcome.received_ns)
        self.expire(sent_ns)

    def mark_sent(self, outcome: Outcome) -> None:
        """The engine has accepted all messages of the outcome."""
        if outcome.pending_hit is not None and outcome.pending_hit.is_durable:
            self.deliveries.on_sent(outcome.pending_hit.key, outcome.messages)

    def _on_report(self, msg_type: str, by_tag: dict[str, str], outcome: Outcome) -> Outcome | None:
        """A report of the desk's own trading or a Reject: sessions that ask for no quotes may send nothing else."""
        outcome.waits = True
        if outcome.session.role == "hedge" and is_hedge(msg_type, by_tag["8"]):
            outcome.hedge = HedgeReport(msg_type, by_tag, outcome.session.name)
        elif msg_type in REJECT_TYPES:
            outcome.rejected = by_tag
        else:
            return None
        return outcome

    def _on_response(self, text: str, response: quote_response.Response, outcome: Outcome) -> None:
        session = outcome.session.name
        try:
            digest = quote_request.digest(text)
            pending_hit = self.hits.receive(response, session, digest, outcome.wall_ns, outcome.received_ns)
        except BaseException:  # as with requests
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while handling a hit")
            pending_hit = self.hits.fail(response, session, outcome.wall_ns)
        outcome.pending_hit, outcome.waits = pending_hit, True
        decision = pending_hit.decision
        if decision is not None and decision.ending is not None and decision.quote is not None:
            decision.quote.end(PASSED, outcome.received_ns)
            self.event_log.emit(outcome, QuotePassed(decision.quote, decision.ending, response.id))
            self.subscriptions.on_quote_ended(decision.quote, outcome.received_ns)

    def _on_subscription(self, text: str, fields: Fields, by_tag: dict[str, str], outcome: Outcome) -> None:
        kind, quote_req_id, session = by_tag["263"], by_tag.get("131", ""), outcome.session.name
        if kind == UNSUBSCRIBE:
            subscriptions = self.subscriptions.of_request(session, quote_req_id)
            for subscription in subscriptions:
                self.subscriptions.end(subscription)
                self._cancel([subscription.quote], outcome)
                outcome.messages.append(self.status_requests.report(subscription.quote, outcome))
            if not subscriptions:
                text = f"no subscription has QuoteReqID (131) {quote_req_id}"
                self._reject(outcome, fields, refusal.MALFORMED, text)
            return
        if kind == SUBSCRIBE and self.subscriptions.is_full(session):
            self._reject(outcome, fields, refusal.RATE_LIMITED, "no more subscriptions for this session")
            return
        digest = quote_request.digest(text)
        request = self.issuer.on_request(digest, fields, by_tag, outcome)
        if kind == SUBSCRIBE and request is not None:
            self.subscriptions.start(request, digest, outcome)

    def _reject(self, outcome: Outcome, fields: Fields, reason: RefusalReason, text: str) -> None:
        known = Malformed(text, fields)
        self.issuer.reject(outcome, known.quote_req_id, known.symbols, reason, text)

    def _on_cancel(self, fields: Fields, by_tag: dict[str, str], outcome: Outcome) -> None:
        """QuoteCancel by the client: of one quote, of those for some symbols, or (298=4) of all its session's."""
        session = outcome.session.name
        quote_id, kind = by_tag.get("117", ""), by_tag.get("298", "")
        quote = self.open_quotes.find(quote_id)
        symbols = [value for tag, value in fields if tag == "55"]
        is_named = quote is not None and quote.session == session
        wrong = missing_text(CANCEL, by_tag)
        if not wrong:
            wrong = refusal_text(CANCEL, {"298": kind}) if is_named else refusal_text(CANCEL, by_tag, fields)
        if wrong:
            symbol = symbols[0] if symbols else ""
            outcome.messages.append(quote_status.rejected(quote_id, symbol, wrong, outcome.wall_ns))
        elif kind != ALL_QUOTES and quote is not None and quote.session == session:
            self._cancel([quote], outcome)
            outcome.messages.append(self.status_requests.report(quote, outcome))
        elif kind == ALL_QUOTES or (symbols and quote_id in ("", "*")):
            wanted = [] if kind == ALL_QUOTES else symbols
            quotes = [q for q in self.open_quotes.of_session(session) if not wanted or q.decision.symbol in wanted]
            self._cancel(quotes, outcome)
            outcome.messages.append(quote_status.all_cancelled(quote_id, wanted, len(quotes), outcome.wall_ns))
        else:
            outcome.messages.append(quote_status.not_found(quote_id, by_tag.get("55", ""), outcome.wall_ns))

    def _cancel(self, quotes: list[OpenQuote], outcome: Outcome) -> None:
        for quote in quotes:
            if quote.is_live(outcome.received_ns):
                self._end(quote, CANCELLED, "cancelled_by_client", outcome)

    # --- ends

    def on_logon(self, name: str) -> None:
        """A session has logged on."""
        self.sessions[name].is_logged_on = True
        self.metrics.on_logon(name)

    def on_logout(self, name: str, reason: str, wall_ns: int, mono_now_ns: int) -> None:
        """A session has logged out or was disconnected: end its quotes for `reason`, one of CANCEL_REASONS."""
        session = self.sessions[name]
        session.is_logged_on = False
        self.metrics.on_logout(name)
        self.subscriptions.end_session(name)
        outcome = Outcome(mono_now_ns, wall_ns, session)
        for quote in self.open_quotes.of_session(name):
            self._end(quote, VOIDED, reason, outcome)
        self.event_log.apply(outcome, mono_now_ns)

    def stop_quoting(self) -> None:
        """Issue no new quotes and end all subscriptions. Hits on open quotes are still answered."""
        self.state.stopping = True
        for name in self.sessions:
            self.subscriptions.end_session(name)

    def apply_controls(self, wall_ns: int, mono_now_ns: int) -> None:
        """Withdraw the quotes that the desk's newest controls stop or close; for `drain_cancels`."""
        self.state.controls_generation = self.quoter.controls.generation
        is_stopped = self.quoter.is_stopped
        stopped = [q for q in self._live_quotes(mono_now_ns) if is_stopped(q.decision, q.client)]
        self._withdrawals += [self._withdraw(q, "stopped_by_desk", wall_ns, mono_now_ns) for q in stopped]

    def withdraw_all(self, wall_ns: int, mono_now_ns: int) -> None:
        """Withdraw all open quotes because the service stops; for `drain_cancels`."""
        live = self._live_quotes(mono_now_ns)
        self._withdrawals += [self._withdraw(quote, "stopped", wall_ns, mono_now_ns) for quote in live]

    def drain_cancels(self, wall_ns: int, mono_now_ns: int) -> list[Outcome]:
        """Apply new controls; returns the withdrawals since the last call, which are to be sent."""
        if self.quoter.controls.generation != self.state.controls_generation:
            self.apply_controls(wall_ns, mono_now_ns)
        withdrawals, self._withdrawals = self._withdrawals, []
        return withdrawals

    def any_open(self, mono_now_ns: int) -> bool:
        """Whether a quote can still be hit."""
        return bool(self._live_quotes(mono_now_ns))

    def _live_quotes(self, mono_now_ns: int) -> list[OpenQuote]:
        return [q for name in self.sessions for q in self.open_quotes.of_session(name) if q.is_live(mono_now_ns)]

    def on_found(self, found: Sequence[Sequence[int]], wall_ns: int, mono_now_ns: int) -> list[Outcome]:
        """The monitor has found entries of the watchlist (`quotelife.rfq.monitor`); returns what follows.

        The times are read under the lock: a hit that was received before them comes before a withdrawal.
        """
        outcomes, watchlist = [], self.watchlist
        for slot, entered, reason in found:
            entry = watchlist.find(slot, entered)
            if isinstance(entry, OpenQuote):
                if entry.state != OPEN:
                    self.event_log.stop_monitoring(entry)
                elif entry.is_live(mono_now_ns):
                    changed_ns = watchlist.board_change_ns(slot)
                    if reason == MARKET_MOVED and changed_ns:
                        entry.board_change_ns = max(changed_ns, entry.issued_ns)
                    name = "market_moved" if reason == MARKET_MOVED else "no_market"
                    outcomes.append(self._withdraw(entry, name, wall_ns, mono_now_ns))
            elif isinstance(entry, Subscription):
                outcome = Outcome(mono_now_ns, wall_ns, entry.session)
                self.subscriptions.renew(entry, outcome)
                if outcome.events:
                    outcomes.append(outcome)
        return outcomes

    def _withdraw(self, quote: OpenQuote, reason: str, wall_ns: int, mono_now_ns: int) -> Outcome:
        session = self.sessions[quote.session]
        outcome = Outcome(mono_now_ns, wall_ns, session)
        self._end(quote, WITHDRAWN, reason, outcome)
        if session.is_logged_on:
            shown = reason if quote.client.client.disclose else ""
            cancel = messages.quote_cancel(quote.quote_id, quote.quote_req_id, quote.decision.symbol, shown)
            outcome.messages.append(cancel)
        return outcome

    def _end(self, quote: OpenQuote, state: QuoteState, reason: str, outcome: Outcome) -> None:
        """End an open quote before its ValidUntilTime; `reason` is one of CANCEL_REASONS."""
        quote.end(state, outcome.received_ns)
        self.event_log.emit(outcome, QuoteEnded(quote, reason))
        self.subscriptions.on_quote_ended(quote, outcome.received_ns)

    def expire(self, now_ns: int) -> bool:
        """Expire a few of the quotes whose time has passed, and evict a few that ended long ago. False if there were
        none left."""
        expired = self.open_quotes.expire(now_ns)
        for quote in expired:
            self.event_log.expired(quote)
        evicted = self.open_quotes.evict(now_ns)
        for quote in evicted:
            self.issuer.evict(quote)
        return bool(expired or evicted)
