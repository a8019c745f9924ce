"""The engine's callbacks.

Engine defect: SocketAcceptor queues without limit for a client that does not read, and delays the others. So each
session has a thread of its own (ThreadedSocketAcceptor); such a client blocks its own thread in send and nothing else.
Engine defect: an exception that leaves a callback ends the process. So every callback catches all of them; but
`onCreate`, which runs at the start, where an exception is meant to end it.
A message is valid within its callback only.

One thread at a time uses the handler; its lock is held while deciding, but not during disk writes or sends. Nothing
here may be called with that lock held, since the engine has locks of its own.

The engine does not listen; it gets connections whose Logon has been checked, see `common/gateway.py` and
`socket_injector.py`.
"""

import threading
from collections.abc import Callable, Collection
from contextlib import nullcontext
from pathlib import Path

from quotelife.acceptor.common.delivery import deliver, deliver_all
from quotelife.acceptor.common.stored_types import is_stored
from quotelife.acceptor.quickfix import session_messages
from quotelife.acceptor.quickfix.engine import fix
from quotelife.acceptor.quickfix.engine_session import EngineSession
from quotelife.acceptor.quickfix.resend_persistence import ResendPersistence
from quotelife.acceptor.quickfix.stored_messages import stored_message
from quotelife.acceptor.quickfix.thread_states import ThreadStateRetainer
from quotelife.fix.tags import (
    BUSINESS_MESSAGE_REJECT,
    HEARTBEAT,
    LOGON,
    REJECT,
    RESEND_REQUEST,
    SEQUENCE_RESET,
    MsgSeqNum,
    MsgType,
    TestReqID,
)
from quotelife.fix.versions import Version
from quotelife.ledger.store import Key
from quotelife.logs import LogEvent, event_logger
from quotelife.rfq import messages
from quotelife.rfq.delivery.client_rejects import RecentlySent
from quotelife.rfq.delivery.drop_copies import CopySender
from quotelife.rfq.handler import RfqHandler
from quotelife.rfq.outcome import Outcome
from quotelife.rfq.plain.session import PlainSession
from quotelife.runtime.clock import mono_ns, wall_ns

logger = event_logger(__name__)
_VERSION_CHARS = 9  # leading characters of a message that identify its FIX version
_NEVER_RESENT = frozenset(("S", "AG", "AI", "Z", "b"))  # prices and states that are out of date by then


class Application(fix.Application):
    """The engine's callbacks. `dictionaries` by FIX version, the transport dictionary first where there is one;
    `store_folder` is that of the engine's store."""

    def __init__(
        self, handler: RfqHandler, dictionaries: dict[Version, list[fix.DataDictionary]], store_folder: Path
    ) -> None:
        super().__init__()
        self.handler, self._store_folder = handler, store_folder
        handler.client_rejects.find_sent = self.find_sent
        self.stopping = False
        self._sessions: dict[str, fix.SessionID] = {}
        self._dictionaries = {_version_prefix(version): each for version, each in dictionaries.items()}
        self._versions = {v.begin_string: v for v in dictionaries}
        self._sending = threading.local()
        self._thread_states = ThreadStateRetainer()
        self._engine_sessions: dict[int, EngineSession] = {}  # by the session's number
        self.copies = CopySender(self._send_copies)
        self._renumbered: set[str] = set()  # sessions whose numbers started from 1 with their last Logon
        self.can_send: Callable[[str], bool] = lambda session: True

    def fromApp(self, received: fix.Message, session: fix.SessionID) -> None:
        mono, wall = mono_ns(), wall_ns()
        outcome = None
        try:
            handler, text = self.handler, received.toString()
            with handler.lock:
                answered = handler.plain.answer_text(text, wall, mono)
                if answered is None:
                    outcome = handler.receive(text, wall, mono)
            if answered is not None:
                self._deliver_plain(answered)
                return
            if outcome is not None:
                if outcome.waits:
                    handler.store(outcome)
                self._deliver(outcome)
        except BaseException:
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while handling a message")
            return
        if outcome is None:
            raise fix.UnsupportedMessageType

    def _deliver(self, outcome: Outcome) -> None:
        deliver(self.handler, outcome, self._send_messages, self.copies)

    def _deliver_plain(self, answered: PlainSession) -> None:
        """Send the Quote on a plain request; all that can follow it follows it."""
        handler, text = self.handler, answered.text
        try:
            self._send_composed(fix.Message(text, False), text, self._engine_sessions[answered.number], False)
        finally:
            sent_ns = mono_ns()
            with handler.lock:
                handler.complete(answered, sent_ns)

    def _deliver_all(self, outcomes: list[Outcome]) -> None:
        deliver_all(self.handler, outcomes, self._send_messages, self.can_send)

    def _send_messages(self, outcome: Outcome) -> bool:
        """False if one of them was not accepted."""
        engine_session, accepted = self._engine_sessions[outcome.session.number], True
        for message in outcome.messages:
            accepted = self._send(message, engine_session) and accepted
        return accepted

    def compose(self, text: str) -> fix.Message:
        """The engine's message.

        Engine defect: without the dictionary, fields are sorted and the entries of a repeating group fall apart."""
        if messages.has_group(text):
            return fix.Message(text, *self._dictionaries[text[:_VERSION_CHARS]], False)
        return fix.Message(text, False)

    def _send(self, text: str, engine_session: EngineSession) -> bool:
        """Send a message; False if the session is not logged on."""
        outgoing = self.compose(text if engine_session.translate is None else engine_session.translate(text))
        return self._send_composed(outgoing, text, engine_session, is_stored(text))

    def _send_composed(self, outgoing: fix.Message, text: str, engine_session: EngineSession, persist: bool) -> bool:
        self._sending.first_time = engine_session.persistence, persist
        try:
            accepted = bool(engine_session.session.send(outgoing))
        finally:
            self._sending.first_time = None
        if accepted:
            engine_session.recent.add(outgoing, text)
        return accepted

    def toApp(self, outgoing: fix.Message, session: fix.SessionID) -> None:
        first_time = getattr(self._sending, "first_time", None)
        if first_time is not None:
            persistence, persist = first_time
            persistence.set_persist(persist)
            return
        suppress = False
        try:  # not from `_send`, so the engine is resending it, or does not know the type of a client's message
            persistence = self._engine_session(session.getTargetCompID().getString()).persistence
            msg_type = outgoing.getHeader().getField(MsgType)
            if msg_type == BUSINESS_MESSAGE_REJECT:
                persistence.set_persist(False)
                return
            persistence.on_resend_started()
            suppress = msg_type in _NEVER_RESENT
        except BaseException:
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while resending a message")
        if suppress:
            raise fix.DoNotSend

    def onLogon(self, session: fix.SessionID) -> None:
        try:
            self._thread_states.retain()
            name, handler = session.getTargetCompID().getString(), self.handler
            with self.copies.lock(name) if handler.sessions[name].role == "drop_copy" else nullcontext():
                with handler.lock:
                    handler.on_logon(name)
                logger.info(LogEvent.CLIENT_LOGGED_ON, "client %s logged on", name, session=name)
                self._send_answers(name, handler.deliveries.on_logon(name, name in self._renumbered))
        except BaseException:
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while handling a logon")
        finally:
            self._engine_session(session.getTargetCompID().getString()).persistence.on_logged_on()

    def _send_answers(self, name: str, answers: list[tuple[Key, list[str]]]) -> None:
        """Send answers that are in the ledger."""
        for key, texts in answers:
            sent = [self._send(text, self._engine_session(name)) for text in texts]
            if all(sent):
                self.handler.deliveries.on_sent(key, texts)

    def _send_copies(self, name: str) -> None:
        """Send a drop-copy session its new copies; if it is away, it gets them with its next Logon."""
        with self.copies.lock(name):
            if self.handler.sessions[name].is_logged_on and self.can_send(name):
                self._send_answers(name, self.handler.deliveries.new(name))

    def onLogout(self, session: fix.SessionID) -> None:
        """A logout or a disconnect; either ends the session's open quotes."""
        mono, wall = mono_ns(), wall_ns()
        try:
            name, handler = session.getTargetCompID().getString(), self.handler
            with handler.lock:
                handler.on_logout(name, "stopped" if self.stopping else "session_ended", wall, mono)
            logger.info(LogEvent.CLIENT_LOGGED_OUT, "client %s logged out", name, session=name)
            self._thread_states.release()
        except BaseException:
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while handling a logout")

    def onCreate(self, session: fix.SessionID) -> None:
        name = session.getTargetCompID().getString()
        self._sessions[name] = fix.SessionID(
            session.getBeginString().getString(), session.getSenderCompID().getString(), name
        )

    def on_found(self, found: list[list[int]]) -> None:
        """The monitor's thread has found entries of the watchlist."""
        with self.handler.lock:
            outcomes = self.handler.on_found(found, wall_ns(), mono_ns())
        self._deliver_all(outcomes)

    def drain_cancels(self) -> None:
        """Send the withdrawals that new controls or a shutdown have caused; called ten times a second."""
        with self.handler.lock:
            outcomes = self.handler.drain_cancels(wall_ns(), mono_ns())
        self._deliver_all(outcomes)

    def ask_for_confirmations(self) -> None:
        """Ask clients for what they have received, see `quotelife.rfq.delivery`; called ten times a second."""
        for name, test_req_id in self.handler.deliveries.due():
            try:
                if self.handler.sessions[name].is_logged_on and self.can_send(name):
                    self._ask(self._engine_session(name), test_req_id)
            except Exception:  # the other sessions are still asked
                logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while sending to %s", name)

    def _ask(self, engine_session: EngineSession, test_req_id: str) -> None:
        self._sending.first_time = engine_session.persistence, False
        try:
            engine_session.session.send(fix.Message(messages.test_request(test_req_id), False))
        finally:
            self._sending.first_time = None

    def expected_seq_num(self, session: str) -> int:
        """MsgSeqNum expected of the client's next message."""
        return int(self._engine_session(session).session.getExpectedTargetNum())

    def session_is_free(self, session: str) -> bool:
        """Whether the engine has no connection for the session."""
        return not fix.Session.isSessionRegistered(self._sessions[session])

    def enable_logons(self, enabled: bool, sessions: Collection[str]) -> None:
        """Allow sessions to log on, or log them out and forbid it."""
        for name in sessions:
            session = fix.Session.lookupSession(self._sessions[name])
            session.logon() if enabled else session.logout("not configured")

    def forget(self, sessions: Collection[str]) -> None:
        """The engine object of these sessions ends before they were used."""
        for name in sessions:
            self._sessions.pop(name, None)

    def engine_sessions(self) -> set[str]:
        """The names of all sessions that the engine has made, also those of which no client is configured now."""
        return set(self._sessions)

    def add_dictionaries(self, dictionaries: dict[Version, list[fix.DataDictionary]]) -> None:
        """Know the dictionaries of more FIX versions."""
        for version, each in dictionaries.items():
            self._dictionaries.setdefault(_version_prefix(version), each)
            self._versions.setdefault(version.begin_string, version)

    def bind_engine_sessions(self) -> None:
        """Look up the engine's sessions, which live as long as the process, and how each is translated. Those of a
        version that is prepared are not known to the handler yet."""
        for name, session_id in self._sessions.items():
            known = self.handler.sessions.get(name)
            if known is None:
                continue
            bound = self._engine_sessions.get(known.number)
            if bound is None:
                session = fix.Session.lookupSession(session_id)
                bound = EngineSession(session, ResendPersistence(session), RecentlySent(session_messages.seq_num), None)
            version = self._versions[session_id.getBeginString().getString()]
            extensions = known.client is not None and known.client.client.extensions
            self._engine_sessions[known.number] = bound._replace(translate=version.translation(extensions))

    def _engine_session(self, name: str) -> EngineSession:
        return self._engine_sessions[self.handler.sessions[name].number]

    def toAdmin(self, outgoing: fix.Message, session: fix.SessionID) -> None:
        try:
            name = session.getTargetCompID().getString()
            session_messages.sent(outgoing, name, self.handler.metrics)
            persistence = self._engine_session(name).persistence
            if getattr(self._sending, "first_time", None) is None:  # of the engine, from the session's own thread
                persistence.on_resend_started()
                self._note_number(outgoing.getHeader(), name)
            persistence.set_persist(False)
        except BaseException:
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while handling a session message")

    def _note_number(self, header: fix.Header, name: str) -> None:
        """See whether the session's numbers start again with this message, a Logon."""
        if header.getField(MsgType) == LOGON and header.getField(MsgSeqNum) == "1":
            self._renumbered.add(name)
            self._engine_session(name).recent.clear()
        elif header.getField(MsgType) == LOGON:
            self._renumbered.discard(name)

    def find_sent(self, name: str, seq_num: int) -> str | None:
        """What was sent to a session under a MsgSeqNum: of the last messages any, of older ones what is stored."""
        recent = self._engine_session(name).recent.find(seq_num)
        return recent or stored_message(self._store_folder, self._sessions[name].toString(), seq_num)

    def fromAdmin(self, received: fix.Message, session: fix.SessionID) -> None:
        wall = wall_ns()
        if self._is_late_reset(received, session):
            raise fix.IncorrectTagValue(MsgType)
        try:
            name = session.getTargetCompID().getString()
            session_messages.received(received, name, self.handler.metrics, wall)
            kind, persistence = received.getHeader().getField(MsgType), self._engine_session(name).persistence
            if kind == RESEND_REQUEST:
                persistence.on_resend_request()
            elif kind == LOGON:
                persistence.on_logon_received(session_messages.next_expected(received))
            elif kind == REJECT:
                self.fromApp(received, session)
            elif kind == HEARTBEAT and received.isSetField(TestReqID):
                self.handler.deliveries.on_heartbeat(name, received.getField(TestReqID))
        except BaseException:
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while handling a session message")

    def _is_late_reset(self, received: fix.Message, session: fix.SessionID) -> bool:
        """Whether this is a SequenceReset without a Logon.

        Engine defect: what follows a Logout in the same read is still processed. A SequenceReset that the engine would
        reject then ends the process, with an exception that nothing catches."""
        try:
            if received.getHeader().getField(MsgType) != SEQUENCE_RESET:
                return False
            return not self._engine_session(session.getTargetCompID().getString()).session.isLoggedOn()
        except BaseException:
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while handling a session message")
            return True


def _version_prefix(version: Version) -> str:
    return f"8={version.begin_string}\x01"[:_VERSION_CHARS]
