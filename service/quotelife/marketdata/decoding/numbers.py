"""Reads short numbers from a word of eight bytes, without a loop."""

import numpy as np
from numba import njit, types

from quotelife.market.book.orders import word_at
from quotelife.marketdata.decoder_state import BYTES

_I, _U = types.int64, types.uint64
_ONES, _HIGH = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_POINTS, _ZEROS = np.uint64(0x2E2E2E2E2E2E2E2E), np.uint64(0x3030303030303030)
_ABOVE_NINE = np.uint64(0x7676767676767676)
_PAIRS = np.uint64(0x000000FF000000FF)
_POWERS = 10 ** np.arange(10, dtype=np.int64)
_BYTE = np.uint64(8)


@njit(_U(_U), cache=True, nogil=True, _nrt=False, forceinline=True)
def _eight_digits(digits):
    """The number of eight bytes from 0 to 9, the first one lowest: pairs, then quarters, then all."""
    digits = digits * np.uint64(10) + (digits >> _BYTE)
    first = (digits & _PAIRS) * np.uint64(0x000F424000000064)
    second = (digits >> np.uint64(16) & _PAIRS) * np.uint64(0x0000271000000001)
    return (first + second) >> np.uint64(32)


@njit(_I(BYTES, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def short_units(buf, start, end, unit, scale):
    """`fix.fields.parse_units` for a number of at most eight characters, without a sign, that is exact; else -1.

    Reads eight bytes from `start`, also behind `end`."""
    length = np.uint64(end - start)
    if length == np.uint64(0) or length > _BYTE:
        return -1
    word = word_at(buf, start) << _BYTE * (_BYTE - length)  # the last character highest, zeros below the first
    points = word ^ _POINTS
    points = (points - _ONES) & ~points & _HIGH
    decimals = np.uint64(0)
    if points != np.uint64(0):
        below = (points & (~points + np.uint64(1))) >> np.uint64(7)  # 1 in the byte of the first point
        before = below - np.uint64(1)
        at = (before & _ONES) * _ONES >> np.uint64(56)  # its number; 0 at least as many as were shifted in
        decimals = np.uint64(7) - at
        word = word & ~(before | below * np.uint64(255)) | (word & before) << _BYTE
        length -= np.uint64(1)
        if length == np.uint64(0):
            return -1
    digits = word - (_ZEROS << _BYTE * (_BYTE - length))
    if ((digits + _ABOVE_NINE) | digits) & _HIGH:
        return -1
    units = np.int64(_eight_digits(digits))
    shift = scale - np.int64(decimals)
    divisor = unit
    if shift > 0:
        if shift > 9:
            return -1
        units *= _POWERS[shift]
    elif shift < 0:
        divisor *= _POWERS[-shift]
    if divisor == 1:
        return units
    quotient = np.int64(np.uint64(units) // np.uint64(divisor))
    return quotient if quotient * divisor == units else -1
