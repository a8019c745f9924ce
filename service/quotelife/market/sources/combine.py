"""Kernels that make one book of the sources of an instrument, and the board row of that book.

A source is one venue's book of one instrument, in a row behind those of the instruments. It is usable if its book is
live and not halted, and its venue is connected, on time and not silent. The instrument's book is that of the first
usable source (failover), or the sum of all of them (consolidated). While none is usable, the instrument is that source
alone which is nearest to it, with its state: a reader then finds the same reason as if it were the only one.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, types

from quotelife.market.board import layout as L
from quotelife.market.book.levels import clear
from quotelife.market.capture import layout as C
from quotelife.market.capture.writer import best_price, pack_counts, with_source, write_event, write_status
from quotelife.market.features.update import publish, set_halted, set_state, trade
from quotelife.market.sources.merge import merge_levels, replace_levels
from quotelife.shm.arrays import word_array, word_array2, word_array3

NONE = -1  # no source: nothing was received


class SourceState(NamedTuple):
    """Arrays of the instruments and their sources."""

    rows: np.ndarray  # int64[rows, ROW_WORDS], of the board
    venues: np.ndarray
    px: np.ndarray  # the books
    sz: np.ndarray
    cnt: np.ndarray
    n: np.ndarray
    ring: np.ndarray  # the capture ring, header and events
    left: np.ndarray  # int64[MAX_VENUES], see `merge_levels`
    merged: np.ndarray


ARRAY_WORDS = 4  # per array in the address list: address, then the shape
STATE_ADDRESSES = len(SourceState._fields) * ARRAY_WORDS
_I = types.int64
_I1, _I2, _I3 = (types.Array(_I, n, "C") for n in (1, 2, 3))
_STATE = types.NamedTuple((_I2, _I2, _I3, _I3, _I3, _I2, _I1, _I1, _I2), SourceState)
_COUNTS = types.UniTuple(_I, 4)


@njit(_STATE(_I1), cache=True, nogil=True, _nrt=False, forceinline=True)
def _state_at(a):
    return SourceState(
        word_array2(a[0], a[1], a[2]),
        word_array2(a[4], a[5], a[6]),
        word_array3(a[8], a[9], a[10], a[11]),
        word_array3(a[12], a[13], a[14], a[15]),
        word_array3(a[16], a[17], a[18], a[19]),
        word_array2(a[20], a[21], a[22]),
        word_array(a[24], a[25]),
        word_array(a[28], a[29]),
        word_array2(a[32], a[33], a[34]),
    )


@njit(types.boolean(_I2, _I1, _I), cache=True, nogil=True, _nrt=False)
def is_usable(venues, r, now_ns):
    """Whether the source with row `r` may be quoted from at `now_ns`."""
    venue = venues[r[L.VENUE]]
    if r[L.STATE] != L.BOOK_LIVE or r[L.HALTED] != 0:
        return False
    if venue[L.V_STATE] != L.VENUE_UP or venue[L.V_LATE_SINCE_NS] != 0:
        return False
    return now_ns - venue[L.V_LAST_RECEIVED_NS] <= r[L.STALE_AFTER_NS]


@njit(_I(_I2, _I1), cache=True, nogil=True, _nrt=False)
def _nearness(venues, r):
    """How near an unusable source is to being usable."""
    up, state = venues[r[L.VENUE], L.V_STATE] == L.VENUE_UP, r[L.STATE]
    return 4 * up + 2 * (state == L.BOOK_LIVE) + (state == L.BOOK_GAP or state == L.BOOK_MISMATCH)


@njit(types.UniTuple(_I, 2)(_I2, _I2, _I1, _I), cache=True, nogil=True, _nrt=False)
def _parts_of(rows, venues, r, now_ns):
    """(bits of the sources that make the book of instrument `r`, 1 if they are usable)."""
    parts, nearest, nearness = 0, 0, -1
    for i in range(r[L.N_SOURCES]):
        source = rows[r[L.FIRST_SOURCE] + i]
        if is_usable(venues, source, now_ns):
            parts |= 1 << i
            if r[L.COMBINE] == L.COMBINE_FAILOVER:
                break
        elif _nearness(venues, source) > nearness:
            nearest, nearness = i, _nearness(venues, source)
    return (parts, 1) if parts else (1 << nearest, 0)


@njit(_I(_I), cache=True, nogil=True, _nrt=False)
def _lowest_bit(bits):
    i = 0
    while bits and not bits >> i & 1:
        i += 1
    return i


@njit(_I(_I2, _I2, _I1, _I), cache=True, nogil=True, _nrt=False)
def _quietest_venue(rows, venues, r, parts):
    """Of the venues of these sources that heard least recently: the book is as stale as its stalest part."""
    found = rows[r[L.FIRST_SOURCE] + _lowest_bit(parts), L.VENUE]
    for i in range(r[L.N_SOURCES]):
        venue = rows[r[L.FIRST_SOURCE] + i, L.VENUE]
        if parts >> i & 1 and venues[venue, L.V_LAST_RECEIVED_NS] < venues[found, L.V_LAST_RECEIVED_NS]:
            found = venue
    return found


@njit(types.void(_STATE, _I, _I, _I, _I, _COUNTS), cache=True, nogil=True, _nrt=False)
def _publish_parts(t, row, parts, cause, now_ns, counts):
    """Put the sum of the sources in `parts` in the place of the instrument's book, on the board and in the capture."""
    r = t.rows[row]
    first = r[L.FIRST_SOURCE]
    exchange_ns = t.rows[first + cause, L.EXCHANGE_WALL_NS]
    for side in range(2):
        found = merge_levels(t.px, t.sz, t.cnt, t.n, first, parts, side, t.left, t.merged)
        at = with_source(side, cause), now_ns, exchange_ns
        replace_levels(t.ring, t.px, t.sz, t.cnt, t.n, row, side, t.merged, found, *at)
    publish(t.rows, row, now_ns, exchange_ns, t.px, t.sz, t.n, counts[0], counts[1], counts[2], counts[3])
    write_event(
        *(t.ring, C.BOOK, with_source(0, cause), row, now_ns, exchange_ns),
        *(best_price(t.px, t.n, row, 0), best_price(t.px, t.n, row, 1)),
        *(pack_counts(counts[0], counts[1], counts[2], counts[3]), 0),
    )


@njit(types.void(_STATE, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _set_invalid(t, row, state, cause, now_ns):
    """No source has a book: empty that of the instrument, and set its state."""
    if t.n[row, 0] + t.n[row, 1] > 0:
        clear(t.n, row)
        write_status(t.ring, C.CLEAR, with_source(0, cause), row, now_ns)
    if t.rows[row, L.STATE] != state:
        set_state(t.rows, row, now_ns, state)
        write_status(t.ring, C.STATE, with_source(state, cause), row, now_ns)


@njit(types.void(_STATE, _I, _I, _I, _COUNTS), cache=True, nogil=True, _nrt=False)
def _refresh(t, row, touched, now_ns, counts):
    """Rebuild an instrument if source `touched` (its position, or NONE) is part of it, or if other sources are now."""
    r = t.rows[row]
    parts, usable = _parts_of(t.rows, t.venues, r, now_ns)
    nearest = t.rows[r[L.FIRST_SOURCE] + _lowest_bit(parts)]
    state = L.BOOK_LIVE if usable else nearest[L.STATE]
    halted = 0 if usable else nearest[L.HALTED]
    changed = parts ^ r[L.PARTS]
    is_part = touched != NONE and (parts >> touched & 1) != 0
    if r[L.COMBINE] == L.COMBINE_FAILOVER:
        cause = _lowest_bit(parts)  # whose book it is now
    else:
        cause = touched if touched != NONE else _lowest_bit(changed if changed else parts)
    if state != L.BOOK_LIVE:
        _set_invalid(t, row, state, cause, now_ns)
    elif changed != 0 or is_part or r[L.STATE] != L.BOOK_LIVE:
        _publish_parts(t, row, parts, cause, now_ns, counts if is_part else (0, 0, 0, 0))
    if r[L.HALTED] != halted:
        set_halted(t.rows, row, now_ns, halted)
        write_status(t.ring, C.HALTED, with_source(halted, cause), row, now_ns)
    # After the book: until then a reader finds the venue that is no longer usable, and does not quote.
    r[L.PARTS] = parts
    r[L.VENUE] = _quietest_venue(t.rows, t.venues, r, parts)


@njit(types.void(_I1, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def apply_source(addresses, source, now_ns, bid_adds, ask_adds, bid_cancels, ask_cancels):
    """A message has changed the book of the row `source`, with these order additions and removals: rebuild its
    instrument."""
    t = _state_at(addresses)
    row = t.rows[source, L.INSTRUMENT_ROW]
    _refresh(t, row, source - t.rows[row, L.FIRST_SOURCE], now_ns, (bid_adds, ask_adds, bid_cancels, ask_cancels))


@njit(types.void(_I1, _I, _I), cache=True, nogil=True, _nrt=False)
def apply_source_state(addresses, source, now_ns):
    """The book of the row `source` may have become usable or unusable: rebuild its instrument if so."""
    t = _state_at(addresses)
    _refresh(t, t.rows[source, L.INSTRUMENT_ROW], NONE, now_ns, (0, 0, 0, 0))


@njit(types.void(_I1, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def apply_source_trade(addresses, source, now_ns, exchange_ns, price_ticks, size_lots, aggressor):
    """A trade at the venue of the row `source`: a trade of its instrument, if the source is part of it."""
    t = _state_at(addresses)
    row = t.rows[source, L.INSTRUMENT_ROW]
    position = source - t.rows[row, L.FIRST_SOURCE]
    if t.rows[row, L.PARTS] >> position & 1:  # its book may be half applied: nothing is rebuilt here
        inferred = trade(t.rows, row, now_ns, price_ticks, size_lots, aggressor)
        at = with_source(0, position), row, now_ns, exchange_ns
        write_event(t.ring, C.TRADE, *at, price_ticks, size_lots, aggressor, inferred)


@njit(_I(_I1, _I1, _I), cache=True, nogil=True, _nrt=False)
def refresh_instruments(addresses, instruments, now_ns):
    """Rebuild those of the rows in `instruments` whose sources have become usable or unusable, also by silence.

    Returns their number."""
    t = _state_at(addresses)
    rebuilt = 0
    for row in instruments:
        version = t.rows[row, L.VERSION]
        _refresh(t, row, NONE, now_ns, (0, 0, 0, 0))
        rebuilt += t.rows[row, L.VERSION] != version
    return rebuilt
