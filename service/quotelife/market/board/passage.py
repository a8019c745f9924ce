"""When the market passed a price: the moment from which a client's hit races the withdrawal of the quote."""

import numpy as np
from numba import njit

from quotelife.market.board import layout as L
from quotelife.shm.seqlock import is_unchanged, stable_version

NOT_PASSED, PASSAGE_UNKNOWN = 0, -1  # instead of a time
_READ_ATTEMPTS = 100


@njit("Tuple((int64, int64, boolean))(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _best(r, level_word):
    """(price, since when it is the best, whether there is such a price) of one side, from one state of the row."""
    is_bid = level_word == L.BID_PX
    n_word, since_word = (L.N_BID, L.BID_PX_SINCE_NS) if is_bid else (L.N_ASK, L.ASK_PX_SINCE_NS)
    for _ in range(_READ_ATTEMPTS):
        version = stable_version(r)
        if version < 0:
            break
        price, since_ns = r[level_word], r[since_word]
        known = r[n_word] > 0 and r[L.STATE] == L.BOOK_LIVE
        if is_unchanged(r, version):
            return price, since_ns, known
    return 0, 0, False


@njit("int64(int64[:,::1], int64[:,::1], int64, boolean)", cache=True, nogil=True, _nrt=False)
def passed_since(rows, legs, ticks, client_buys):
    """Since when the best price that hurts the desk is what it is, monotonic ns, if it has reached a quoted price of
    `ticks`: the best bid its offer, the best offer its bid. NOT_PASSED if it has not, PASSAGE_UNKNOWN if there
    is no live book with that side.

    legs int64[n, 2] are (row, weight): what one tick of the row adds to the price, negative for a leg that is sold. The
    price of a multileg is the net of its legs' best prices; it changes with the last of them.
    """
    net, since_ns = 0, np.int64(NOT_PASSED)
    for i in range(len(legs)):
        weight = legs[i, 1]
        price, leg_since_ns, known = _best(rows[legs[i, 0]], L.BID_PX if client_buys == (weight > 0) else L.ASK_PX)
        if not known:
            return np.int64(PASSAGE_UNKNOWN)
        net += weight * price
        since_ns = max(since_ns, leg_since_ns)
    passed = net >= ticks if client_buys else net <= ticks
    return since_ns if passed else np.int64(NOT_PASSED)
