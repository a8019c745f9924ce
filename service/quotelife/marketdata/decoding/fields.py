"""Kernels that read a message's fields, and whether its entries are well-formed."""

import numpy as np
from numba import njit, types

from quotelife.fix import fields as F
from quotelife.fix import tags
from quotelife.fix.framer import FRAME_BODY, FRAME_END, TRAILER_BYTES
from quotelife.market.book.orders import word_at
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import ADDRESSES, BYTES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.dialect import TABLE_TAGS

_I = types.int64
_TAG_WITHOUT_VALUE, _TAG_APPEARS_TWICE = 4, 13  # values of SessionRejectReason
_WELL_FORMED, _MALFORMED = 1, 2


_ONES, _HIGH = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)


@njit(types.UniTuple(_I, 2)(BYTES, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def read_tag(buf, pos):
    """The tag at `pos` and the position of the `=` after it, -1 if there is no tag. Terminates, since a message ends
    with SOH."""
    start, tag = pos, 0
    digit = int(buf[pos]) - 48
    while 0 <= digit <= 9:
        tag = tag * 10 + digit
        pos += 1
        digit = int(buf[pos]) - 48
    return tag, pos if buf[pos] == 61 and 0 < pos - start <= 9 else -1


@njit(_I(BYTES, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def value_end(buf, pos):
    """Position of the next SOH. Reads up to SPARE_BYTES behind it: eight bytes at a time, of which the first that is
    SOH is the lowest with a borrow (Warren, Hacker's Delight 6-1)."""
    while True:
        word = word_at(buf, pos) ^ _ONES
        found = (word - _ONES) & ~word & _HIGH
        if found != np.uint64(0):
            return pos + np.int64(((found - np.uint64(1)) & _ONES) * _ONES >> np.uint64(56)) - 1
        pos += 8


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
        tag, equals = read_tag(buf, pos)
        if equals < 0:
            return False
        slot = slot_of(t, tag)
        pos = value_end(buf, equals + 1)
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
