"""One connection of a client: what it receives is handled in its order, one thing after the other.

    on_readable -> ReceiveBuffer -> message -> AcceptorSession -> events -> RfqHandler -> outcome -> messages
                                                                                |
                                                        store threads <- what waits for the disk

Everything runs in the loop's thread, but `flush` and `cut_off`, which any thread may call.
"""

import contextlib
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from quotelife.acceptor.native import session_metrics
from quotelife.acceptor.native.client_session import ClientSession
from quotelife.acceptor.native.loop_thread import READABLE, WRITABLE, LoopThread
from quotelife.acceptor.native.outbox import Outbox
from quotelife.acceptor.native.outcomes import OutcomeSender
from quotelife.acceptor.native.plain_messages import PlainMessages
from quotelife.acceptor.native.receive_buffer import ReceiveBuffer
from quotelife.acceptor.native.store_threads import StoreThreads
from quotelife.fix import tags
from quotelife.fix.events import Disconnect, Event, GapDetected, LoggedOn, ReceivedText, SessionMessage
from quotelife.fix.fields import as_text
from quotelife.logs import LogEvent, event_logger
from quotelife.rfq.handler import RfqHandler
from quotelife.rfq.outcome import Outcome
from quotelife.runtime.clock import mono_ns, wall_ns

logger = event_logger(__name__)
_STEPS_A_TURN = 16  # messages and events, before other connections have their turn
_REPLAYED_A_STEP = 16  # messages, about 8 KB
_UNREAD_BYTES = 1 << 20  # at most discarded at the end


@dataclass(slots=True)
class Services:
    """What connections share. `on_end` is called with the session when one has ended and all is handled."""

    handler: RfqHandler
    loop: LoopThread
    threads: StoreThreads
    outcomes: OutcomeSender
    stuck_after_s: float
    on_end: Callable[[ClientSession], object]
    is_stopping: bool = False


class Connection:
    """Owns `sock`, which does not block. Its Logon has been checked and is still to be read."""

    def __init__(self, sock: socket.socket, address: str, session: ClientSession, services: Services) -> None:
        self._sock, self._address, self.session, self._services = sock, address, session, services
        self._loop, self._metrics, self._fd = services.loop, services.handler.metrics, sock.fileno()
        self._buffer = ReceiveBuffer(sock)
        self.outbox = Outbox(sock, self._on_full, mono_ns())
        self._plain = PlainMessages(self._buffer, self.outbox, session, services.handler)
        self._events: deque[Event] = deque()
        self._is_waiting = False  # for the disk: nothing else of this session is handled
        self._is_reading = self._has_turn = self._is_closed = self._was_logged_on = False

    def open(self) -> None:
        """Begin to read."""
        now_ns = mono_ns()
        with self.session.lock:
            self.session.connection = self
            self.session.fix.replays_at_once = False
            self.session.fix.connected(now_ns)
        self._read(True)

    # --- in

    def _on_readable(self) -> None:
        try:
            if self._is_waiting or self._has_turn or not self.outbox.is_empty:
                self._read(False)  # until that is over
            else:
                self._receive()
        except Exception:
            self._fail()

    def _receive(self) -> None:
        if self._plain.receive():
            if not self._buffer.is_empty:
                self._run()
            return
        try:
            is_open = self._buffer.receive()
        except BlockingIOError:
            return
        except OSError:
            is_open = False
        if is_open:
            self._run()
        else:
            self.close("connection closed by the client")

    def _run(self) -> None:
        """Handle events and messages until there are none, something waits, or others have their turn."""
        self._has_turn = False
        for _ in range(_STEPS_A_TURN):
            if self._is_waiting or self._is_closed or not self.outbox.is_empty:
                return
            if self.session.fix.replaying:
                self._replay()
                continue
            if self._events:
                self._on_event(self._events.popleft())
                continue
            if self._plain.answer():
                continue
            message = self._buffer.next_message()
            if message is None:
                self._await_more()
                return
            self._on_message(message)
        self._has_turn = True
        self._loop.call_soon(self._guard, self._run)

    def _replay(self) -> None:
        """Send a part of what the client has asked for again; it may be all of its ExecutionReports."""
        with self.session.lock:
            self.session.fix.replay(_REPLAYED_A_STEP, mono_ns(), wall_ns())
            self.flush()

    def _await_more(self) -> None:
        if self._buffer.is_oversize:
            self.cut_off("oversize", f"{self._buffer.incomplete} bytes received without a complete message")
        else:
            self._read(True)

    def _on_message(self, message: bytes) -> None:
        with self.session.lock:
            self._events += self.session.fix.receive(message, mono_ns(), wall_ns())
            self.flush()

    def _on_event(self, event: Event) -> None:
        session = self.session
        if isinstance(event, ReceivedText):
            self._on_text(event.text)
        elif isinstance(event, SessionMessage):
            session_metrics.received(event, session.name, self._metrics, wall_ns())
            if event.msg_type == tags.HEARTBEAT and tags.TestReqID in event.values:
                test_req_id = as_text(event.values[tags.TestReqID])
                self._services.handler.deliveries.on_heartbeat(session.name, test_req_id)
        elif isinstance(event, GapDetected):
            self._metrics.count_resend_request(session.name, session_metrics.SENT)
        elif isinstance(event, LoggedOn):
            self._was_logged_on, session.is_renumbered = True, event.reset
            if event.reset:
                session.recent.clear()
            self._wait_for(lambda: self._services.outcomes.on_logon(session.name))
        elif isinstance(event, Disconnect):
            self.close(event.reason)

    def _on_text(self, text: str) -> None:
        handler = self._services.handler
        mono, wall = mono_ns(), wall_ns()
        try:
            with handler.lock:
                outcome = handler.receive(text, wall, mono)
            if outcome is None:
                self._processed(is_supported=False)
                return
            if outcome.waits:
                self._wait_for(lambda: self._store(outcome))
                return
            self._services.outcomes.deliver(outcome)
        except Exception:
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while handling a message")
        self._processed()

    def _store(self, outcome: Outcome) -> None:
        """In a thread that may wait for the disk."""
        self._services.handler.store(outcome)
        self._services.outcomes.deliver(outcome)

    def _wait_for(self, function: Callable[[], object]) -> None:
        """Call it in another thread; whatever is received waits for it."""

        def call() -> None:
            try:
                function()
            except Exception:
                logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while handling a message")
            finally:
                self._loop.call(self._guard, self._on_stored)

        self._is_waiting = True
        self._services.threads.call(call)

    def _on_stored(self) -> None:
        self._is_waiting = False
        self._processed()
        if self._is_closed:
            self._end()
        else:
            self._run()

    def _processed(self, is_supported: bool = True) -> None:
        """The message that the session has handed on counts from now on."""
        with self.session.lock:
            fix = self.session.fix
            now_ns, now_wall_ns = mono_ns(), wall_ns()
            self._events += (fix.processed if is_supported else fix.unsupported)(now_ns, now_wall_ns)
            self.flush()

    def _read(self, wanted: bool) -> None:
        if wanted == self._is_reading or self._is_closed:
            return
        self._is_reading = wanted
        if wanted:
            self._loop.watch(self._fd, READABLE, self._on_readable)
        else:
            self._loop.ignore(self._fd)

    # --- out

    def flush(self) -> None:
        """Send what the session has to send; with its lock held."""
        if data := self.session.fix.drain():
            self.outbox.write(data)

    def _on_full(self) -> None:
        """From any thread, with the session's lock held."""
        self._loop.call(self._await_room)

    def _await_room(self) -> None:
        """Nothing is read until there is room."""
        if not self._is_closed:
            self._is_reading = False
            self._loop.watch(self._fd, WRITABLE, self._on_writable)

    def _on_writable(self) -> None:
        with self.session.lock:
            done = self.outbox.flush()
        if done:
            self._loop.ignore(self._fd)
            self._guard(self._run)

    # --- time

    def on_timer(self) -> None:
        """Called several times a second."""
        self._guard(self._check)

    def _check(self) -> None:
        now_ns = mono_ns()
        with self.session.lock:
            events = self.session.fix.on_timer(now_ns, wall_ns())
            self.flush()
            stuck_s = self.outbox.stuck_s(self.session.fix.messages_sent, now_ns)
        for event in events:
            self._on_event(event)
        if stuck_s >= self._services.stuck_after_s:
            self.cut_off("not_reading", f"nothing read for {stuck_s:.1f} s, {self.outbox.unread()} bytes unsent")

    # --- end

    def log_out(self, text: str) -> None:
        """Send a Logout; the end follows the client's answer, or two seconds."""
        with self.session.lock:
            events = self.session.fix.logout(mono_ns(), wall_ns(), text)
            self.flush()
        for event in events:
            self._on_event(event)

    def cut_off(self, reason: str, detail: str) -> None:
        """End the connection of a client that exceeds a limit; from any thread. `reason` is one of CUT_REASONS."""
        with self.session.lock:
            if self.session.connection is not self or not self.outbox.cut_off():
                return  # it has ended
        name = self.session.name
        self._metrics.count_cut_off(name, reason)
        text = "client %s (%s) disconnected (%s): %s"
        logger.warning(
            LogEvent.CLIENT_DISCONNECTED, text, name, self._address, reason, detail, session=name, reason=reason
        )
        self._loop.call(self._guard, self.close, f"cut off: {reason}")

    def close(self, reason: str) -> None:
        """End the connection. The session is free once everything that was received is handled."""
        if self._is_closed:
            return
        self._loop.ignore(self._fd)
        self._is_closed = True
        with self.session.lock:
            self.session.connection = None
            self.session.fix.disconnected()
            self._discard_unread()
            self._sock.close()
        if self._was_logged_on:
            name = self.session.name
            logger.info(LogEvent.CLIENT_LOGGED_OUT, "client %s logged out: %s", name, reason, session=name)
        if not self._is_waiting:
            self._end()

    def _discard_unread(self) -> None:
        """Closing with unread bytes would make the kernel discard what was sent."""
        with contextlib.suppress(OSError):
            for _ in range(0, _UNREAD_BYTES, 1 << 16):
                if not self._sock.recv(1 << 16):
                    return

    def _end(self) -> None:
        services = self._services
        if self._was_logged_on:
            mono, wall = mono_ns(), wall_ns()
            with services.handler.lock:
                reason = "stopped" if services.is_stopping else "session_ended"
                services.handler.on_logout(self.session.name, reason, wall, mono)
        services.on_end(self.session)

    def _guard(self, step: Callable[..., object], *arguments: object) -> None:
        """No exception may concern another connection; the one that it comes from ends."""
        try:
            step(*arguments)
        except Exception:
            self._fail()

    def _fail(self) -> None:
        name = self.session.name
        logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while serving client %s", name, session=name)
        self.close("internal error")
