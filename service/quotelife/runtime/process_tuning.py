"""A process that is to answer evenly: no collections, short turns between threads, memory that stays, a processor as
soon as there is something to do; and threads that are to leave it to such a process."""

import ctypes
import gc
import os
import platform
import struct
import sys

SWITCH_S = 0.0005  # how long one session's thread may keep the interpreter from another's
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_M_ARENA_MAX = -8
# Of struct sched_attr (sched_setattr(2)): size, policy, flags, nice, priority, runtime, deadline, period, two bounds.
_SCHED_ATTR = struct.Struct("=IIQiIQQQII")
_SCHED_OTHER = 0
_LONG_SLICE_US = 100_000  # the longest that there is
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}  # numbers of the system call


def reduce_interpreter_pauses() -> None:
    """What is there now stays, no collection looks at it, and threads take short turns. Call when all is warm."""
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.disable()


def use_single_malloc_arena() -> None:
    """Have all threads take memory from one heap. With one for each, as glibc has it, what a session's thread takes and
    another frees leaves holes that nobody else fills: the process grows for hours. Call it before there are threads;
    of another C library nothing is asked."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, 1)


def request_scheduler_slice(slice_us: int) -> str | None:
    """Have this thread, and those that it starts from now on, ask the kernel's scheduler for slices of so many
    microseconds. Why not, if it is not allowed.

    A thread with a shorter slice than the one that has the processor is given it when it wakes up; with the same, it
    waits until the other's slice of some milliseconds is over. Nothing is taken from anybody: the share of the
    processor stays what it was. Linux from 6.12 on; older ones do as they always did.
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if number is None:
        return f"the scheduler's slice is not set: not known for {platform.machine()}"
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    wanted = _SCHED_ATTR.pack(_SCHED_ATTR.size, _SCHED_OTHER, 0, nice, 0, slice_us * 1_000, 0, 0, 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, 0, wanted, 0) == 0:
        return None
    return f"the scheduler's slice is not set: {os.strerror(ctypes.get_errno())}"


def defer_to_other_threads() -> None:
    """Let every other thread that wakes up run before this thread and the threads it starts from now on: their work
    takes milliseconds and can wait. They request long slices, so all other slices are shorter;
    their share of the processor is unchanged. Without support in the kernel nothing changes."""
    request_scheduler_slice(_LONG_SLICE_US)


def lock_memory() -> str | None:
    """Keep every page in memory once it was touched, and not before: books that stay empty cost nothing. Why not, if it
    is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0:
        return None
    return f"memory is not locked: {os.strerror(ctypes.get_errno())}"
