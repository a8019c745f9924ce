"""The best prices of a book of price levels, rebuilt from changes.

A book is right or it is not used. Before its first snapshot, and after a change that cannot be read, there is no book
until the next snapshot.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from quotelife.market.book.levels import Books, clear, set_level

Ints = npt.NDArray[np.int64]
_CAPACITY = 1 << 14  # levels of a side; the best ones are kept


@njit(
    "int64(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[:,:,::1], int64[:,:,::1], "
    "int64[:,:,::1], int64[:,::1], int64[:,::1])",
    cache=True,
    nogil=True,
)
def _tops(group, snapshot, side, price, kind, px, sz, cnt, n, tops):
    """Apply the rows and fill `tops` after each group in which the best prices or sizes changed: row, bid row, ask row.

    `kind`: 1 sets the level, 0 removes it, -1 is unreadable. A level's size is the number of the row that set it, from
    1. A bid or ask row of 0 is an absent side, -1 no book. Returns the number of tops.
    """
    known, before, held = False, np.int64(0), 0
    bid, ask = np.int64(-2), np.int64(-2)
    for i in range(group.shape[0]):
        if snapshot[i] == 1 and before == 0:
            clear(n, 0)
            known = True
        before = snapshot[i]
        if kind[i] < 0:
            clear(n, 0)
            known = False
        elif known:
            set_level(px, sz, cnt, n, 0, side[i], price[i], (i + 1) * kind[i])
        if i + 1 < group.shape[0] and group[i + 1] == group[i]:
            continue
        best_bid = sz[0, 0, n[0, 0] - 1] if n[0, 0] > 0 else np.int64(0)
        best_ask = sz[0, 1, n[0, 1] - 1] if n[0, 1] > 0 else np.int64(0)
        if not known:
            best_bid, best_ask = np.int64(-1), np.int64(-1)
        if best_bid != bid or best_ask != ask:
            bid, ask = best_bid, best_ask
            tops[held, 0], tops[held, 1], tops[held, 2] = i, bid, ask
            held += 1
    return held


def best_of_levels(group: Ints, snapshot: Ints, side: Ints, price: Ints, kind: Ints) -> Ints:
    """Rows int64[:, 3]: the row after which the top of the book changed, and the rows that set the best bid and ask, -1
    for none. Rows of one message have the same `group`; sides are 0 bid, 1 ask; `price` is in any grid; `kind` as in
    `_tops`. A snapshot begins with the first row with `snapshot` 1 after one without."""
    books = Books(1, _CAPACITY)
    tops = np.zeros((len(group), 3), np.int64)
    given = (np.array(values, np.int64) for values in (group, snapshot, side, price, kind))  # the kernel needs copies
    held = _tops(*given, books.px, books.sz, books.cnt, books.n, tops)
    found = tops[:held].copy()
    found[:, 1:] = np.maximum(found[:, 1:] - 1, -1)
    return found
