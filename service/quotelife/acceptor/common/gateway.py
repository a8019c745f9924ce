"""The port that clients connect to, and what happens until the engine has the connection.

    connected --Logon whole--> examined --> verified (a thread of its own) --> admitted --> the engine's
         |  address, time, size,      |         |                                |  waits while the session still ends
         +--> closed                  +---------+--> refused, after a second -----+

What is refused never reaches the engine: no sequence number moves, and a session that is logged on hears nothing of it.
The first message is peeked at, so that the engine reads it once more. Everything is bounded: connections without Logon,
in all and of one address, bytes and time of a Logon, passwords that are verified at once (one).

With TLS they come from the TLS process by a Unix socket, and begin with a line: `ADDRESS NAME[,NAME...]`, the names in
the client's certificate.
"""

import os
import select
import socket
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from quotelife.acceptor.common.connections import Connections
from quotelife.acceptor.common.logon_policy import Admission, Refused, verify
from quotelife.acceptor.common.pending_connection import Arrival, State, say_refused
from quotelife.acceptor.quickfix.socket_injector import Handover
from quotelife.config import Config
from quotelife.fix.logon import MAX_LOGON_BYTES, Logon, NotALogon, read_logon
from quotelife.runtime.clock import NS_PER_S, mono_ns
from quotelife.runtime.rate_limited_log import RateLimitedLog

REFUSAL_NS = NS_PER_S  # from a Logon to its refusal: the same whatever is wrong
_WAIT_NS = 5 * NS_PER_S  # for a session whose old connection is about to end
_TICK_S = 0.02
_ACCEPT_PAUSE_S = 0.002  # between two connections: a flood takes a twentieth of the interpreter at most
_LINE_BYTES = 512
_BACKLOG = 128
_VERIFYING = 32  # Logons that wait for their password's verification


class Gate:
    """`refused` counts by reason; `free` says whether the engine has done with a session's old connection."""

    def __init__(
        self,
        config: Config,
        admission: Admission,
        handover: Handover,
        connections: Connections,
        free: Callable[[str], bool],
        refused: Callable[[str], None],
        tls_path: Path,
    ) -> None:
        acceptor = config.acceptor
        self._address = acceptor.host, acceptor.port
        self._tls_path = tls_path if acceptor.tls is not None else None
        self._timeout_ns = int(acceptor.logon_timeout_s * NS_PER_S)
        self._most = acceptor.max_pending
        self._most_of_one = max(1, acceptor.max_pending // 4)
        self._admission, self._handover, self._connections = admission, handover, connections
        self._free, self._count = free, refused
        self._arrivals: dict[int, Arrival] = {}
        self._of_address: Counter[str] = Counter()
        self._limited_log = RateLimitedLog()
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._to_verify: SimpleQueue[Arrival | None] = SimpleQueue()
        self._verified: SimpleQueue[tuple[Arrival, bool]] = SimpleQueue()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._run, name="gate"),
            threading.Thread(target=self._verify, name="verifier"),
        ]

    def listen(self) -> None:
        """Let clients connect; OSError if that cannot be."""
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

    def start(self) -> None:
        """Look at who has connected."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let nobody in any more."""
        self._stopping = True
        self._to_verify.put(None)
        os.eventfd_write(self._wake, 1)
        for thread in self._threads:
            thread.join()
        self._listener.close()
        for arrival in list(self._arrivals.values()):
            self._drop(arrival)
        self._epoll.close()
        os.close(self._wake)
        if self._tls_path is not None:
            self._tls_path.unlink(missing_ok=True)

    # --- the gate's thread

    def _run(self) -> None:
        while not self._stopping:
            for fd, _ in self._epoll.poll(_TICK_S if self._arrivals else -1):
                try:
                    self._on_event(fd)
                except Exception:  # nobody gets in by it, and everybody else still does
                    traceback.print_exc(file=sys.stderr)
            self._on_time(mono_ns())

    def _on_event(self, fd: int) -> None:
        if fd == self._listener.fileno():
            self._accept()
        elif fd == self._wake:
            os.eventfd_read(self._wake)
            while not self._verified.empty():
                self._on_verified(*self._verified.get())
        elif (arrival := self._arrivals.get(fd)) is not None:
            self._on_bytes(arrival)

    def _accept(self) -> None:
        """One connection; the rest waits in the kernel for its turn."""
        time.sleep(_ACCEPT_PAUSE_S)
        try:
            sock, peer = self._listener.accept()
        except OSError:
            return  # it has gone again, or there are no descriptors: then nobody gets in until there are
        address = peer[0] if self._tls_path is None else ""
        if self._tls_path is None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._turned_away(address):
                sock.close()
                return
            self._of_address[address] += 1
        sock.setblocking(False)
        arrival = Arrival(sock, address, State.READING, mono_ns() + self._timeout_ns, self._tls_path is None)
        self._arrivals[sock.fileno()] = arrival
        # Edges only: what is peeked at stays readable.
        self._epoll.register(sock, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)

    def _turned_away(self, address: str) -> bool:
        if not self._admission.lets_connect(address):
            self._refuse_at_once(address, "address", "may not connect")
            return True
        if len(self._arrivals) >= self._most or self._of_address[address] >= self._most_of_one:
            self._refuse_at_once(address, "too_many", "too many connections without Logon")
            return True
        return False

    def _on_bytes(self, arrival: Arrival) -> None:
        if arrival.state is not State.READING:
            return
        try:
            if not arrival.announced and not self._read_line(arrival):
                return
            data = arrival.sock.recv(MAX_LOGON_BYTES, socket.MSG_PEEK)
            if not data:
                self._close(arrival, "hung_up", "went without a Logon")
                return
            logon = read_logon(data)
        except BlockingIOError:
            return
        except OSError as error:
            self._close(arrival, "hung_up", error.strerror or "gone")
        except NotALogon as error:
            self._close(arrival, "not_a_logon", str(error))
        else:
            if logon is not None:
                self._on_logon(arrival, logon)

    def _read_line(self, arrival: Arrival) -> bool:
        """The TLS process's line; False while it is not whole."""
        data = arrival.sock.recv(_LINE_BYTES, socket.MSG_PEEK)
        line, end, _ = data.partition(b"\n")
        if not end:
            if not data or len(data) >= _LINE_BYTES:
                self._close(arrival, "not_a_logon", "no line of the TLS process")
            return False
        arrival.sock.recv(len(line) + 1)
        address, _, names = line.decode("utf-8", "replace").partition(" ")
        if self._turned_away(address):
            self._drop(arrival)
            return False
        arrival.address, arrival.announced = address, True
        arrival.names = tuple(names.split(",")) if names else ()
        self._of_address[address] += 1
        return True

    def _on_logon(self, arrival: Arrival, logon: Logon) -> None:
        arrival.logon = logon
        found = self._admission.examine(logon, arrival.address, arrival.names, mono_ns())
        if isinstance(found, Refused):
            self._refuse(arrival, found.reason, found.said)
            return
        arrival.terms = found
        if found.password is None:
            self._admit(arrival)
        elif self._to_verify.qsize() >= _VERIFYING:
            self._refuse(arrival, "too_many", "too many passwords wait for their verification")
        else:
            arrival.state, arrival.until_ns = State.VERIFYING, mono_ns() + 10 * self._timeout_ns
            self._to_verify.put(arrival)

    def _on_verified(self, arrival: Arrival, right: bool) -> None:
        if self._arrivals.get(arrival.sock.fileno()) is not arrival or arrival.terms is None:
            return  # it has gone meanwhile
        self._admission.note(arrival.terms.session, arrival.address, right, mono_ns())
        if right:
            self._admit(arrival)
        else:
            self._refuse(arrival, "credentials", f"wrong user name or password for {arrival.terms.session}")

    def _admit(self, arrival: Arrival) -> None:
        """Give the connection to the engine, once it has done with the session's old one."""
        assert arrival.terms is not None
        session = arrival.terms.session
        if self._connections.alive(session) or not self._free(session):
            if arrival.state is not State.WAITING:
                arrival.state, arrival.until_ns = State.WAITING, mono_ns() + _WAIT_NS
            return
        self._forget(arrival)
        duplicate = arrival.sock.dup()
        try:
            arrival.sock.setblocking(True)
            self._handover.give(arrival.sock)
            self._connections.add(session, duplicate, arrival.address, mono_ns())
        except OSError as error:
            duplicate.close()
            self._refuse_at_once(arrival.address, "failed", f"{session}: {error}")
        finally:
            arrival.sock.close()

    def _on_time(self, now_ns: int) -> None:
        for arrival in list(self._arrivals.values()):
            if arrival.state is State.WAITING:
                self._admit(arrival)
            if now_ns < arrival.until_ns or self._arrivals.get(arrival.sock.fileno()) is not arrival:
                continue
            if arrival.state is State.REFUSED:
                say_refused(arrival)
                self._drop(arrival)
            elif arrival.state is State.WAITING:
                self._refuse(arrival, "in_use", f"{arrival.logon!r}: the session is logged on")
            else:
                self._close(arrival, "timed_out", "no Logon in time")

    # --- refusals

    def _refuse(self, arrival: Arrival, reason: str, said: str) -> None:
        """Refuse a Logon: after a while, so that guessing takes time and the time tells nothing."""
        arrival.state, arrival.until_ns = State.REFUSED, mono_ns() + REFUSAL_NS
        self._refuse_at_once(arrival.address, reason, said)

    def _refuse_at_once(self, address: str, reason: str, said: str) -> None:
        self._count(reason)
        self._limited_log.log(reason, f"logon refused ({reason}) from {address}: {said}")

    def _close(self, arrival: Arrival, reason: str, said: str) -> None:
        self._refuse_at_once(arrival.address, reason, said)
        self._drop(arrival)

    def _drop(self, arrival: Arrival) -> None:
        self._forget(arrival)
        arrival.sock.close()

    def _forget(self, arrival: Arrival) -> None:
        del self._arrivals[arrival.sock.fileno()]
        self._epoll.unregister(arrival.sock)
        if arrival.announced:
            self._of_address[arrival.address] -= 1
            if not self._of_address[arrival.address]:
                del self._of_address[arrival.address]

    # --- the verifier's thread

    def _verify(self) -> None:
        """One password at a time: the hash takes a core, and no interpreter lock."""
        while (arrival := self._to_verify.get()) is not None:
            try:
                right = arrival.terms is not None and arrival.logon is not None and verify(arrival.terms, arrival.logon)
            except Exception:
                traceback.print_exc(file=sys.stderr)
                right = False
            self._verified.put((arrival, right))
            os.eventfd_write(self._wake, 1)
