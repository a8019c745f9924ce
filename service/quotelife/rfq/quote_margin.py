"""The monitored quotes as the kernels see them, and the margin of one of them to its withdrawal.

    table   int64[capacity, WATCH_WORDS]   one slot per monitored quote or timer, written under the handler's lock, the
                                           first word last, which no two entries share
    legs    int64[capacity, LEG_WORDS, MAX_LEGS]   the legs of a slot that holds a multileg's quote
    stakes  float64[capacity, 2, STAKE_WORDS]   what is at stake with the offer and with the bid of a slot's quote

The margin is what keeping the quote is worth above withdrawing it, see `quotelife_models.stopping`: below 0 it is
withdrawn. A two-way quote has that of its worse side.

The features of a row are computed once for all its quotes, see `MonitorBuffers`.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quotelife.journal import layout as J
from quotelife.market.board import layout as L
from quotelife.market.features.evaluate import evaluate
from quotelife_models import schema as S
from quotelife_models.enums import BUY, SELL
from quotelife_models.multileg.decision import WORK_WORDS as LEG_WORK_WORDS
from quotelife_models.multileg.decision import remaining_multileg_margin
from quotelife_models.multileg.legs import STATE_WORDS, prepare
from quotelife_models.multileg.steps import MAX_LEGS
from quotelife_models.remaining import WORK_WORDS, remaining_base, remaining_margin
from quotelife_models.stopping import fill_stake

(
    WATCH_ENTRY,  # KINDS times a serial number, plus the kind; a timer has a deadline only, at which it is due
    WATCH_ROW,
    WATCH_VERSION,  # version of the board's row at the last evaluation; written by the kernel
    WATCH_DEADLINE_NS,  # monotonic
    WATCH_LEGS,  # number of legs, 0 for an instrument; with legs, row and parameters are those of each leg
    WATCH_EVALUATED_NS,  # monotonic time of the last evaluation, 0 before the first; written by the kernel
    WATCH_SEEN_ENTRY,  # WATCH_ENTRY at the last evaluation: of another quote, the kernel's words say nothing; its own
    WATCH_SIDE,  # BUY, SELL or TWO_WAY
    WATCH_BID_PX,  # ticks
    WATCH_OFFER_PX,
    WATCH_MODEL,
    WATCH_PARAMETERS,
    WATCH_ISSUED_NS,  # monotonic
    # Monotonic time of the rows' newest event, if the last evaluation was due to a change of them, else 0; written by
    # the kernel.
    WATCH_CHANGE_NS,
) = range(14)
WATCH_WORDS = 16  # two cache lines; what every look reads comes first
LEG_ROW, LEG_PARAMETERS, LEG_WEIGHT = range(3)  # signed by the leg's side, see `quotelife.decision.multileg`
LEG_WORDS = 3
KIND_FREE, KIND_QUOTE, KIND_TIMER = range(3)
KINDS = 4
KIND_MASK = KINDS - 1
# The evaluation of a row in one look, int64[CACHE_WORDS]; CACHE_SIDES has a bit for each side that has been computed,
# and one for the row's state as a leg.
CACHE_LOOK, CACHE_VERSION, CACHE_STATUS, CACHE_SIDES = range(4)
CACHE_WORDS = 4
# Instead of a margin: the book cannot be trusted; it cannot be trusted at this moment, which is likely to pass.
UNTRUSTED_BOOK, TRANSIENT_BOOK = -math.inf, math.inf
OFFER, BID = 0, 1  # sides of stakes and works
_AS_LEG = 4  # bit of CACHE_SIDES
_AT_X = LEG_WORK_WORDS  # words of leg_work: that of the models, the net features, and shape float64[3, MAX_LEGS]
_AT_SHAPE = _AT_X + S.N_FEATURES
_SIDES, _SIGNED, _WEIGHTS = range(3)  # rows of the shape: the legs' sides, those in a side of the quote, weights
_TRANSIENT_NS = 50_000_000  # how long a book may be crossed or one-sided between two messages of one move

_INTS, _FLOATS, _INT_TABLE, _TABLE = "int64[::1]", "float64[::1]", "int64[:,::1]", "float64[:,::1]"
_CUBE = "float64[:,:,::1]"


class MonitorBuffers(NamedTuple):
    """Workspace of one thread, for each row of the board; `looks` counts what `cache` is good for. `states` are those
    of the rows that are legs, which all multilegs with such a leg share."""

    looks: NDArray[np.int64]  # [1]
    cache: NDArray[np.int64]  # [n_rows, CACHE_WORDS]
    x: NDArray[np.float64]  # [n_rows, N_FEATURES]
    snap: NDArray[np.int64]  # [n_rows, SNAP_WORDS]
    works: NDArray[np.float64]  # [n_rows, 2, WORK_WORDS]
    survival: NDArray[np.float64]  # [N_BINS]
    states: NDArray[np.float64]  # [n_rows, STATE_WORDS]
    leg_work: NDArray[np.float64]  # [_AT_SHAPE + 3 * MAX_LEGS]

    @classmethod
    def of(cls, n_rows: int) -> "MonitorBuffers":
        return cls(
            np.zeros(1, np.int64), np.zeros((n_rows, CACHE_WORDS), np.int64), np.zeros((n_rows, S.N_FEATURES)),
            np.zeros((n_rows, L.SNAP_WORDS), np.int64), np.zeros((n_rows, 2, WORK_WORDS)), np.zeros(S.N_BINS),
            np.zeros((n_rows, STATE_WORDS)), np.zeros(_AT_SHAPE + 3 * MAX_LEGS),
        )  # fmt: skip


@njit(f"void({_TABLE}, {_INTS}, {_CUBE}, int64)", cache=True, nogil=True, _nrt=False)
def fill_stakes(policies, record, stakes, slot):
    """Fill the stakes of a slot from the journal record of the quote's decision, int64[RECORD_WORDS]; a side that was
    not quoted stays."""
    floats, model = record.view(np.float64), record[J.MODEL]
    x = floats[J.FEATURES : J.FEATURES + S.N_FEATURES]
    for side in range(2):
        at = J.OFFER_CONTEXT if side == OFFER else J.BID_CONTEXT
        ctx = floats[at : at + S.N_CONTEXT]
        if ctx[S.SIDE] != 0.0:
            fill_stake(model, policies[model], x, ctx, stakes[slot, side])


@njit(f"float64(int64, {_INTS}, int64)", cache=True, nogil=True, _nrt=False)
def _book_margin(status, snap, now_ns):
    """0 for a book that can be trusted, TRANSIENT_BOOK or UNTRUSTED_BOOK for one that cannot."""
    if status == L.STATUS_OK:
        return 0.0
    if status == L.STATUS_BUSY:
        return TRANSIENT_BOOK
    if status == L.STATUS_ONE_SIDED or status == L.STATUS_CROSSED:
        return TRANSIENT_BOOK if now_ns - snap[L.SNAP_SINCE_NS] < _TRANSIENT_NS else UNTRUSTED_BOOK
    return UNTRUSTED_BOOK


@njit(f"UniTuple(float64, 2)({_INTS}, int64, float64, float64, float64)", cache=True, nogil=True, _nrt=False)
def _distances(slot, side, bid, ask, micro):
    """(ticks to the best price that hurts, edge against the micro-price) of a side of the quote in a slot."""
    if side == OFFER:
        return np.float64(slot[WATCH_OFFER_PX] - bid), slot[WATCH_OFFER_PX] - micro
    return np.float64(ask - slot[WATCH_BID_PX]), micro - slot[WATCH_BID_PX]


@njit(
    f"float64({_INTS}, {_INTS}, {_TABLE}, int64, {_TABLE}, {_TABLE}, {_FLOATS}, {_INTS}, {_TABLE}, {_FLOATS})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _instrument_margin(cache, slot, stakes, now_ns, table, policies, x, snap, works, survival):
    """The margin of the quote in a slot, from the result of `evaluate`. What is computed once for a side is stored in
    works float64[2, WORK_WORDS] and marked in cache[CACHE_SIDES]."""
    book_margin = _book_margin(cache[CACHE_STATUS], snap, now_ns)
    if book_margin != 0.0:
        return book_margin
    elapsed_ms, remaining_ms = (now_ns - slot[WATCH_ISSUED_NS]) / 1e6, (slot[WATCH_DEADLINE_NS] - now_ns) / 1e6
    table_row, model = table[slot[WATCH_PARAMETERS]], slot[WATCH_MODEL]
    micro = (snap[L.SNAP_BID_PX] + snap[L.SNAP_ASK_PX]) / 2.0 + x[S.MICRO_DEVIATION]
    worst = math.inf
    for side in range(2):
        if slot[WATCH_SIDE] == (SELL if side == OFFER else BUY):
            continue
        if not cache[CACHE_SIDES] >> side & 1:
            remaining_base(table_row, x, 1.0 - 2.0 * side, works[side])
            cache[CACHE_SIDES] |= 1 << side
        barrier, edge = _distances(slot, side, snap[L.SNAP_BID_PX], snap[L.SNAP_ASK_PX], micro)
        margin = remaining_margin(
            table_row, model, policies[model], stakes[side], x, works[side], barrier, edge, elapsed_ms, remaining_ms,
            survival,
        )  # fmt: skip
        worst = min(worst, margin)
    return worst


@njit(
    f"UniTuple(float64, 4)({_INT_TABLE}, int64, {_INT_TABLE}, int64, {_TABLE}, {_INT_TABLE}, {_TABLE}, {_FLOATS})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _net_market(cache, n, legs, now_ns, xs, snaps, shape, x):
    """(0 or what takes the place of the margin, best net bid, offer and micro-price) of the n legs' books; fills their
    shape and the net spread."""
    worst, net_bid, net_ask, net_micro = 0.0, 0, 0, 0.0
    x[S.SPREAD] = 0.0
    for i in range(n):
        row, weight = legs[LEG_ROW, i], legs[LEG_WEIGHT, i]
        book_margin = _book_margin(cache[row, CACHE_STATUS], snaps[row], now_ns)
        if book_margin != 0.0:
            worst = book_margin if worst != UNTRUSTED_BOOK else UNTRUSTED_BOOK
            continue
        bid, ask = snaps[row, L.SNAP_BID_PX], snaps[row, L.SNAP_ASK_PX]
        shape[_SIDES, i], shape[_WEIGHTS, i] = (1.0 if weight > 0 else -1.0), np.float64(abs(weight))
        net_bid += weight * (bid if weight > 0 else ask)
        net_ask += weight * (ask if weight > 0 else bid)
        net_micro += weight * ((bid + ask) / 2.0 + xs[row, S.MICRO_DEVIATION])
        x[S.SPREAD] += shape[_WEIGHTS, i] * xs[row, S.SPREAD]
    return worst, np.float64(net_bid), np.float64(net_ask), net_micro


@njit(
    f"float64({_INT_TABLE}, {_INTS}, {_INT_TABLE}, {_TABLE}, int64, {_TABLE}, {_TABLE}, {_TABLE}, {_INT_TABLE}, "
    f"{_TABLE}, {_FLOATS})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _multileg_margin(cache, slot, legs, stakes, now_ns, table, policies, xs, snaps, states, leg_work):
    """The margin of a multileg's quote. The state of each leg is computed once for a look, whoever has that leg."""
    n, x = slot[WATCH_LEGS], leg_work[_AT_X:_AT_SHAPE]
    shape = leg_work[_AT_SHAPE:].reshape((3, MAX_LEGS))
    worst, net_bid, net_ask, net_micro = _net_market(cache, n, legs, now_ns, xs, snaps, shape, x)
    if worst != 0.0:
        return worst
    rows, parameters = legs[LEG_ROW][:n], legs[LEG_PARAMETERS][:n]
    for i in range(n):
        row = rows[i]
        if not cache[row, CACHE_SIDES] & _AS_LEG:
            prepare(table[parameters[i]], xs[row], states[row])
            cache[row, CACHE_SIDES] |= _AS_LEG
    elapsed_ms, remaining_ms = (now_ns - slot[WATCH_ISSUED_NS]) / 1e6, (slot[WATCH_DEADLINE_NS] - now_ns) / 1e6
    model, signed, weights, worst = slot[WATCH_MODEL], shape[_SIGNED][:n], shape[_WEIGHTS][:n], math.inf
    for side in range(2):
        if slot[WATCH_SIDE] == (SELL if side == OFFER else BUY):
            continue
        barrier, edge = _distances(slot, side, net_bid, net_ask, net_micro)
        for i in range(n):
            signed[i] = (1.0 - 2.0 * side) * shape[_SIDES, i]
        margin = remaining_multileg_margin(
            table, parameters, rows, signed, weights, xs, states, model, policies[model], stakes[side], x, barrier,
            edge, elapsed_ms, remaining_ms, leg_work,
        )  # fmt: skip
        worst = min(worst, margin)
    return worst


@njit(
    f"void({_INTS}, {_INT_TABLE}, {_INT_TABLE}, int64, int64, {_INTS}, {_INT_TABLE}, {_TABLE}, {_INT_TABLE})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _evaluate_row(header, venues, rows, row, now_ns, looks, cache, x, snap):
    """Compute the features of a row as of now, once for each look and not once for each quote."""
    version = rows[row, L.VERSION]
    if cache[row, CACHE_LOOK] != looks[0] or cache[row, CACHE_VERSION] != version:
        cache[row, CACHE_STATUS] = evaluate(header, venues, rows, row, now_ns, x[row], snap[row])
        cache[row, CACHE_LOOK], cache[row, CACHE_VERSION], cache[row, CACHE_SIDES] = looks[0], version, 0


@njit(
    f"float64({_INTS}, {_INT_TABLE}, {_INT_TABLE}, {_INTS}, {_INT_TABLE}, {_TABLE}, int64, {_TABLE}, {_TABLE}, "
    f"{_INTS}, {_INT_TABLE}, {_TABLE}, {_INT_TABLE}, {_CUBE}, {_FLOATS}, {_TABLE}, {_FLOATS})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def quote_margin(
    header, venues, rows, slot, legs, stakes, now_ns, table, policies, looks, cache, x, snap, works, survival,
    states, leg_work,
):  # fmt: skip
    """Margin of the quote in the slot, with its legs and stakes, to its withdrawal; UNTRUSTED_BOOK if the book cannot
    be trusted, TRANSIENT_BOOK if that has only just begun. The newest event of its rows goes into the slot."""
    n = slot[WATCH_LEGS]
    if n == 0:
        row = slot[WATCH_ROW]
        _evaluate_row(header, venues, rows, row, now_ns, looks, cache, x, snap)
        slot[WATCH_CHANGE_NS] = snap[row, L.SNAP_LAST_EVENT_NS]
        return _instrument_margin(
            cache[row], slot, stakes, now_ns, table, policies, x[row], snap[row], works[row], survival
        )
    newest_ns = 0
    for i in range(n):
        row = legs[LEG_ROW, i]
        _evaluate_row(header, venues, rows, row, now_ns, looks, cache, x, snap)
        newest_ns = max(newest_ns, snap[row, L.SNAP_LAST_EVENT_NS])
    slot[WATCH_CHANGE_NS] = newest_ns
    return _multileg_margin(cache, slot, legs, stakes, now_ns, table, policies, x, snap, states, leg_work)
