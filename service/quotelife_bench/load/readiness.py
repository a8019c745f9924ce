"""Waiting for several sockets at once.

`select.select` ends with an error for descriptors above 1,023, and Python's poll and epoll round a timeout up to whole
milliseconds. ppoll(2) does neither.
"""

import ctypes
import os
import select
from collections.abc import Iterable
from typing import Protocol, TypeVar

from quotelife.runtime.clock import NS_PER_S

_libc = ctypes.CDLL(None, use_errno=True)


class HasFileno(Protocol):
    """A socket or a file."""

    def fileno(self) -> int: ...


R = TypeVar("R", bound=HasFileno)


class _PollFd(ctypes.Structure):
    """struct pollfd of poll(2)."""

    _fields_ = (("fd", ctypes.c_int), ("events", ctypes.c_short), ("revents", ctypes.c_short))


class _Timespec(ctypes.Structure):
    _fields_ = (("s", ctypes.c_long), ("ns", ctypes.c_long))


def wait(readers: Iterable[R], writers: Iterable[HasFileno] = (), seconds: float | None = None) -> list[R]:
    """Those of `readers` that can be read or have ended, once there are any, once one of `writers` can be written to,
    or after that many seconds (None: no limit). OSError if a signal interrupts."""
    reading = list(readers)
    wanted = [(r.fileno(), select.POLLIN) for r in reading] + [(w.fileno(), select.POLLOUT) for w in writers]
    pollfds = (_PollFd * len(wanted))(*(_PollFd(fd, events) for fd, events in wanted))
    limit = None if seconds is None else ctypes.byref(_Timespec(*divmod(max(int(seconds * NS_PER_S), 0), NS_PER_S)))
    if _libc.ppoll(pollfds, ctypes.c_ulong(len(wanted)), limit, None) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return [reader for reader, pollfd in zip(reading, pollfds, strict=False) if pollfd.revents]
