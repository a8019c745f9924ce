"""Descriptors that `select.select` refuses."""

import fcntl
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager

FIRST = 1_024  # one more than select's sets hold


@contextmanager
def high_socket_pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets; the descriptor of the first is above 1,023."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(2 * FIRST, hard)), hard))
    low, theirs = socket.socketpair()
    ours = socket.socket(fileno=fcntl.fcntl(low.fileno(), fcntl.F_DUPFD_CLOEXEC, FIRST))
    low.close()
    with ours, theirs:
        assert ours.fileno() >= FIRST
        yield ours, theirs
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
