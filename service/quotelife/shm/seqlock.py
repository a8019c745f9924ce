"""Memory fences for kernels. Plain Numba code may merge or move the two increments of a seqlock; fences forbid it.

Writer: make VERSION odd, `release`, write the row, `release`, make VERSION even.
Reader: read VERSION, `acquire`, read the row, `acquire`, read VERSION again; unequal or odd means: read once more.
(Boehm, "Can seqlocks get along with programming language memory models?", 2012.)
"""

from numba import types
from numba.extending import intrinsic


def _fence(ordering: str):  # type: ignore[no-untyped-def]
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        builder.fence(ordering)
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def release(typingctx):  # type: ignore[no-untyped-def]
    """Everything before this is visible to others before anything after it."""
    return _fence("release")


@intrinsic
def acquire(typingctx):  # type: ignore[no-untyped-def]
    """Nothing after this is read before what stands before it."""
    return _fence("acquire")
