"""Passes connections to the engine that it has not accepted itself.

Engine defect: it listens on every address and starts a thread for each connection, which waits for a Logon without
limit.
Engine defect: it resets the sequence numbers of a Logon with ResetSeqNumFlag before it asks for a password.
Engine defect: it obeys a SequenceReset or a Reject that comes without a Logon.
Engine defect: it stops listening for good after one failed accept, for example when descriptors have run out.

So the engine must not listen. After its start:

    1. its listening descriptor is replaced (dup2) by a Unix socket that only this process can reach;
    2. a checked client connection is injected: a connection to that Unix socket is made, the engine accepts it, and
       the accepted descriptor is replaced (dup2) by the client's. The Logon was only peeked at, so the engine reads it
       as if it had accepted the connection itself. The number of the descriptor: see `engine_descriptors`.

From then on the engine's thread reads and writes the client's socket directly.
"""

import contextlib
import os
import socket
import stat
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from quotelife.acceptor.quickfix.engine_descriptors import EngineDescriptors, Occupied
from quotelife.runtime.process import unix_path

_BACKLOG = 16
_TIMEOUT_S = 5.0
_POLL_S = 0.0005
_CONNECT_INTERVAL_S = 0.01
_ACCEPT_S = 0.05  # from a connection to the engine's next accept()
_SEARCH_AFTER_S = 0.1  # by then the engine has accepted; if not as the expected descriptor, as another one


class SocketInjector:
    """`path` is that of the Unix socket, in a folder that no other user can access."""

    _descriptors = EngineDescriptors()  # of the process, in which there may be several injectors

    def __init__(self, path: Path) -> None:
        self._expected_fd = -1  # the descriptor with which the engine will accept its next connection; -1 if not known
        self._path = unix_path(path)
        self._other_listeners: set[int] = set()
        self._names = (f"\0quotelife-{os.getpid()}-{n}".encode() for n in count())

    def note_other_listeners(self) -> None:
        """Call it before the engine's start: the sockets that listen by now are not the engine's."""
        self._other_listeners = {fd for fd, _ in _listening()}

    def replace_listener(self) -> None:
        """Replace the engine's listening socket; call it once, after the engine's start. OSError if it has none."""
        ports = [(fd, port) for fd, port in _listening() if fd not in self._other_listeners]
        if len(ports) != 1:
            raise OSError(f"the engine listens on {len(ports)} sockets instead of one")
        engine_fd, port = ports[0]
        self._path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as own:
            own.bind(str(self._path))
            self._path.chmod(0o600)
            own.listen(_BACKLOG)
            os.dup2(own.fileno(), engine_fd, inheritable=False)
        _wait_until_closed(port)
        for early in _connected_to(port):  # connected before the port was taken
            with contextlib.suppress(OSError):  # may be closed already
                early.shutdown(socket.SHUT_RDWR)
        with socket.socket(socket.AF_UNIX) as spare, self._descriptors.occupied() as occupied:
            self._expect_accept(occupied, spare)

    def inject(self, client: socket.socket) -> None:
        """Hand `client`, which must be blocking, to the engine; OSError if it does not accept within 5 s."""
        name = next(self._names)
        with socket.socket(socket.AF_UNIX) as own, socket.socket(socket.AF_UNIX) as spare:
            own.settimeout(_TIMEOUT_S)
            own.bind(name)
            with self._descriptors.occupied() as occupied:
                own.connect(str(self._path))
                os.dup2(client.fileno(), self._accepted_fd(name), inheritable=False)
                self._expect_accept(occupied, spare)

    def _expect_accept(self, occupied: Occupied, spare: socket.socket) -> None:
        """Wait until the engine waits for its next connection, and note the descriptor for it. If it has one already
        that something else uses, too, it gets the connection `spare` for that."""
        self._expected_fd = occupied.await_accept(_ACCEPT_S)
        if self._expected_fd < 0:
            spare.connect(str(self._path))
            self._expected_fd = occupied.await_accept(_ACCEPT_S)

    def close(self) -> None:
        self._path.unlink(missing_ok=True)

    def _accepted_fd(self, name: bytes) -> int:
        """The engine's descriptor of the connection from `name`, once accepted."""
        began = time.monotonic()
        while (waited_s := time.monotonic() - began) < _TIMEOUT_S:
            if self._expected_fd >= 0 and _is_from(name, self._expected_fd):
                return self._expected_fd
            for fd, found in _sockets() if waited_s > _SEARCH_AFTER_S else ():
                if found.family == socket.AF_UNIX and _peer(found) == name:
                    return fd
            time.sleep(_POLL_S)
        raise OSError("the engine does not accept connections")


def _is_from(name: bytes, fd: int) -> bool:
    """Whether a descriptor is a connection from `name`. Without a duplicate, which would take the next number."""
    try:
        found = socket.socket(fileno=fd)
    except OSError:
        return False
    try:
        return found.family == socket.AF_UNIX and _peer(found) == name
    finally:
        found.detach()


def _sockets() -> Iterator[tuple[int, socket.socket]]:
    """This process's socket descriptors, each with a duplicate that stays open until the next iteration, since the
    engine's threads may close theirs meanwhile."""
    for text in os.listdir("/proc/self/fd"):
        fd = int(text)
        try:
            if not stat.S_ISSOCK(os.fstat(fd).st_mode):
                continue
            found = socket.socket(fileno=os.dup(fd))
        except OSError:
            continue  # closed meanwhile; a duplicate of a file stays open, since closing it would release its locks
        with found:
            yield fd, found


def _listening() -> Iterator[tuple[int, int]]:
    """TCP sockets of this process that listen on every address, as the engine's does, with their ports."""
    for fd, found in _sockets():
        if found.family == socket.AF_INET and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            host, port = found.getsockname()
            if host == "0.0.0.0":
                yield fd, port


def _wait_until_closed(port: int) -> None:
    """An accept that waits on the old socket holds it open until it returns. Connecting wakes it; a refusal shows that
    it has returned, so all connections that it accepted have descriptors."""
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), _TIMEOUT_S).close()
        except ConnectionRefusedError:
            return
        time.sleep(_CONNECT_INTERVAL_S)
    raise OSError(f"port {port} still accepts connections after {_TIMEOUT_S:g} s")


def _connected_to(port: int) -> Iterator[socket.socket]:
    for _, found in _sockets():
        if (
            found.family == socket.AF_INET
            and not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            and found.getsockname()[1] == port
            and _peer(found) is not None
        ):
            yield found


def _peer(found: socket.socket) -> bytes | None:
    try:
        peer = found.getpeername()
    except OSError:
        return None
    return peer if isinstance(peer, bytes) else str(peer).encode()
