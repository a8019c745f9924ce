"""Model `price`: levels, named by side and price, and by MDEntryID (278) where the venue sends it."""

from numba import njit, types

from quotelife.marketdata import layout as M
from quotelife.marketdata.book_models.levels import (
    add_level,
    drop_level,
    find_id,
    find_price,
    id_at,
    remove_levels,
    set_size,
    use_ids,
    write_change,
)
from quotelife.marketdata.decoder_state import ADDRESSES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.decoding.entries import untrusted

_I = types.int64


@njit(_I(_I), cache=True, nogil=True, _nrt=False, forceinline=True)
def puts_level(action):
    """1 for the actions that need a price and a size."""
    return 1 if action <= M.A_CHANGE or action == M.A_OVERLAY or action == M.A_APPEND else 0


@njit(_I(DECODER_STATE, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _is_worst(t, row, side):
    """1 if the entry's price is worse than every level of the side."""
    sign = 1 - 2 * side
    return 1 if t.n[row, side] == 0 or t.scratch[M.V_PX] * sign < t.px[row, side, 0] * sign else 0


@njit(types.void(ADDRESSES, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _remove(addresses, action, slot, row, side, at, now_ns):
    """Remove the level at index `at`, with all better or all worse ones if the action says so."""
    n = decoder_state_at(addresses).n[row, side]
    first = 0 if action == M.A_DELETE_FROM else at
    last = n - 1 if action == M.A_DELETE_THRU else at
    remove_levels(addresses, slot, row, side, first << 32 | last, now_ns)


@njit(_I(ADDRESSES, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _apply_unnamed(addresses, row, side, action, slot, snapshot, now_ns):
    """An entry without an id, but for the usual case of `apply_price`."""
    t = decoder_state_at(addresses)
    price, size = t.scratch[M.V_PX], t.scratch[M.V_SIZE]
    if action == M.A_DELETE_ALL:
        if t.n[row, side] > 0:
            remove_levels(addresses, slot, row, side, t.n[row, side] - 1, now_ns)
        return 0
    puts = puts_level(action)
    if price == M.ABSENT or (puts and size == M.ABSENT):
        return untrusted(M.R_MISSING_FIELD)
    at = find_price(t, row, side, price)
    if snapshot:
        if at >= 0:
            return untrusted(M.R_DUPLICATE_ENTRY)
        if size > 0:
            add_level(addresses, slot, row, side, price, 0, now_ns)
        return 0
    if puts and size > 0:
        if action == M.A_APPEND and not _is_worst(t, row, side):
            return untrusted(M.R_OUT_OF_ORDER)
        if at >= 0:
            set_size(t, slot, row, side, at, now_ns)
            return 0
        if t.control[M.UNKNOWN_LEVELS] and (action == M.A_CHANGE or action == M.A_OVERLAY):
            return untrusted(M.R_UNKNOWN_ENTRY)
        add_level(addresses, slot, row, side, price, 0, now_ns)
        return 0
    if at >= 0:
        _remove(addresses, action, slot, row, side, at, now_ns)
        return 0
    through = action == M.A_DELETE_THRU or action == M.A_DELETE_FROM
    return untrusted(M.R_UNKNOWN_ENTRY) if through or t.control[M.UNKNOWN_LEVELS] else 0


@njit(_I(ADDRESSES, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _remove_named(addresses, row, side, action, slot, snapshot, now_ns):
    """A Delete by id, or an entry of size 0 with one."""
    t = decoder_state_at(addresses)
    price, entry_id, ref_id = t.scratch[M.V_PX], t.scratch[M.V_ID], t.scratch[M.V_REF_ID]
    if entry_id != 0 and ref_id != 0 and entry_id != ref_id:
        return untrusted(M.R_UNKNOWN_ENTRY)
    named = find_id(addresses, row, entry_id | ref_id)
    at = find_price(t, row, side, price) if price != M.ABSENT else -1
    if snapshot:
        return untrusted(M.R_DUPLICATE_ENTRY) if named >= 0 or at >= 0 else 0
    if named >= 0:
        if side != named & 1 or (price != M.ABSENT and at != named >> 1):
            return untrusted(M.R_UNKNOWN_ENTRY)
        at = named >> 1
    elif at < 0 or id_at(t, row, side, at) != 0:
        return untrusted(M.R_UNKNOWN_ENTRY)
    _remove(addresses, action, slot, row, side, at, now_ns)
    return 0


@njit(_I(ADDRESSES, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _add_named(addresses, row, side, action, slot, snapshot, now_ns):
    """New and append with an id."""
    t = decoder_state_at(addresses)
    price, entry_id = t.scratch[M.V_PX], t.scratch[M.V_ID]
    if action == M.A_APPEND and not _is_worst(t, row, side):
        return untrusted(M.R_OUT_OF_ORDER)
    named = find_id(addresses, row, entry_id)
    at = find_price(t, row, side, price)
    if at < 0:
        if named >= 0:
            return untrusted(M.R_DUPLICATE_ENTRY)
        add_level(addresses, slot, row, side, price, entry_id, now_ns)
        return 0
    if snapshot or (named != 2 * at + side and (named >= 0 or id_at(t, row, side, at) != 0)):
        return untrusted(M.R_DUPLICATE_ENTRY)
    use_ids(t, row)
    t.ids[row, side, at] = entry_id
    set_size(t, slot, row, side, at, now_ns)
    return 0


@njit(_I(ADDRESSES, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _change_named(addresses, row, side, slot, entry_id, now_ns):
    """Change and overlay of the level with id 280, else 278, which then has the id `entry_id`."""
    t = decoder_state_at(addresses)
    price, ref_id = t.scratch[M.V_PX], t.scratch[M.V_REF_ID]
    named = find_id(addresses, row, ref_id if ref_id != 0 else entry_id)
    at = find_price(t, row, side, price)
    if named < 0:
        if ref_id != 0 or at < 0 or id_at(t, row, side, at) != 0:
            return untrusted(M.R_UNKNOWN_ENTRY)
        use_ids(t, row)
    else:
        if side != named & 1:
            return untrusted(M.R_UNKNOWN_ENTRY)
        renamed = ref_id != 0 and entry_id != ref_id
        if (renamed and find_id(addresses, row, entry_id) >= 0) or (at >= 0 and at != named >> 1):
            return untrusted(M.R_DUPLICATE_ENTRY)
        if at < 0:
            old = named >> 1
            if t.scratch[M.V_ORDERS] == M.ABSENT:
                t.scratch[M.V_ORDERS] = t.cnt[row, side, old]
            write_change(t, row, side, t.px[row, side, old], 0, 0, now_ns)
            drop_level(t, row, side, old)
            t.touched[slot, M.T_BID_CANCELS + side] += 1
            add_level(addresses, slot, row, side, price, entry_id, now_ns)
            return 0
    t.ids[row, side, at] = entry_id
    set_size(t, slot, row, side, at, now_ns)
    return 0


@njit(_I(ADDRESSES, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _apply_named(addresses, row, side, action, slot, snapshot, now_ns):
    """An entry with an id, but for the usual case of `apply_price`."""
    scratch = decoder_state_at(addresses).scratch
    puts = puts_level(action)
    entry_id, ref_id = scratch[M.V_ID], scratch[M.V_REF_ID]
    if ref_id != 0 and (action == M.A_NEW or action == M.A_APPEND):
        return untrusted(M.R_UNSUPPORTED)
    if action == M.A_DELETE_ALL:
        return _apply_unnamed(addresses, row, side, action, slot, snapshot, now_ns)
    if puts and (scratch[M.V_PX] == M.ABSENT or scratch[M.V_SIZE] == M.ABSENT):
        return untrusted(M.R_MISSING_FIELD)
    if not puts or scratch[M.V_SIZE] == 0:
        return _remove_named(addresses, row, side, action, slot, snapshot, now_ns)
    if action == M.A_NEW or action == M.A_APPEND:
        return _add_named(addresses, row, side, action, slot, snapshot, now_ns)
    return _change_named(addresses, row, side, slot, entry_id if entry_id != 0 else ref_id, now_ns)


@njit(_I(ADDRESSES, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def apply_price(addresses, row, side, action, slot, snapshot, now_ns):
    """Apply an entry of a bid or offer. Returns a verdict."""
    t = decoder_state_at(addresses)
    entry_id, ref_id = t.scratch[M.V_ID], t.scratch[M.V_REF_ID]
    if t.scratch[M.V_SIZE] > 0 and puts_level(action) and action != M.A_APPEND and not snapshot and ref_id == 0:
        at = find_price(t, row, side, t.scratch[M.V_PX])
        if at >= 0 and (entry_id == 0 or id_at(t, row, side, at) == entry_id):  # nearly always
            set_size(t, slot, row, side, at, now_ns)
            return 0
    if entry_id == 0 and ref_id == 0:
        return _apply_unnamed(addresses, row, side, action, slot, snapshot, now_ns)
    return _apply_named(addresses, row, side, action, slot, snapshot, now_ns)
