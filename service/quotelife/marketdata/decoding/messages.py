"""Kernels that apply a whole W or X: one pass over its fields, one board update per touched instrument."""

from numba import njit, types

from quotelife.fix import fields as F
from quotelife.fix import tags
from quotelife.fix.framer import FRAME_END, TRAILER_BYTES
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import ADDRESSES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.decoding.entries import is_at_stake, one_byte, optional_int, spoil, spoil_session, untrusted
from quotelife.marketdata.decoding.fields import field_fault, is_well_formed, read_tag, slot_of, value_end
from quotelife.marketdata.decoding.increments import apply_increment, concerns_book, fill_or, kind_of
from quotelife.marketdata.decoding.instrument import NO_ROW, NOT_CONFIGURED, action_of, named_row, row_of_entry
from quotelife.marketdata.decoding.snapshots import apply_snapshot_entry, begin_snapshot
from quotelife.marketdata.symbol_table import find_row

_I = types.int64


@njit(_I(ADDRESSES, DECODER_STATE, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _finish_increment(addresses, t, row, head, now_ns):
    """Apply the entry in `scratch`; `row` is that of the entry before. Sets S_ROW. Returns a verdict."""
    kind = kind_of(t)
    action = action_of(t)
    kind = fill_or(t, kind, action)
    found = named_row(addresses, t)
    if found < 0:
        of_book = concerns_book(kind)
        if found == M.ABSENT or found == NO_ROW:
            found = row_of_entry(addresses, row, head, action, of_book, now_ns)
        if found < 0:
            counter = M.UNKNOWN_SYMBOLS if found == NOT_CONFIGURED else M.IGNORED
            t.control[counter] += 1
    t.scratch[M.S_ROW] = found
    return apply_increment(addresses, found, kind, action, now_ns) if found >= 0 else 0


@njit(_I(ADDRESSES, DECODER_STATE, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _begin_group(addresses, t, snapshot, now_ns):
    """At NoMDEntries (268): row named before the group; of a W that is not applied a negative one."""
    head = named_row(addresses, t)
    t.scratch[M.V_REQUEST] = optional_int(t.buf, t.scratch, M.S_REQUEST, M.ABSENT)
    if not snapshot or head == NOT_CONFIGURED:
        return head
    if head < 0:
        if is_well_formed(addresses):
            spoil_session(addresses, M.R_UNKNOWN_INSTRUMENT, now_ns)
        return NO_ROW
    if begin_snapshot(addresses, head, now_ns):
        return head
    t.control[M.IGNORED] += 1
    return NO_ROW


@njit(_I(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def apply_message(addresses, snapshot, now_ns):
    """Apply a W (`snapshot` 1) or X in one pass over its fields. Returns a reject reason."""
    t = decoder_state_at(addresses)
    buf, scratch = t.buf, t.scratch
    pos = scratch[M.S_BODY]
    end = t.frame[FRAME_END] - 7
    row, head = NO_ROW, M.ABSENT
    declared = entries = 0
    delimiter = 0  # first tag of the group; 0 before the group, -1 if it is not known yet
    while True:
        tag = equals = slot = 0
        if pos < end:
            tag, equals = read_tag(buf, pos)
            if equals < 0:
                return tags.INCORRECT_DATA_FORMAT
            slot = slot_of(t, tag)
        if pos >= end or tag == delimiter or (delimiter == -1 and M.S_UNUSED < slot <= M.LAST_DECISIVE):
            if entries > 0:
                if snapshot:
                    verdict = apply_snapshot_entry(addresses, head, now_ns)
                elif scratch[M.S_ACTION + 1] != 0 and delimiter != tags.MDUpdateAction:
                    verdict = tags.INCORRECT_NUM_IN_GROUP
                else:
                    verdict = _finish_increment(addresses, t, row, head, now_ns)
                    row = scratch[M.S_ROW]
                if verdict > 0:
                    return verdict
                if verdict < 0 and is_well_formed(addresses):
                    spoil(addresses, untrusted(verdict), row if not snapshot else head, now_ns)
            if pos >= end:
                break
            delimiter = tag
            entries += 1
            scratch[: M.ENTRY_WORDS] = 0
        pos = value_end(buf, equals + 1)
        if (scratch[slot + 1] != 0 or pos == equals + 1) and entries > 0:
            fault = field_fault(slot, scratch[slot + 1] != 0)
            if fault:
                return fault
        scratch[slot] = equals + 1
        scratch[slot + 1] = pos
        if slot == M.S_ENTRIES:
            declared = F.parse_int(buf, equals + 1, pos)
            head = _begin_group(addresses, t, snapshot, now_ns)
            delimiter = -1
        pos += 1
    if entries == 0 and snapshot and head == NOT_CONFIGURED:
        t.control[M.UNKNOWN_SYMBOLS] += 1
    if scratch[M.S_ENTRIES + 1] == 0:
        return tags.REQUIRED_TAG_MISSING
    return 0 if entries == declared else tags.INCORRECT_NUM_IN_GROUP


@njit(types.void(ADDRESSES, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _invalidate(addresses, row, snapshot, now_ns):
    """A malformed X does not concern a book that awaits its snapshot; a W may have been that."""
    t = decoder_state_at(addresses)
    if snapshot and one_byte(t.buf, t.scratch, M.S_LAST_FRAGMENT) == ord("N"):
        t.instruments[row, M.I_PARTS] += 1
    if snapshot or is_at_stake(t, row):
        spoil(addresses, M.R_MALFORMED, row, now_ns)


@njit(_I(ADDRESSES, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _invalidate_named(addresses, slot, start, end, snapshot, now_ns):
    """Invalidate the book that a field of a malformed message names. Returns 1 if the name may be of any book."""
    t = decoder_state_at(addresses)
    if slot == (M.S_SECURITY_ID if t.control[M.BY_SECURITY_ID] else M.S_SYMBOL):
        row = find_row(t.symbols, t.names, t.buf, start, end)
        unresolved = 0
    else:
        row = find_row(t.others, t.other_names, t.buf, start, end)
        unresolved = 1 if row < 0 and not t.control[M.OTHER_COMPLETE] else 0
    if row >= 0:
        _invalidate(addresses, row, snapshot, now_ns)
    return unresolved


@njit(_I(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def _invalidate_all_named(addresses, snapshot, now_ns):
    """Invalidate the books that a malformed message names. Returns 1 if it may concern others."""
    t = decoder_state_at(addresses)
    buf = t.buf
    pos = t.scratch[M.S_BODY]
    named = head_named = entry_named = entry_id = unclear = 0
    delimiter = 0
    while pos < t.frame[FRAME_END] - 7:
        tag, equals = read_tag(buf, pos)
        if equals < 0:
            return 1
        slot = slot_of(t, tag)
        pos = value_end(buf, equals + 1)
        if tag == delimiter or (delimiter == -1 and M.S_UNUSED < slot <= M.LAST_DECISIVE):
            head_named = entry_named if delimiter == -1 else head_named
            unclear |= entry_id and not entry_named and not head_named
            delimiter, entry_named, entry_id = tag, 0, 0
        if slot == M.S_ENTRIES:
            delimiter = -1
        elif slot == M.S_ID or slot == M.S_REF_ID:
            entry_id = 1
        elif (slot == M.S_SYMBOL or slot == M.S_SECURITY_ID) and pos > equals + 1:
            named = entry_named = 1
            unclear |= _invalidate_named(addresses, slot, equals + 1, pos, snapshot, now_ns)
        pos += 1
    return 1 if unclear or not named or (entry_id and not entry_named and not head_named) else 0


@njit(types.void(DECODER_STATE), cache=True, nogil=True, _nrt=False)
def _find_last_fragment(t):
    """Set S_LAST_FRAGMENT in a malformed message, of which not every field was read."""
    pos = t.scratch[M.S_BODY]
    while pos < t.frame[FRAME_END] - TRAILER_BYTES:
        tag, equals = read_tag(t.buf, pos)
        if equals < 0:
            return
        pos = value_end(t.buf, equals + 1)
        if tag == tags.LastFragment:
            t.scratch[M.S_LAST_FRAGMENT], t.scratch[M.S_LAST_FRAGMENT + 1] = equals + 1, pos
        pos += 1


@njit(types.void(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def invalidate_malformed(addresses, snapshot, now_ns):
    """Invalidate the books that a malformed message names or has changed, or whose change it may continue; every one
    if it may concern others."""
    t = decoder_state_at(addresses)
    t.scratch[M.S_SNAPSHOT_ROW] = 0
    _find_last_fragment(t)
    for slot in range(t.scratch[M.S_SLOT]):
        changed = t.touched[slot, M.T_BOOK] or t.touched[slot, M.T_PENDING]
        row = t.touched[slot, M.T_ROW]
        if changed and t.instruments[row, M.I_SYNC] == M.SYNC_LIVE:  # not asked for anew since an earlier fragment
            spoil(addresses, M.R_MALFORMED, row, now_ns)
    if _invalidate_all_named(addresses, snapshot, now_ns):
        for i in range(t.session_rows.shape[0]):
            _invalidate(addresses, t.session_rows[i], snapshot, now_ns)
