"""Give the engine connections that it has not accepted itself.

The engine opens its port on every address, starts a thread for whoever connects, waits for a Logon without end, resets
sequence numbers before it asks for a password, and stops listening for good when it runs out of file descriptors. So it
is not left to listen. After its start:

    1. its listening descriptor is replaced (dup2) by a Unix socket that only this process can reach,
    2. a client's connection that has been looked at is given to it: a connection over that Unix socket is made, the
       engine accepts it, and its descriptor is replaced by the client's. Nothing was read from the client's
       connection (only peeked at), so the engine reads the Logon from it as if it had accepted it itself.

From then on the engine's thread reads and writes the client's own socket: nothing stands between them.
"""

import contextlib
import os
import socket
import stat
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from quotelife.runtime.process import unix_path

_BACKLOG = 16
_PATIENCE_S = 5.0
_POLL_S = 0.0005


class Handover:
    """`path` is that of the Unix socket, in a folder that only the service can enter."""

    def __init__(self, path: Path) -> None:
        self._path = unix_path(path)
        self._others: set[int] = set()
        self._names = (f"\0quotelife-{os.getpid()}-{n}".encode() for n in count())

    def prepare(self) -> None:
        """Call it before the engine's start: what listens by now is not the engine."""
        self._others = {fd for fd, _ in _listening()}

    def install(self) -> None:
        """Take the engine's port from it; call it once, after the engine's start. OSError if there is none."""
        ports = [(fd, port) for fd, port in _listening() if fd not in self._others]
        if len(ports) != 1:
            raise OSError(f"the engine listens on {len(ports)} sockets instead of one")
        engine_fd, port = ports[0]
        self._path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as own:
            own.bind(str(self._path))
            self._path.chmod(0o600)
            own.listen(_BACKLOG)
            os.dup2(own.fileno(), engine_fd, inheritable=False)
        with contextlib.suppress(ConnectionRefusedError):  # unless refused, the engine still waited on the old socket
            socket.create_connection(("127.0.0.1", port), _PATIENCE_S).close()
        for stranger in _connected_to(port):
            with contextlib.suppress(OSError):  # it may be gone by itself
                stranger.shutdown(socket.SHUT_RDWR)

    def give(self, client: socket.socket) -> None:
        """The engine has `client`, which must be blocking, from now on; OSError if it does not take it."""
        name = next(self._names)
        with socket.socket(socket.AF_UNIX) as own:
            own.settimeout(_PATIENCE_S)
            own.bind(name)
            own.connect(str(self._path))
            os.dup2(client.fileno(), self._accepted(name), inheritable=False)

    def close(self) -> None:
        self._path.unlink(missing_ok=True)

    def _accepted(self, name: bytes) -> int:
        """The engine's descriptor of the connection made from `name`, once it has accepted it."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            for fd, found in _sockets():
                if found.family == socket.AF_UNIX and _peer(found) == name:
                    return fd
            time.sleep(_POLL_S)
        raise OSError("the engine does not accept connections")


def _sockets() -> Iterator[tuple[int, socket.socket]]:
    """Descriptors of this process that are sockets, each with a duplicate that lasts until the next is asked for: the
    engine's threads close theirs meanwhile."""
    for text in os.listdir("/proc/self/fd"):
        fd = int(text)
        try:
            if not stat.S_ISSOCK(os.fstat(fd).st_mode):
                continue
            found = socket.socket(fileno=os.dup(fd))
        except OSError:
            continue  # closed meanwhile; if its number is a file's by now, the duplicate stays: closing it ends locks
        with found:
            yield fd, found


def _listening() -> Iterator[tuple[int, int]]:
    """Sockets of this process that listen on every address, by TCP, as the engine's does, and their ports."""
    for fd, found in _sockets():
        if found.family == socket.AF_INET and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            host, port = found.getsockname()
            if host == "0.0.0.0":
                yield fd, port


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
