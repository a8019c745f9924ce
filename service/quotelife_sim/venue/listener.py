"""Puts the engine of the simulated venue on one address: it would listen on all of the machine's.

The engine gets a port of its own, chosen by the system. Once it listens, its descriptor is replaced by a socket that
listens on the wanted address, which the engine's next poll sees.
"""

import os
import socket
import stat
from collections.abc import Iterator

_BACKLOG = 64


class AddressedListener:
    """Listens on `host` and `port`; connections wait until `hand_over` has given the socket to the engine. OSError if
    the address is not available."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_server((host, port), backlog=_BACKLOG)
        with socket.socket() as free:
            free.bind(("", 0))
            self.engine_port: int = free.getsockname()[1]

    def hand_over(self) -> None:
        """Replace the engine's socket; OSError if the engine does not listen."""
        with self._socket:
            for fd in _listening_on_all(self.engine_port):
                os.dup2(self._socket.fileno(), fd, inheritable=False)
                return
        raise OSError(f"the engine does not listen on port {self.engine_port}")


def _listening_on_all(port: int) -> Iterator[int]:
    """Descriptors of this process that listen on this port of every address."""
    for text in os.listdir("/proc/self/fd"):
        fd = int(text)
        try:
            if not stat.S_ISSOCK(os.fstat(fd).st_mode):
                continue
            found = socket.socket(fileno=os.dup(fd))
        except OSError:
            continue  # closed meanwhile
        with found:
            listens = found.family == socket.AF_INET and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            if listens and found.getsockname() == ("0.0.0.0", port):
                yield fd
