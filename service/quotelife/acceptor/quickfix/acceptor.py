"""The FIX engine at work: its callbacks, and the acceptor that listens.

Each session has a thread of the engine's own (ThreadedSocketAcceptor): a client that does not read blocks its own
thread in send and nothing else, while the single-threaded acceptor queues for it without bound and answers others late.
The desk is used by one thread at a time; its lock is held while deciding, not while waiting for the disk or sending.
So nothing here may be called with the lock held: the engine has locks of its own.

The engine does not listen itself: it is given connections whose Logon has been looked at, see `gate` and `handover`.

No exception may leave a callback: the engine would end the process. A message must not be kept beyond its callback.
"""

import sys
import threading
import traceback
from collections.abc import Callable
from typing import NamedTuple

from quotelife.acceptor.common.connections import Connections
from quotelife.acceptor.common.gateway import Gate
from quotelife.acceptor.common.logon_policy import Admission
from quotelife.acceptor.quickfix import session_messages
from quotelife.acceptor.quickfix.engine import fix, prepare
from quotelife.acceptor.quickfix.resend_persistence import Keeping
from quotelife.acceptor.quickfix.socket_injector import Handover
from quotelife.acceptor.quickfix.thread_states import ThreadStates
from quotelife.config import Config, ConfigError, settings_file
from quotelife.config.paths import data_paths, run_paths
from quotelife.fix.tags import RESEND_REQUEST
from quotelife.fix.versions import Version
from quotelife.rfq import messages
from quotelife.rfq.handler import RfqHandler
from quotelife.runtime.clock import mono_ns, wall_ns
from quotelife.runtime.process import unix_path

_START = 9  # characters of a message that tell its version
_KEPT = "\x0135=8\x01"  # in the text of an ExecutionReport
_FORGOTTEN = frozenset(("S", "AG", "AI", "Z", "b"))  # never sent again: what they said of the market is over


class Line(NamedTuple):
    """The way out to one session: the engine's own session, what it keeps of what is sent, and what puts the desk's
    texts into the words of the session's version (None: they are). Looked up once: the engine's `sendToTarget` writes
    the header's names into each message, which it does again later, and searches all sessions under a lock."""

    engine: fix.Session
    keeping: Keeping
    translate: Callable[[str], str] | None


class Application(fix.Application):
    """The engine's callbacks. `dictionaries` are those of each version spoken, the
    session's own first where that is another."""

    def __init__(self, handler: RfqHandler, dictionaries: dict[Version, list[fix.DataDictionary]]) -> None:
        super().__init__()
        self.handler = handler
        self.stopping = False
        self._sessions: dict[str, fix.SessionID] = {}
        self._dictionaries = {_start(version): each for version, each in dictionaries.items()}
        self._translations = {v.begin_string: v.translate for v in dictionaries}
        self._sending = threading.local()
        self._threads = ThreadStates()
        self._lines: dict[int, Line] = {}  # by the session's number
        self.has_room: Callable[[str], bool] = lambda session: True

    def fromApp(self, received: fix.Message, session: fix.SessionID) -> None:
        mono, wall = mono_ns(), wall_ns()
        outcome = None
        try:
            handler, text = self.handler, received.toString()
            with handler.lock:
                outcome = handler.receive(text, wall, mono)
            if outcome is not None:
                if outcome.waits:
                    handler.store(outcome)
                taken, line = True, self._lines[outcome.session]
                for reply in outcome.messages:
                    taken = self._send(reply, line) and taken
                sent = mono_ns()
                with handler.lock:
                    handler.apply(outcome, sent)
                if taken:
                    handler.mark_sent(outcome)
        except BaseException:
            _log("a message")
            return
        if outcome is None:
            raise fix.UnsupportedMessageType

    def compose(self, text: str) -> fix.Message:
        """The engine's message. One with a repeating group needs the dictionary, else its fields are sorted apart."""
        if messages.has_group(text):
            return fix.Message(text, *self._dictionaries[text[:_START]], False)
        return fix.Message(text, False)

    def _send(self, text: str, line: Line) -> bool:
        """Hand a message to the engine; False if the session is not logged on now."""
        kept = _KEPT in text
        if line.translate is not None:
            text = line.translate(text)
        outgoing = self.compose(text)
        self._sending.ours = line.keeping, kept
        try:
            return bool(line.engine.send(outgoing))
        finally:
            self._sending.ours = None

    def toApp(self, outgoing: fix.Message, session: fix.SessionID) -> None:
        ours = getattr(self._sending, "ours", None)
        if ours is not None:
            keeping, kept = ours
            keeping.keep(kept)
            return
        forgotten = False
        try:  # not sent by us just now, so the engine sends it again
            self._line(session.getTargetCompID().getString()).keeping.answering()
            forgotten = outgoing.getHeader().getField(35) in _FORGOTTEN
        except BaseException:
            _log("a message to be sent again")
        if forgotten:
            raise fix.DoNotSend

    def onLogon(self, session: fix.SessionID) -> None:
        try:
            self._threads.keep()
            name, handler = session.getTargetCompID().getString(), self.handler
            with handler.lock:
                handler.on_logon(name)
            print(f"client {name} logged on", file=sys.stderr, flush=True)
            for key, texts in handler.hits.unsent(name):
                taken = [self._send(text, self._line(name)) for text in texts]
                if all(taken):
                    handler.hits.mark_sent(key)
        except BaseException:
            _log("a logon")

    def onLogout(self, session: fix.SessionID) -> None:
        """A logout or disconnect ends the session's open quotes."""
        mono, wall = mono_ns(), wall_ns()
        try:
            name, handler = session.getTargetCompID().getString(), self.handler
            with handler.lock:
                handler.on_logout(name, "stopped" if self.stopping else "session_ended", wall, mono)
            print(f"client {name} logged out", file=sys.stderr, flush=True)
            self._threads.leave()
        except BaseException:
            _log("a logout")

    def onCreate(self, session: fix.SessionID) -> None:
        name = session.getTargetCompID().getString()
        self._sessions[name] = fix.SessionID(
            session.getBeginString().getString(), session.getSenderCompID().getString(), name
        )

    def on_timer(self, slot: int) -> None:
        """A slot of the desk's watchlist has come up; called by the watching thread."""
        with self.handler.lock:
            out = self.handler.on_timer(slot, wall_ns(), mono_ns())
        if out is not None and self.has_room(out[0]):  # this thread serves all sessions: it must not wait for one
            self._send(out[1], self._line(out[0]))

    def drain_cancels(self) -> None:
        """Withdraw what the desk has stopped; called ten times a second."""
        with self.handler.lock:
            cancels = self.handler.drain_cancels(wall_ns(), mono_ns())
        for name, text in cancels:
            if self.has_room(name):
                self._send(text, self._line(name))

    def expected_seq_num(self, session: str) -> int:
        """MsgSeqNum of the next message from the session's client."""
        return int(self._line(session).engine.getExpectedTargetNum())

    def free(self, session: str) -> bool:
        """Whether no connection has the session."""
        return not fix.Session.isSessionRegistered(self._sessions[session])

    def enable(self, enabled: bool) -> None:
        """Let sessions log on, or not."""
        for line in self._lines.values():
            line.engine.logon() if enabled else line.engine.logout()

    def find_sessions(self) -> None:
        """Call it once the engine has made its sessions; it keeps them until it ends."""
        for name, session_id in self._sessions.items():
            engine, version = fix.Session.lookupSession(session_id), session_id.getBeginString().getString()
            self._lines[self.handler.sessions[name].number] = Line(engine, Keeping(engine), self._translations[version])

    def _line(self, name: str) -> Line:
        return self._lines[self.handler.sessions[name].number]

    def toAdmin(self, outgoing: fix.Message, session: fix.SessionID) -> None:
        try:
            name = session.getTargetCompID().getString()
            session_messages.sent(outgoing, name, self.handler.metrics)
            keeping = self._line(name).keeping
            keeping.answering()
            keeping.keep(False)
        except BaseException:
            _log("a session message")

    def fromAdmin(self, received: fix.Message, session: fix.SessionID) -> None:
        wall = wall_ns()
        try:
            name = session.getTargetCompID().getString()
            session_messages.received(received, name, self.handler.metrics, wall)
            if received.getHeader().getField(35) == RESEND_REQUEST:
                self._line(name).keeping.asked()
        except BaseException:
            _log("a session message")


class Acceptor:
    """The port, the engine behind it, and its connections. ConfigError if the settings, the dictionary or a secret
    cannot be used."""

    def __init__(self, config: Config, handler: RfqHandler) -> None:
        data = data_paths(config)
        data.directory.mkdir(parents=True, exist_ok=True)
        run = run_paths(config)
        settings_path = settings_file(config)
        self._settings, dictionaries = prepare(config, data)
        try:
            self._store = fix.FileStoreFactory(self._settings)
            self.application = Application(handler, dictionaries)
            self._engine = fix.ThreadedSocketAcceptor(self.application, self._store, self._settings)
            self.application.find_sessions()
        except fix.ConfigError as error:
            raise ConfigError(settings_path, "", None, str(error)) from None
        metrics, application = handler.metrics, self.application
        self.connections = Connections(config.acceptor.stuck_after_s, application.expected_seq_num, metrics.cut_off)
        application.has_room = self.connections.has_room
        self._handover = Handover(run.engine_socket)
        self._gate = Gate(
            config,
            Admission(config),
            self._handover,
            self.connections,
            application.free,
            metrics.logon_refused,
            unix_path(run.gateway_socket),
        )

    def start(self) -> None:
        """Listen; OSError if the port is taken."""
        self._gate.listen()
        self._handover.prepare()
        self.application.enable(False)  # for the moment in which the engine listens itself
        try:
            self._engine.start()
        except (fix.RuntimeError, fix.ConfigError) as error:
            raise OSError(str(error)) from None
        self._handover.install()
        self.application.enable(True)
        self._gate.start()

    def stop(self) -> None:
        """Log clients out and stop listening."""
        self.application.stopping = True
        self._gate.stop()
        self._engine.stop()
        self._handover.close()
        self.connections.close()


def _start(version: Version) -> str:
    return f"8={version.begin_string}\x01"[:_START]


def _log(what: str) -> None:
    print(f"quoting: exception at {what}", file=sys.stderr, flush=True)
    traceback.print_exc(file=sys.stderr)
