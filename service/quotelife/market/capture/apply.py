"""A capture played again: its events through the very kernels that the marketdata process used, onto rows of a board.

What a row knows is in `known` int64[rows]: NOTHING until a start or a keyframe, and again after a loss. While it knows
nothing its STATE is not live, so nobody takes features from it.
"""

import numpy as np
from numba import njit, types

from quotelife.market.board import layout as B
from quotelife.market.book.levels import FLOOR_ASK, FLOOR_BID, clear, put_level
from quotelife.market.capture import layout as L
from quotelife.market.features.update import publish, set_halted, set_sentiment, set_state, trade

NOTHING, ALL, IMAGED = 0, 1, 2  # IMAGED + state: inside a keyframe

_I = types.int64
_I1, _I2, _I3 = (types.Array(_I, n, "C") for n in (1, 2, 3))
_ROW_CONSTANTS = (B.VENUE, B.CORRELATED, B.VOLATILITY_INDEX_ROW, B.STALE_AFTER_NS)


@njit(types.void(_I2, _I2, _I), cache=True, nogil=True)
def _forget(rows, n, row):
    """The row and its book as new; what the configuration says of it stays."""
    r = rows[row]
    for w in range(B.ROW_WORDS):
        if w not in _ROW_CONSTANTS and w != B.SENTIMENT_HALF_LIFE_NS and w != B.TICK_SIZE:
            r[w] = 0
    clear(n, row)


@njit(types.void(_I2, _I2, _I3, _I3, _I3, _I2, _I1), cache=True, nogil=True)
def _finish_image(events, rows, px, sz, cnt, n, known):
    """The last event of a keyframe, in events[0]."""
    e = events[0]
    row, now_ns = e[L.WHAT] >> L.ROW_SHIFT, e[L.RECEIVED_NS]
    r = rows[row]
    state = known[row] - IMAGED
    if state == B.BOOK_LIVE:
        publish(rows, row, now_ns, e[L.EXCHANGE_NS], px, sz, n, 0, 0, 0, 0)
    else:
        set_state(rows, row, now_ns, state)
    r[B.HALTED] = (e[L.WHAT] >> L.DETAIL_SHIFT) & L.BYTE
    r[B.VERSION] = e[L.A]
    r[B.TOP_SINCE_NS] = e[L.B]
    r[B.SENTIMENT] = e[L.C]
    r[B.SENTIMENT_NS] = e[L.D]
    known[row] = ALL


@njit(types.void(_I2, _I2, _I3, _I3, _I3, _I2, _I1), cache=True, nogil=True)
def _image(events, rows, px, sz, cnt, n, known):
    """An event of a keyframe, in events[0]; one that a row needs."""
    e = events[0]
    row, kind, detail = e[L.WHAT] >> L.ROW_SHIFT, e[L.WHAT] & L.BYTE, (e[L.WHAT] >> L.DETAIL_SHIFT) & L.BYTE
    if kind == L.KEYFRAME:
        _forget(rows, n, row)
        n[row, FLOOR_BID], n[row, FLOOR_ASK] = e[L.C], e[L.D]
        rows[row, B.TRADES], rows[row, B.TRADED_LOTS] = e[L.A], e[L.B]
        known[row] = IMAGED + detail
    elif known[row] >= IMAGED:
        if kind == L.IMAGE:
            put_level(px, sz, cnt, n, row, detail, e[L.A], e[L.B], e[L.C])
        else:
            _finish_image(events, rows, px, sz, cnt, n, known)


@njit(_I(_I2, _I2, _I3, _I3, _I3, _I2, _I1), cache=True, nogil=True)
def apply(events, rows, px, sz, cnt, n, known):
    """Apply the event events[0] to the board's rows and the books (see `quotelife.market.book.levels.Books`). Returns
    its kind.

    Keyframes are passed over by a row that knows all: there is nothing in them that it does not have.
    """
    e = events[0]
    row, kind, detail = e[L.WHAT] >> L.ROW_SHIFT, e[L.WHAT] & L.BYTE, (e[L.WHAT] >> L.DETAIL_SHIFT) & L.BYTE
    now_ns = e[L.RECEIVED_NS]
    if kind == L.START:
        _forget(rows, n, row)
        known[row] = ALL
    elif kind == L.LOST:
        known[row] = NOTHING
        set_state(rows, row, now_ns, B.BOOK_GAP)
    elif known[row] != ALL:
        if L.KEYFRAME <= kind <= L.KEYFRAME_END:
            _image(events, rows, px, sz, cnt, n, known)
    elif kind == L.LEVEL:
        put_level(px, sz, cnt, n, row, detail, e[L.A], e[L.B], e[L.C])
    elif kind == L.BOOK:
        c = e[L.C]
        publish(
            *(rows, row, now_ns, e[L.EXCHANGE_NS], px, sz, n, c & L.COUNT_MASK, (c >> L.COUNT_BITS) & L.COUNT_MASK),
            *((c >> 2 * L.COUNT_BITS) & L.COUNT_MASK, (c >> 3 * L.COUNT_BITS) & L.COUNT_MASK),
        )
    elif kind == L.TRADE:
        trade(rows, row, now_ns, e[L.A], e[L.B], e[L.C])
    elif kind == L.CLEAR:
        clear(n, row)
    elif kind == L.STATE:
        set_state(rows, row, now_ns, detail)
    elif kind == L.HALTED:
        set_halted(rows, row, now_ns, detail)
    elif kind == L.NEWS:
        set_sentiment(rows, row, now_ns, e[L.A : L.A + 1].view(np.float64)[0])
    return kind
