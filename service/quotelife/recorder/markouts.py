"""Markouts of hits: where the mid stands 100 ms, 1 s and 10 s after the receipt.

    markout(h) = s * (mid(receipt + h) - mid(receipt)),   s = +1 where the client bought, -1 where it sold

in ticks: positive if the market moved against the desk. With a fill the desk has gained edge - markout, with
edge = s * (price - mid(receipt)); by a hit that is refused because its quote had been withdrawn it has missed that.

The mid of a multileg is the net of its legs' mids, in the multileg's ticks; it is known if all of them are.

The mid of a moment is read from the rings of the board's row, which hold it every 10 ms for the last 1.28 s and every
100 ms for the last 12.8 s: polled a few times a second, it is the mid of the last 10 ms before the moment. A moment for
which the board had no market (its writer dead, the venue silent, the book broken) has no mid, and so no markout.
"""

import math
from collections.abc import Iterator

from msgspec import Struct
from numba import njit

from quotelife.ledger.client_layout import HORIZONS_NS
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.shm.seqlock import is_unchanged, stable_version

UNKNOWN = 0  # no mid
_AT_RECEIPT = -1
SETTLED_NS = 2 * L.FAST_NS  # by then the boundary after a moment has been written, if there was an event
MAX_AGE_NS = (L.RING - 2) * L.SLOW_NS  # of a moment whose mid the rings still hold
_TRIES = 100_000


@njit("int64(int64[::1], int64[:,::1], int64[::1], int64)", cache=True, nogil=True)
def _read(header, venues, r, moment_ns):
    heard_ns = venues[r[L.VENUE], L.V_LAST_RECEIVED_NS] + r[L.STALE_AFTER_NS]
    if moment_ns > min(header[L.H_HEARTBEAT_NS] + L.WRITER_DEAD_NS, heard_ns):
        return UNKNOWN
    if r[L.STATE] != L.BOOK_LIVE and moment_ns >= r[L.STATE_SINCE_NS]:
        return UNKNOWN
    if r[L.FIRST_EVENT_NS] == 0 or moment_ns < r[L.FIRST_EVENT_NS]:
        return UNKNOWN
    boundary = moment_ns // L.FAST_NS
    if boundary > r[L.FAST_SLICE]:
        return r[L.MID2]
    if r[L.FAST_SLICE] - boundary < L.RING:
        return r[L.FAST + (boundary & (L.RING - 1)) * L.N_CHANNELS + L.C_MID2]
    boundary = moment_ns // L.SLOW_NS
    if boundary > r[L.SLOW_SLICE]:
        return r[L.MID2]
    if r[L.SLOW_SLICE] - boundary < L.RING:
        return r[L.SLOW + (boundary & (L.RING - 1)) * L.SLOW_CHANNELS + L.S_MID2]
    return UNKNOWN


@njit("int64(int64[::1], int64[:,::1], int64[:,::1], int64, int64)", cache=True, nogil=True)
def mid2_at(header, venues, rows, row, moment_ns):
    """Mid in half ticks of a row at a moment (monotonic, at least SETTLED_NS ago); UNKNOWN if there is none."""
    r = rows[row]
    for _ in range(_TRIES):
        version = stable_version(r)
        if version < 0:  # the writer has died inside a write: waiting once was enough
            return UNKNOWN
        mid2 = _read(header, venues, r, moment_ns)
        if is_unchanged(r, version):
            return mid2
    return UNKNOWN


class PendingMarkouts(Struct, gc=False):
    """A hit whose markouts are not complete. `number` and `client` are the caller's; prices in half ticks.

    `legs` are (row, weight): what one tick of the row adds to the price, negative for a leg that is sold. A single
    instrument is one leg of weight 1.
    """

    number: int
    client: int
    legs: tuple[tuple[int, int], ...]
    sign: int  # +1 the client bought, -1 it sold
    price2: int
    received_ns: int  # monotonic
    filled: bool  # not refused
    may_be_early: bool  # the market had not passed the price at the receipt; False if that is not known
    reaction_ns: int | None = None  # of a hit on a withdrawn quote, from the change of the board that it raced
    late: bool = False  # after the ValidUntilTime: no estimate uses it
    mid2: int | None = None  # at the receipt
    horizon: int = _AT_RECEIPT  # the next one; -1 until the mid at the receipt has been read

    @property
    def edge_ticks(self) -> float:
        """NaN if the mid at the receipt is not known."""
        return math.nan if self.mid2 is None else self.sign * (self.price2 - self.mid2) / 2


class Markout(Struct, frozen=True, gc=False):
    """One markout. `horizon` -1 is the receipt itself; `ticks` is None if the mid is not known; `last` if no other
    markout of the hit will follow."""

    hit: PendingMarkouts
    horizon: int
    ticks: float | None
    last: bool


class MarkoutTracker:
    """Hits with markouts to come. Poll it a few times a second."""

    def __init__(self) -> None:
        self._pending: list[PendingMarkouts] = []

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, hit: PendingMarkouts) -> None:
        self._pending.append(hit)

    def poll(self, board: Board | None, now_ns: int) -> Iterator[Markout]:
        """The markouts that are due by `now_ns` (monotonic)."""
        remaining = []
        for hit in self._pending:
            done = False
            while not done and _moment_ns(hit) + SETTLED_NS <= now_ns:
                markout = _next_markout(board, hit)
                done = markout.last
                yield markout
            if not done:
                remaining.append(hit)
        self._pending = remaining


def _moment_ns(hit: PendingMarkouts) -> int:
    return hit.received_ns if hit.horizon == _AT_RECEIPT else hit.received_ns + HORIZONS_NS[hit.horizon]


def _next_markout(board: Board | None, hit: PendingMarkouts) -> Markout:
    """The markout of a hit that is due; moves the hit on to the next horizon."""
    horizon, mid2 = hit.horizon, net_mid2(board, hit.legs, _moment_ns(hit))
    hit.horizon += 1
    last = hit.horizon == len(HORIZONS_NS)
    if horizon == _AT_RECEIPT:
        hit.mid2 = mid2
        return Markout(hit, horizon, None, mid2 is None)  # without it there is nothing to compare to
    known = mid2 is not None and hit.mid2 is not None
    return Markout(hit, horizon, hit.sign * (mid2 - hit.mid2) / 2 if known else None, last)  # type: ignore[operator]


def net_mid2(board: Board | None, legs: tuple[tuple[int, int], ...], moment_ns: int) -> int | None:
    """Mid in half ticks of what was traded; None if that of a leg is unknown."""
    if board is None:
        return None
    net = 0
    for row, weight in legs:
        mid2 = mid2_at(board.header, board.venues, board.rows, row, moment_ns)
        if mid2 == UNKNOWN:
            return None
        net += weight * mid2
    return net
