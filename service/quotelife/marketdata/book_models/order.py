"""Model `order`: resting orders by MDEntryID (278); orders at one price add up."""

from numba import njit, types

from quotelife.fix import tags
from quotelife.market.book.orders import (
    ADDED,
    CANCELLED,
    FULL,
    order_at,
    order_delete,
    order_key,
    order_set,
)
from quotelife.market.capture.writer import write_level
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import ADDRESSES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.decoding.entries import hash_of, read_size, untrusted

_I = types.int64


@njit(types.void(DECODER_STATE, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _capture(t, row, side, price, now_ns):
    write_level(t.ring, t.px, t.sz, t.cnt, t.n, row, side, price, now_ns, t.scratch[M.V_WALL_NS])


@njit(_I(ADDRESSES, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _remove(addresses, row, side, action, slot, snapshot, now_ns):
    """A Delete, or an entry of size 0."""
    t = decoder_state_at(addresses)
    entry_id, ref_id = t.scratch[M.V_ID], t.scratch[M.V_REF_ID]
    if entry_id != 0 and ref_id != 0 and entry_id != ref_id:
        return untrusted(M.R_UNKNOWN_ENTRY)
    key = order_key(entry_id | ref_id, row, t.orders_state)
    held_side, price, _ = order_at(t.orders, t.orders_state, key)
    if held_side < 0 and ref_id == 0 and not snapshot and action != M.A_NEW and t.control[M.IGNORE_UNKNOWN]:
        t.control[M.IGNORED] += 1
        return 0
    if snapshot:
        return untrusted(M.R_DUPLICATE_ENTRY) if held_side >= 0 else 0
    if held_side < 0 or side != held_side:
        return untrusted(M.R_UNKNOWN_ENTRY)
    order_delete(t.orders, t.orders_state, t.px, t.sz, t.cnt, t.n, key)
    _capture(t, row, side, price, now_ns)
    t.touched[slot, M.T_BID_CANCELS + side] += 1
    return 0


@njit(_I(ADDRESSES, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _change(addresses, row, side, slot, now_ns):
    """A Change; what it leaves out stays."""
    t = decoder_state_at(addresses)
    entry_id, ref_id = t.scratch[M.V_ID], t.scratch[M.V_REF_ID]
    key = order_key(ref_id if ref_id != 0 else entry_id, row, t.orders_state)
    old_side, old_price, old_size = order_at(t.orders, t.orders_state, key)
    if old_side < 0 and ref_id == 0 and t.control[M.IGNORE_UNKNOWN]:
        t.control[M.IGNORED] += 1
        return 0
    if old_side < 0:
        return untrusted(M.R_UNKNOWN_ENTRY)
    price = t.scratch[M.V_PX] if t.scratch[M.V_PX] != M.ABSENT else old_price
    size = t.scratch[M.V_SIZE] if t.scratch[M.V_SIZE] != M.ABSENT else old_size
    if ref_id != 0 and entry_id != 0 and ref_id != entry_id:
        new_key = order_key(entry_id, row, t.orders_state)
        if order_at(t.orders, t.orders_state, new_key)[0] >= 0:
            return untrusted(M.R_DUPLICATE_ENTRY)
        order_delete(t.orders, t.orders_state, t.px, t.sz, t.cnt, t.n, key)
        done = order_set(t.orders, t.orders_state, t.px, t.sz, t.cnt, t.n, new_key, row, side, price, size)
        done |= ADDED | CANCELLED
    else:
        done = order_set(t.orders, t.orders_state, t.px, t.sz, t.cnt, t.n, key, row, side, price, size)
    if done & (ADDED | CANCELLED):  # the level that the order leaves comes before the one that it joins
        _capture(t, row, old_side, old_price, now_ns)
        if old_side != side or old_price != price:
            _capture(t, row, side, price, now_ns)
    t.touched[slot, M.T_BID_ADDS + side] += (done & ADDED) != 0
    t.touched[slot, M.T_BID_CANCELS + side] += (done & CANCELLED) != 0
    return 0


@njit(_I(ADDRESSES, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def apply_order(addresses, row, side, action, slot, snapshot, now_ns):
    """Apply an entry of a bid or offer. Returns a verdict."""
    t = decoder_state_at(addresses)
    price, size, entry_id = t.scratch[M.V_PX], t.scratch[M.V_SIZE], t.scratch[M.V_ID]
    if action == M.A_NEW and t.scratch[M.V_REF_ID] != 0:
        return untrusted(M.R_UNSUPPORTED)
    if entry_id == 0 and t.scratch[M.V_REF_ID] == 0:
        return untrusted(M.R_MISSING_FIELD)
    if action == M.A_NEW and (price == M.ABSENT or size == M.ABSENT):
        return untrusted(M.R_MISSING_FIELD)
    if action == M.A_DELETE or size == 0:
        return _remove(addresses, row, side, action, slot, snapshot, now_ns)
    if action == M.A_CHANGE:
        return _change(addresses, row, side, slot, now_ns)
    key = order_key(entry_id, row, t.orders_state)
    if order_at(t.orders, t.orders_state, key)[0] >= 0:
        return untrusted(M.R_DUPLICATE_ENTRY)
    done = order_set(t.orders, t.orders_state, t.px, t.sz, t.cnt, t.n, key, row, side, price, size)
    if done & FULL:
        return untrusted(M.R_ORDERS_FULL)
    _capture(t, row, side, price, now_ns)
    t.touched[slot, M.T_BID_ADDS + side] += 1
    return 0


@njit(_I(ADDRESSES, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def fill_order(addresses, row, slot, now_ns):
    """A trade takes its size off the order with its MDEntryID, if there is one. Returns a verdict."""
    t = decoder_state_at(addresses)
    key = order_key(hash_of(t, M.S_ID), row, t.orders_state)
    side, price, held = order_at(t.orders, t.orders_state, key)
    if side < 0:
        return 0
    if t.scratch[M.S_SIZE + 1] == 0:
        return untrusted(M.R_MISSING_FIELD)
    inexact = t.control[M.OFF_TICK]
    size = read_size(t, row)
    if size < 0:
        return tags.VALUE_IS_INCORRECT
    if t.control[M.OFF_TICK] != inexact:
        return untrusted(M.R_OFF_GRID)
    if size > held:
        return untrusted(M.R_UNKNOWN_ENTRY)
    order_set(t.orders, t.orders_state, t.px, t.sz, t.cnt, t.n, key, row, side, price, held - size)
    _capture(t, row, side, price, now_ns)
    t.touched[slot, M.T_BOOK] = 1
    t.touched[slot, M.T_BID_CANCELS + side] += size > 0
    return 0
