"""Watching the open quotes: which of them has the market left behind, and whose subscription is due?

`watch` runs in a thread of the quoting process without the interpreter lock: it sleeps, looks at the open quotes whose
instrument has moved, and comes back only with something to do. So nothing of Python runs beside the acceptor's
callbacks until there is a message to send.

    table   int64[capacity, WATCH_WORDS]   one slot per watched quote or timer, written under the desk's lock, the
                                           first word last

A slot that is taken again while the kernel looks at it may give a false alarm; the desk looks again before it
withdraws.
"""

import numpy as np
from numba import njit, types

from models import schema as S
from models.remaining import WORK_WORDS, remaining_risk
from service.board import layout as L
from service.board.fences import acquire
from service.features.evaluate import evaluate
from service.quoting.request import BUY, SELL

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
) = range(10)
WATCH_WORDS = 10
FREE, A_QUOTE, A_TIMER = range(3)
NOTHING = -1
UNSEEN = 2.0  # in place of a probability: the book cannot be trusted
NOT_NOW = -1.0  # nor can this moment's, which is likely to pass: look again
_PATIENCE_NS = 50_000_000  # a book may be crossed or one-sided for so long between two messages of one move

_MONOTONIC = 1
_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.voidptr))
_usleep = types.ExternalFunction("usleep", types.int32(types.uint32))

_INTS, _FLOATS, _INT_TABLE, _TABLE = "int64[::1]", "float64[::1]", "int64[:,::1]", "float64[:,::1]"


@njit(f"int64({_INTS})", cache=True, nogil=True)
def _now_ns(timespec):
    _clock_gettime(_MONOTONIC, timespec.ctypes)
    return timespec[0] * 1_000_000_000 + timespec[1]


@njit(
    f"float64({_INTS}, {_INT_TABLE}, {_INT_TABLE}, {_INTS}, int64, {_TABLE}, {_TABLE}, {_FLOATS}, {_INTS}, {_FLOATS})",
    cache=True,
    nogil=True,
)
def risk(header, venues, rows, slot, now_ns, table, policies, x, snap, work):
    """Probability that the quote in the slot is picked off in the time it has left; UNSEEN without a proper book,
    NOT_NOW if that has only just begun."""
    status = evaluate(header, venues, rows, slot[WATCH_ROW], now_ns, x, snap)
    if status == L.STATUS_BUSY:
        return NOT_NOW
    if status == L.STATUS_ONE_SIDED or status == L.STATUS_CROSSED:
        return NOT_NOW if now_ns - snap[L.SNAP_SINCE_NS] < _PATIENCE_NS else UNSEEN
    if status != L.STATUS_OK:
        return UNSEEN
    remaining_ms = (slot[WATCH_DEADLINE_NS] - now_ns) / 1e6
    table_row, policy = table[slot[WATCH_PARAMETERS]], policies[slot[WATCH_MODEL]]
    worst = 0.0
    if slot[WATCH_SIDE] != SELL:
        barrier = np.float64(slot[WATCH_OFFER_PX] - snap[L.SNAP_BID_PX])
        worst = remaining_risk(table_row, policy, x, 1.0, barrier, remaining_ms, work)
    if slot[WATCH_SIDE] != BUY:
        barrier = np.float64(snap[L.SNAP_ASK_PX] - slot[WATCH_BID_PX])
        worst = max(worst, remaining_risk(table_row, policy, x, -1.0, barrier, remaining_ms, work))
    return worst


@njit(
    f"int64({_INTS}, {_INT_TABLE}, {_INT_TABLE}, {_INT_TABLE}, {_INTS}, {_TABLE}, {_TABLE}, int64, int64, {_INTS})",
    cache=True,
    nogil=True,
)
def watch(header, venues, rows, slots, highest, table, policies, period_us, looks, timespec):
    """Slot of a quote whose risk has risen above its tolerance or of a timer that is due; NOTHING after `looks` looks,
    `period_us` apart.

    highest int64[1]: one more than the highest slot in use. Quotes past their deadline are passed over: an expiry needs
    no message. A quote is looked at again only when its row has changed, or its book can no longer be trusted.
    """
    x, snap, work = np.empty(S.N_FEATURES), np.empty(L.SNAP_WORDS, np.int64), np.empty(WORK_WORDS)
    for _ in range(looks):
        now_ns = _now_ns(timespec)
        alive = now_ns - header[L.H_HEARTBEAT_NS] <= L.WRITER_DEAD_NS
        for i in range(highest[0]):
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
            r = rows[slot[WATCH_ROW]]
            venue = venues[r[L.VENUE]]
            heard = now_ns - venue[L.V_LAST_RECEIVED_NS] <= r[L.STALE_AFTER_NS]
            version = r[L.VERSION]
            if alive and heard and venue[L.V_STATE] == L.VENUE_UP and version == slot[WATCH_SEEN]:
                continue
            tolerance = slot[WATCH_TOLERANCE : WATCH_TOLERANCE + 1].view(np.float64)[0]
            found = risk(header, venues, rows, slot, now_ns, table, policies, x, snap, work)
            if found != NOT_NOW:
                slot[WATCH_SEEN] = version
            if found > tolerance:
                return i
        _usleep(np.uint32(period_us))
    return NOTHING
