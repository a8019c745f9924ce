"""exp for whole arrays: the compiler makes vector instructions of it, which it cannot of a call of math.exp for each.

exp(x) = 2^n exp(r) with r = x - n log 2 between -log(2) / 2 and log(2) / 2, where a Taylor polynomial of degree 12 is
exact to 2e-16 of the value (Muller, Elementary Functions, ch. 11). The operations are not reordered, so that a value
has the same bits wherever it stands in an array.
"""

import math

import numpy as np
from numba import njit

LIMIT = 30.0  # absolute value of an argument: beyond it, log-odds say nothing more
_LOG2_E = 1.0 / math.log(2.0)
_LOG2_HIGH, _LOG2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # n times the first is exact
_ROUND = 1.5 * 2.0**52  # plus a small number: its last bits are the nearest integer
_BIAS, _MANTISSA_BITS = 1023, 52
_C2, _C3, _C4, _C5, _C6, _C7 = (1.0 / math.factorial(i) for i in range(2, 8))
_C8, _C9, _C10, _C11, _C12 = (1.0 / math.factorial(i) for i in range(8, 13))


@njit("void(float64[::1], float64[::1])", cache=True, nogil=True, _nrt=False, fastmath={"contract"})
def exponentials(values, scales):
    """Replace values by their exponentials; those beyond LIMIT count as LIMIT. scales float64[len(values)] is
    overwritten."""
    words = scales.view(np.int64)
    for i in range(len(values)):
        bounded = min(max(values[i], -LIMIT), LIMIT)
        values[i] = bounded
        scales[i] = bounded * _LOG2_E + _ROUND
    for i in range(len(values)):
        n = scales[i] - _ROUND
        r = (values[i] - n * _LOG2_HIGH) - n * _LOG2_LOW
        high = _C6 + r * (_C7 + r * (_C8 + r * (_C9 + r * (_C10 + r * (_C11 + r * _C12)))))
        values[i] = 1.0 + r * (1.0 + r * (_C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * high)))))
    for i in range(len(values)):
        words[i] = (words[i] + _BIAS) << _MANTISSA_BITS
    for i in range(len(values)):
        values[i] *= scales[i]
