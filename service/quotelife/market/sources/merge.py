"""Merges the price levels of several books, and puts the result in the place of another book's levels.

Books are those of `quotelife.market.book.levels`: the best level is last.
"""

from numba import njit, types

from quotelife.market.capture import layout as C
from quotelife.market.capture.writer import write_event

MERGED_LEVELS = 16  # a side; more than the board's depth, so that a level that is gone uncovers no hole
PRICE, SIZE, COUNT = range(3)

_I = types.int64
_I1, _I2, _I3 = (types.Array(_I, n, "C") for n in (1, 2, 3))


@njit(_I(_I3, _I3, _I3, _I2, _I, _I, _I, _I1, _I2), cache=True, nogil=True, _nrt=False)
def merge_levels(px, sz, cnt, n, first, parts, side, left, merged):
    """Write the best levels of a side of the books in rows `first` + i, for each bit i of `parts`, into `merged`
    int64[MERGED_LEVELS, 3]: price in ticks, size in lots, number of orders, best first. Sizes and numbers at one price
    add up. Returns the number of levels. `left` is memory for a number per book.
    """
    sign = 1 - 2 * side
    books = 0
    while parts >> books:
        left[books] = n[first + books, side] if parts >> books & 1 else 0
        books += 1
    found = 0
    while found < merged.shape[0]:
        best, exists = 0, False
        for i in range(books):
            if left[i] > 0:
                key = px[first + i, side, left[i] - 1] * sign
                if not exists or key > best:
                    best, exists = key, True
        if not exists:
            break
        size, count = 0, 0
        for i in range(books):
            if left[i] > 0 and px[first + i, side, left[i] - 1] * sign == best:
                left[i] -= 1
                size += sz[first + i, side, left[i]]
                count += cnt[first + i, side, left[i]]
        merged[found, PRICE], merged[found, SIZE], merged[found, COUNT] = best * sign, size, count
        found += 1
    return found


@njit(types.void(_I1, _I3, _I3, _I3, _I2, _I, _I, _I2, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def replace_levels(ring, px, sz, cnt, n, row, side, merged, n_merged, detail, now_ns, exchange_ns):
    """Make the first `n_merged` levels of `merged` the side of a row, and capture the difference as LEVEL events with
    `detail`."""
    sign = 1 - 2 * side
    old, new = n[row, side] - 1, 0
    while old >= 0 or new < n_merged:
        ahead = 1 if old < 0 else -1 if new == n_merged else (merged[new, PRICE] - px[row, side, old]) * sign
        if ahead < 0:
            write_event(ring, C.LEVEL, detail, row, now_ns, exchange_ns, px[row, side, old], 0, 0, 0)
            old -= 1
            continue
        level = merged[new]
        if ahead > 0 or level[SIZE] != sz[row, side, old] or level[COUNT] != cnt[row, side, old]:
            at = level[PRICE], level[SIZE], level[COUNT]
            write_event(ring, C.LEVEL, detail, row, now_ns, exchange_ns, at[0], at[1], at[2], 0)
        new += 1
        if ahead == 0:
            old -= 1
    for i in range(n_merged):
        at = n_merged - 1 - i
        px[row, side, at], sz[row, side, at], cnt[row, side, at] = merged[i, PRICE], merged[i, SIZE], merged[i, COUNT]
    n[row, side] = n_merged
