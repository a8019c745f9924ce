"""The writer's side of the capture ring, called by the kernels that apply messages."""

import numpy as np
from numba import njit, types

from quotelife.market.board import layout as B
from quotelife.market.book.levels import FLOOR_ASK, FLOOR_BID, level_at
from quotelife.market.capture import layout as L
from quotelife.shm.seqlock import release

_I = types.int64
_I1, _I2, _I3 = (types.Array(_I, n, "C") for n in (1, 2, 3))


@njit(types.void(_I1, _I, _I, _I, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def write_event(ring, kind, detail, row, received_ns, exchange_ns, a, b, c, d):
    """Write one event. Its wall clock is the receive time plus the offset of the last read. `detail` may have a source,
    see `with_source`.

    `ring` int64[...] is the whole file, header and events; it has one writer.
    """
    sequence = ring[L.H_NEXT]
    ring[L.H_INTENT] = sequence + 1
    release()
    at = L.HEADER_WORDS + (sequence & (ring[L.H_EVENTS] - 1)) * L.EVENT_WORDS
    ring[at + L.RECEIVED_NS] = received_ns
    ring[at + L.KIND_WORD] = kind | detail << L.DETAIL_SHIFT | row << L.ROW_SHIFT
    ring[at + L.WALL_NS] = received_ns + ring[L.H_WALL_OFFSET_NS]
    ring[at + L.EXCHANGE_NS] = exchange_ns
    ring[at + L.A] = a
    ring[at + L.B] = b
    ring[at + L.C] = c
    ring[at + L.D] = d
    release()
    ring[L.H_NEXT] = sequence + 1


@njit(_I(_I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def with_source(detail, position):
    """The detail of an event that the venue at `position` among the instrument's venues has made."""
    return detail | (position + 1) << (L.SOURCE_SHIFT - L.DETAIL_SHIFT)


@njit(types.void(_I1, _I3, _I3, _I3, _I2, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def write_level(ring, px, sz, cnt, n, row, side, price_ticks, received_ns, exchange_ns):
    """Write the current level at a price. Not inlined, so that the kernels that apply orders stay small."""
    size, count = level_at(px, sz, cnt, n, row, side, price_ticks)
    write_event(ring, L.LEVEL, side, row, received_ns, exchange_ns, price_ticks, size, count, 0)


@njit(_I(_I, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def pack_counts(bid_adds, ask_adds, bid_cancels, ask_cancels):
    """Pack four counts into one word of 16 bits each; no message is long enough to exceed them."""
    return bid_adds | ask_adds << 16 | bid_cancels << 32 | ask_cancels << 48


@njit(_I(_I3, _I2, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def best_price(px, n, row, side):
    """Best price of a side in ticks; NO_PRICE if the side is empty."""
    n_levels = n[row, side]
    return px[row, side, n_levels - 1] if n_levels > 0 else L.NO_PRICE


@njit(types.void(_I1, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def write_status(ring, kind, detail, row, received_ns):
    """Write an event without values: start, clear, state or halted."""
    write_event(ring, kind, detail, row, received_ns, 0, 0, 0, 0, 0)


@njit(types.void(_I1, _I, _I, types.float64), cache=True, nogil=True)
def write_news(ring, row, received_ns, sentiment):
    """Write the sentiment of news, clipped to [-1, 1]."""
    word = np.empty(1, np.float64)
    word[0] = min(max(sentiment, -1.0), 1.0)
    write_event(ring, L.NEWS, 0, row, received_ns, 0, word.view(np.int64)[0], 0, 0, 0)


@njit(_I(_I1, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _memory_word(r, n):
    return r[B.MEMORY + n] if n < B.MEMORY_WORDS else 0


@njit(types.void(_I1, _I1, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _write_memory(ring, r, row, now_ns, exchange_ns):
    for n in range(0, B.MEMORY_WORDS, L.MEMORY_EVENT_WORDS):
        write_event(
            *(ring, L.MEMORY, n // L.MEMORY_EVENT_WORDS, row, now_ns, exchange_ns),
            *(_memory_word(r, n), _memory_word(r, n + 1), _memory_word(r, n + 2), _memory_word(r, n + 3)),
        )


@njit(types.void(_I1, _I2, _I3, _I3, _I3, _I2, _I, _I), cache=True, nogil=True, _nrt=False)
def write_keyframe(ring, rows, px, sz, cnt, n, row, now_ns):
    """Write an image of a row: its book, and the state that later events do not restore. Call between messages."""
    r = rows[row]
    exchange_ns = r[B.EXCHANGE_WALL_NS]
    floors = n[row, FLOOR_BID], n[row, FLOOR_ASK]
    write_event(
        *(ring, L.KEYFRAME, r[B.STATE], row, now_ns, exchange_ns),
        *(r[B.TRADES], r[B.TRADED_LOTS], floors[0], floors[1]),
    )
    for side in range(2):
        for i in range(n[row, side]):
            level = px[row, side, i], sz[row, side, i], cnt[row, side, i]
            write_event(ring, L.IMAGE, side, row, now_ns, exchange_ns, level[0], level[1], level[2], 0)
    _write_memory(ring, r, row, now_ns, exchange_ns)
    write_event(
        *(ring, L.KEYFRAME_END, r[B.HALTED], row, now_ns, exchange_ns),
        *(r[B.VERSION], r[B.TOP_SINCE_NS], r[B.SENTIMENT], r[B.SENTIMENT_NS]),
    )
