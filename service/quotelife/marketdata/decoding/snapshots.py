"""Kernels that apply a W, and finish the books of a message: checks, the subscribed window, the board."""

from numba import njit, types

from quotelife.fix import fields as F
from quotelife.fix import tags
from quotelife.fix.framer import FRAME_END, TRAILER_BYTES
from quotelife.market.board.layout import BOOK_GAP, BOOK_LIVE, STATE
from quotelife.market.capture import layout as C
from quotelife.market.capture.writer import best_price, pack_counts, write_event, write_status
from quotelife.market.features.update import publish, set_state
from quotelife.market.sources.combine import STATE_ADDRESSES, apply_source, apply_source_state
from quotelife.marketdata import layout as M
from quotelife.marketdata.book_models.best import apply_best
from quotelife.marketdata.book_models.checksum import checksum_verdict
from quotelife.marketdata.book_models.levels import drop_level, write_change
from quotelife.marketdata.book_models.order import apply_order
from quotelife.marketdata.book_models.position import capture_positions, check_order
from quotelife.marketdata.book_models.price import apply_price
from quotelife.marketdata.book_models.staged import place_staged, stage
from quotelife.marketdata.decoder_state import ADDRESSES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.decoding.entries import (
    clear_book,
    entry_values,
    is_asked,
    one_byte,
    optional_int,
    spoil,
    untrusted,
)
from quotelife.marketdata.decoding.fields import is_well_formed, read_tag, value_end
from quotelife.marketdata.decoding.increments import (
    K_EMPTY_BOOK,
    K_OFFER,
    K_UNKNOWN,
    KINDS,
    concerns_book,
    empty_book,
    kind_of,
    read_ids,
    read_time,
    touch,
)
from quotelife.marketdata.decoding.instrument import NOT_CONFIGURED, action_of
from quotelife.shm.arrays import word_array

_I = types.int64
_YES, _NO = ord("Y"), ord("N")


@njit(_I(ADDRESSES), cache=True, nogil=True, _nrt=False)
def _rpt_seq_of_message(addresses):
    """The last RptSeq (83) of the message, -1 if there is none."""
    t = decoder_state_at(addresses)
    buf = t.buf
    found, pos = -1, t.scratch[M.S_BODY]
    while pos < t.frame[FRAME_END] - TRAILER_BYTES:
        start = pos
        while buf[pos] != tags.SOH:
            pos += 1
        if pos > start + 3 and buf[start] == 56 and buf[start + 1] == 51 and buf[start + 2] == 61:  # 83=
            found = max(F.parse_int(buf, start + 3, pos), -1)
        pos += 1
    return found


@njit(types.boolean(ADDRESSES), cache=True, nogil=True, _nrt=False)
def _is_of_no_book(addresses):
    """Whether a whole W has entries, but none of them is of the book: neither bid nor offer nor J."""
    t = decoder_state_at(addresses)
    buf = t.buf
    pos, bookless = t.scratch[M.S_BODY], 0
    while pos < t.frame[FRAME_END] - TRAILER_BYTES:
        tag, equals = read_tag(buf, pos)
        if equals < 0:
            return False
        pos = value_end(buf, equals + 1)
        if tag == tags.MDEntryType:
            if pos != equals + 2 or concerns_book(KINDS[buf[equals + 1]]):
                return False
            bookless += 1
        if tag == tags.LastFragment and pos == equals + 2 and buf[equals + 1] == _NO:
            return False
        pos += 1
    return 0 < bookless == F.parse_int(buf, t.scratch[M.S_ENTRIES], t.scratch[M.S_ENTRIES + 1])


@njit(_I(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def _doubt_of_refresh(addresses, row, asked):
    """Why a W for a live book makes it unknown: one of the R_ values, R_NONE if it does not. The venue may count from
    the start again; without entries, it may be about something else than the book."""
    t = decoder_state_at(addresses)
    if t.instruments[row, M.I_RPT_SEQ] >= 0 and 0 <= _rpt_seq_of_message(addresses) < t.instruments[row, M.I_RPT_SEQ]:
        return M.R_RPT_SEQ_GAP
    has_increments = t.control[M.MODEL] != M.MODEL_TIERS and t.control[M.MODEL] != M.MODEL_SNAPSHOTS
    entries = F.parse_int(t.buf, t.scratch[M.S_ENTRIES], t.scratch[M.S_ENTRIES + 1])
    return M.R_UNSUPPORTED if has_increments and not asked and entries == 0 else M.R_NONE


@njit(_I(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def begin_snapshot(addresses, row, now_ns):
    """Clear the book of `row` if this W answers its subscription or refreshes it. Returns 1 if so.

    A live book becomes invalid if the W has a lower RptSeq, or no entries and no MDReqID."""
    t = decoder_state_at(addresses)
    instrument = t.instruments[row]
    wanted = instrument[M.I_REQUEST]
    request = optional_int(t.buf, t.scratch, M.S_REQUEST, -1)
    t.scratch[M.S_SNAPSHOT_ROW] = row + 1
    if instrument[M.I_SYNC] == M.SYNC_NONE or (request != wanted and request != -1):
        return 0
    resent = one_byte(t.buf, t.scratch, M.S_POSS_DUP) == _YES
    if request == -1 and instrument[M.I_SYNC] != M.SYNC_PARTIAL and (resent or instrument[M.I_PARTS]):
        return 0  # of a snapshot whose first part is not in the book
    live = instrument[M.I_SYNC] == M.SYNC_LIVE
    if live and request == -1 and t.control[M.UNREQUESTED]:
        return 0
    if (live or (request == -1 and instrument[M.I_SYNC] == M.SYNC_WAITING)) and _is_of_no_book(addresses):
        return 0
    if live:
        doubt = _doubt_of_refresh(addresses, row, request != -1)
        if doubt != M.R_NONE:
            if not resent and is_well_formed(addresses):
                spoil(addresses, doubt, row, now_ns)
            return 0
    slot = touch(t, row)
    t.touched[slot, M.T_BID_ADDS :] = 0
    if instrument[M.I_SYNC] != M.SYNC_PARTIAL:
        clear_book(addresses, row, now_ns)
    t.touched[slot, M.T_BOOK] = t.touched[slot, M.T_SNAPSHOT] = 1
    instrument[M.I_SYNC] = M.SYNC_LIVE
    instrument[M.I_RPT_SEQ] = instrument[M.I_SNAPSHOT_SEQ] = optional_int(t.buf, t.scratch, M.S_RPT_SEQ, -1)
    return 1


@njit(types.void(ADDRESSES), cache=True, nogil=True, _nrt=False)
def note_parts(addresses):
    """After a W that is well-formed: remember whether the venue has more of this snapshot to send."""
    t = decoder_state_at(addresses)
    row = t.scratch[M.S_SNAPSHOT_ROW] - 1
    t.scratch[M.S_SNAPSHOT_ROW] = 0
    if row < 0:
        return
    if one_byte(t.buf, t.scratch, M.S_LAST_FRAGMENT) == _NO:
        t.instruments[row, M.I_PARTS] += 1
    elif is_asked(t, row):
        t.instruments[row, M.I_PARTS] = 0


@njit(_I(ADDRESSES, DECODER_STATE, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _apply_level(addresses, t, row, side, slot, now_ns):
    """A bid or offer of a W. Returns a verdict."""
    if t.scratch[M.S_ACTION + 1] != 0 and action_of(t) != M.A_NEW:
        return untrusted(M.R_UNKNOWN_ACTION)
    if side > K_OFFER:
        return untrusted(M.R_MISSING_FIELD)
    verdict = entry_values(t, row)
    ids = read_ids(t)
    if ids > 0 or verdict != 0:
        return ids if ids > 0 else verdict
    if ids < 0:
        return ids
    t.control[M.ENTRIES] += 1
    model = t.control[M.MODEL]
    if model == M.MODEL_PRICE or model == M.MODEL_SNAPSHOTS:
        return apply_price(addresses, row, side, M.A_NEW, slot, 1, now_ns)
    if model == M.MODEL_ORDER:
        return apply_order(addresses, row, side, M.A_NEW, slot, 1, now_ns)
    if model == M.MODEL_BEST:
        return apply_best(addresses, row, side, M.A_NEW, slot, 1, now_ns)
    return stage(addresses, row, side)


@njit(_I(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def apply_snapshot_entry(addresses, row, now_ns):
    """Apply the entry in `scratch` to `row`, or ignore it if the row is not configured. Returns a verdict."""
    t = decoder_state_at(addresses)
    if row < 0:
        t.control[M.UNKNOWN_SYMBOLS] += row == NOT_CONFIGURED
        return 0
    if t.instruments[row, M.I_SYNC] != M.SYNC_LIVE:
        t.control[M.IGNORED] += 1
        return 0
    seq = optional_int(t.buf, t.scratch, M.S_RPT_SEQ, -1)
    if seq == F.INVALID:
        return tags.VALUE_IS_INCORRECT
    if seq >= 0:
        t.instruments[row, M.I_RPT_SEQ] = t.instruments[row, M.I_SNAPSHOT_SEQ] = seq
    slot = t.instruments[row, M.I_TOUCHED] - 1
    read_time(t, slot)
    kind = kind_of(t)
    if not concerns_book(kind):
        t.control[M.IGNORED] += 1
        return 0
    if kind == K_EMPTY_BOOK:
        t.control[M.ENTRIES] += 1
        return empty_book(addresses, row, 1, now_ns)
    if kind == K_UNKNOWN:
        return untrusted(M.R_UNKNOWN_TYPE)
    return _apply_level(addresses, t, row, kind, slot, now_ns)


@njit(_I(DECODER_STATE, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _was_put(t, slot, side, price):
    """1 if this message put the level."""
    if t.touched[slot, M.T_SNAPSHOT] or t.touched[slot, M.T_OVERFLOW]:
        return 1
    for i in range(t.scratch[M.S_CHANGES]):
        record = t.changes[i]
        if record[M.CH_SLOT] == slot and record[M.CH_SIDE] == side and record[M.CH_PX] == price:
            return 1
    return 0


@njit(_I(ADDRESSES, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _trim_to_window(addresses, slot, row, now_ns):
    """Drop the levels beyond the subscribed depth; the venue says no more about them. Returns a verdict."""
    t = decoder_state_at(addresses)
    for side in range(2):
        excess = t.n[row, side] - t.control[M.WINDOW]
        for at in range(excess):
            if _was_put(t, slot, side, t.px[row, side, at]):
                return untrusted(M.R_WINDOW)
        for _ in range(excess):
            write_change(t, row, side, t.px[row, side, 0], 0, 0, now_ns)
            drop_level(t, row, side, 0)
    return 0


@njit(types.void(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def _hide(addresses, row, now_ns):
    """A part of the book is to come: it is not used before."""
    t = decoder_state_at(addresses)
    if t.rows[row, STATE] != BOOK_LIVE:
        return
    set_state(t.rows, row, now_ns, BOOK_GAP)
    write_status(t.ring, C.STATE, BOOK_GAP, row, now_ns)
    if row >= t.control[M.N_INSTRUMENTS]:
        apply_source_state(word_array(t.control[M.SOURCE_STATE], STATE_ADDRESSES), row, now_ns)


@njit(_I(ADDRESSES, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _finish_book(addresses, slot, row, now_ns):
    """What is known of the book only at the end of the message. Returns a verdict."""
    t = decoder_state_at(addresses)
    model, snapshot = t.control[M.MODEL], t.touched[slot, M.T_SNAPSHOT]
    t.scratch[M.V_WALL_NS] = t.touched[slot, M.T_WALL_NS]
    verdict = 0
    if snapshot:
        if one_byte(t.buf, t.scratch, M.S_LAST_FRAGMENT) == _NO:
            t.instruments[row, M.I_SYNC] = M.SYNC_PARTIAL
            _hide(addresses, row, now_ns)  # if it is the refresh of a live book
            return 0
        t.control[M.SNAPSHOTS] += 1
        if model == M.MODEL_POSITION or model == M.MODEL_TIERS:
            verdict = place_staged(addresses, slot, row, now_ns)
        t.touched[slot, M.T_BID_ADDS : M.T_ASK_CANCELS + 1] = 0  # a snapshot is not order flow
    elif model == M.MODEL_POSITION:
        verdict = check_order(addresses, row)
        if verdict == 0:
            capture_positions(addresses, slot, now_ns)
    if verdict == 0 and model == M.MODEL_PRICE and t.control[M.WINDOW] > 0:
        verdict = _trim_to_window(addresses, slot, row, now_ns)
    if verdict == 0 and t.control[M.CHECKSUM]:
        verdict = checksum_verdict(addresses, slot, row)
    return verdict


@njit(types.boolean(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def _keep_fragments(addresses, snapshot, now_ns):
    """Whether books of this message, or of fragments before it, are not complete: a part of a change is no state of
    the market. Such a book is not used; what is known of the change stays in `touched` and `changes`.

    An X with 893=N is followed by the rest of the change: every book is complete with 893=Y, and without 893 those
    that this X changes too. Any other W or X between makes an incomplete book invalid."""
    t = decoder_state_at(addresses)
    fragment = -1 if snapshot else one_byte(t.buf, t.scratch, M.S_LAST_FRAGMENT)
    pending = False
    for slot in range(t.scratch[M.S_SLOT]):
        c = t.touched[slot]
        row = c[M.T_ROW]
        if t.instruments[row, M.I_SYNC] != M.SYNC_LIVE:
            c[M.T_PENDING] = 0
        elif fragment == _NO:
            if c[M.T_BOOK]:
                c[M.T_BOOK], c[M.T_PENDING] = 0, 1
                _hide(addresses, row, now_ns)
            pending |= c[M.T_PENDING] != 0
        elif c[M.T_PENDING]:
            if fragment != _YES and not c[M.T_BOOK]:
                spoil(addresses, M.R_OUT_OF_ORDER, row, now_ns)
            c[M.T_BOOK], c[M.T_PENDING] = 1, 0
    t.scratch[M.S_PENDING] = pending
    return pending


@njit(types.void(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def publish_touched(addresses, snapshot, now_ns):
    """Publish the books that this W (`snapshot` 1) or X changed to the board, except those that became invalid or are
    not complete."""
    t = decoder_state_at(addresses)
    t.scratch[M.S_STRUCTURE] = 0
    in_parts = t.scratch[M.S_LAST_FRAGMENT + 1] != 0 or t.scratch[M.S_PENDING] != 0
    if in_parts and _keep_fragments(addresses, snapshot, now_ns):
        return
    for slot in range(t.scratch[M.S_SLOT]):
        c = t.touched[slot]
        row = c[M.T_ROW]
        t.instruments[row, M.I_TOUCHED] = 0
        if not c[M.T_BOOK] or t.instruments[row, M.I_SYNC] != M.SYNC_LIVE:
            continue
        if c[M.T_SNAPSHOT] or t.control[M.FINISH]:
            verdict = _finish_book(addresses, slot, row, now_ns)
            if verdict != 0:
                spoil(addresses, untrusted(verdict), row, now_ns)
            if t.instruments[row, M.I_SYNC] != M.SYNC_LIVE:
                continue
        adds, cancels = M.T_BID_ADDS, M.T_BID_CANCELS
        counts = c[adds], c[adds + 1], c[cancels], c[cancels + 1]
        publish(t.rows, row, now_ns, c[M.T_WALL_NS], t.px, t.sz, t.n, *counts)
        write_event(
            *(t.ring, C.BOOK, 0, row, now_ns, c[M.T_WALL_NS]),
            *(best_price(t.px, t.n, row, 0), best_price(t.px, t.n, row, 1)),
            *(pack_counts(*counts), 0),
        )
        if row >= t.control[M.N_INSTRUMENTS]:
            apply_source(word_array(t.control[M.SOURCE_STATE], STATE_ADDRESSES), row, now_ns, *counts)
    t.scratch[M.S_SLOT] = t.scratch[M.S_CHANGES] = 0
