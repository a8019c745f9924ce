"""Sends what the handler answers, and applies what follows; from any thread, and never with the handler's lock held."""

from collections.abc import Callable, Mapping

from quotelife.acceptor.common.delivery import deliver, deliver_all
from quotelife.acceptor.native.client_session import ClientSession
from quotelife.ledger.store import Key
from quotelife.logs import LogEvent, event_logger
from quotelife.rfq.delivery.drop_copies import CopySender
from quotelife.rfq.handler import RfqHandler
from quotelife.rfq.outcome import Outcome
from quotelife.runtime.clock import mono_ns, wall_ns

logger = event_logger(__name__)


class OutcomeSender:
    """`sessions` by name."""

    def __init__(self, handler: RfqHandler, sessions: Mapping[str, ClientSession]) -> None:
        self._handler, self._sessions = handler, sessions
        self.copies = CopySender(self._send_copies)

    def deliver(self, outcome: Outcome) -> None:
        """Send the messages of an outcome, then apply its events."""
        deliver(self._handler, outcome, self._send, self.copies)

    def deliver_withdrawals(self, find: Callable[[int, int], list[Outcome]]) -> None:
        """`find` returns outcomes without hits, at these times."""
        with self._handler.lock:
            outcomes = find(wall_ns(), mono_ns())
        deliver_all(self._handler, outcomes, self._send, lambda name: self._sessions[name].can_send())

    def _send(self, outcome: Outcome) -> bool:
        return self._sessions[outcome.session.name].send_all(outcome.messages)

    def on_logon(self, name: str) -> None:
        """A session has logged on: send it what is in the ledger for it."""
        session = self._sessions[name]
        if self._handler.sessions[name].role != "drop_copy":
            self._log_on(session)
            return
        with self.copies.lock(name):
            self._log_on(session)

    def ask_for_confirmations(self) -> None:
        """Ask clients for what they have received."""
        for name, test_req_id in self._handler.deliveries.due():
            try:
                if self._handler.sessions[name].is_logged_on and self._sessions[name].can_send():
                    self._sessions[name].ask(test_req_id)
            except Exception:  # the other sessions are still asked
                logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while sending to %s", name)

    def _log_on(self, session: ClientSession) -> None:
        with self._handler.lock:
            self._handler.on_logon(session.name)
        logger.info(LogEvent.CLIENT_LOGGED_ON, "client %s logged on", session.name, session=session.name)
        self._send_answers(session, self._handler.deliveries.on_logon(session.name, session.is_renumbered))

    def _send_answers(self, session: ClientSession, answers: list[tuple[Key, list[str]]]) -> None:
        """Send answers that are in the ledger."""
        for key, texts in answers:
            if session.send_all(texts):
                self._handler.deliveries.on_sent(key, texts)

    def _send_copies(self, name: str) -> None:
        """Send a drop-copy session its new copies; if it is away, it gets them with its next Logon."""
        with self.copies.lock(name):
            session = self._sessions[name]
            if self._handler.sessions[name].is_logged_on and session.can_send():
                self._send_answers(session, self._handler.deliveries.new(name))
