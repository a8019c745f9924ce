"""Applies captured events to board rows with the kernels that the marketdata process uses.

`completeness` int64[rows] is UNKNOWN until a start or a keyframe and again after a loss. The STATE of an unknown row
is not live, so no features are read from it.
"""

import numpy as np
from numba import njit, types

from quotelife.market.board import layout as B
from quotelife.market.book.levels import FLOOR_ASK, FLOOR_BID, clear, set_level_with_count
from quotelife.market.capture import layout as L
from quotelife.market.features.update import publish, set_halted, set_sentiment, set_state, trade

UNKNOWN, COMPLETE, IN_KEYFRAME = 0, 1, 2  # IN_KEYFRAME + state of the book while a keyframe is read

_I = types.int64
_I1, _I2, _I3 = (types.Array(_I, n, "C") for n in (1, 2, 3))
_ROW_CONSTANTS = (B.VENUE, B.CORRELATED, B.VOLATILITY_INDEX_ROW, B.STALE_AFTER_NS)


@njit(types.void(_I2, _I2, _I), cache=True, nogil=True)
def _reset_row(rows, n, row):
    """Reset a row and its book, except the row's configured constants."""
    r = rows[row]
    for w in range(B.ROW_WORDS):
        if w not in _ROW_CONSTANTS and w != B.SENTIMENT_HALF_LIFE_NS and w != B.TICK_SIZE:
            r[w] = 0
    clear(n, row)


@njit(types.void(_I2, _I2, _I3, _I3, _I3, _I2, _I1), cache=True, nogil=True)
def _finish_keyframe(events, rows, px, sz, cnt, n, completeness):
    """Apply the last event of a keyframe, events[0]."""
    e = events[0]
    row, now_ns = e[L.KIND_WORD] >> L.ROW_SHIFT, e[L.RECEIVED_NS]
    r = rows[row]
    state = completeness[row] - IN_KEYFRAME
    if state == B.BOOK_LIVE:
        memory = r[B.MEMORY : B.MEMORY + B.MEMORY_WORDS].copy()
        publish(rows, row, now_ns, e[L.EXCHANGE_NS], px, sz, n, 0, 0, 0, 0)
        if memory[0] != 0:  # captures of an older version have none
            r[B.MEMORY : B.MEMORY + B.MEMORY_WORDS] = memory
    else:
        set_state(rows, row, now_ns, state)
    r[B.HALTED] = (e[L.KIND_WORD] >> L.DETAIL_SHIFT) & L.BYTE
    r[B.VERSION] = e[L.A]
    r[B.TOP_SINCE_NS] = e[L.B]
    r[B.SENTIMENT] = e[L.C]
    r[B.SENTIMENT_NS] = e[L.D]
    completeness[row] = COMPLETE


@njit(types.void(_I2, _I2, _I3, _I3, _I3, _I2, _I1), cache=True, nogil=True)
def _apply_keyframe_event(events, rows, px, sz, cnt, n, completeness):
    """Apply an event of a keyframe, events[0], to a row that is not complete."""
    e = events[0]
    row, kind, detail = (
        e[L.KIND_WORD] >> L.ROW_SHIFT,
        e[L.KIND_WORD] & L.BYTE,
        (e[L.KIND_WORD] >> L.DETAIL_SHIFT) & L.BYTE,
    )
    if kind == L.KEYFRAME:
        _reset_row(rows, n, row)
        n[row, FLOOR_BID], n[row, FLOOR_ASK] = e[L.C], e[L.D]
        rows[row, B.TRADES], rows[row, B.TRADED_LOTS] = e[L.A], e[L.B]
        completeness[row] = IN_KEYFRAME + detail
    elif completeness[row] >= IN_KEYFRAME:
        if kind == L.IMAGE:
            set_level_with_count(px, sz, cnt, n, row, detail, e[L.A], e[L.B], e[L.C])
        elif kind == L.MEMORY:
            first = detail * L.MEMORY_EVENT_WORDS
            for w in range(min(L.MEMORY_EVENT_WORDS, B.MEMORY_WORDS - first)):
                rows[row, B.MEMORY + first + w] = e[L.A + w]
        else:
            _finish_keyframe(events, rows, px, sz, cnt, n, completeness)


@njit(_I(_I2, _I2, _I3, _I3, _I3, _I2, _I1), cache=True, nogil=True)
def apply(events, rows, px, sz, cnt, n, completeness):
    """Apply events[0] to the board's rows and the books (`quotelife.market.book.levels.Books`). Returns its kind.

    A complete row ignores keyframes.
    """
    e = events[0]
    row, kind, detail = (
        e[L.KIND_WORD] >> L.ROW_SHIFT,
        e[L.KIND_WORD] & L.BYTE,
        (e[L.KIND_WORD] >> L.DETAIL_SHIFT) & L.BYTE,
    )
    now_ns = e[L.RECEIVED_NS]
    if kind == L.START:
        _reset_row(rows, n, row)
        completeness[row] = COMPLETE
    elif kind == L.LOST:
        completeness[row] = UNKNOWN
        set_state(rows, row, now_ns, B.BOOK_GAP)
    elif completeness[row] != COMPLETE:
        if L.KEYFRAME <= kind <= L.KEYFRAME_END:
            _apply_keyframe_event(events, rows, px, sz, cnt, n, completeness)
    elif kind == L.LEVEL:
        set_level_with_count(px, sz, cnt, n, row, detail, e[L.A], e[L.B], e[L.C])
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
