"""Which descriptors the engine's connections get: numbers that nothing else in the process uses, each one rarely.

Engine defect: when it ends a session, the session's thread closes the descriptor and goes on using the number: it reads
from it once more, and closes it again for each invalid message that came with the one that ended the session. If the
number belongs to another connection or file by then, that one loses bytes, or is closed.

The kernel gives the lowest free number, to accept() when it begins to wait. So while the engine begins to wait for its
next connection, all free numbers below the next one of a range are occupied. The rest of the process has enough lower
ones, and a number of the range comes again after all others of it.
"""

import array
import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby

FIRST, LAST = 512, 1_000
_AT_ONCE = 253  # descriptors in one message
_POLL_S = 0.0005
_TIMES = 3  # in a row: also a file that is being opened has a number for a moment


class EngineDescriptors:
    """The numbers for the connections of one listening socket; one thread at a time."""

    def __init__(self) -> None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._first, self._last = min(FIRST, limit // 4), min(LAST, limit // 2)
        self._next = self._first

    @contextmanager
    def occupied(self) -> Iterator["Occupied"]:
        """While this lasts, no number below the next one of the range is free. OSError if there are too few."""
        with open(os.devnull) as placeholder:
            one, other = socket.socketpair()
            with one, other:
                held: list[int] = []
                try:
                    while not held or max(held) < self._next:
                        held += _duplicates(placeholder.fileno(), one, other)
                    free = sorted(fd for fd in held if fd >= self._next)
                    held = [fd for fd in held if fd < self._next]
                    _close(free)
                    self._next = free[0] + 1 if free[0] < self._last else self._first
                    yield Occupied(placeholder.fileno(), free[0], held)
                finally:
                    own = os.fstat(placeholder.fileno())
                    _close([fd for fd in held if fd < self._first or _is_same(fd, own)])


class Occupied:
    """`next` is the lowest free descriptor, unless other threads have opened or closed one meanwhile."""

    def __init__(self, placeholder: int, next_fd: int, held: list[int]) -> None:
        self.next, self._placeholder, self._held = next_fd, placeholder, held

    def await_accept(self, wait_s: float) -> int:
        """The descriptor that an accept() which waits has got, from `next` on; -1 if there is none in that time. It is
        not free, and stays not open."""
        deadline = time.monotonic() + wait_s
        found, times = -1, 0
        while time.monotonic() < deadline and times < _TIMES:
            time.sleep(_POLL_S)
            lowest = os.dup(self._placeholder)
            if lowest < self.next:
                self._held.append(lowest)
                continue
            os.close(lowest)
            reserved = next((fd for fd in range(self.next, lowest) if not _is_open(fd)), -1)
            times = times + 1 if reserved == found >= 0 else 0
            found = reserved
        return found if times >= _TIMES else -1


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _duplicates(descriptor: int, one: socket.socket, other: socket.socket) -> list[int]:
    """Duplicates with the lowest numbers, ascending. Received in one message from `one` to `other`: with a call for
    each, the thread would wait for the interpreter's lock as often."""
    socket.send_fds(one, [b"x"], [descriptor] * _AT_ONCE)
    space = socket.CMSG_SPACE(_AT_ONCE * array.array("i").itemsize)
    _, ancillary, _, _ = other.recvmsg(1, space, socket.MSG_CMSG_CLOEXEC)
    received = array.array("i")
    for _, _, data in ancillary:
        received.frombytes(data)
    return sorted(received)


def _is_same(fd: int, file: os.stat_result) -> bool:
    """Whether a descriptor of the range is still this file's: the engine may have closed its number, and another thread
    got it."""
    try:
        return os.path.samestat(os.fstat(fd), file)
    except OSError:
        return False


def _close(descriptors: list[int]) -> None:
    """Close descriptors, a run of numbers at a time."""
    for _, numbered in groupby(enumerate(sorted(descriptors)), lambda each: each[1] - each[0]):
        run = [fd for _, fd in numbered]
        os.closerange(run[0], run[-1] + 1)
