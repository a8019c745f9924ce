"""Kernels between numbers and the text of FIX fields: exact, or declined.

Those that write get an array, the position to write at and the number, and return the position behind what they have
written, or DECLINED. They check no bounds: MAX_NUMBER bytes must be free.
"""

import numpy as np
from numba import njit

from quotelife.fix.fields import INVALID, parse_units

DECLINED = -1
MAX_NUMBER = 32  # bytes that a number or time may take
MAX_DECIMALS = 18
_MAX_INT = 2**63 - 1
_MAX_DIGITS = 19
_TEN, _ZERO = np.uint64(10), np.uint64(48)
_US, _NS_PER_S, _S_PER_DAY = 1_000, 1_000_000_000, 86_400
_MANTISSA_BITS, _MANTISSA, _ONE = 52, (1 << 52) - 1, 1023 << 52
_LOW = 0xFFFFFFFF
_FIVES = 5**6  # 10**6 without its factors of 2


@njit("int64(uint8[::1], int64, int64, int64, int64, int64[::1])", cache=True, nogil=True, _nrt=False)
def exact_units(buf, start, end, unit, scale, scratch):
    """`Grid.units` of the text in `buf[start:end]`, of a grid with that `unit` and `scale` decimals.

    INVALID for what the grid refuses, and for more digits than 18. `scratch` int64[1] is overwritten.
    """
    scratch[0] = 0
    units = parse_units(buf, start, end, unit, scale, 0, scratch)
    return INVALID if scratch[0] else units


@njit("int64(int64)", cache=True, nogil=True, _nrt=False, forceinline=True)
def count_digits(value):
    """Decimal digits of a number that is not negative."""
    n, bound = 1, 10
    while n < _MAX_DIGITS and value >= bound:
        n += 1
        bound *= 10
    return n


@njit("int64(uint8[::1], int64, int64, int64)", cache=True, nogil=True, _nrt=False, forceinline=True)
def write_digits(out, pos, value, n):
    """The last `n` digits of a number that is not negative, with leading zeros."""
    left = np.uint64(value)
    for i in range(pos + n - 1, pos - 1, -1):
        rest = left // _TEN
        out[i] = left - rest * _TEN + _ZERO
        left = rest
    return pos + n


@njit("int64(uint8[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def write_int(out, pos, value):
    """An int as `str` writes it; DECLINED for the lowest one of 64 bits."""
    if value < 0:
        if value < -_MAX_INT:
            return DECLINED
        value = -value
        out[pos] = 45  # -
        pos += 1
    return write_digits(out, pos, value, count_digits(value))


@njit("int64(uint8[::1], int64, int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def write_units(out, pos, units, unit, decimals):
    """`Grid.text` of `units`, of a grid with that `unit` and number of decimals.

    DECLINED where units x unit has more than 63 bits, and for more than MAX_DECIMALS.
    """
    largest = _MAX_INT // unit
    if units > largest or units < -largest or decimals > MAX_DECIMALS:
        return DECLINED
    value = units * unit
    if decimals == 0:
        return write_int(out, pos, value)
    if value < 0:
        value = -value
        out[pos] = 45
        pos += 1
    scale = 1
    for _ in range(decimals):
        scale *= 10
    whole = value // scale
    pos = write_digits(out, pos, whole, count_digits(whole))
    out[pos] = 46  # .
    return write_digits(out, pos + 1, value - whole * scale, decimals)


@njit("int64(uint8[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def write_utc_timestamp(out, pos, ns):
    """`clock.utc_timestamp`: microseconds, rounded down. DECLINED before 1970. Civil calendar, Hinnant's algorithm."""
    if ns < 0:
        return DECLINED
    second = ns // _NS_PER_S
    day = second // _S_PER_DAY
    of_day = second - day * _S_PER_DAY
    day += 719_468  # days from the first of March of the year 0
    era = day // 146_097
    day -= era * 146_097
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    day -= year * 365 + year // 4 - year // 100
    shifted = (5 * day + 2) // 153  # month, March being 0
    month = shifted + (3 if shifted < 10 else -9)
    year += era * 400 + (1 if month <= 2 else 0)
    pos = write_digits(out, pos, year, 4)
    pos = write_digits(out, pos, month, 2)
    pos = write_digits(out, pos, day - (153 * shifted + 2) // 5 + 1, 2)
    out[pos] = 45
    pos = write_digits(out, pos + 1, of_day // 3_600, 2)
    out[pos] = 58  # :
    pos = write_digits(out, pos + 1, of_day // 60 % 60, 2)
    out[pos] = 58
    pos = write_digits(out, pos + 1, of_day % 60, 2)
    out[pos] = 46
    return write_digits(out, pos + 1, (ns - second * _NS_PER_S) // _US, 6)


@njit("int64(uint8[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def write_probability(out, pos, bits):
    """A float in [0, 1], given as the 64 bits of its word, as `f"{value:.6f}"` writes it; DECLINED for any other.

    Exact: the float is m / 2**e, so its millionths are m * 5**6 / 2**(e - 6), rounded half to even. That product has
    up to 67 bits, in two parts here.
    """
    if bits < 0 or bits > _ONE:
        return DECLINED
    exponent = bits >> _MANTISSA_BITS
    mantissa = (bits & _MANTISSA) + ((1 << _MANTISSA_BITS) if exponent > 0 else 0)
    low = (mantissa & _LOW) * _FIVES
    high = (mantissa >> 32) * _FIVES + (low >> 32)
    low &= _LOW
    shift = 1023 + _MANTISSA_BITS - 6 - 32 - exponent  # of `high`; at least 14
    millionths = 0
    if shift <= 36:  # otherwise less than half a millionth
        millionths = high >> shift
        rest = high - (millionths << shift)
        half = 1 << (shift - 1)
        if rest > half or (rest == half and (low > 0 or millionths & 1)):
            millionths += 1
    out[pos] = 48 + millionths // 1_000_000
    out[pos + 1] = 46
    return write_digits(out, pos + 2, millionths % 1_000_000, 6)
