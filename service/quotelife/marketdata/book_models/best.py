"""Model `best`: one quote a side, replaced by the next one (a book ticker, or a price book of depth one)."""

from numba import njit, types

from quotelife.marketdata import layout as M
from quotelife.marketdata.book_models.levels import add_level, id_at, remove_levels, set_size, use_ids
from quotelife.marketdata.decoder_state import ADDRESSES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.decoding.entries import note_change, untrusted

_I = types.int64


@njit(_I(_I, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _is_named(price, entry_id, named_price, named_id):
    """1 if a Delete of this price and id, one of which may be absent, names the quote of the first two."""
    if named_price != M.ABSENT and named_price != price:
        return 0
    if named_id == 0 or named_id == entry_id:
        return 1
    return 1 if entry_id == 0 and named_price != M.ABSENT else 0


@njit(types.boolean(DECODER_STATE, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def replaced_by_message(t, slot, side, price, entry_id):
    """Whether the message has replaced a quote of this price and id, one of which may be absent."""
    for i in range(t.scratch[M.S_CHANGES]):
        record = t.changes[i]
        of_side = record[M.CH_SLOT] == slot and record[M.CH_SIDE] == side
        if of_side and _is_named(record[M.CH_PX], record[M.CH_ID], price, entry_id):
            return True
    return False


@njit(_I(ADDRESSES, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _remove(addresses, row, side, slot, now_ns):
    """A Delete, or an entry of size 0."""
    t = decoder_state_at(addresses)
    price, entry_id, ref_id = t.scratch[M.V_PX], t.scratch[M.V_ID], t.scratch[M.V_REF_ID]
    if entry_id != 0 and ref_id != 0 and entry_id != ref_id:
        return untrusted(M.R_UNKNOWN_ENTRY)
    named = entry_id | ref_id
    held = t.n[row, side] > 0
    unnamed = named == 0 and price == M.ABSENT
    if held and (unnamed or _is_named(t.px[row, side, 0], id_at(t, row, side, 0), price, named)):
        remove_levels(addresses, slot, row, side, 0, now_ns)
        return 0
    if unnamed or replaced_by_message(t, slot, side, price, named):
        return 0
    return untrusted(M.R_UNKNOWN_ENTRY)


@njit(_I(ADDRESSES, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _add_of_snapshot(addresses, row, side, slot, now_ns):
    t = decoder_state_at(addresses)
    entry_id = t.scratch[M.V_ID]
    other = entry_id != 0 and t.n[row, 1 - side] > 0 and id_at(t, row, 1 - side, 0) == entry_id
    if t.n[row, side] > 0 or other:
        return untrusted(M.R_DUPLICATE_ENTRY)
    if t.scratch[M.V_REF_ID] != 0:
        return untrusted(M.R_UNKNOWN_ENTRY)
    if t.scratch[M.V_SIZE] > 0:
        add_level(addresses, slot, row, side, t.scratch[M.V_PX], entry_id, now_ns)
    return 0


@njit(_I(ADDRESSES, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def apply_best(addresses, row, side, action, slot, snapshot, now_ns):
    """Apply an entry of a bid or offer. Returns a verdict."""
    t = decoder_state_at(addresses)
    price, size = t.scratch[M.V_PX], t.scratch[M.V_SIZE]
    entry_id, ref_id = t.scratch[M.V_ID], t.scratch[M.V_REF_ID]
    if action != M.A_DELETE and (price == M.ABSENT or size == M.ABSENT):
        return untrusted(M.R_MISSING_FIELD)
    if snapshot:
        return _add_of_snapshot(addresses, row, side, slot, now_ns)
    if action == M.A_DELETE or size == 0:
        return _remove(addresses, row, side, slot, now_ns)
    held = t.n[row, side] > 0
    if ref_id != 0 and (not held or id_at(t, row, side, 0) != ref_id):
        return untrusted(M.R_UNKNOWN_ENTRY)
    if entry_id != 0 and t.n[row, 1 - side] > 0 and id_at(t, row, 1 - side, 0) == entry_id:
        return untrusted(M.R_DUPLICATE_ENTRY if action == M.A_NEW else M.R_UNKNOWN_ENTRY)
    entry_id = entry_id if entry_id != 0 else ref_id
    if held:
        note_change(t, slot, side, t.px[row, side, 0], id_at(t, row, side, 0))
        if t.px[row, side, 0] == price:
            if entry_id != 0:
                use_ids(t, row)
            t.ids[row, side, 0] = entry_id
            set_size(t, slot, row, side, 0, now_ns)
            return 0
        remove_levels(addresses, slot, row, side, 0, now_ns)
    add_level(addresses, slot, row, side, price, entry_id, now_ns)
    return 0
