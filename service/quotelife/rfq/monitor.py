"""Finds the open quotes that the market has left, and the timers that are due.

`watch` runs in a thread of the quoting process without the interpreter lock. It sleeps until the board changes
(`quotelife.shm.change_signal`), evaluates the open quotes whose rows have changed, and returns only when some have to
be reconsidered. So no Python code runs beside the acceptor's callbacks until there is a message to send.

A multileg is monitored by the rows of its legs: its version is the sum of theirs.

What is found is reported with its WATCH_ENTRY: a slot that was freed or reused since, or while the kernel read it,
holds another one. The handler checks that under its lock. It does not evaluate the quote again: the kernel's evaluation
is some microseconds old, and the same code in another thread's caches would take longer than the rest of the decision.
"""

import numpy as np
from numba import njit, types

from quotelife.market.board import layout as L
from quotelife.rfq.quote_margin import (
    KIND_FREE,
    KIND_MASK,
    KIND_TIMER,
    LEG_ROW,
    TRANSIENT_BOOK,
    UNTRUSTED_BOOK,
    WATCH_CHANGE_NS,
    WATCH_DEADLINE_NS,
    WATCH_ENTRY,
    WATCH_EVALUATED_NS,
    WATCH_LEGS,
    WATCH_ROW,
    WATCH_SEEN_ENTRY,
    WATCH_VERSION,
    quote_margin,
)
from quotelife.shm.change_signal import changes_seen, wait_for_change
from quotelife.shm.seqlock import acquire

MAX_FOUND = 64  # entries that `watch` reports at a time
FOUND_SLOT, FOUND_ENTRY, FOUND_REASON = range(3)  # words of one that is found
FOUND_WORDS = 3
TIMER_DUE, MARKET_MOVED, NO_MARKET = range(3)
# Between two looks at an unchanged board: for timers, deadlines, a dead writer, a silent venue, quotes just added.
_IDLE_LOOK_NS = 1_000_000
# Without a change a quote is evaluated this often: its time passes, and the windows of its features end now.
_QUIET_LOOK_NS = 20_000_000
LAST_LOOK_NS = 2  # word of `timespec`: monotonic time of the last look
_HEARD_NS = 1_000_000  # shorter than any sensible `stale_after_ms`
_MONOTONIC = 1
_NO_SLOT = -1
_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.voidptr))
_usleep = types.ExternalFunction("usleep", types.int32(types.uint32))

_INTS, _FLOATS, _INT_TABLE, _TABLE = "int64[::1]", "float64[::1]", "int64[:,::1]", "float64[:,::1]"
_INT_CUBE, _CUBE = "int64[:,:,::1]", "float64[:,:,::1]"


@njit(f"int64({_INTS})", cache=True, nogil=True)
def _now_ns(timespec):
    _clock_gettime(_MONOTONIC, timespec.ctypes)
    return timespec[0] * 1_000_000_000 + timespec[1]


@njit(f"boolean({_INT_TABLE}, {_INTS}, int64)", cache=True, nogil=True, _nrt=False)
def _venue_is_up(venues, r, now_ns):
    """Whether the venue of a row is connected and neither silent nor late."""
    venue = venues[r[L.VENUE]]
    if venue[L.V_STATE] != L.VENUE_UP or venue[L.V_LATE_SINCE_NS] != 0:
        return False
    return now_ns - venue[L.V_LAST_RECEIVED_NS] <= r[L.STALE_AFTER_NS]


@njit(f"boolean({_INTS}, {_INT_TABLE}, int64)", cache=True, nogil=True, _nrt=False)
def _all_heard(header, venues, now_ns):
    """Whether the writer is alive and all venues are connected, on time, and were heard of a moment ago. Then no row is
    stale, and the looks, which follow each other closely while there is much to hear, need not check each quote's."""
    if now_ns - header[L.H_HEARTBEAT_NS] > L.WRITER_DEAD_NS:
        return False
    for i in range(L.MAX_VENUES):
        venue = venues[i]
        if venue[L.V_LAST_RECEIVED_NS] == 0:  # not configured, or its rows have no book yet
            continue
        if venue[L.V_STATE] != L.VENUE_UP or venue[L.V_LATE_SINCE_NS] != 0:
            return False
        if now_ns - venue[L.V_LAST_RECEIVED_NS] > _HEARD_NS:
            return False
    return True


@njit(
    f"Tuple((int64, boolean))({_INTS}, {_INT_TABLE}, {_INT_TABLE}, {_INT_TABLE}, int64)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _row_state(slot, legs, venues, rows, now_ns):
    """(version, whether the venues are up) of a quote, from the present words of its rows."""
    n = slot[WATCH_LEGS]
    if n == 0:
        r = rows[slot[WATCH_ROW]]
        return r[L.VERSION], _venue_is_up(venues, r, now_ns)
    version, venues_up = 0, True
    for i in range(n):
        r = rows[legs[LEG_ROW, i]]
        version += r[L.VERSION]
        venues_up = venues_up and _venue_is_up(venues, r, now_ns)
    return version, venues_up


@njit(
    f"int64({_INT_TABLE}, {_INT_CUBE}, {_INT_TABLE}, {_INT_TABLE}, int64, int64, int64, boolean, boolean)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _next_due(slots, legs, venues, rows, first, end, now_ns, alive, all_heard):
    """The next slot in [first, end) with a timer that is due or a quote that has to be evaluated; `end` if none has.

    Every look skips thousands of slots, so this neither counts anything nor computes anything for later.
    """
    for i in range(first, end):
        slot = slots[i]
        kind = slot[WATCH_ENTRY] & KIND_MASK
        if kind == KIND_FREE:
            continue
        acquire()
        if kind == KIND_TIMER:
            if now_ns >= slot[WATCH_DEADLINE_NS]:
                return i
            continue
        if now_ns >= slot[WATCH_DEADLINE_NS]:
            continue
        if slot[WATCH_SEEN_ENTRY] != slot[WATCH_ENTRY] or now_ns - slot[WATCH_EVALUATED_NS] >= _QUIET_LOOK_NS:
            return i
        if all_heard and slot[WATCH_LEGS] == 0:
            if rows[slot[WATCH_ROW], L.VERSION] == slot[WATCH_VERSION]:
                continue
            return i
        version, venues_up = _row_state(slot, legs[i], venues, rows, now_ns)
        if alive and venues_up and version == slot[WATCH_VERSION]:
            continue
        return i
    return end


@njit(f"void({_INT_TABLE}, int64, int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def _report(found, n, i, entry, reason):
    found[n, FOUND_SLOT], found[n, FOUND_ENTRY], found[n, FOUND_REASON] = i, entry, reason


@njit(
    f"int64({_INTS}, {_INT_TABLE}, {_INT_TABLE}, {_INT_TABLE}, {_INT_CUBE}, {_CUBE}, {_INTS}, {_TABLE}, {_TABLE}, "
    f"int64, {_INT_TABLE}, {_INTS}, {_INT_TABLE}, {_TABLE}, {_INT_TABLE}, {_CUBE}, {_FLOATS}, "
    f"{_TABLE}, {_FLOATS})",
    cache=True,
    nogil=True,
)
def look(
    header, venues, rows, slots, legs, stakes, highest, table, policies, now_ns, found, looks, cache, x, snap, works,
    survival, states, leg_work,
):  # fmt: skip
    """Look once at all slots, as `watch` does; returns the number of entries in `found`."""
    looks[0] += 1
    alive = now_ns - header[L.H_HEARTBEAT_NS] <= L.WRITER_DEAD_NS
    all_heard = _all_heard(header, venues, now_ns)
    n, due_timer, due_entry, end = 0, _NO_SLOT, 0, highest[0]
    i = _next_due(slots, legs, venues, rows, 0, end, now_ns, alive, all_heard)
    while i < end and n < found.shape[0]:
        slot = slots[i]
        entry = slot[WATCH_ENTRY]
        acquire()
        if entry & KIND_MASK == KIND_TIMER:
            due_timer, due_entry = i, entry
        elif entry & KIND_MASK != KIND_FREE:
            version, _ = _row_state(slot, legs[i], venues, rows, now_ns)
            acquire()  # a change after this shows at the next look
            margin = quote_margin(
                header, venues, rows, slot, legs[i], stakes[i], now_ns, table, policies, looks, cache, x, snap, works,
                survival, states, leg_work,
            )  # fmt: skip
            acquire()
            if slot[WATCH_ENTRY] == entry:
                slot[WATCH_EVALUATED_NS] = now_ns
                if version == slot[WATCH_VERSION] and slot[WATCH_SEEN_ENTRY] == entry:
                    slot[WATCH_CHANGE_NS] = 0
                elif margin != TRANSIENT_BOOK:
                    slot[WATCH_VERSION] = version
                slot[WATCH_SEEN_ENTRY] = entry  # last: if the slot is another quote's by now, that one is evaluated
                if margin < 0.0:
                    _report(found, n, i, entry, NO_MARKET if margin == UNTRUSTED_BOOK else MARKET_MOVED)
                    n += 1
        i = _next_due(slots, legs, venues, rows, i + 1, end, now_ns, alive, all_heard)
    if n == 0 and due_timer != _NO_SLOT:
        _report(found, 0, due_timer, due_entry, TIMER_DUE)
        return 1
    return n


@njit(
    f"int64({_INTS}, {_INT_TABLE}, {_INT_TABLE}, {_INT_TABLE}, {_INT_CUBE}, {_CUBE}, {_INTS}, {_TABLE}, {_TABLE}, "
    f"int64, int64, {_INTS}, {_INT_TABLE}, {_INTS}, {_INT_TABLE}, {_TABLE}, {_INT_TABLE}, {_CUBE}, {_FLOATS}, "
    f"{_TABLE}, {_FLOATS})",
    cache=True,
    nogil=True,
)
def watch(
    header, venues, rows, slots, legs, stakes, highest, table, policies, period_ns, call_ns, timespec, found, looks,
    cache, x, snap, works, survival, states, leg_work,
):  # fmt: skip
    """Find the quotes whose margin has fallen below 0 (`quotelife.rfq.quote_margin`), or else a timer that is due.

    Returns their number, they are in `found` int64[n, FOUND_WORDS]; 0 after `call_ns`. It looks when the board has
    changed, but at most once in `period_ns`, and otherwise every `_IDLE_LOOK_NS`. A quote is evaluated at each change
    of its rows, while its book cannot be trusted, and `_QUIET_LOOK_NS` after the last time. Quotes past their deadline
    are skipped: an expiry needs no message.

    highest int64[2] is one more than the highest slot in use, and whether larger tables have taken the place of these;
    timespec int64[3] is workspace, whose word LAST_LOOK_NS lasts from call to call; looks and what
    follows are a `MonitorBuffers`.
    """
    began_ns = _now_ns(timespec)
    while True:
        rest_ns = timespec[LAST_LOOK_NS] + period_ns - _now_ns(timespec)
        if rest_ns >= 1_000:
            _usleep(np.uint32(rest_ns // 1_000))
        now_ns = timespec[LAST_LOOK_NS] = _now_ns(timespec)
        seen = changes_seen(header, L.H_CHANGES)
        n = look(
            header, venues, rows, slots, legs, stakes, highest, table, policies, now_ns, found, looks, cache, x, snap,
            works, survival, states, leg_work,
        )  # fmt: skip
        if n > 0 or now_ns - began_ns >= call_ns or highest[1] != 0:
            return n
        wait_for_change(header, L.H_CHANGES, L.H_WAITING, seen, _IDLE_LOOK_NS, timespec)
