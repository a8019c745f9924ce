"""Arrays that kernels construct from addresses.

An array passed from Python costs time to unbox, and the kernel counts references to it, once more for every slice. An
array constructed from an address inside the kernel costs nothing. The caller that passes the address keeps the memory
alive.

Passing such an array to another kernel still counts references, with two calls per array and kernel. Kernels that do
not own memory are therefore compiled with `_nrt=False`: they count no references and can create only the arrays below.
"""

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array


def address_of(array: np.ndarray[Any, Any], kind: Any, name: str) -> int:
    """Address of the data of an array of `kind`. ValueError if it has another dtype or is not contiguous."""
    if not array.flags.c_contiguous or array.dtype != kind:
        raise ValueError(f"{name}: not a contiguous array of {np.dtype(kind)}")
    return int(array.ctypes.data)


def _array(kind, *shape):  # type: ignore[no-untyped-def]
    """An array over memory owned by the caller, without a reference count."""
    array_type = types.Array(kind, len(shape), "C")

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        address, *extents = args
        array = make_array(array_type)(context, builder)
        size = context.get_abi_sizeof(context.get_data_type(kind))
        strides = [context.get_constant(types.intp, size)]
        for extent in reversed(extents[1:]):
            strides.insert(0, builder.mul(strides[0], extent))
        pointer = builder.inttoptr(address, array.data.type)
        populate_array(array, pointer, extents, strides, size, None)
        return array._getvalue()

    return array_type(types.int64, *([types.int64] * len(shape))), codegen


@intrinsic
def byte_array(typingctx, address, n):  # type: ignore[no-untyped-def]
    """Array uint8[n] at `address`."""
    return _array(types.uint8, n)


@intrinsic
def word_array(typingctx, address, n):  # type: ignore[no-untyped-def]
    """Array int64[n] at `address`."""
    return _array(types.int64, n)


@intrinsic
def word_array2(typingctx, address, n, m):  # type: ignore[no-untyped-def]
    """Array int64[n, m] at `address`."""
    return _array(types.int64, n, m)


@intrinsic
def word_array3(typingctx, address, n, m, k):  # type: ignore[no-untyped-def]
    """Array int64[n, m, k] at `address`."""
    return _array(types.int64, n, m, k)


@intrinsic
def float_array(typingctx, address, n):  # type: ignore[no-untyped-def]
    """Array float64[n] at `address`."""
    return _array(types.float64, n)


@intrinsic
def float_array2(typingctx, address, n, m):  # type: ignore[no-untyped-def]
    """Array float64[n, m] at `address`."""
    return _array(types.float64, n, m)
