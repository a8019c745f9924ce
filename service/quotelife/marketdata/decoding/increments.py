"""Kernels that apply one entry of an X to its instrument."""

import string

import numpy as np
from numba import njit, types

from quotelife.fix import fields as F
from quotelife.fix import tags
from quotelife.fix.session import EXPECTED
from quotelife.marketdata import layout as M
from quotelife.marketdata.book_models.best import apply_best
from quotelife.marketdata.book_models.order import apply_order, fill_order
from quotelife.marketdata.book_models.position import apply_position
from quotelife.marketdata.book_models.price import apply_price
from quotelife.marketdata.decoder_state import ADDRESSES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.decoding.entries import (
    apply_trade,
    clear_book,
    entry_values,
    exchange_time,
    has_ids,
    hash_of,
    is_asked,
    is_at_stake,
    one_byte,
    optional_int,
    untrusted,
)
from quotelife.marketdata.decoding.instrument import side_of_id

_I = types.int64
_YES = ord("Y")

# what kind_of returns: what an entry of this MDEntryType (269) is to the book
# K_FILL: a trade that takes its size off an order
K_BID, K_OFFER, K_TRADE, K_NONE, K_EMPTY_BOOK, K_ABSENT, K_UNKNOWN, K_FILL = range(8)


def _kinds() -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Byte of MDEntryType to its kind. Every digit and letter is a type of FIX 5.0SP2 or of an earlier version."""
    kinds = np.full(256, K_UNKNOWN, np.int64)
    for value in string.digits + string.ascii_letters:
        kinds[ord(value)] = K_NONE
    kinds[tags.BID], kinds[tags.OFFER], kinds[tags.TRADE], kinds[ord("J")] = K_BID, K_OFFER, K_TRADE, K_EMPTY_BOOK
    return kinds


KINDS = _kinds()


@njit(_I(DECODER_STATE), cache=True, nogil=True, _nrt=False, forceinline=True)
def kind_of(t):
    """A K_ value for the MDEntryType in `scratch`."""
    value = one_byte(t.buf, t.scratch, M.S_TYPE)
    if value >= 0:
        return KINDS[value]
    return K_ABSENT if t.scratch[M.S_TYPE + 1] == 0 else K_UNKNOWN


@njit(_I(DECODER_STATE, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def fill_or(t, kind, action):
    """K_FILL for a new trade with an id, where the profile says that it takes its size off that order; else `kind`."""
    fills = kind == K_TRADE and t.control[M.FILLS] and action == M.A_NEW and t.scratch[M.S_ID + 1] != 0
    return K_FILL if fills else kind


@njit(_I(_I), cache=True, nogil=True, _nrt=False, forceinline=True)
def concerns_book(kind):
    """0 for trades and the types that are ignored."""
    return 0 if kind in (K_TRADE, K_NONE) else 1


@njit(_I(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def touch(t, row):
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


@njit(types.void(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def read_time(t, slot):
    """Set V_WALL_NS, and the message's latest time of the instrument."""
    wall_ns = exchange_time(t.buf, t.scratch)
    t.scratch[M.V_WALL_NS] = wall_ns
    t.touched[slot, M.T_WALL_NS] = max(t.touched[slot, M.T_WALL_NS], wall_ns)


@njit(_I(DECODER_STATE), cache=True, nogil=True, _nrt=False, forceinline=True)
def read_ids(t):
    """Set V_ID and V_REF_ID, 0 without one. Returns a verdict."""
    scratch = t.scratch
    scratch[M.V_ID] = scratch[M.V_REF_ID] = 0
    if scratch[M.S_ID + 1] == 0 and scratch[M.S_REF_ID + 1] == 0:
        return 0
    if not has_ids(t):
        model = t.control[M.MODEL]
        reads_ids = model == M.MODEL_PRICE or model == M.MODEL_BEST
        return untrusted(M.R_UNSUPPORTED) if reads_ids and scratch[M.S_REF_ID + 1] != 0 else 0
    scratch[M.V_ID], scratch[M.V_REF_ID] = hash_of(t, M.S_ID), hash_of(t, M.S_REF_ID)
    return 0


@njit(_I(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _check_action(t, action):
    """Verdict about MDUpdateAction (279) of a bid or offer, and whether the model has increments."""
    if action == 0:
        return untrusted(M.R_MISSING_FIELD if t.scratch[M.S_ACTION + 1] == 0 else M.R_UNKNOWN_ACTION)
    model = t.control[M.MODEL]
    if model == M.MODEL_PRICE or model == M.MODEL_POSITION:
        return 0
    if model == M.MODEL_TIERS or model == M.MODEL_SNAPSHOTS:
        return untrusted(M.R_UNSUPPORTED)
    plain = action <= M.A_DELETE or (action == M.A_OVERLAY and model == M.MODEL_BEST)
    return 0 if plain else untrusted(M.R_UNKNOWN_ACTION)


@njit(_I(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def _side_of_named(addresses, row, action):
    """Side of an entry without MDEntryType: that of the id which it changes or removes; -1 without such an id."""
    t = decoder_state_at(addresses)
    removes = action == M.A_DELETE or action == M.A_DELETE_THRU or action == M.A_DELETE_FROM
    if not has_ids(t) or not (removes or action == M.A_CHANGE or action == M.A_OVERLAY):
        return -1
    entry_id = hash_of(t, M.S_REF_ID if t.scratch[M.S_REF_ID + 1] != 0 else M.S_ID)
    return side_of_id(addresses, row, entry_id) if entry_id != 0 else -1


@njit(_I(ADDRESSES, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def empty_book(addresses, row, snapshot, now_ns):
    """MDEntryType J: both sides are empty now. Returns a verdict."""
    t = decoder_state_at(addresses)
    value = one_byte(t.buf, t.scratch, M.S_ACTION)
    if t.scratch[M.S_ACTION + 1] != 0 and not tags.NEW <= value <= tags.DELETE:
        return untrusted(M.R_UNKNOWN_ACTION)
    model = t.control[M.MODEL]
    if not snapshot and (model == M.MODEL_TIERS or model == M.MODEL_SNAPSHOTS):
        return untrusted(M.R_UNSUPPORTED)
    clear_book(addresses, row, now_ns)
    return 0


@njit(_I(ADDRESSES, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _apply_special(addresses, row, slot, kind, now_ns):
    """An entry that is neither bid nor offer, but of the book. Returns a verdict."""
    t = decoder_state_at(addresses)
    if kind == K_FILL:
        verdict = fill_order(addresses, row, slot, now_ns)
        if verdict == 0:
            t.control[M.ENTRIES] += 1
            apply_trade(addresses, row, now_ns)
        return verdict
    if kind == K_UNKNOWN:
        return untrusted(M.R_UNKNOWN_TYPE)
    if t.scratch[M.S_ACTION + 1] == 0:
        return untrusted(M.R_MISSING_FIELD)
    t.touched[slot, M.T_BOOK] = 1
    t.control[M.ENTRIES] += 1
    return empty_book(addresses, row, 0, now_ns)


@njit(types.boolean(DECODER_STATE, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _is_of_trade_stream(t, row, kind):
    """Whether this is a trade with the MDReqID of the instrument's subscription of trades alone."""
    request = t.scratch[M.V_REQUEST]
    live = t.instruments[row, M.I_SYNC] == M.SYNC_LIVE
    return live and kind == K_TRADE and request > 0 and request == t.instruments[row, M.I_TRADE_REQUEST]


@njit(types.boolean(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False)
def keeps_early(t, row):
    """Whether the message is to be kept until the snapshot of `row` is complete; then its entry has no effect now."""
    waiting = t.instruments[row, M.I_SYNC] != M.SYNC_NONE
    keeps = waiting and t.control[M.KEEP_EARLY] != 0 and t.scratch[M.S_RPT_SEQ + 1] != 0
    if keeps:
        t.control[M.EARLY_ROW] = row + 1
        t.control[M.IGNORED] += 1
    return keeps


@njit(_I(DECODER_STATE, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _in_step(t, row, slot):
    """By RptSeq: 1 if the entry is next, 0 if it is outdated, -1 if entries are missing or the venue counts from the
    start again, -2 if it is not a number. The snapshot explains what is outdated until an entry is applied to it."""
    seq = optional_int(t.buf, t.scratch, M.S_RPT_SEQ, -1)
    if seq < 0:
        return -2 if seq == F.INVALID else 1
    last = t.instruments[row, M.I_RPT_SEQ]
    sent_with = slot >= 0 and t.touched[slot, M.T_SEQUENCED] == t.sequence[EXPECTED]
    if last < 0 or seq == last + 1 or (seq == last and sent_with):
        t.instruments[row, M.I_RPT_SEQ] = seq
        return 1
    repeated = last == t.instruments[row, M.I_SNAPSHOT_SEQ] or one_byte(t.buf, t.scratch, M.S_POSS_DUP) == _YES
    return 0 if seq <= last and repeated else -1


@njit(_I(ADDRESSES, DECODER_STATE, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _apply_level(addresses, t, row, kind, action, slot, now_ns):
    """A bid or offer, or an entry that has its side from its id. Returns a verdict."""
    verdict = _check_action(t, action)
    if verdict != 0:
        return verdict
    without_id = t.scratch[M.S_ID + 1] == 0 and t.scratch[M.S_REF_ID + 1] == 0
    acknowledged = without_id and kind != K_ABSENT
    if acknowledged and t.control[M.IGNORE_WITHOUT_ID] and t.control[M.MODEL] == M.MODEL_ORDER:
        t.control[M.IGNORED] += 1
        return 0
    side = kind
    if kind == K_ABSENT:
        side = _side_of_named(addresses, row, action)
        if side < 0:
            return untrusted(M.R_MISSING_FIELD)
    verdict = entry_values(t, row)
    ids = read_ids(t)
    if ids > 0 or verdict != 0:
        return ids if ids > 0 else verdict
    if ids < 0:
        return ids
    t.control[M.ENTRIES] += 1
    t.touched[slot, M.T_BOOK] = 1
    model = t.control[M.MODEL]
    if model == M.MODEL_PRICE:
        return apply_price(addresses, row, side, action, slot, 0, now_ns)
    if model == M.MODEL_ORDER:
        return apply_order(addresses, row, side, action, slot, 0, now_ns)
    if model == M.MODEL_BEST:
        return apply_best(addresses, row, side, action, slot, 0, now_ns)
    return apply_position(addresses, row, side, action, slot)


@njit(_I(ADDRESSES, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def apply_increment(addresses, row, kind, action, now_ns):
    """Apply the entry in `scratch` to `row`. Returns a verdict."""
    t = decoder_state_at(addresses)
    asked = is_asked(t, row)
    if not asked or not is_at_stake(t, row):
        if asked and keeps_early(t, row):
            return 0
        kind = K_TRADE if kind == K_FILL else kind
        if not _is_of_trade_stream(t, row, kind):
            t.control[M.IGNORED] += 1
            return 0
    else:
        partial = t.instruments[row, M.I_SYNC] == M.SYNC_PARTIAL
        if partial and keeps_early(t, row):
            return 0
        step = _in_step(t, row, t.instruments[row, M.I_TOUCHED] - 1)
        if step == 0:
            t.control[M.IGNORED] += 1
            return 0
        if step < 0:
            return untrusted(M.R_RPT_SEQ_GAP) if step == -1 else tags.VALUE_IS_INCORRECT
        if partial and concerns_book(kind):  # the entry may be in the parts to come, or not
            return untrusted(M.R_OUT_OF_ORDER)
        if t.scratch[M.S_RPT_SEQ + 1] != 0:
            t.touched[touch(t, row), M.T_SEQUENCED] = t.sequence[EXPECTED]
        if partial:
            return 0
    slot = touch(t, row)
    read_time(t, slot)
    if kind > K_OFFER:
        if kind == K_TRADE and action == M.A_NEW:
            t.control[M.ENTRIES] += 1
            apply_trade(addresses, row, now_ns)
            return 0
        if not concerns_book(kind):
            t.control[M.IGNORED] += 1
            return 0
        if kind != K_ABSENT:
            return _apply_special(addresses, row, slot, kind, now_ns)
    return _apply_level(addresses, t, row, kind, action, slot, now_ns)
