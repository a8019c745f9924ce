"""Decodes a read from socket bytes to board rows in one kernel call, without a Python object per message.

`decode` frames messages, checks MsgSeqNum, applies the entries of W and X to the books and publishes each touched
instrument once per message. It stops at any other message and at a gap: the session must process that message before
the next is decoded. Rules:

- A W replaces its instrument's book if its MDReqID is that of the current subscription or absent. Trades in a W are
  history and are ignored.
- An X applies only after a W. An entry without Symbol belongs to the previous entry's instrument.
- RptSeq (83), where present, increases by one per entry (or per message) and instrument. A jump invalidates that book
  alone, until a new subscription is answered; so does a number that came before, in an X or in a W for a live book:
  the venue counts from the start again. Outdated without effect are PossDup messages and, until the first entry is
  applied to a snapshot, entries up to its RptSeq.
- A W with entries of which none is of the book (269=0, 1, J) leaves a live book as it is, and answers a subscription
  only with its MDReqID. A W without entries is an empty book; without MDReqID as well it makes a live book of a venue
  that sends increments invalid.
- A W with 893=N is a part of a snapshot. If the book is asked for anew meanwhile, the rest of it is ignored: each W
  without MDReqID up to the one with another 893.
- An X with 893=N is a part of a change. The books that it changes are not used until the rest is there: an X with
  893=Y, or one without 893 that changes that book. Another W or X between invalidates them.
- A malformed message must be rejected; every book that it touched becomes invalid.
- The session checks SenderCompID and TargetCompID of the messages that it processes.
"""

from typing import Any

import numpy as np
from numba import njit, types

from quotelife.fix import fields as F
from quotelife.fix import tags
from quotelife.fix.framer import COMPLETE, FRAME_BODY, FRAME_END, FRAME_SKIPPED, FRAME_START, INCOMPLETE, frame
from quotelife.fix.session import AWAITING_RESEND, EXPECTED, HIGHEST, IN_SEQUENCE
from quotelife.market.board.layout import BOOK_GAP, BOOK_MISMATCH, STATE
from quotelife.market.capture import layout as C
from quotelife.market.capture.writer import write_event, write_status
from quotelife.market.features.update import publish, set_state
from quotelife.market.sources.combine import STATE_ADDRESSES, apply_source, apply_source_state
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import ADDRESSES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.decoding.entries import clear_book, one_byte
from quotelife.marketdata.decoding.fields import read_tag, value_end
from quotelife.marketdata.decoding.messages import apply_message, invalidate_malformed
from quotelife.marketdata.decoding.snapshots import note_parts, publish_touched
from quotelife.marketdata.lateness import update_lateness
from quotelife.marketdata.prefetch import MIN_SYMBOLS, prefetch_next
from quotelife.shm.arrays import word_array

# what `decode` returns
NEEDS_BYTES = 0  # all complete messages are decoded
FOR_SESSION = 1  # MESSAGE_START to MESSAGE_END is for the session; call again once it has processed it
MALFORMED = 2  # that message must be rejected; then call again
EARLY = 3  # that X is to be kept until its snapshot is complete, or that W may be the one; then call again

_I = types.int64
_SNAPSHOT = ord(tags.MARKET_DATA_SNAPSHOT_FULL_REFRESH)
_INCREMENT = ord(tags.MARKET_DATA_INCREMENTAL_REFRESH)


def _header_slots() -> np.ndarray[Any, np.dtype[np.int64]]:
    """Tag to scratch slot, -1 for tags that are not of the header."""
    used = {tags.MsgSeqNum: M.S_SEQ_NUM, tags.PossDupFlag: M.S_POSS_DUP, tags.SendingTime: M.S_SENDING_TIME}
    others = (35, 49, 56, 115, 128, 50, 57, 142, 143, 144, 145, 116, 129, 97, 122, 369, 1128, 1129, 1156)
    found = np.full(max(others) + 1, -1, np.int64)
    for tag, slot in (dict.fromkeys(others, M.S_UNUSED) | used).items():
        found[tag] = slot
    return found


_HEADER_SLOTS = _header_slots()


@njit(_I(DECODER_STATE), cache=True, nogil=True, _nrt=False, forceinline=True)
def _read_header(t):
    """Store the positions of the header's fields, and S_BODY. Returns MsgSeqNum, or INVALID."""
    buf, scratch = t.buf, t.scratch
    scratch[: M.S_BODY] = 0
    pos = t.frame[FRAME_BODY]
    while True:
        scratch[M.S_BODY] = pos
        tag, equals = read_tag(buf, pos)
        if equals < 0:  # `apply_message` will find it malformed
            break
        slot = _HEADER_SLOTS[tag] if tag < _HEADER_SLOTS.shape[0] else -1
        if slot < 0:
            break
        pos = value_end(buf, equals + 1)
        scratch[slot] = equals + 1
        scratch[slot + 1] = pos
        pos += 1
    scratch[: M.ENTRY_WORDS] = 0  # S_UNUSED collected the unused header fields
    return F.parse_int(buf, scratch[M.S_SEQ_NUM], scratch[M.S_SEQ_NUM + 1])


@njit(_I(ADDRESSES, _I), cache=True, nogil=True, _nrt=False)
def _decode_message(addresses, now_ns):
    """Apply the framed message if it is market data in sequence. Returns 0, or what `decode` is to return."""
    t = decoder_state_at(addresses)
    buf = t.buf
    body = t.frame[FRAME_BODY]
    kind = int(buf[body + 3])
    is_data = buf[body] == 51 and buf[body + 1] == 53 and buf[body + 2] == 61 and buf[body + 4] == tags.SOH
    if not is_data or (kind != _SNAPSHOT and kind != _INCREMENT) or not t.sequence[IN_SEQUENCE]:
        return FOR_SESSION
    seq_num = _read_header(t)
    expected = t.sequence[EXPECTED]
    if seq_num > expected and t.sequence[AWAITING_RESEND]:
        t.sequence[HIGHEST] = max(t.sequence[HIGHEST], seq_num)
        t.control[M.DROPPED] += 1
        return 0
    if 0 < seq_num < expected and one_byte(buf, t.scratch, M.S_POSS_DUP) == 89:
        t.control[M.DUPLICATES] += 1
        return 0
    if seq_num != expected:
        return FOR_SESSION
    t.sequence[EXPECTED] = expected + 1
    t.control[M.MESSAGES] += 1
    t.control[M.SENT_START], t.control[M.SENT_END] = t.scratch[M.S_SENDING_TIME], t.scratch[M.S_SENDING_TIME + 1]
    reason = apply_message(addresses, 1 if kind == _SNAPSHOT else 0, now_ns)
    if reason:
        invalidate_malformed(addresses, 1 if kind == _SNAPSHOT else 0, now_ns)
    elif kind == _SNAPSHOT:
        note_parts(addresses)
    publish_touched(addresses, 1 if kind == _SNAPSHOT else 0, now_ns)
    if reason == 0:
        early = t.control[M.EARLY_ROW] != 0 or (kind == _SNAPSHOT and t.control[M.KEPT] != 0)
        return EARLY if early else 0
    t.control[M.EARLY_ROW] = 0
    t.control[M.MALFORMED] += 1
    t.control[M.REJECT_REASON] = reason
    t.control[M.REJECT_SEQ_NUM] = seq_num
    return MALFORMED


@njit(_I(ADDRESSES, _I), cache=True, nogil=True, _nrt=False)
def decode(addresses, now_ns):
    """Decode `buf` from control[START] to control[END]; `now_ns` is the monotonic time of the read.

    `addresses` come from `decoder_state.addresses_of`. Returns NEEDS_BYTES, FOR_SESSION, MALFORMED or EARLY. START is
    advanced past the decoded bytes. LOST is incremented for each book that fell out of step (its I_SYNC is then
    SYNC_NONE). The lateness of the read is measured on its last message.
    """
    t = decoder_state_at(addresses)
    control, buf = t.control, t.buf
    while control[M.START] < control[M.END]:
        status = frame(buf, control[M.START], control[M.END], control[M.LIMIT], t.frame)
        control[M.START] = t.frame[FRAME_END]
        control[M.SKIPPED_BYTES] += t.frame[FRAME_SKIPPED]
        if status == INCOMPLETE:
            break
        if status != COMPLETE:
            control[M.GARBLED] += 1
            continue
        if t.symbols.shape[0] > 2 * MIN_SYMBOLS:  # at most half full
            prefetch_next(addresses, now_ns)
        found = _decode_message(addresses, now_ns)
        if found:
            control[M.MESSAGE_START] = t.frame[FRAME_START]
            control[M.MESSAGE_END] = t.frame[FRAME_END]
            return found
    if control[M.SENT_END] != 0:
        update_lateness(buf, control, control[M.SENT_START], control[M.SENT_END], now_ns)
        control[M.SENT_START] = control[M.SENT_END] = 0
    return NEEDS_BYTES


@njit(types.void(ADDRESSES, types.Array(_I, 1, "C"), _I, _I, _I), cache=True, nogil=True, _nrt=False)
def invalidate_books(addresses, which, now_ns, state, reason):
    """Clear the books of the rows in `which` and set their STATE; they need a new subscription. Those that were
    subscribed are counted by `reason`, one of the R_ values; R_NONE: not counted. A gap does not hide that the venue
    does not confirm an instrument."""
    t = decoder_state_at(addresses)
    for row in which:
        if state == BOOK_GAP and t.rows[row, STATE] == BOOK_MISMATCH:
            continue
        if reason != M.R_NONE and t.instruments[row, M.I_SYNC] != M.SYNC_NONE:
            t.control[M.INVALIDATED + reason] += 1
        t.instruments[row, M.I_SYNC] = M.SYNC_NONE
        clear_book(addresses, row, now_ns)
        set_state(t.rows, row, now_ns, state)
        write_status(t.ring, C.STATE, state, row, now_ns)
        if row >= t.control[M.N_INSTRUMENTS]:
            apply_source_state(word_array(t.control[M.SOURCE_STATE], STATE_ADDRESSES), row, now_ns)


@njit(types.void(ADDRESSES, types.Array(_I, 1, "C"), _I), cache=True, nogil=True, _nrt=False)
def start_empty_books(addresses, which, now_ns):
    """Make the books of the rows in `which` live and empty: subscribed at a venue that sends no snapshot."""
    t = decoder_state_at(addresses)
    for row in which:
        clear_book(addresses, row, now_ns)
        if t.instruments[row, M.I_TOUCHED] > 0:  # fragments of an earlier subscription
            t.touched[t.instruments[row, M.I_TOUCHED] - 1, M.T_BID_ADDS :] = 0
        t.instruments[row, M.I_SYNC] = M.SYNC_LIVE
        t.instruments[row, M.I_RPT_SEQ] = t.instruments[row, M.I_SNAPSHOT_SEQ] = -1
        publish(t.rows, row, now_ns, 0, t.px, t.sz, t.n, 0, 0, 0, 0)
        write_event(t.ring, C.BOOK, 0, row, now_ns, 0, C.NO_PRICE, C.NO_PRICE, 0, 0)
        if row >= t.control[M.N_INSTRUMENTS]:
            apply_source(word_array(t.control[M.SOURCE_STATE], STATE_ADDRESSES), row, now_ns, 0, 0, 0, 0)
