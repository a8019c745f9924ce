"""Arrays handed to a kernel by their addresses.

A kernel that is given an array by Python counts its references, at every slice once more, and Python pays for handing
it over; an array that a kernel makes of an address costs nothing. Whoever passes an address keeps the array alive.

Handed on from one kernel to the next, it is counted all the same: two calls for each array and kernel, although
there is nothing to count. Kernels that only look at memory which somebody else keeps are therefore compiled with
`_nrt=False`: they count nothing, and can make no arrays but those below.
"""

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array


def address_of(array: np.ndarray[Any, Any], kind: Any, name: str) -> int:
    """Where the data of an array of `kind` are. ValueError if it is of another kind or not contiguous."""
    if not array.flags.c_contiguous or array.dtype != kind:
        raise ValueError(f"{name}: not a contiguous array of {np.dtype(kind)}")
    return int(array.ctypes.data)


def _array(kind, *shape):  # type: ignore[no-untyped-def]
    """An array over memory that somebody else keeps alive, for kernels that count no references."""
    made = types.Array(kind, len(shape), "C")

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        address, *extents = args
        array = make_array(made)(context, builder)
        size = context.get_abi_sizeof(context.get_data_type(kind))
        strides = [context.get_constant(types.intp, size)]
        for extent in reversed(extents[1:]):
            strides.insert(0, builder.mul(strides[0], extent))
        pointer = builder.inttoptr(address, array.data.type)
        populate_array(array, pointer, extents, strides, size, None)
        return array._getvalue()

    return made(types.int64, *([types.int64] * len(shape))), codegen


@intrinsic
def byte_array(typingctx, address, n):  # type: ignore[no-untyped-def]
    """uint8[n]"""
    return _array(types.uint8, n)


@intrinsic
def word_array(typingctx, address, n):  # type: ignore[no-untyped-def]
    """int64[n]"""
    return _array(types.int64, n)


@intrinsic
def word_array2(typingctx, address, n, m):  # type: ignore[no-untyped-def]
    """int64[n, m]"""
    return _array(types.int64, n, m)


@intrinsic
def word_array3(typingctx, address, n, m, k):  # type: ignore[no-untyped-def]
    """int64[n, m, k]"""
    return _array(types.int64, n, m, k)


@intrinsic
def float_array(typingctx, address, n):  # type: ignore[no-untyped-def]
    """float64[n]"""
    return _array(types.float64, n)


@intrinsic
def float_array2(typingctx, address, n, m):  # type: ignore[no-untyped-def]
    """float64[n, m]"""
    return _array(types.float64, n, m)
