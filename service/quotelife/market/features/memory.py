"""The memory of a board row: exponentially decayed sums, which need no past events and cost the same at every rate.

A mean in time m of a value v follows dm = (v - m) dt / T for the time constant T, a sum decays by exp(-dt / T). Both
begin at 0, so each mean has a weight, the same mean of a value 1: their quotient is free of the beginning. The writer
decays a sum when its value changes, a reader to its own time.

The times of a row never fall (`quotelife.market.features.update` raises them), so no interval is negative.
"""

import math

import numpy as np
from numba import njit

from quotelife.market.board import layout as L
from quotelife_models import schema as S

SIZES_NS, SQUARES_NS, HALF_LIFE_NS = 60e9, 300e9, 500e6
_LN_2 = math.log(2.0)
_PER_NS = -_LN_2 / HALF_LIFE_NS
_THIRD = 1.0 / 3.0
_PER_SECOND = _LN_2 / (HALF_LIFE_NS / 1e9)  # a steady rate r gives a decayed number of r / this
# a volatility is scaled up from at least 10 s: a first change of the mid would have an infinite one
_LEAST_WEIGHT = -math.expm1(-10e9 / SQUARES_NS)


@njit("float64(int64, float64)", cache=True, nogil=True, _nrt=False, forceinline=True)
def passed(elapsed_ns, constant_ns):
    """Share of an old mean that an interval replaces: 1 - exp(-elapsed / constant)."""
    x = elapsed_ns * (1.0 / constant_ns)
    if x < 0.01:  # the usual case; five terms are exact to 1e-13
        return x * (1.0 - x * 0.5 * (1.0 - x * _THIRD * (1.0 - x * 0.25 * (1.0 - x * 0.2))))
    return -math.expm1(-x)


@njit("float64(int64)", cache=True, nogil=True, _nrt=False)
def _intensity_left(elapsed_ns):
    return math.exp(_PER_NS * elapsed_ns)


@njit("void(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def reset_memory(r, now_ns):
    for w in range(L.MEMORY, L.MEMORY + L.MEMORY_WORDS):
        r[w] = 0
    for w in range(L.MEMORY, L.MEMORY + L.MEMORY_TIMES):
        r[w] = now_ns


@njit("void(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def extend_sizes(r, now_ns):
    """Extend the mean sizes to now, with the sizes on the row. Call it before a best size changes."""
    sums = r.view(np.float64)
    share = passed(now_ns - r[L.SIZES_T_NS], SIZES_NS)
    r[L.SIZES_T_NS] = now_ns
    for side in range(2):
        quoted = r[L.N_BID + side] > 0
        size = r[L.BID_SZ if side == 0 else L.ASK_SZ] if quoted else 0
        sums[L.SIZES + side] += (size - sums[L.SIZES + side]) * share
        sums[L.SIZES_WEIGHT + side] += (quoted - sums[L.SIZES_WEIGHT + side]) * share


@njit("void(int64[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def add_square(r, now_ns, square):
    """Add the square of a change of MID2."""
    sums = r.view(np.float64)
    share = passed(now_ns - r[L.SQUARES_T_NS], SQUARES_NS)
    r[L.SQUARES_T_NS] = now_ns
    sums[L.SQUARES] += square - sums[L.SQUARES] * share
    sums[L.SQUARES_WEIGHT] += (1.0 - sums[L.SQUARES_WEIGHT]) * share


@njit("void(int64[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def add_trade(r, now_ns, aggressor):
    """Count a trade by a buyer (aggressor > 0) or a seller (< 0)."""
    if aggressor == 0:
        return
    sums = r.view(np.float64)
    left = _intensity_left(now_ns - r[L.INTENSITY_T_NS])
    r[L.INTENSITY_T_NS] = now_ns
    sums[L.INTENSITY] = sums[L.INTENSITY] * left + (aggressor > 0)
    sums[L.INTENSITY + 1] = sums[L.INTENSITY + 1] * left + (aggressor < 0)


@njit("void(int64[::1], int64, float64[::1])", cache=True, nogil=True, _nrt=False)
def fill_memory(r, now_ns, x):
    """Fill in the features of the memory as of now, of a row with a book of two sides."""
    sums = r.view(np.float64)
    share = passed(now_ns - r[L.SIZES_T_NS], SIZES_NS)
    for side in range(2):
        size = np.float64(r[L.BID_SZ if side == 0 else L.ASK_SZ])
        total, weight = sums[L.SIZES + side], sums[L.SIZES_WEIGHT + side]
        total, weight = total + (size - total) * share, weight + (1.0 - weight) * share
        x[S.BID_SIZE_RATIO + side] = size * weight / total if total > 0.0 else 1.0
        x[S.BID_PRICE_AGE + side] = min((now_ns - r[L.BID_PX_SINCE_NS + side]) / 1e6, 60_000.0)
    left = _intensity_left(now_ns - r[L.INTENSITY_T_NS]) * _PER_SECOND
    x[S.BUY_INTENSITY] = sums[L.INTENSITY] * left
    x[S.SELL_INTENSITY] = sums[L.INTENSITY + 1] * left
    share = passed(now_ns - r[L.SQUARES_T_NS], SQUARES_NS)
    weight = max(sums[L.SQUARES_WEIGHT] + (1.0 - sums[L.SQUARES_WEIGHT]) * share, _LEAST_WEIGHT)
    x[S.REALISED_VOLATILITY_300S] = math.sqrt(sums[L.SQUARES] * (1.0 - share) / weight) / 2.0
