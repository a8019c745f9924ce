"""Log-linear histogram in int64 words: eight buckets per octave from 256 to 2^36, a resolution of 12.5 %.

    word 0     1            2 .. 1 + 28 x 8                 last
    +-------+-----------+--------------------------------+----------+
    | sum   | <= 256    | (lo, hi], eight to the octave  | > 2^36   |
    +-------+-----------+--------------------------------+----------+

The count is the sum of the buckets, so a concurrent reader never sees a count that differs from the buckets.
A bucket holds lo < v <= hi, as Prometheus' `le` requires.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

LOW_EXPONENT = 8
HIGH_EXPONENT = 36
SUB_BITS = 3
SUB = 1 << SUB_BITS
N_BUCKETS = (HIGH_EXPONENT - LOW_EXPONENT) * SUB + 2
HISTOGRAM_WORDS = 1 + N_BUCKETS

_HIGHEST = 1 << HIGH_EXPONENT
_SHIFT = 52 - SUB_BITS
_FIRST = (1023 + LOW_EXPONENT) << SUB_BITS  # the shifted bits of 2.0 ** LOW_EXPONENT


@njit(inline="always")
def record(values, index, value):
    """Add `value` to the histogram at word `index`; for use inside other kernels. Negative values count as 0."""
    below = value - 1
    if below < 1 << LOW_EXPONENT:
        bucket = 0
        if value < 0:
            value = 0
    elif below >= _HIGHEST:
        bucket = N_BUCKETS - 1
    else:
        # The exponent and the leading mantissa bits of the float give the index of the bucket.
        bucket = int(np.float64(below).view(np.int64) >> _SHIFT) - _FIRST + 1
    values[index] += value
    values[index + 1 + bucket] += 1


@njit("void(int64[::1], int64, int64)", cache=True, nogil=True)
def observe(values, index, value):
    """Add `value` (ns, or parts per billion) to the histogram that starts at word `index` of `values`."""
    record(values, index, value)


def upper_bounds() -> NDArray[np.float64]:
    """Inclusive upper bounds of the buckets, shape (N_BUCKETS,), in the stored unit; the last is infinity."""
    octaves = 2.0 ** np.arange(LOW_EXPONENT, HIGH_EXPONENT)
    steps = 1 + np.arange(1, SUB + 1) / SUB
    return np.concatenate([[2.0**LOW_EXPONENT], np.outer(octaves, steps).ravel(), [np.inf]])


def quantile(words: NDArray[np.int64], q: float) -> float:
    """The q-quantile (0 to 1) of one histogram's words in the stored unit, interpolated in a bucket; NaN if empty."""
    cumulative = np.cumsum(words[1:])
    total = cumulative[-1]
    if total == 0:
        return float("nan")
    bounds = upper_bounds()
    bucket = int(np.searchsorted(cumulative, q * total))
    if bucket == N_BUCKETS - 1:
        return float(_HIGHEST)
    low = bounds[bucket - 1] if bucket else 0.0
    before = cumulative[bucket - 1] if bucket else 0
    share = (q * total - before) / max(words[1 + bucket], 1)
    return float(low + share * (bounds[bucket] - low))
