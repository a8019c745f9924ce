"""Prefetches the next message's instrument into the cache while the current message is applied.

With thousands of instruments, the rows of nearly every message's instrument have left the cache: some twenty lines,
each waited for in turn. A wrong guess costs only time; nothing is decided here.
"""

from numba import njit, types

from quotelife.fix import tags
from quotelife.fix.framer import FRAME_BODY, FRAME_END, FRAME_START, TRAILER_BYTES
from quotelife.market.board import layout as L
from quotelife.market.book.orders import hash_bytes
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import ADDRESSES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.symbol_table import OFFSET, ROW, probable_slot
from quotelife.shm.prefetch import LINE_WORDS, prefetch

MIN_SYMBOLS = 1 << 11  # with fewer symbols, at 2 kB each, the rows mostly stay in the cache

_I = types.int64
_NEAR = 32  # bytes searched around the previous message's position
_HEADER = 16  # bytes that cannot contain a Symbol: 8=FIX.4.4|9=..
_FAR = 512  # bytes searched without a previous position
_LONGEST = 48  # bytes of a Symbol


@njit(types.boolean(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _is_symbol(t, at):
    """Whether `at` is the `=` of a Symbol."""
    buf = t.buf
    return buf[at] == 61 and buf[at - 1] == 53 and buf[at - 2] == 53 and buf[at - 3] == tags.SOH


@njit(_I(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _symbol_hash(t, start):
    """Hash of the first Symbol of the message at `start`, 0 if it is not near the previous message's position."""
    buf, last = t.buf, t.scratch[M.S_SYMBOL_HINT]
    stop = min(start + (last + _NEAR if last else _FAR), t.control[M.END] - _LONGEST)
    at = start + (last if last else _HEADER)
    if at < stop and not _is_symbol(t, at):
        at = max(at - _NEAR, start + _HEADER)
        while at < stop and not _is_symbol(t, at):
            at += 1
    if at >= stop:
        t.scratch[M.S_SYMBOL_HINT] = 0
        return 0
    t.scratch[M.S_SYMBOL_HINT] = at - start
    end = at + 1
    while buf[end] != tags.SOH and end < at + _LONGEST:
        end += 1
    return hash_bytes(buf, at + 1, end)


@njit(_I(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _message_after(t, start):
    """End of the message at `start`, by its BodyLength. Any position if there is no message."""
    buf, at = t.buf, start + t.frame[FRAME_BODY] - t.frame[FRAME_START] - 1
    length, power = 0, 1
    while 48 <= buf[at - 1] <= 57 and power < 10**7:
        at -= 1
        length += power * (int(buf[at]) - 48)
        power *= 10
    return start + t.frame[FRAME_BODY] - t.frame[FRAME_START] + length + TRAILER_BYTES


@njit(types.void(DECODER_STATE, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _prefetch_row(t, row, now_ns):
    """The board row, and the counts that locate the top of its book."""
    prefetch(t.instruments, row * t.instruments.shape[1])
    prefetch(t.n, row * t.n.shape[1])
    at = row * t.rows.shape[1]
    for line in range(0, L.FAST, LINE_WORDS):
        prefetch(t.rows, at + line)
    at += L.FAST + (now_ns // L.FAST_NS & (L.RING - 1)) * L.N_CHANNELS
    prefetch(t.rows, at)
    prefetch(t.rows, at + L.N_CHANNELS - 1)


@njit(types.void(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _prefetch_top(t, row):
    """The best levels on both sides."""
    for side in range(2):
        top = (2 * row + side) * t.px.shape[2] + max(t.n[row, side] - 1, LINE_WORDS)
        for levels in (t.px, t.sz):
            prefetch(levels, top)
            prefetch(levels, top - LINE_WORDS)


@njit(types.void(ADDRESSES, _I), cache=True, nogil=True, _nrt=False)
def prefetch_next(addresses, now_ns):
    """Call it before the message that ends at FRAME_END is applied. Prefetches the levels that it will touch, the row
    of the next message, and the symbol-table slot of the one after. Each needs what an earlier call prefetched."""
    t = decoder_state_at(addresses)
    start, end = t.frame[FRAME_END], t.control[M.END]
    if t.scratch[M.S_NEXT_ROW] > 0:
        _prefetch_top(t, t.scratch[M.S_NEXT_ROW] - 1)
    t.scratch[M.S_NEXT_ROW] = 0
    if start + _LONGEST > end:
        return
    slot = probable_slot(t.symbols, _symbol_hash(t, start))
    if slot >= 0:
        t.scratch[M.S_NEXT_ROW] = t.symbols[slot, ROW]
        prefetch(t.names, t.symbols[slot, OFFSET])
        _prefetch_row(t, t.symbols[slot, ROW] - 1, now_ns)
    start = _message_after(t, start)
    if start + _LONGEST < end:
        h = _symbol_hash(t, start)
        prefetch(t.symbols, (h & (t.symbols.shape[0] - 1)) * t.symbols.shape[1])
