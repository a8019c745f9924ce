"""A word of shared memory that counts changes, and on which a thread of another process sleeps until the next one.

The writer changes what it shares and calls `announce`. The reader reads `changes`, then what is shared, and calls
`wait_for_change` with the count it has read: a change in between has raised the word, so the kernel of the operating
system does not let it sleep (futex(2), FUTEX_WAIT). The writer pays for a system call only while a reader sleeps.

The two words belong to one writer and one reader:

    changes   raised by the writer; its lower 32 bits are the futex
    waiting   1 while the reader may be asleep, set by the reader; one that was killed there costs the writer a system
              call for each change until the next reader waits
"""

import platform

import numpy as np
from numba import njit, types

from quotelife.shm.seqlock import acquire, full, release

_FUTEX = {"x86_64": 202, "aarch64": 98}.get(platform.machine(), -1)  # number of the system call
_WAIT, _WAKE = 0, 1  # not FUTEX_PRIVATE_FLAG: the word is shared between processes
_ALL = 2**31 - 1
_LOW_WORD = 0xFFFF_FFFF  # both machines are little-endian: the lower half comes first
_NS_PER_S = 1_000_000_000
_SHORTEST_NS = 1_000  # a shorter wait is none

_I1 = "int64[::1]"
_futex = types.ExternalFunction(
    "syscall",
    types.int64(types.int64, types.voidptr, types.int64, types.int64, types.voidptr, types.voidptr, types.int64),
)
_usleep = types.ExternalFunction("usleep", types.int32(types.uint32))


@njit(f"void({_I1}, int64, int64)", cache=True, nogil=True)
def announce(words, changes, waiting):
    """What was written before this is visible to the reader, which wakes up if it sleeps. `changes` and `waiting` are
    indexes of `words`."""
    release()
    words[changes] += 1
    full()  # the reader's flag is read after the count was raised: one of the two sees the other
    if words[waiting] != 0:
        word = words[changes : changes + 1]
        _futex(_FUTEX, word.ctypes, _WAKE, _ALL, word.ctypes, word.ctypes, 0)


@njit(f"int64({_I1}, int64)", cache=True, nogil=True, _nrt=False)
def changes_seen(words, changes):
    """The count of changes, to be read before what is shared."""
    seen = words[changes]
    acquire()
    return seen


@njit(f"void({_I1}, int64, int64, int64, int64, {_I1})", cache=True, nogil=True)
def wait_for_change(words, changes, waiting, seen, timeout_ns, timespec):
    """Sleep until the count differs from `seen`, at most `timeout_ns`; it may return early. `timespec` int64[2] is
    workspace. Without the system call (another machine than those above) it sleeps for the whole time."""
    if timeout_ns < _SHORTEST_NS:
        return
    if _FUTEX < 0:
        _usleep(np.uint32(timeout_ns // 1_000))
        return
    timespec[0], timespec[1] = timeout_ns // _NS_PER_S, timeout_ns % _NS_PER_S
    words[waiting] = 1
    full()
    if words[changes] == seen:
        word = words[changes : changes + 1]
        _futex(_FUTEX, word.ctypes, _WAIT, seen & _LOW_WORD, timespec.ctypes, word.ctypes, 0)
    words[waiting] = 0
