"""Watching the open quotes: which of them has the market left behind, and whose subscription is due?

`watch` runs in a thread of the quoting process without the interpreter lock: it sleeps, looks at the open quotes whose
instrument has moved, and comes back only with something to do. So nothing of Python runs beside the acceptor's
callbacks until there is a message to send.

    table   int64[capacity, WATCH_WORDS]   one slot per watched quote or timer, written under the handler's lock, the
                                           first word last
    legs    int64[capacity, LEG_WORDS, MAX_LEGS]   those of a slot that holds a multileg's quote

A multileg is watched by its legs' rows: its version is the sum of theirs, its best prices are the net of theirs.

A slot that is taken again while the kernel looks at it may give a false alarm; the desk looks again before it
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
    WATCHED,  # FREE, A_QUOTE or A_TIMER: of a timer only the deadline counts, at which it is due
    WATCH_ROW,
    WATCH_SIDE,  # BUY, SELL or TWO_WAY
    WATCH_BID_PX,  # ticks
    WATCH_OFFER_PX,
    WATCH_DEADLINE_NS,  # monotonic
    WATCH_MODEL,
    WATCH_PARAMETERS,
    WATCH_TOLERANCE,  # float64 bits: probability of the pick-off from which it is withdrawn
    WATCH_SEEN,  # version of the board's row at the last look; written by the kernel
    WATCH_NEAREST,  # ticks between the price and the best one that can hurt, at the last full look; the kernel's
    WATCH_LOOKED_NS,  # monotonic time of the last full look; the kernel's
    WATCH_LEGS,  # number of legs; 0 for an instrument. Row and parameters are then the legs' own
) = range(13)
WATCH_WORDS = 13
LEG_ROW, LEG_PARAMETERS, LEG_WEIGHT = range(3)  # the weight with the leg's side, see `quotelife.decision.multileg`
LEG_WORDS = 3
FREE, A_QUOTE, A_TIMER = range(3)
# What is known of a row as of a look, int64[SEEN_WORDS]; SEEN_SIDES has a bit for each side that is computed.
SEEN_NS, SEEN_VERSION, SEEN_STATUS, SEEN_SIDES = range(4)
SEEN_WORDS = 4
NOTHING = -1
UNSEEN = 2.0  # in place of a probability: the book cannot be trusted
NOT_NOW = -1.0  # nor can this moment's, which is likely to pass: look again
_PATIENCE_NS = 50_000_000  # a book may be crossed or one-sided for so long between two messages of one move

_DRIFT_NS = 20_000_000  # between full looks at a quote to which the market has not come nearer
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
def _trusted(status, snap, now_ns):
    """0 for a book that can be trusted, NOT_NOW or UNSEEN for one that cannot."""
    if status == L.STATUS_OK:
        return 0.0
    if status == L.STATUS_BUSY:
        return NOT_NOW
    if status == L.STATUS_ONE_SIDED or status == L.STATUS_CROSSED:
        return NOT_NOW if now_ns - snap[L.SNAP_SINCE_NS] < _PATIENCE_NS else UNSEEN
    return UNSEEN


@njit(
    f"float64({_INTS}, {_INTS}, int64, {_TABLE}, {_TABLE}, {_FLOATS}, {_INTS}, {_TABLE})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _quote_risk(seen, slot, now_ns, table, policies, x, snap, works):
    """The risk of the quote in a slot, from what `evaluate` has found. What is computed once for a side is left in
    works float64[2, WORK_WORDS], and noted in seen[SEEN_SIDES]."""
    trusted = _trusted(seen[SEEN_STATUS], snap, now_ns)
    if trusted != 0.0:
        return trusted
    remaining_ms = (slot[WATCH_DEADLINE_NS] - now_ns) / 1e6
    table_row, policy = table[slot[WATCH_PARAMETERS]], policies[slot[WATCH_MODEL]]
    worst = 0.0
    for sold in range(2):
        if slot[WATCH_SIDE] == (SELL if sold == 0 else BUY):
            continue
        if not seen[SEEN_SIDES] >> sold & 1:
            remaining_base(table_row, x, 1.0 - 2.0 * sold, works[sold])
            seen[SEEN_SIDES] |= 1 << sold
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
def _multileg_risk(seen, slot, legs, now_ns, table, policies, xs, snaps):
    """The risk of a multileg's quote; seen, xs and snaps are those of its legs."""
    n, worst = slot[WATCH_LEGS], 0.0
    sides, weights = np.empty(n), np.empty(n)
    net_bid = net_ask = 0
    for i in range(n):
        trusted = _trusted(seen[i, SEEN_STATUS], snaps[i], now_ns)
        if trusted != 0.0:
            worst = trusted if worst != UNSEEN else UNSEEN
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
        against = remaining_multileg_risk(table, parameters, -sides, weights, xs, policy, barrier, remaining_ms)
        worst = max(worst, against)
    return worst


@njit(
    f"float64({_INTS}, {_INT_TABLE}, {_INT_TABLE}, {_INTS}, {_INT_TABLE}, int64, {_TABLE}, {_TABLE}, {_FLOATS}, "
    f"{_INTS}, {_TABLE})",
    cache=True,
    nogil=True,
)
def risk(header, venues, rows, slot, legs, now_ns, table, policies, x, snap, works):
    """Probability that the quote in the slot is picked off in the time it has left; UNSEEN without a proper book,
    NOT_NOW if that has only just begun."""
    n = slot[WATCH_LEGS]
    if n == 0:
        seen = np.zeros(SEEN_WORDS, np.int64)
        seen[SEEN_STATUS] = evaluate(header, venues, rows, slot[WATCH_ROW], now_ns, x, snap)
        return _quote_risk(seen, slot, now_ns, table, policies, x, snap, works)
    xs, snaps = np.empty((n, S.N_FEATURES)), np.empty((n, L.SNAP_WORDS), np.int64)
    seen = np.empty((n, SEEN_WORDS), np.int64)
    for i in range(n):
        seen[i, SEEN_STATUS] = evaluate(header, venues, rows, legs[LEG_ROW, i], now_ns, xs[i], snaps[i])
    return _multileg_risk(seen, slot, legs, now_ns, table, policies, xs, snaps)


@njit(f"int64({_INTS}, int64, int64)", cache=True, nogil=True, _nrt=False)
def _nearest(slot, bid, ask):
    """Ticks between the quoted price and the best one that can hurt it, the nearer of a two-way quote's."""
    nearest = 2**62
    if slot[WATCH_SIDE] != SELL:
        nearest = slot[WATCH_OFFER_PX] - bid
    if slot[WATCH_SIDE] != BUY:
        nearest = min(nearest, ask - slot[WATCH_BID_PX])
    return nearest


@njit(f"boolean({_INT_TABLE}, {_INTS}, int64)", cache=True, nogil=True, _nrt=False)
def _heard(venues, r, now_ns):
    """Whether the venue of a row is there and not silent."""
    venue = venues[r[L.VENUE]]
    return now_ns - venue[L.V_LAST_RECEIVED_NS] <= r[L.STALE_AFTER_NS] and venue[L.V_STATE] == L.VENUE_UP


@njit(
    f"Tuple((int64, int64, boolean))({_INTS}, {_INT_TABLE}, {_INT_TABLE}, {_INT_TABLE}, int64)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _state(slot, legs, venues, rows, now_ns):
    """(version, nearest, whether its venues are heard) of what a quote is on, as its rows are just now."""
    n = slot[WATCH_LEGS]
    if n == 0:
        r = rows[slot[WATCH_ROW]]
        return r[L.VERSION], _nearest(slot, r[L.BID_PX], r[L.ASK_PX]), _heard(venues, r, now_ns)
    version, bid, ask, heard = 0, 0, 0, True
    for i in range(n):
        r, weight = rows[legs[LEG_ROW, i]], legs[LEG_WEIGHT, i]
        version += r[L.VERSION]
        bid += weight * r[L.BID_PX if weight > 0 else L.ASK_PX]
        ask += weight * r[L.ASK_PX if weight > 0 else L.BID_PX]
        heard = heard and _heard(venues, r, now_ns)
    return version, _nearest(slot, bid, ask), heard


@njit(
    f"int64({_INT_TABLE}, {_INT_CUBE}, {_INT_TABLE}, {_INT_TABLE}, int64, int64, int64, boolean)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _next(slots, legs, venues, rows, first, end, now_ns, alive):
    """The next slot in [first, end) with a timer that is due, or a quote that needs a full look; `end` if none has.

    Thousands of slots are passed over in every look: nothing is counted here, and nothing computed for later.
    """
    for i in range(first, end):
        slot = slots[i]
        kind = slot[WATCHED]
        if kind == FREE:
            continue
        acquire()
        if kind == A_TIMER:
            if now_ns >= slot[WATCH_DEADLINE_NS]:
                return i
            continue
        if now_ns >= slot[WATCH_DEADLINE_NS]:
            continue
        version, nearest, heard = _state(slot, legs[i], venues, rows, now_ns)
        if alive and heard:
            drifted = now_ns - slot[WATCH_LOOKED_NS] >= _DRIFT_NS
            if version == slot[WATCH_SEEN] or not (nearest < slot[WATCH_NEAREST] or drifted):
                continue
        return i
    return end


@njit(
    f"void({_INTS}, {_INT_TABLE}, {_INT_TABLE}, int64, int64, {_INT_TABLE}, {_TABLE}, {_INT_TABLE})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _look(header, venues, rows, row, now_ns, seen, x, snap):
    """Features of a row as of now: computed once a look, not once a quote."""
    version = rows[row, L.VERSION]
    if seen[row, SEEN_NS] != now_ns or seen[row, SEEN_VERSION] != version:
        seen[row, SEEN_STATUS] = evaluate(header, venues, rows, row, now_ns, x[row], snap[row])
        seen[row, SEEN_NS], seen[row, SEEN_VERSION], seen[row, SEEN_SIDES] = now_ns, version, 0


class Memory(NamedTuple):
    """What `watch` works in, for each row."""

    seen: NDArray[np.int64]  # [n_rows, SEEN_WORDS]
    x: NDArray[np.float64]  # [n_rows, N_FEATURES]
    snap: NDArray[np.int64]  # [n_rows, SNAP_WORDS]
    works: NDArray[np.float64]  # [n_rows, 2, WORK_WORDS]

    @classmethod
    def of(cls, n_rows: int) -> "Memory":
        return cls(
            np.zeros((n_rows, SEEN_WORDS), np.int64), np.zeros((n_rows, S.N_FEATURES)),
            np.zeros((n_rows, L.SNAP_WORDS), np.int64), np.zeros((n_rows, 2, WORK_WORDS)),
        )  # fmt: skip


@njit(
    f"int64({_INTS}, {_INT_TABLE}, {_INT_TABLE}, {_INT_TABLE}, {_INT_CUBE}, {_INTS}, {_TABLE}, {_TABLE}, int64, int64, "
    f"{_INTS}, {_INT_TABLE}, {_TABLE}, {_INT_TABLE}, float64[:,:,::1])",
    cache=True,
    nogil=True,
)
def watch(
    header, venues, rows, slots, legs, highest, table, policies, period_us, looks, timespec, seen, x, snap, works
):
    """Slot of a quote whose risk has risen above its tolerance or of a timer that is due; NOTHING after `looks` looks,
    `period_us` apart.

    highest int64[1]: one more than the highest slot in use; seen, x, snap and works are a `Memory`. Quotes past their
    deadline are passed over: an expiry needs no message. A quote is looked at when the market has come nearer to it or
    its book can no longer be trusted, and for any other change of its row every `_DRIFT_NS`.
    """
    for _ in range(looks):
        now_ns = _now_ns(timespec)
        alive = now_ns - header[L.H_HEARTBEAT_NS] <= L.WRITER_DEAD_NS
        end = highest[0]
        i = _next(slots, legs, venues, rows, 0, end, now_ns, alive)
        while i < end:
            slot = slots[i]
            if slot[WATCHED] == A_TIMER:
                return i
            version, nearest, _ = _state(slot, legs[i], venues, rows, now_ns)
            n = slot[WATCH_LEGS]
            if n == 0:
                row = slot[WATCH_ROW]
                _look(header, venues, rows, row, now_ns, seen, x, snap)
                found = _quote_risk(seen[row], slot, now_ns, table, policies, x[row], snap[row], works[row])
            else:
                of_legs = legs[i, LEG_ROW, :n]
                for row in of_legs:
                    _look(header, venues, rows, row, now_ns, seen, x, snap)
                found = _multileg_risk(seen[of_legs], slot, legs[i], now_ns, table, policies, x[of_legs], snap[of_legs])
            if found != NOT_NOW:
                slot[WATCH_SEEN], slot[WATCH_NEAREST], slot[WATCH_LOOKED_NS] = version, nearest, now_ns
            tolerance = slot[WATCH_TOLERANCE : WATCH_TOLERANCE + 1].view(np.float64)[0]
            if found > tolerance:
                return i
            i = _next(slots, legs, venues, rows, i + 1, end, now_ns, alive)
        _usleep(np.uint32(period_us))
    return NOTHING
