"""The port that clients connect to: checks each Logon, then hands the connection to the engine.

    accepted --Logon complete--> checked --> password verified (own thread) --> admitted --> handed to the engine
        |  address, time, size      |               |                              |  waits for the session's previous
        +--> closed                 +---------------+--> refused, after a second --+  connection to end

A refused connection never reaches the engine: no sequence number changes, and a session that is logged on is not
disturbed. The first message is only peeked at, so the engine reads it again. Everything is bounded: connections
without a Logon (in total and per address), size and time of a Logon, passwords verified at a time (one).

With TLS, connections come from the TLS process over a Unix socket and begin with a line `ADDRESS NAME[,NAME...]`, the
names in the client's certificate.
"""

import os
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from quotelife.acceptor.common.logon_policy import UNSUPPORTED_FIELD, LogonPolicy, LogonRefusal, verify_password
from quotelife.acceptor.common.pending_connection import PendingConnection, PendingState, send_refusal
from quotelife.config import Config
from quotelife.fix.logon import MAX_LOGON_BYTES, Logon, NotALogon, read_logon
from quotelife.logs import LogEvent, event_logger
from quotelife.runtime.clock import NS_PER_S, mono_ns
from quotelife.runtime.rate_limited_log import RateLimitedLog

logger = event_logger(__name__)
REFUSAL_NS = NS_PER_S  # from a Logon to its refusal: the same for every reason
_WAIT_NS = 5 * NS_PER_S  # for the session's previous connection to end
_TICK_S = 0.02
_ACCEPT_PAUSE_S = 0.002  # between two accepts: a flood uses at most a twentieth of the interpreter
_MAX_LINE_BYTES = 512
_BACKLOG = 128
_SO_BUSY_POLL = getattr(socket, "SO_BUSY_POLL", 46)
_MAX_QUEUED_PASSWORDS = 32


class LogonGateway:
    """Accepts client connections and passes those with a valid Logon to `hand_over`.

    hand_over           gives a session its socket and the client's address; OSError if the engine does not accept it
    session_is_free     whether a session's previous connection has ended and the engine has finished with it
    on_refused          counts a refusal by its reason
    """

    def __init__(
        self,
        config: Config,
        policy: LogonPolicy,
        hand_over: Callable[[str, socket.socket, str], None],
        session_is_free: Callable[[str], bool],
        on_refused: Callable[[str], None],
        tls_path: Path,
    ) -> None:
        acceptor = config.acceptor
        self._address = acceptor.host, acceptor.port
        self._tls_path = tls_path if acceptor.tls is not None else None
        self._timeout_ns = int(acceptor.logon_timeout_s * NS_PER_S)
        self._busy_poll_us = config.machine.busy_poll_us
        self._max_pending = acceptor.max_pending
        self._max_pending_per_address = max(1, acceptor.max_pending // 4)
        self._policy, self._hand_over = policy, hand_over
        self._session_is_free, self._on_refused = session_is_free, on_refused
        self._pending: dict[int, PendingConnection] = {}  # by descriptor
        self._pending_by_address: Counter[str] = Counter()
        self._limited_log = RateLimitedLog(logger)
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._to_verify: SimpleQueue[PendingConnection | None] = SimpleQueue()
        self._verified: SimpleQueue[tuple[PendingConnection, bool]] = SimpleQueue()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._run, name="logon-gateway"),
            threading.Thread(target=self._verify_passwords, name="password-verifier"),
        ]

    def listen(self) -> None:
        """Bind the port, or with TLS the Unix socket; OSError if that fails."""
        if self._tls_path is None:
            self._listener = socket.create_server(self._address, backlog=_BACKLOG)
        else:
            self._tls_path.unlink(missing_ok=True)
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(self._tls_path))
            self._tls_path.chmod(0o600)
            self._listener.listen(_BACKLOG)
        self._listener.setblocking(False)
        self._epoll.register(self._listener, select.EPOLLIN)

    def configure(self, policy: LogonPolicy) -> None:
        """Check the Logons that follow by another policy. Wrong passwords are remembered."""
        policy.continue_from(self._policy)
        self._policy = policy

    def start(self) -> None:
        """Start accepting connections."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop accepting and close the connections that are pending."""
        self._stopping = True
        self._to_verify.put(None)
        os.eventfd_write(self._wake, 1)
        for thread in self._threads:
            thread.join()
        self._listener.close()
        for pending in list(self._pending.values()):
            self._drop(pending)
        self._epoll.close()
        os.close(self._wake)
        if self._tls_path is not None:
            self._tls_path.unlink(missing_ok=True)

    # --- the gateway's thread

    def _run(self) -> None:
        while not self._stopping:
            for fd, _ in self._epoll.poll(_TICK_S if self._pending else -1):
                try:
                    self._on_event(fd)
                except Exception:  # refuses one connection; the others are still served
                    logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception in the gateway")
            self._on_time(mono_ns())

    def _on_event(self, fd: int) -> None:
        if fd == self._listener.fileno():
            self._accept()
        elif fd == self._wake:
            os.eventfd_read(self._wake)
            while not self._verified.empty():
                self._on_verified(*self._verified.get())
        elif (pending := self._pending.get(fd)) is not None:
            self._on_bytes(pending)

    def _accept(self) -> None:
        """Accept one connection; further ones wait in the kernel's backlog."""
        time.sleep(_ACCEPT_PAUSE_S)
        try:
            sock, peer = self._listener.accept()
        except OSError:
            return  # closed again, or out of descriptors: then nobody can connect until some are free
        address = peer[0] if self._tls_path is None else ""
        if self._tls_path is None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._busy_poll_us:
                self._poll_busily(sock)
            if self._refuse_on_accept(address):
                sock.close()
                return
            self._pending_by_address[address] += 1
        sock.setblocking(False)
        deadline_ns = mono_ns() + self._timeout_ns
        pending = PendingConnection(sock, address, PendingState.READING, deadline_ns, self._tls_path is None)
        self._pending[sock.fileno()] = pending
        # Edge-triggered, since peeked bytes stay readable.
        self._epoll.register(sock, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)

    def _poll_busily(self, sock: socket.socket) -> None:
        """Let reads of the socket poll the network card for a while."""
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_BUSY_POLL, self._busy_poll_us)
        except OSError as error:  # more than net.core.busy_read needs a privilege
            text = f"machine.busy_poll_us is not in force: {error.strerror}"
            self._limited_log.warning(LogEvent.MACHINE_SETTING_REFUSED, "busy_poll", text)

    def _refuse_on_accept(self, address: str) -> bool:
        if not self._policy.allows_address(address):
            self._count_and_log(address, "address", "address not allowed")
            return True
        of_address = self._pending_by_address[address]
        if len(self._pending) >= self._max_pending or of_address >= self._max_pending_per_address:
            self._count_and_log(address, "too_many", "too many connections without Logon")
            return True
        return False

    def _on_bytes(self, pending: PendingConnection) -> None:
        if pending.state is not PendingState.READING:
            return
        try:
            if not pending.address_known and not self._read_line(pending):
                return
            data = pending.sock.recv(MAX_LOGON_BYTES, socket.MSG_PEEK)
            if not data:
                self._close(pending, "hung_up", "closed before a Logon")
                return
            logon = read_logon(data)
        except BlockingIOError:
            return
        except OSError as error:
            self._close(pending, "hung_up", error.strerror or "connection lost")
        except NotALogon as error:
            self._close(pending, "not_a_logon", str(error))
        else:
            if logon is not None:
                self._on_logon(pending, logon)

    def _read_line(self, pending: PendingConnection) -> bool:
        """Read the TLS process's line; False while it is incomplete."""
        data = pending.sock.recv(_MAX_LINE_BYTES, socket.MSG_PEEK)
        line, end, _ = data.partition(b"\n")
        if not end:
            if not data or len(data) >= _MAX_LINE_BYTES:
                self._close(pending, "not_a_logon", "no line from the TLS process")
            return False
        pending.sock.recv(len(line) + 1)
        address, _, names = line.decode("utf-8", "replace").partition(" ")
        if self._refuse_on_accept(address):
            self._drop(pending)
            return False
        pending.address, pending.address_known = address, True
        pending.certificate_names = tuple(names.split(",")) if names else ()
        self._pending_by_address[address] += 1
        return True

    def _on_logon(self, pending: PendingConnection, logon: Logon) -> None:
        pending.logon = logon
        found = self._policy.check(logon, pending.address, pending.certificate_names, mono_ns())
        if isinstance(found, LogonRefusal):
            self._refuse(pending, found.reason, found.detail)
            return
        pending.terms = found
        if found.password is None:
            self._admit(pending)
        elif self._to_verify.qsize() >= _MAX_QUEUED_PASSWORDS:
            self._refuse(pending, "too_many", "too many passwords queued for verification")
        else:
            pending.state, pending.deadline_ns = PendingState.VERIFYING, mono_ns() + 10 * self._timeout_ns
            self._to_verify.put(pending)

    def _on_verified(self, pending: PendingConnection, correct: bool) -> None:
        if self._pending.get(pending.sock.fileno()) is not pending or pending.terms is None:
            return  # closed meanwhile
        self._policy.record_password(pending.terms.session, pending.address, correct, mono_ns())
        if correct:
            self._admit(pending)
        else:
            self._refuse(pending, "credentials", f"{pending.terms.session}: wrong user name or password")

    def _admit(self, pending: PendingConnection) -> None:
        """Hand the connection to the engine, once the session's previous connection has ended."""
        assert pending.terms is not None
        session = pending.terms.session
        if not self._session_is_free(session):
            if pending.state is not PendingState.WAITING:
                pending.state, pending.deadline_ns = PendingState.WAITING, mono_ns() + _WAIT_NS
            return
        self._remove(pending)
        try:
            self._hand_over(session, pending.sock, pending.address)
        except OSError as error:
            self._count_and_log(pending.address, "failed", f"{session}: {error}")
        finally:
            pending.sock.close()

    def _on_time(self, now_ns: int) -> None:
        for pending in list(self._pending.values()):
            if pending.state is PendingState.WAITING:
                self._admit(pending)
            if now_ns < pending.deadline_ns or self._pending.get(pending.sock.fileno()) is not pending:
                continue
            if pending.state is PendingState.REFUSED:
                send_refusal(pending)
                self._drop(pending)
            elif pending.state is PendingState.WAITING:
                self._refuse(pending, "in_use", f"{pending.logon!r}: session already logged on")
            else:
                self._close(pending, "timed_out", "no Logon within the time allowed")

    # --- refusals

    def _refuse(self, pending: PendingConnection, reason: str, detail: str) -> None:
        """Refuse a Logon after a fixed delay, which slows guessing and does not disclose the reason; but a field that
        the service does not support is named."""
        if reason == UNSUPPORTED_FIELD:
            pending.text += f": {detail}"
        pending.state, pending.deadline_ns = PendingState.REFUSED, mono_ns() + REFUSAL_NS
        self._count_and_log(pending.address, reason, detail)

    def _count_and_log(self, address: str, reason: str, detail: str) -> None:
        self._on_refused(reason)
        text = f"logon refused ({reason}) from {address}: {detail}"
        self._limited_log.warning(LogEvent.LOGON_REFUSED, reason, text, address=address)

    def _close(self, pending: PendingConnection, reason: str, detail: str) -> None:
        self._count_and_log(pending.address, reason, detail)
        self._drop(pending)

    def _drop(self, pending: PendingConnection) -> None:
        self._remove(pending)
        pending.sock.close()

    def _remove(self, pending: PendingConnection) -> None:
        del self._pending[pending.sock.fileno()]
        self._epoll.unregister(pending.sock)
        if pending.address_known:
            self._pending_by_address[pending.address] -= 1
            if not self._pending_by_address[pending.address]:
                del self._pending_by_address[pending.address]

    # --- the verifier's thread

    def _verify_passwords(self) -> None:
        """Verify one password at a time: hashing uses a whole core, without the interpreter lock."""
        while (pending := self._to_verify.get()) is not None:
            try:
                terms, logon = pending.terms, pending.logon
                correct = terms is not None and logon is not None and verify_password(terms, logon)
            except Exception:
                logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while verifying a password")
                correct = False
            self._verified.put((pending, correct))
            os.eventfd_write(self._wake, 1)
