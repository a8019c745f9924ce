"""Arrays handed to a kernel by their addresses.

A kernel that is given an array by Python counts its references, at every slice once more, and Python pays for handing
it over; an array that a kernel makes of an address costs nothing. Whoever passes an address keeps the array alive.
"""

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic


def address_of(array: np.ndarray[Any, Any], kind: Any, name: str) -> int:
    """Where the data of an array of `kind` are. ValueError if it is of another kind or not contiguous."""
    if not array.flags.c_contiguous or array.dtype != kind:
        raise ValueError(f"{name}: not a contiguous array of {np.dtype(kind)}")
    return int(array.ctypes.data)


def _as_pointer(kind):  # type: ignore[no-untyped-def]
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(kind)(types.int64), codegen


@intrinsic
def words_at(typingctx, address):  # type: ignore[no-untyped-def]
    """Pointer to int64, for `numba.carray`."""
    return _as_pointer(types.int64)


@intrinsic
def floats_at(typingctx, address):  # type: ignore[no-untyped-def]
    """Pointer to float64."""
    return _as_pointer(types.float64)


@intrinsic
def bytes_at(typingctx, address):  # type: ignore[no-untyped-def]
    """Pointer to uint8."""
    return _as_pointer(types.uint8)
