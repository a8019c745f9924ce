"""Kernels that apply a whole W or X: one pass over its fields, one board update per touched instrument."""

from numba import njit, types

from quotelife.fix import fields as F
from quotelife.fix import tags
from quotelife.fix.framer import FRAME_END
from quotelife.market.capture import layout as C
from quotelife.market.capture.writer import best_price, pack_counts, write_event
from quotelife.market.features.update import publish
from quotelife.market.sources.combine import STATE_ADDRESSES, apply_source
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import ADDRESSES, BYTES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.dialect import TABLE_TAGS
from quotelife.marketdata.entry_kernels import (
    apply_level,
    apply_order,
    apply_trade,
    clear_book,
    exchange_time,
    one_byte,
    optional_int,
    spoil,
)
from quotelife.marketdata.symbol_table import find_row
from quotelife.shm.arrays import word_array

_I = types.int64


@njit(_I(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _slot_of(t, tag):
    """Scratch slot of a tag; S_UNUSED if the dialect does not use it."""
    if tag < TABLE_TAGS:
        return int(t.slots[tag])
    for i in range(t.more_slots.shape[0]):
        if t.more_slots[i, 0] == tag:
            return t.more_slots[i, 1]
    return M.S_UNUSED


@njit(_I(BYTES, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def read_tag(buf, pos):
    """Position of the `=` after the tag at `pos`, -1 if there is no tag. Terminates, since a message ends with SOH."""
    start = pos
    while 48 <= buf[pos] <= 57:
        pos += 1
    return pos if buf[pos] == 61 and 0 < pos - start <= 9 else -1


@njit(_I(BYTES, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def read_number(buf, start, end):
    value = 0
    for i in range(start, end):
        value = value * 10 + int(buf[i]) - 48
    return value


@njit(_I(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _touch(t, row):
    """Slot of `row` among the instruments that this message changes."""
    slot = t.instruments[row, M.I_TOUCHED]
    if slot > 0:
        return slot - 1
    slot = t.scratch[M.S_SLOT]
    t.scratch[M.S_SLOT] = slot + 1
    t.instruments[row, M.I_TOUCHED] = slot + 1
    t.touched[slot] = 0
    t.touched[slot, M.T_ROW] = row
    return slot


@njit(types.void(ADDRESSES, _I), cache=True, nogil=True, _nrt=False)
def publish_touched(addresses, now_ns):
    """Publish the books that this message changed to the board, except those that became invalid."""
    t = decoder_state_at(addresses)
    for slot in range(t.scratch[M.S_SLOT]):
        c = t.touched[slot]
        row = c[M.T_ROW]
        t.instruments[row, M.I_TOUCHED] = 0
        if c[M.T_BOOK] and t.instruments[row, M.I_SYNC] == M.SYNC_LIVE:
            adds, cancels = M.T_BID_ADDS, M.T_BID_CANCELS
            publish(
                t.rows,
                row,
                now_ns,
                c[M.T_WALL_NS],
                t.px,
                t.sz,
                t.n,
                c[adds],
                c[adds + 1],
                c[cancels],
                c[cancels + 1],
            )
            write_event(
                *(t.ring, C.BOOK, 0, row, now_ns, c[M.T_WALL_NS]),
                *(best_price(t.px, t.n, row, 0), best_price(t.px, t.n, row, 1)),
                *(pack_counts(c[adds], c[adds + 1], c[cancels], c[cancels + 1]), 0),
            )
            if row >= t.control[M.N_INSTRUMENTS]:
                at = word_array(t.control[M.SOURCE_STATE], STATE_ADDRESSES), row, now_ns
                apply_source(*at, c[adds], c[adds + 1], c[cancels], c[cancels + 1])
    t.scratch[M.S_SLOT] = 0


@njit(_I(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _find_symbol(t, row):
    """Row of the entry's Symbol, `row` if it has none, -1 if unknown."""
    start, end = t.scratch[M.S_SYMBOL], t.scratch[M.S_SYMBOL + 1]
    return row if end == 0 else find_row(t.symbols, t.names, t.buf, start, end)


@njit(_I(DECODER_STATE, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _in_step(t, row, slot):
    """By RptSeq: 1 if the entry is next, 0 if it is outdated, -1 if entries are missing."""
    seq = optional_int(t.buf, t.scratch, M.S_RPT_SEQ, -1)
    last = t.instruments[row, M.I_RPT_SEQ]
    if seq < 0:
        return 1
    if last < 0 or seq == last + 1 or (seq == last and slot >= 0):
        t.instruments[row, M.I_RPT_SEQ] = seq
        return 1
    return 0 if seq <= last else -1


@njit(_I(ADDRESSES, DECODER_STATE, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _apply_increment(addresses, t, row, now_ns):
    """Apply one entry of an X to `row`. Returns a reject reason."""
    wanted = t.instruments[row, M.I_REQUEST]
    request = optional_int(t.buf, t.scratch, M.S_REQUEST, wanted)
    if t.instruments[row, M.I_SYNC] != M.SYNC_LIVE or request != wanted:
        t.control[M.IGNORED] += 1
        return 0
    step = _in_step(t, row, t.instruments[row, M.I_TOUCHED] - 1)
    if step < 0:
        spoil(addresses, M.R_RPT_SEQ_GAP, row, now_ns)
        return 0
    if step == 0:
        t.control[M.IGNORED] += 1
        return 0
    slot = _touch(t, row)
    wall = exchange_time(t.buf, t.scratch)
    t.touched[slot, M.T_WALL_NS] = max(t.touched[slot, M.T_WALL_NS], wall)
    action = one_byte(t.buf, t.scratch, M.S_ACTION)
    kind = one_byte(t.buf, t.scratch, M.S_TYPE)
    if action < tags.NEW or action > tags.DELETE:
        return tags.VALUE_IS_INCORRECT
    t.control[M.ENTRIES] += 1
    if kind == tags.TRADE:
        return apply_trade(addresses, row, action, now_ns, wall)
    by_order = t.control[M.MODEL] == M.MODEL_ORDER
    if kind != tags.BID and kind != tags.OFFER and not (by_order and action == tags.DELETE and kind < 0):
        return tags.REQUIRED_TAG_MISSING if t.scratch[M.S_TYPE + 1] == 0 else 0
    if t.control[M.MODEL] > M.MODEL_ORDER:
        spoil(addresses, M.R_UNSUPPORTED, row, now_ns)
        return 0
    t.touched[slot, M.T_BOOK] = 1
    side = 1 if kind == tags.OFFER else 0
    if by_order:
        return apply_order(addresses, row, side, action, slot, now_ns, wall)
    return apply_level(t, row, side, action, slot, now_ns, wall)


@njit(_I(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def _apply_snapshot(addresses, row, now_ns):
    """Apply one entry of a W to `row`. Returns a reject reason."""
    t = decoder_state_at(addresses)
    kind = one_byte(t.buf, t.scratch, M.S_TYPE)
    seq = optional_int(t.buf, t.scratch, M.S_RPT_SEQ, -1)
    t.instruments[row, M.I_RPT_SEQ] = max(t.instruments[row, M.I_RPT_SEQ], seq)
    if kind != tags.BID and kind != tags.OFFER:
        return tags.REQUIRED_TAG_MISSING if t.scratch[M.S_TYPE + 1] == 0 else 0
    if t.control[M.MODEL] > M.MODEL_ORDER:
        spoil(addresses, M.R_UNSUPPORTED, row, now_ns)
        return 0
    slot = t.instruments[row, M.I_TOUCHED] - 1
    wall = exchange_time(t.buf, t.scratch)
    t.touched[slot, M.T_WALL_NS] = max(t.touched[slot, M.T_WALL_NS], wall)
    t.control[M.ENTRIES] += 1
    side = 1 if kind == tags.OFFER else 0
    if t.control[M.MODEL] == M.MODEL_ORDER:
        reason = apply_order(addresses, row, side, tags.NEW, slot, now_ns, wall)
    else:
        reason = apply_level(t, row, side, tags.NEW, slot, now_ns, wall)
    t.touched[slot, M.T_BID_ADDS : M.T_ASK_CANCELS + 1] = 0  # a snapshot is not order flow
    return reason


@njit(_I(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def _begin_snapshot(addresses, row, now_ns):
    """Clear the book of `row` if this W answers its subscription or refreshes it. Returns 1 if so."""
    t = decoder_state_at(addresses)
    wanted = t.instruments[row, M.I_REQUEST]
    request = optional_int(t.buf, t.scratch, M.S_REQUEST, -1)
    repeated = one_byte(t.buf, t.scratch, M.S_POSS_DUP) == 89  # Y
    if t.instruments[row, M.I_SYNC] == M.SYNC_NONE or (request != wanted and (request != -1 or repeated)):
        return 0
    clear_book(addresses, row, now_ns)
    slot = _touch(t, row)
    t.touched[slot, M.T_BOOK] = 1
    t.instruments[row, M.I_SYNC] = M.SYNC_LIVE
    t.instruments[row, M.I_RPT_SEQ] = optional_int(t.buf, t.scratch, M.S_RPT_SEQ, -1)
    t.control[M.SNAPSHOTS] += 1
    return 1


@njit(_I(ADDRESSES, DECODER_STATE, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _finish_entry(addresses, t, row, snapshot, now_ns):
    """Apply the entry in `scratch` to `row`. Returns a reject reason."""
    if row < 0:
        t.control[M.UNKNOWN_SYMBOLS] += 1
        return 0
    if snapshot:
        return _apply_snapshot(addresses, row, now_ns)
    return _apply_increment(addresses, t, row, now_ns)


@njit(_I(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def apply_message(addresses, snapshot, now_ns):
    """Apply a W (`snapshot` 1) or X in one pass over its fields. Returns a reject reason."""
    t = decoder_state_at(addresses)
    buf, scratch = t.buf, t.scratch
    pos = scratch[M.S_BODY]
    end = t.frame[FRAME_END] - 7
    row = -1
    declared = entries = 0
    delimiter = 0  # first tag of the group; 0 before the group, -1 if the next tag is the first
    while True:
        tag = equals = 0
        if pos < end:
            equals = read_tag(buf, pos)
            if equals < 0:
                return tags.INCORRECT_DATA_FORMAT
            tag = read_number(buf, pos, equals)
        if pos >= end or tag == delimiter or delimiter == -1:
            delimiter = tag
            if entries > 0:
                row = row if snapshot else _find_symbol(t, row)
                reason = _finish_entry(addresses, t, row, snapshot, now_ns)
                if reason:
                    return reason
            if pos >= end:
                break
            entries += 1
            scratch[: M.ENTRY_WORDS] = 0
        pos = equals + 1
        while buf[pos] != tags.SOH:
            pos += 1
        slot = _slot_of(t, tag)
        if slot != M.S_UNUSED:
            scratch[slot] = equals + 1
            scratch[slot + 1] = pos
            if slot == M.S_ENTRIES:
                declared = F.parse_int(buf, equals + 1, pos)
                row = _find_symbol(t, row)
                if snapshot and row >= 0 and not _begin_snapshot(addresses, row, now_ns):
                    t.control[M.IGNORED] += 1
                    return 0
                if declared > 0:
                    delimiter = -1
        pos += 1
    if entries == 0 and snapshot and row < 0:
        t.control[M.UNKNOWN_SYMBOLS] += 1
    if scratch[M.S_ENTRIES + 1] == 0:
        return tags.REQUIRED_TAG_MISSING
    return 0 if entries == declared else tags.INCORRECT_NUM_IN_GROUP


@njit(_I(ADDRESSES, _I), cache=True, nogil=True, _nrt=False)
def invalidate_named_books(addresses, now_ns):
    """Invalidate every book that a malformed message names. Returns 1 if the names cannot be read."""
    t = decoder_state_at(addresses)
    buf = t.buf
    pos = t.scratch[M.S_BODY]
    named = 0
    while pos < t.frame[FRAME_END] - 7:
        equals = read_tag(buf, pos)
        if equals < 0:
            return 1
        tag = read_number(buf, pos, equals)
        pos = equals + 1
        while buf[pos] != tags.SOH:
            pos += 1
        if tag == tags.Symbol:
            named = 1
            row = find_row(t.symbols, t.names, buf, equals + 1, pos)
            if row >= 0:
                spoil(addresses, M.R_RPT_SEQ_GAP, row, now_ns)
        pos += 1
    return 1 - named
