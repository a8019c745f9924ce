"""Edits of price levels that have ids, with their capture events and counts of additions and removals.

`ids` of a row are kept only once an entry has brought one (I_HAS_IDS). The best level of a side is its last.
"""

from numba import njit, types

from quotelife.market.book.levels import close_gap, open_gap, position_of
from quotelife.market.capture import layout as C
from quotelife.market.capture.writer import write_event
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import ADDRESSES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.decoding.entries import note_change

_I = types.int64


@njit(types.void(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def use_ids(t, row):
    """Keep the ids of this row's levels from now on."""
    if t.instruments[row, M.I_HAS_IDS]:
        return
    t.instruments[row, M.I_HAS_IDS] = 1
    for side in range(2):
        for i in range(t.n[row, side]):
            t.ids[row, side, i] = 0


@njit(_I(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def find_id(addresses, row, entry_id):
    """2 * index + side of the level with this id, -1 if there is none."""
    t = decoder_state_at(addresses)
    if t.instruments[row, M.I_HAS_IDS]:
        for side in range(2):
            for i in range(t.n[row, side] - 1, -1, -1):
                if t.ids[row, side, i] == entry_id:
                    return 2 * i + side
    return -1


@njit(_I(DECODER_STATE, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def find_price(t, row, side, price):
    """Index of the level at this price, -1 if there is none."""
    n = t.n[row, side]
    at = position_of(t.px, row, side, n, price * (1 - 2 * side))
    return at if at < n and t.px[row, side, at] == price else -1


@njit(_I(DECODER_STATE, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def id_at(t, row, side, at):
    """Id of a level, 0 if it has none."""
    return t.ids[row, side, at] if t.instruments[row, M.I_HAS_IDS] else 0


@njit(types.void(DECODER_STATE, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def write_change(t, row, side, price, size, orders, now_ns):
    """Capture the new size at a price."""
    write_event(t.ring, C.LEVEL, side, row, now_ns, t.scratch[M.V_WALL_NS], price, size, orders, 0)


@njit(types.void(DECODER_STATE, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def set_size(t, slot, row, side, at, now_ns):
    """Give a level the entry's size, and its number of orders if it has one."""
    size, before = t.scratch[M.V_SIZE], t.sz[row, side, at]
    t.sz[row, side, at] = size
    if t.scratch[M.V_ORDERS] > 0:
        t.cnt[row, side, at] = t.scratch[M.V_ORDERS]
    write_change(t, row, side, t.px[row, side, at], size, t.cnt[row, side, at], now_ns)
    t.touched[slot, M.T_BID_ADDS + side] += size > before
    t.touched[slot, M.T_BID_CANCELS + side] += size < before


@njit(types.void(DECODER_STATE, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def drop_level(t, row, side, at):
    """Remove a level, without an event."""
    n = t.n[row, side]
    close_gap(t.px, t.sz, t.cnt, row, side, at, n)
    if t.instruments[row, M.I_HAS_IDS]:
        for i in range(at, n - 1):
            t.ids[row, side, i] = t.ids[row, side, i + 1]
    t.n[row, side] = n - 1


@njit(types.void(DECODER_STATE, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def make_room(t, row, side, at):
    """Shift the levels from index `at`, of a side that is not full, so that one can be written there."""
    n = t.n[row, side]
    open_gap(t.px, t.sz, t.cnt, row, side, at, n)
    if t.instruments[row, M.I_HAS_IDS]:
        for i in range(n, at, -1):
            t.ids[row, side, i] = t.ids[row, side, i - 1]
    t.n[row, side] = n + 1


@njit(types.void(ADDRESSES, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def remove_levels(addresses, slot, row, side, span, now_ns):
    """Remove the levels with the indices first to last, `span` = first << 32 | last."""
    t = decoder_state_at(addresses)
    first, last = span >> 32, span & 0xFFFFFFFF
    for at in range(last, first - 1, -1):
        write_change(t, row, side, t.px[row, side, at], 0, 0, now_ns)
        drop_level(t, row, side, at)
        t.touched[slot, M.T_BID_CANCELS + side] += 1


@njit(types.void(ADDRESSES, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def add_level(addresses, slot, row, side, price, entry_id, now_ns):
    """Add a level with the entry's size at a price that has none. A full side loses its worst level: below its floor
    levels are not kept until the next snapshot."""
    t = decoder_state_at(addresses)
    sign = 1 - 2 * side
    key = price * sign
    if key < t.n[row, 2 + side]:
        return
    n = t.n[row, side]
    if n == t.px.shape[2]:
        worst = t.px[row, side, 0] * sign
        t.n[row, 2 + side] = min(key, worst) + 1
        if key < worst:
            return
        drop_level(t, row, side, 0)
        n -= 1
    if entry_id != 0:
        use_ids(t, row)
    at = position_of(t.px, row, side, n, key)
    make_room(t, row, side, at)
    orders = max(t.scratch[M.V_ORDERS], 1)
    t.px[row, side, at], t.sz[row, side, at], t.cnt[row, side, at] = price, t.scratch[M.V_SIZE], orders
    if t.instruments[row, M.I_HAS_IDS]:
        t.ids[row, side, at] = entry_id
    write_change(t, row, side, price, t.scratch[M.V_SIZE], orders, now_ns)
    t.touched[slot, M.T_BID_ADDS + side] += 1
    if t.control[M.WINDOW] > 0:
        note_change(t, slot, side, price, entry_id)
