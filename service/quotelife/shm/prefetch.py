"""Prefetches cache lines. Only a hint: a wrong one costs time, never correctness."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LINE_WORDS = 8  # of a cache line
_WRITE, _KEEP, _DATA = 1, 3, 1


@intrinsic
def prefetch(typingctx, array, word):  # type: ignore[no-untyped-def]
    """Bring the cache line of a word into the cache, to be written: `word` counts from the start of the array."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        data = cgutils.create_struct_proxy(signature.args[0])(context, builder, args[0]).data
        address = builder.gep(data, [args[1]])
        pointer, flag = ir.PointerType(), ir.IntType(32)
        signature_type = ir.FunctionType(ir.VoidType(), [pointer, flag, flag, flag])
        function = cgutils.get_or_insert_function(builder.module, signature_type, "llvm.prefetch.p0")
        pointer_value = builder.bitcast(address, pointer)
        builder.call(function, [pointer_value, flag(_WRITE), flag(_KEEP), flag(_DATA)])
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen
