"""Finds the open quotes that the market has left, and the timers that are due.

`watch` runs in a thread of the quoting process without the interpreter lock. It sleeps, checks the open quotes whose
instrument has moved, and returns only when one has to be reconsidered. So no Python code runs beside the acceptor's
callbacks until there is a message to send.

    table   int64[capacity, WATCH_WORDS]   one slot per monitored quote or timer, written under the handler's lock, the
                                           first word last
    legs    int64[capacity, LEG_WORDS, MAX_LEGS]   the legs of a slot that holds a multileg's quote

A multileg is monitored by the rows of its legs: its version is the sum of theirs, its best prices are their net.

A slot that is reused while the kernel reads it may give a false alarm; the handler computes the risk again before it
withdraws.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from quotelife.market.board import layout as L
from quotelife.market.features.evaluate import evaluate
from quotelife.shm.seqlock import acquire
from quotelife_models import schema as S
from quotelife_models.enums import BUY, SELL
from quotelife_models.multileg import remaining_multileg_risk
from quotelife_models.remaining import WORK_WORDS, remaining_base, remaining_risk

(
    WATCH_KIND,  # KIND_FREE, KIND_QUOTE or KIND_TIMER; a timer has a deadline only, at which it is due
    WATCH_ROW,
    WATCH_SIDE,  # BUY, SELL or TWO_WAY
    WATCH_BID_PX,  # ticks
    WATCH_OFFER_PX,
    WATCH_DEADLINE_NS,  # monotonic
    WATCH_MODEL,
    WATCH_PARAMETERS,
    WATCH_TOLERANCE,  # float64 bits: probability of a pick-off above which the quote is withdrawn
    WATCH_VERSION,  # version of the board's row at the last evaluation; written by the kernel
    WATCH_DISTANCE,  # ticks between the price and the best that can hurt it, at the last evaluation; the kernel's
    WATCH_EVALUATED_NS,  # monotonic time of the last evaluation; the kernel's
    WATCH_LEGS,  # number of legs, 0 for an instrument; with legs, row and parameters are those of each leg
) = range(13)
WATCH_WORDS = 13
LEG_ROW, LEG_PARAMETERS, LEG_WEIGHT = range(3)  # signed by the leg's side, see `quotelife.decision.multileg`
LEG_WORDS = 3
KIND_FREE, KIND_QUOTE, KIND_TIMER = range(3)
# The evaluation of a row in one pass, int64[CACHE_WORDS]; CACHE_SIDES has a bit for each side that has been computed.
CACHE_NS, CACHE_VERSION, CACHE_STATUS, CACHE_SIDES = range(4)
CACHE_WORDS = 4
NO_SLOT = -1
# Instead of a probability: the book cannot be trusted; it cannot be trusted at this moment, which is likely to pass.
UNTRUSTED_BOOK, TRANSIENT_BOOK = 2.0, -1.0
_TRANSIENT_NS = 50_000_000  # how long a book may be crossed or one-sided between two messages of one move

_REEVALUATE_NS = 20_000_000  # between evaluations of a quote to which the market has not come nearer
_MONOTONIC = 1
_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.voidptr))
_usleep = types.ExternalFunction("usleep", types.int32(types.uint32))

_INTS, _FLOATS, _INT_TABLE, _TABLE = "int64[::1]", "float64[::1]", "int64[:,::1]", "float64[:,::1]"
_INT_CUBE = "int64[:,:,::1]"


@njit(f"int64({_INTS})", cache=True, nogil=True)
def _now_ns(timespec):
    _clock_gettime(_MONOTONIC, timespec.ctypes)
    return timespec[0] * 1_000_000_000 + timespec[1]


@njit(f"float64(int64, {_INTS}, int64)", cache=True, nogil=True, _nrt=False)
def _book_risk(status, snap, now_ns):
    """0 for a book that can be trusted, TRANSIENT_BOOK or UNTRUSTED_BOOK for one that cannot."""
    if status == L.STATUS_OK:
        return 0.0
    if status == L.STATUS_BUSY:
        return TRANSIENT_BOOK
    if status == L.STATUS_ONE_SIDED or status == L.STATUS_CROSSED:
        return TRANSIENT_BOOK if now_ns - snap[L.SNAP_SINCE_NS] < _TRANSIENT_NS else UNTRUSTED_BOOK
    return UNTRUSTED_BOOK


@njit(
    f"float64({_INTS}, {_INTS}, int64, {_TABLE}, {_TABLE}, {_FLOATS}, {_INTS}, {_TABLE})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _quote_risk(cache, slot, now_ns, table, policies, x, snap, works):
    """The risk of the quote in a slot, from the result of `evaluate`. What is computed once for a side is stored in
    works float64[2, WORK_WORDS] and marked in cache[CACHE_SIDES]."""
    book_risk = _book_risk(cache[CACHE_STATUS], snap, now_ns)
    if book_risk != 0.0:
        return book_risk
    remaining_ms = (slot[WATCH_DEADLINE_NS] - now_ns) / 1e6
    table_row, policy = table[slot[WATCH_PARAMETERS]], policies[slot[WATCH_MODEL]]
    worst = 0.0
    for sold in range(2):
        if slot[WATCH_SIDE] == (SELL if sold == 0 else BUY):
            continue
        if not cache[CACHE_SIDES] >> sold & 1:
            remaining_base(table_row, x, 1.0 - 2.0 * sold, works[sold])
            cache[CACHE_SIDES] |= 1 << sold
        if sold:
            barrier = np.float64(snap[L.SNAP_ASK_PX] - slot[WATCH_BID_PX])
        else:
            barrier = np.float64(slot[WATCH_OFFER_PX] - snap[L.SNAP_BID_PX])
        worst = max(worst, remaining_risk(table_row, policy, x, works[sold], barrier, remaining_ms))
    return worst


@njit(
    f"float64({_INT_TABLE}, {_INTS}, {_INT_TABLE}, int64, {_TABLE}, {_TABLE}, {_TABLE}, {_INT_TABLE})",
    cache=True,
    nogil=True,
)
def _multileg_risk(cache, slot, legs, now_ns, table, policies, xs, snaps):
    """The risk of a multileg's quote; cache, xs and snaps have one row for each leg."""
    n, worst = slot[WATCH_LEGS], 0.0
    sides, weights = np.empty(n), np.empty(n)
    net_bid = net_ask = 0
    for i in range(n):
        book_risk = _book_risk(cache[i, CACHE_STATUS], snaps[i], now_ns)
        if book_risk != 0.0:
            worst = book_risk if worst != UNTRUSTED_BOOK else UNTRUSTED_BOOK
            continue
        weight = legs[LEG_WEIGHT, i]
        sides[i], weights[i] = (1.0 if weight > 0 else -1.0), np.float64(abs(weight))
        net_bid += weight * snaps[i, L.SNAP_BID_PX if weight > 0 else L.SNAP_ASK_PX]
        net_ask += weight * snaps[i, L.SNAP_ASK_PX if weight > 0 else L.SNAP_BID_PX]
    if worst != 0.0:
        return worst
    remaining_ms, policy = (slot[WATCH_DEADLINE_NS] - now_ns) / 1e6, policies[slot[WATCH_MODEL]]
    parameters = legs[LEG_PARAMETERS, :n].copy()
    if slot[WATCH_SIDE] != SELL:
        barrier = np.float64(slot[WATCH_OFFER_PX] - net_bid)
        worst = remaining_multileg_risk(table, parameters, sides, weights, xs, policy, barrier, remaining_ms)
    if slot[WATCH_SIDE] != BUY:
        barrier = np.float64(net_ask - slot[WATCH_BID_PX])
        other = remaining_multileg_risk(table, parameters, -sides, weights, xs, policy, barrier, remaining_ms)
        worst = max(worst, other)
    return worst


@njit(
    f"float64({_INTS}, {_INT_TABLE}, {_INT_TABLE}, {_INTS}, {_INT_TABLE}, int64, {_TABLE}, {_TABLE}, {_FLOATS}, "
    f"{_INTS}, {_TABLE})",
    cache=True,
    nogil=True,
)
def risk(header, venues, rows, slot, legs, now_ns, table, policies, x, snap, works):
    """Probability that the quote in the slot is picked off in the rest of its lifetime; UNTRUSTED_BOOK if the book
    cannot be trusted, TRANSIENT_BOOK if that has only just begun."""
    n = slot[WATCH_LEGS]
    if n == 0:
        cache = np.zeros(CACHE_WORDS, np.int64)
        cache[CACHE_STATUS] = evaluate(header, venues, rows, slot[WATCH_ROW], now_ns, x, snap)
        return _quote_risk(cache, slot, now_ns, table, policies, x, snap, works)
    xs, snaps = np.empty((n, S.N_FEATURES)), np.empty((n, L.SNAP_WORDS), np.int64)
    cache = np.empty((n, CACHE_WORDS), np.int64)
    for i in range(n):
        cache[i, CACHE_STATUS] = evaluate(header, venues, rows, legs[LEG_ROW, i], now_ns, xs[i], snaps[i])
    return _multileg_risk(cache, slot, legs, now_ns, table, policies, xs, snaps)


@njit(f"int64({_INTS}, int64, int64)", cache=True, nogil=True, _nrt=False)
def _distance_ticks(slot, bid, ask):
    """Ticks between the quoted price and the best one that can hurt it, for a two-way quote of the nearer side."""
    distance = 2**62
    if slot[WATCH_SIDE] != SELL:
        distance = slot[WATCH_OFFER_PX] - bid
    if slot[WATCH_SIDE] != BUY:
        distance = min(distance, ask - slot[WATCH_BID_PX])
    return distance


@njit(f"boolean({_INT_TABLE}, {_INTS}, int64)", cache=True, nogil=True, _nrt=False)
def _venue_is_up(venues, r, now_ns):
    """Whether the venue of a row is connected and not silent."""
    venue = venues[r[L.VENUE]]
    return now_ns - venue[L.V_LAST_RECEIVED_NS] <= r[L.STALE_AFTER_NS] and venue[L.V_STATE] == L.VENUE_UP


@njit(
    f"Tuple((int64, int64, boolean))({_INTS}, {_INT_TABLE}, {_INT_TABLE}, {_INT_TABLE}, int64)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _row_state(slot, legs, venues, rows, now_ns):
    """(version, distance in ticks, whether the venues are up) of a quote, from the present words of its rows."""
    n = slot[WATCH_LEGS]
    if n == 0:
        r = rows[slot[WATCH_ROW]]
        return r[L.VERSION], _distance_ticks(slot, r[L.BID_PX], r[L.ASK_PX]), _venue_is_up(venues, r, now_ns)
    version, bid, ask, venues_up = 0, 0, 0, True
    for i in range(n):
        r, weight = rows[legs[LEG_ROW, i]], legs[LEG_WEIGHT, i]
        version += r[L.VERSION]
        bid += weight * r[L.BID_PX if weight > 0 else L.ASK_PX]
        ask += weight * r[L.ASK_PX if weight > 0 else L.BID_PX]
        venues_up = venues_up and _venue_is_up(venues, r, now_ns)
    return version, _distance_ticks(slot, bid, ask), venues_up


@njit(
    f"int64({_INT_TABLE}, {_INT_CUBE}, {_INT_TABLE}, {_INT_TABLE}, int64, int64, int64, boolean)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _next_due(slots, legs, venues, rows, first, end, now_ns, alive):
    """The next slot in [first, end) with a timer that is due or a quote that has to be evaluated; `end` if none has.

    Every pass skips thousands of slots, so this neither counts anything nor computes anything for later.
    """
    for i in range(first, end):
        slot = slots[i]
        kind = slot[WATCH_KIND]
        if kind == KIND_FREE:
            continue
        acquire()
        if kind == KIND_TIMER:
            if now_ns >= slot[WATCH_DEADLINE_NS]:
                return i
            continue
        if now_ns >= slot[WATCH_DEADLINE_NS]:
            continue
        version, distance, venues_up = _row_state(slot, legs[i], venues, rows, now_ns)
        if alive and venues_up:
            is_due = now_ns - slot[WATCH_EVALUATED_NS] >= _REEVALUATE_NS
            if version == slot[WATCH_VERSION] or not (distance < slot[WATCH_DISTANCE] or is_due):
                continue
        return i
    return end


@njit(
    f"void({_INTS}, {_INT_TABLE}, {_INT_TABLE}, int64, int64, {_INT_TABLE}, {_TABLE}, {_INT_TABLE})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _evaluate_row(header, venues, rows, row, now_ns, cache, x, snap):
    """Compute the features of a row as of now, once for each pass and not once for each quote."""
    version = rows[row, L.VERSION]
    if cache[row, CACHE_NS] != now_ns or cache[row, CACHE_VERSION] != version:
        cache[row, CACHE_STATUS] = evaluate(header, venues, rows, row, now_ns, x[row], snap[row])
        cache[row, CACHE_NS], cache[row, CACHE_VERSION], cache[row, CACHE_SIDES] = now_ns, version, 0


class MonitorBuffers(NamedTuple):
    """Workspace of `watch`, for each row of the board."""

    cache: NDArray[np.int64]  # [n_rows, CACHE_WORDS]
    x: NDArray[np.float64]  # [n_rows, N_FEATURES]
    snap: NDArray[np.int64]  # [n_rows, SNAP_WORDS]
    works: NDArray[np.float64]  # [n_rows, 2, WORK_WORDS]

    @classmethod
    def of(cls, n_rows: int) -> "MonitorBuffers":
        return cls(
            np.zeros((n_rows, CACHE_WORDS), np.int64), np.zeros((n_rows, S.N_FEATURES)),
            np.zeros((n_rows, L.SNAP_WORDS), np.int64), np.zeros((n_rows, 2, WORK_WORDS)),
        )  # fmt: skip


@njit(
    f"int64({_INTS}, {_INT_TABLE}, {_INT_TABLE}, {_INT_TABLE}, {_INT_CUBE}, {_INTS}, {_TABLE}, {_TABLE}, int64, int64, "
    f"{_INTS}, {_INT_TABLE}, {_TABLE}, {_INT_TABLE}, float64[:,:,::1])",
    cache=True,
    nogil=True,
)
def watch(
    header, venues, rows, slots, legs, highest, table, policies, period_us, passes, timespec, cache, x, snap, works
):
    """Slot of a quote whose risk has risen above its tolerance, or of a timer that is due; NO_SLOT after `passes`
    passes, `period_us` apart.

    highest int64[1] is one more than the highest slot in use; cache, x, snap and works are a `MonitorBuffers`. Quotes
    past their deadline are skipped: an expiry needs no message. A quote is evaluated when the market has come nearer to
    it or its book can no longer be trusted, and for any other change of its row at most every `_REEVALUATE_NS`.
    """
    for _ in range(passes):
        now_ns = _now_ns(timespec)
        alive = now_ns - header[L.H_HEARTBEAT_NS] <= L.WRITER_DEAD_NS
        end = highest[0]
        i = _next_due(slots, legs, venues, rows, 0, end, now_ns, alive)
        while i < end:
            slot = slots[i]
            if slot[WATCH_KIND] == KIND_TIMER:
                return i
            version, distance, _ = _row_state(slot, legs[i], venues, rows, now_ns)
            n = slot[WATCH_LEGS]
            if n == 0:
                row = slot[WATCH_ROW]
                _evaluate_row(header, venues, rows, row, now_ns, cache, x, snap)
                risk_now = _quote_risk(cache[row], slot, now_ns, table, policies, x[row], snap[row], works[row])
            else:
                leg_rows = legs[i, LEG_ROW, :n]
                for row in leg_rows:
                    _evaluate_row(header, venues, rows, row, now_ns, cache, x, snap)
                risk_now = _multileg_risk(
                    cache[leg_rows], slot, legs[i], now_ns, table, policies, x[leg_rows], snap[leg_rows]
                )
            if risk_now != TRANSIENT_BOOK:
                slot[WATCH_VERSION], slot[WATCH_DISTANCE], slot[WATCH_EVALUATED_NS] = version, distance, now_ns
            tolerance = slot[WATCH_TOLERANCE : WATCH_TOLERANCE + 1].view(np.float64)[0]
            if risk_now > tolerance:
                return i
            i = _next_due(slots, legs, venues, rows, i + 1, end, now_ns, alive)
        _usleep(np.uint32(period_us))
    return NO_SLOT
