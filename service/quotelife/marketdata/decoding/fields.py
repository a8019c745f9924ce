"""Kernels that read a message's fields, and whether its entries are well-formed."""

from numba import njit, types

from quotelife.fix import fields as F
from quotelife.fix import tags
from quotelife.fix.framer import FRAME_BODY, FRAME_END, TRAILER_BYTES
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import ADDRESSES, BYTES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.dialect import TABLE_TAGS

_I = types.int64
_TAG_WITHOUT_VALUE, _TAG_APPEARS_TWICE = 4, 13  # values of SessionRejectReason
_WELL_FORMED, _MALFORMED = 1, 2


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
def slot_of(t, tag):
    """Scratch slot of a tag; S_UNUSED if the dialect does not use it."""
    if tag < TABLE_TAGS:
        return int(t.slots[tag])
    for i in range(t.more_slots.shape[0]):
        if t.more_slots[i, 0] == tag:
            return t.more_slots[i, 1]
    return M.S_UNUSED


@njit(_I(_I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def field_fault(slot, repeated):
    """Reject reason of a field of an entry that is empty or came before in it; 0 if that is allowed."""
    if slot == M.S_UNUSED or slot > M.LAST_DECISIVE:
        return 0
    if repeated:
        return _TAG_APPEARS_TWICE
    return 0 if slot <= M.S_SECURITY_ID else _TAG_WITHOUT_VALUE


@njit(types.boolean(ADDRESSES), cache=True, nogil=True, _nrt=False)
def _has_well_formed_entries(addresses):
    t = decoder_state_at(addresses)
    buf = t.buf
    pos, end = t.scratch[M.S_BODY], t.frame[FRAME_END] - TRAILER_BYTES
    increment = buf[t.frame[FRAME_BODY] + 3] == ord(tags.MARKET_DATA_INCREMENTAL_REFRESH)
    declared, entries, delimiter, seen = 0, 0, 0, 0
    while pos < end:
        equals = read_tag(buf, pos)
        if equals < 0:
            return False
        tag = read_number(buf, pos, equals)
        slot = slot_of(t, tag)
        pos = equals + 1
        while buf[pos] != tags.SOH:
            pos += 1
        decisive = M.S_UNUSED < slot <= M.LAST_DECISIVE
        if tag == delimiter or (delimiter == -1 and decisive):
            delimiter, seen = tag, 0
            entries += 1
        if entries > 0 and decisive:
            if seen >> slot & 1 or (pos == equals + 1 and slot > M.S_SECURITY_ID):
                return False
            if increment and slot == M.S_ACTION and delimiter != tags.MDUpdateAction:
                return False
            seen |= 1 << slot
        if slot == M.S_ENTRIES:
            declared = F.parse_int(buf, equals + 1, pos)
            delimiter = -1
        pos += 1
    return entries == declared


@njit(types.boolean(ADDRESSES), cache=True, nogil=True, _nrt=False)
def is_well_formed(addresses):
    """Whether the fields of the message's entries stand as FIX has it: no book is judged by a part of a malformed
    message. Read once a message, since it takes a pass over all of it."""
    scratch = decoder_state_at(addresses).scratch
    if scratch[M.S_STRUCTURE] == 0:
        scratch[M.S_STRUCTURE] = _WELL_FORMED if _has_well_formed_entries(addresses) else _MALFORMED
    return scratch[M.S_STRUCTURE] == _WELL_FORMED
