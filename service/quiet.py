"""A process that is to answer evenly: no collections, short turns between threads, memory that stays."""

import ctypes
import gc
import os
import sys

SWITCH_S = 0.0005  # how long one session's thread may keep the interpreter from another's
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_M_ARENA_MAX = -8


def still_interpreter() -> None:
    """What is there now stays, no collection looks at it, and threads take short turns. Call when all is warm."""
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.disable()


def one_heap() -> None:
    """Have all threads take memory from one heap. With one for each, as glibc has it, what a session's thread takes and
    another frees leaves holes that nobody else fills: the process grows for hours. Call it before there are threads;
    of another C library nothing is asked."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, 1)


def lock_memory() -> str | None:
    """Keep every page in memory once it was touched, and not before: books that stay empty cost nothing. Why not, if it
    is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0:
        return None
    return f"memory is not locked: {os.strerror(ctypes.get_errno())}"
