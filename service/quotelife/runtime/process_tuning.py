"""Process settings for even latency: garbage collection, thread switching, memory, scheduling."""

import ctypes
import gc
import os
import platform
import struct
import sys

SWITCH_S = 0.0005  # for which a thread may hold the interpreter lock while another waits
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_M_ARENA_MAX = -8
# Of struct sched_attr (sched_setattr(2)): size, policy, flags, nice, priority, runtime, deadline, period, two bounds.
_SCHED_ATTR = struct.Struct("=IIQiIQQQII")
_SCHED_OTHER = 0
_LONG_SLICE_US = 100_000  # the maximum
_PR_SET_TIMERSLACK, _TIMER_SLACK_NS = 29, 1_000
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}  # numbers of the system call


def reduce_interpreter_pauses() -> None:
    """Freeze existing objects, turn the garbage collector off and switch threads often. Call it after the warm-up."""
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.disable()


def use_single_malloc_arena() -> None:
    """Let all threads allocate from one malloc arena. With an arena per thread, glibc's default, memory that one
    session's thread allocates and another frees is not reused: the process grows for hours. Call it before starting
    threads. Has no effect with other C libraries."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, 1)


def request_scheduler_slice(slice_us: int) -> str | None:
    """Request scheduler slices of `slice_us` for this thread and the threads it starts from now on. Returns the reason
    if that fails, else None.

    When a thread wakes up, it preempts a running thread with a longer slice; otherwise it waits for the end of that
    thread's slice of some milliseconds. Shares of the processor do not change. Kernels before Linux 6.12 ignore it.
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


def request_exact_timers() -> None:
    """Let sleeps of this thread end within a microsecond, not within the 50 that are the default (prctl(2),
    PR_SET_TIMERSLACK)."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, _TIMER_SLACK_NS, 0, 0, 0)


def defer_to_other_threads() -> None:
    """Let every other thread that wakes up run before this thread and the threads it starts from now on: their work
    takes milliseconds and can wait. They request long slices, so all other slices are shorter;
    their share of the processor is unchanged. Without support in the kernel nothing changes."""
    request_scheduler_slice(_LONG_SLICE_US)


def lock_memory() -> str | None:
    """Lock every page in memory once it has been touched; untouched pages, such as empty books, use no memory. Returns
    the reason if that fails, else None."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0:
        return None
    return f"memory is not locked: {os.strerror(ctypes.get_errno())}"
