"""Seqlocks for kernels: readers of a row detect a concurrent write.

The first word of the row is its version, odd during a write. Writer: `begin_write`, write, `end_write`.
Reader: `stable_version`, read, `is_unchanged`; if it has changed, read again.
(Boehm, "Can seqlocks get along with programming language memory models?", 2012.)

Plain Numba code may merge or move the two increments of the version; fences prevent that.
"""

from numba import njit, types
from numba.extending import intrinsic

VERSION = 0  # word of the row
_SPINS = 20_000  # reads of an odd version before the reader gives up


def _fence(ordering: str):  # type: ignore[no-untyped-def]
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        builder.fence(ordering)
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def release(typingctx):  # type: ignore[no-untyped-def]
    """Reads and writes before this complete before any write after it."""
    return _fence("release")


@intrinsic
def acquire(typingctx):  # type: ignore[no-untyped-def]
    """Reads before this complete before any read or write after it."""
    return _fence("acquire")


@intrinsic
def full(typingctx):  # type: ignore[no-untyped-def]
    """Reads and writes before this complete before any read or write after it, a read after a write included."""
    return _fence("seq_cst")


@njit("void(int64[::1])", cache=True, nogil=True, _nrt=False)
def begin_write(row):
    row[VERSION] += 1
    release()


@njit("void(int64[::1])", cache=True, nogil=True, _nrt=False)
def end_write(row):
    release()
    row[VERSION] += 1


@njit("int64(int64[::1])", cache=True, nogil=True, _nrt=False)
def stable_version(row):
    """The row's version once it is even; -1 if it stays odd."""
    for _ in range(_SPINS):
        version = row[VERSION]
        if version & 1 == 0:
            acquire()
            return version
        acquire()
    return -1


@njit("boolean(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def is_unchanged(row, version):
    """Whether all values read since `stable_version` belong to that version."""
    acquire()
    return row[VERSION] == version
