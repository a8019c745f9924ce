"""Which instrument an entry is about: by Symbol (55) or SecurityID (48), by an id, or by the entry before.

A row is a board row, or one of the values below.
"""

from numba import njit, types

from quotelife.market.book.orders import order_at, order_key
from quotelife.marketdata import layout as M
from quotelife.marketdata.book_models.best import replaced_by_message
from quotelife.marketdata.book_models.levels import find_id
from quotelife.marketdata.decoder_state import ADDRESSES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.decoding.entries import has_ids, hash_of, is_asked, one_byte, spoil, spoil_session
from quotelife.marketdata.decoding.fields import is_well_formed
from quotelife.marketdata.symbol_table import find_row

_I = types.int64

NOT_CONFIGURED = -1  # ignored, as is an entry that follows without an instrument of its own
NO_ROW = -2  # no entry has named an instrument, or it could not be told
OF_WAITING_BOOK = -3  # ignored: of a book that awaits its snapshot


@njit(_I(ADDRESSES, _I), cache=True, nogil=True, _nrt=False)
def _by_other_name(addresses, slot):
    """The row of the name that is not the dialect's address: rule 2."""
    t = decoder_state_at(addresses)
    row = find_row(t.others, t.other_names, t.buf, t.scratch[slot], t.scratch[slot + 1])
    return NO_ROW if row < 0 and not t.control[M.OTHER_COMPLETE] else row


@njit(_I(ADDRESSES, DECODER_STATE), cache=True, nogil=True, _nrt=False, forceinline=True)
def named_row(addresses, t):
    """Row by the names in `scratch`: NOT_CONFIGURED; NO_ROW if it may be any instrument; ABSENT without a name."""
    scratch = t.scratch
    address, other = M.S_SYMBOL, M.S_SECURITY_ID
    if t.control[M.BY_SECURITY_ID]:
        address, other = other, address
    if scratch[address + 1] > scratch[address]:
        return find_row(t.symbols, t.names, t.buf, scratch[address], scratch[address + 1])
    if scratch[other + 1] > scratch[other]:
        return _by_other_name(addresses, other)
    return M.ABSENT


@njit(_I(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def side_of_id(addresses, row, entry_id):
    """Side of the entry with this id in the book of `row`, -1 if it holds none."""
    t = decoder_state_at(addresses)
    if t.control[M.MODEL] == M.MODEL_ORDER:
        return order_at(t.orders, t.orders_state, order_key(entry_id, row, t.orders_state))[0]
    found = find_id(addresses, row, entry_id)
    if found >= 0:
        return found & 1
    if t.control[M.MODEL] == M.MODEL_BEST and t.instruments[row, M.I_TOUCHED] > 0:
        slot = t.instruments[row, M.I_TOUCHED] - 1
        if replaced_by_message(t, slot, 0, M.ABSENT, entry_id):
            return 0
        return 1 if replaced_by_message(t, slot, 1, M.ABSENT, entry_id) else -1
    return -1


@njit(types.void(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def _distrust_session(addresses, reason, now_ns):
    if is_well_formed(addresses):
        spoil_session(addresses, reason, now_ns)


@njit(types.void(ADDRESSES, _I), cache=True, nogil=True, _nrt=False)
def _spoil_partial(addresses, now_ns):
    """The entry may be of a book whose snapshot is not complete: before or after what is in."""
    t = decoder_state_at(addresses)
    for i in range(t.session_rows.shape[0]):
        row = t.session_rows[i]
        if is_asked(t, row) and t.instruments[row, M.I_SYNC] == M.SYNC_PARTIAL and is_well_formed(addresses):
            spoil(addresses, M.R_OUT_OF_ORDER, row, now_ns)


@njit(_I(ADDRESSES, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _holder(addresses, entry_id, previous, now_ns):
    """The instrument that holds this id: that of the entry before, else the only one of the session: rule 3."""
    t = decoder_state_at(addresses)
    live = previous >= 0 and t.instruments[previous, M.I_SYNC] == M.SYNC_LIVE
    if live and side_of_id(addresses, previous, entry_id) >= 0:
        return previous
    holder, holders, waiting = NO_ROW, 0, 0
    for i in range(t.session_rows.shape[0]):
        row = t.session_rows[i]
        if not is_asked(t, row):
            continue
        if t.instruments[row, M.I_SYNC] != M.SYNC_LIVE:
            # What was never asked for, or was refused, has no book that the entry may be of.
            waiting += t.instruments[row, M.I_SYNC] != M.SYNC_NONE or t.instruments[row, M.I_REQUEST] != 0
        elif side_of_id(addresses, row, entry_id) >= 0:
            holder = row
            holders += 1
    if holders == 1:
        return holder
    if holders == 0 and waiting > 0:
        _spoil_partial(addresses, now_ns)
        return OF_WAITING_BOOK
    ignored = t.control[M.IGNORE_UNKNOWN] and t.control[M.MODEL] == M.MODEL_ORDER and t.scratch[M.S_REF_ID + 1] == 0
    if holders == 0 and ignored:
        return NO_ROW
    _distrust_session(addresses, M.R_UNKNOWN_ENTRY, now_ns)
    return NO_ROW


@njit(_I(ADDRESSES, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def row_of_entry(addresses, previous, head, action, of_book, now_ns):
    """Row of an entry without a name that is known at once. `head` is the row named before the group, ABSENT without.

    Books that the entry may concern become invalid if it cannot be told, unless the entry is not of the book."""
    t = decoder_state_at(addresses)
    named = named_row(addresses, t)
    if named == M.ABSENT:
        named = head
    if named != M.ABSENT:
        if named == NO_ROW and of_book:
            _distrust_session(addresses, M.R_UNKNOWN_INSTRUMENT, now_ns)
        return named
    ids = has_ids(t) and (t.scratch[M.S_ID + 1] != 0 or t.scratch[M.S_REF_ID + 1] != 0)
    if ids and action != 0 and action != M.A_NEW and action != M.A_APPEND:
        if not of_book:
            return NO_ROW
        entry_id, ref_id = hash_of(t, M.S_ID), hash_of(t, M.S_REF_ID)
        replaces = action == M.A_CHANGE or action == M.A_OVERLAY
        if entry_id != 0 and ref_id != 0 and entry_id != ref_id and not replaces:
            _distrust_session(addresses, M.R_UNKNOWN_ENTRY, now_ns)
            return NO_ROW
        return _holder(addresses, ref_id if ref_id != 0 else entry_id, previous, now_ns)
    if previous == NO_ROW and of_book:
        _distrust_session(addresses, M.R_UNKNOWN_INSTRUMENT, now_ns)
    return previous


@njit(_I(DECODER_STATE), cache=True, nogil=True, _nrt=False, forceinline=True)
def action_of(t):
    """The A_ value of MDUpdateAction, 0 if it is absent or means nothing."""
    value = one_byte(t.buf, t.scratch, M.S_ACTION)
    return int(t.actions[value]) if value >= 0 else 0
