"""Price-level books of many instruments in flat arrays, for one writer.

    px, sz, cnt   int64[rows, 2, capacity]   price in ticks, size in lots, number of orders; side 0 bid, 1 ask
    n             int64[rows, 4]             number of levels (bid, ask), floor (bid, ask)

The best level is last, so that changes near the top move few elements. A full side drops its worst level and raises its
floor; levels below the floor are ignored until the next `clear` (a snapshot).
"""

import numpy as np
from numba import njit

N_BID, N_ASK, FLOOR_BID, FLOOR_ASK = range(4)
_NO_FLOOR = -(2**62)
LEVELS = 1024  # default capacity of a side
_LINEAR = 12  # levels searched one by one from the top before the binary search


class Books:
    """Storage for `rows` books of at most `capacity` levels a side. Books that are never written use no memory."""

    def __init__(self, rows: int, capacity: int = LEVELS) -> None:
        shape = (rows, 2, capacity)
        self.px = np.zeros(shape, np.int64)
        self.sz = np.zeros(shape, np.int64)
        self.cnt = np.zeros(shape, np.int64)
        self.n = np.zeros((rows, 4), np.int64)
        self.n[:, FLOOR_BID:] = _NO_FLOOR


@njit("int64(int64[:,:,::1], int64, int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def position_of(px, row, side, n, key):
    """Index of the first level whose key is at least `key`; keys are ascending prices, negated on the ask side."""
    sign = 1 - 2 * side
    i = n
    stop = max(n - _LINEAR, 0)
    while i > stop and px[row, side, i - 1] * sign >= key:
        i -= 1
    if i > stop or i == 0:
        return i
    low, high = 0, i
    while low < high:
        middle = (low + high) >> 1
        if px[row, side, middle] * sign >= key:
            high = middle
        else:
            low = middle + 1
    return low


@njit(
    "void(int64[:,:,::1], int64[:,:,::1], int64[:,:,::1], int64, int64, int64, int64)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def open_gap(px, sz, cnt, row, side, at, n):
    """Shift the levels from index `at` of a side of n levels, so that one can be written there."""
    for i in range(n, at, -1):
        px[row, side, i] = px[row, side, i - 1]
        sz[row, side, i] = sz[row, side, i - 1]
        cnt[row, side, i] = cnt[row, side, i - 1]


@njit(
    "void(int64[:,:,::1], int64[:,:,::1], int64[:,:,::1], int64, int64, int64, int64)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def close_gap(px, sz, cnt, row, side, at, n):
    """Remove the level at index `at` of a side of n levels."""
    for i in range(at, n - 1):
        px[row, side, i] = px[row, side, i + 1]
        sz[row, side, i] = sz[row, side, i + 1]
        cnt[row, side, i] = cnt[row, side, i + 1]


@njit(
    "int64(int64[:,:,::1], int64[:,:,::1], int64[:,:,::1], int64[:,::1], int64, int64, int64, int64, int64, int64)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _insert_level(px, sz, cnt, n, row, side, at, price, size, count):
    """Insert a level at index `at`; a full side drops its worst level. Returns `size`, 0 if that is the new level."""
    n_levels = n[row, side]
    sign = 1 - 2 * side
    if n_levels == px.shape[2]:
        floor = price * sign if at == 0 else px[row, side, 0] * sign
        n[row, 2 + side] = floor + 1
        if at == 0:
            return 0
        close_gap(px, sz, cnt, row, side, 0, n_levels)
        n_levels -= 1
        at -= 1
    open_gap(px, sz, cnt, row, side, at, n_levels)
    px[row, side, at] = price
    sz[row, side, at] = size
    cnt[row, side, at] = count
    n[row, side] = n_levels + 1
    return size


@njit(
    "int64(int64[:,:,::1], int64[:,:,::1], int64[:,:,::1], int64[:,::1], int64, int64, int64, int64)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def set_level(px, sz, cnt, n, row, side, price_ticks, size_lots):
    """Set the size at a price; 0 or less removes the level. Returns the previous size."""
    sign = 1 - 2 * side
    key = price_ticks * sign
    if key < n[row, 2 + side]:
        return 0
    n_levels = n[row, side]
    at = position_of(px, row, side, n_levels, key)
    if at < n_levels and px[row, side, at] == price_ticks:
        before = sz[row, side, at]
        if size_lots > 0:
            sz[row, side, at] = size_lots
        else:
            close_gap(px, sz, cnt, row, side, at, n_levels)
            n[row, side] = n_levels - 1
        return before
    if size_lots > 0:
        _insert_level(px, sz, cnt, n, row, side, at, price_ticks, size_lots, 1)
    return 0


@njit(
    "int64(int64[:,:,::1], int64[:,:,::1], int64[:,:,::1], int64[:,::1], int64, int64, int64, int64, int64)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def add_to_level(px, sz, cnt, n, row, side, price_ticks, d_size_lots, d_count):
    """Change size and order count at a price (order-level books). An empty level is removed. Returns the new size."""
    sign = 1 - 2 * side
    key = price_ticks * sign
    if key < n[row, 2 + side]:
        return 0
    n_levels = n[row, side]
    at = position_of(px, row, side, n_levels, key)
    if at < n_levels and px[row, side, at] == price_ticks:
        size = sz[row, side, at] + d_size_lots
        count = cnt[row, side, at] + d_count
        if count <= 0 or size <= 0:
            close_gap(px, sz, cnt, row, side, at, n_levels)
            n[row, side] = n_levels - 1
            return 0
        sz[row, side, at] = size
        cnt[row, side, at] = count
        return size
    if d_size_lots > 0 and d_count > 0:
        return _insert_level(px, sz, cnt, n, row, side, at, price_ticks, d_size_lots, d_count)
    return 0


@njit(
    "UniTuple(int64, 2)(int64[:,:,::1], int64[:,:,::1], int64[:,:,::1], int64[:,::1], int64, int64, int64)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def level_at(px, sz, cnt, n, row, side, price_ticks):
    """(size, order count) at a price; (0, 0) without a level."""
    n_levels = n[row, side]
    at = position_of(px, row, side, n_levels, price_ticks * (1 - 2 * side))
    if at < n_levels and px[row, side, at] == price_ticks:
        return sz[row, side, at], cnt[row, side, at]
    return 0, 0


@njit(
    "void(int64[:,:,::1], int64[:,:,::1], int64[:,:,::1], int64[:,::1], int64, int64, int64, int64, int64)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def set_level_with_count(px, sz, cnt, n, row, side, price_ticks, size_lots, count):
    """`set_level` with a number of orders."""
    set_level(px, sz, cnt, n, row, side, price_ticks, size_lots)
    n_levels = n[row, side]
    at = position_of(px, row, side, n_levels, price_ticks * (1 - 2 * side))
    if at < n_levels and px[row, side, at] == price_ticks:
        cnt[row, side, at] = count


@njit("void(int64[:,::1], int64)", cache=True, nogil=True, _nrt=False)
def clear(n, row):
    """Empty both sides and reset the floors, for a full snapshot."""
    n[row, N_BID] = 0
    n[row, N_ASK] = 0
    n[row, FLOOR_BID] = _NO_FLOOR
    n[row, FLOOR_ASK] = _NO_FLOOR
