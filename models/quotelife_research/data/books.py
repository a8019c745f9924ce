"""Books rebuilt from changes: the best prices from price levels, and orders from order-by-order messages.

A book is right or it is not used. Before its first snapshot, and after a change whose effect on the best price is not
known, there is no book until the next snapshot.
"""

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from quotelife.market.book.levels import Books, clear, set_level
from quotelife_research.data import l3
from quotelife_research.data.rows import DAY_NS

Ints = npt.NDArray[np.int64]
_CAPACITY = 1 << 14  # levels of a side; the best ones are kept
Event = tuple[int, int, int, int, int, int]  # as `l3.EVENT`
_GROUP_NS = 1_000_000_000  # the records of one event are at most this far apart


@njit(
    "int64(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[:,:,::1], int64[:,:,::1], "
    "int64[:,:,::1], int64[:,::1], int64[:,::1])",
    cache=True,
    nogil=True,
)
def _tops(group, snapshot, side, price, kind, px, sz, cnt, n, tops):
    """Apply the rows and fill `tops` after each group in which the best prices or sizes changed: row, bid row, ask row.

    `kind`: 1 sets the level, 0 removes it, -1 is unreadable. A level's size is the number of the row that set it, from
    1. A bid or ask row of 0 is an absent side, -1 no book. Returns the number of tops.
    """
    known, before, held = False, np.int64(0), 0
    bid, ask = np.int64(-2), np.int64(-2)
    for i in range(group.shape[0]):
        if snapshot[i] == 1 and before == 0:
            clear(n, 0)
            known = True
        before = snapshot[i]
        if kind[i] < 0:
            clear(n, 0)
            known = False
        elif known:
            set_level(px, sz, cnt, n, 0, side[i], price[i], (i + 1) * kind[i])
        if i + 1 < group.shape[0] and group[i + 1] == group[i]:
            continue
        best_bid = sz[0, 0, n[0, 0] - 1] if n[0, 0] > 0 else np.int64(0)
        best_ask = sz[0, 1, n[0, 1] - 1] if n[0, 1] > 0 else np.int64(0)
        if not known:
            best_bid, best_ask = np.int64(-1), np.int64(-1)
        if best_bid != bid or best_ask != ask:
            bid, ask = best_bid, best_ask
            tops[held, 0], tops[held, 1], tops[held, 2] = i, bid, ask
            held += 1
    return held


def best_of_levels(group: Ints, snapshot: Ints, side: Ints, price: Ints, kind: Ints) -> Ints:
    """Rows int64[:, 3]: the row after which the top of the book changed, and the rows that set the best bid and ask, -1
    for none. Rows of one message have the same `group`; sides are 0 bid, 1 ask; `price` is in any grid; `kind` as in
    `_tops`. A snapshot begins with the first row with `snapshot` 1 after one without."""
    books = Books(1, _CAPACITY)
    tops = np.zeros((len(group), 3), np.int64)
    given = (np.array(values, np.int64) for values in (group, snapshot, side, price, kind))  # the kernel needs copies
    held = _tops(*given, books.px, books.sz, books.cnt, books.n, tops)
    found = tops[:held].copy()
    found[:, 1:] = np.maximum(found[:, 1:] - 1, -1)
    return found


@dataclass(frozen=True)
class OrderRecords:
    """Order-by-order records in the order of the file, n of each."""

    ts_ns: Ints  # never decreasing
    action: npt.NDArray[np.bytes_]  # A add, M modify, C cancel, R clear, T trade, F fill, N none
    side: npt.NDArray[np.bytes_]  # A ask, B bid, N none
    order_id: Ints
    px: npt.NDArray[np.float64]  # in ticks, NaN without a price
    size: npt.NDArray[np.float64]  # in lots
    last: npt.NDArray[np.bool_]  # whether the event ends with this record
    lost: npt.NDArray[np.bool_]  # whether a gap in the data precedes this record


class OrderBook:
    """Turns order-by-order records into the events of `quotelife_research.data.l3`, a day after the other.

    A cancel or a change of an unknown order is counted; after it the book has that order as the venue has it. An order
    whose price or size is no whole number of ticks or lots cannot be stored: it does no harm while it is not the best
    of its side, and the book is not used from the moment when it is.
    """

    def __init__(self) -> None:
        self.last_ns = 0  # time of the last record
        self._events: list[Event] = []
        self._bad: dict[str, list[int]] = {}
        self._orders: dict[int, tuple[int, int, int]] = {}  # stored ones: id -> side, price, size
        self._odd: dict[int, tuple[int, float, float]] = {}  # the others, NaN without a price
        self._best: tuple[list[int], list[int]] = ([], [])  # heaps of prices, bids negated, emptied lazily
        self._at: tuple[dict[int, int], dict[int, int]] = ({}, {})  # price -> orders
        self._known = False
        self._day = -1

    def apply(self, records: OrderRecords) -> tuple[list[Event], dict[str, list[int]]]:
        """(Events of all records of a file, problem -> indices of its records)."""
        self._events, self._bad = [], {}
        times = _event_times(records.ts_ns, records.last).tolist()
        columns = (records.action.tolist(), records.side.tolist(), records.order_id.tolist())
        numbers = (records.px.tolist(), records.size.tolist(), records.last.tolist(), records.lost.tolist())
        for i, (ns, action, side, key, px, size, last, lost) in enumerate(zip(times, *columns, *numbers, strict=True)):
            if ns // DAY_NS != self._day:
                self._begin_day(ns // DAY_NS)
            if lost:
                self._note("after a gap in the data", i)
                self._lose(ns)
            if action == b"T":
                self._trade(i, ns, side, key, px, size)
            elif action == b"R":
                self._remove_all(ns)
                self._known = True
            elif action in (b"A", b"M", b"C"):
                if not self._known:
                    self._note("before a snapshot", i)
                else:
                    self._change(i, ns, action, side, key, px, size)
            if last and self._odd and self._best_is_odd():
                self._lose(ns)
        self.last_ns = times[-1] if times else self.last_ns
        return self._events, self._bad

    def _note(self, problem: str, record: int) -> None:
        self._bad.setdefault(problem, []).append(record)

    def _begin_day(self, day: int) -> None:
        """The files of each day are complete: they begin with the orders that rest then."""
        self._day = day
        for key, (side, px, size) in self._orders.items():
            self._events.append((day * DAY_NS, l3.ADD, key, side, px, size))

    def _trade(self, i: int, ns: int, side: bytes, key: int, px: float, size: float) -> None:
        if not (px > 0 and size > 0):
            self._note("trade without price or size", i)
        elif not (_whole(px) and _whole(size)):
            self._note("off the tick" if not _whole(px) else "off the lot", i)
        else:
            by = {b"B": l3.BID, b"A": l3.ASK}.get(side, -1)
            self._events.append((ns, l3.TRADE, key, by, round(px), round(size)))

    def _change(self, i: int, ns: int, action: bytes, side: bytes, key: int, px: float, size: float) -> None:
        old = self._orders.get(key) or self._odd.get(key)
        if old is None and action != b"A":
            self._note("unknown order", i)
        if action == b"C":
            if old is None:
                return
            rest = old[2] - size
            self._set(i, ns, key, old[0], old[1], rest if rest > 1e-9 else 0)
        elif side not in (b"A", b"B"):
            self._note("order without a side", i)
            self._lose(ns)
        else:
            self._set(i, ns, key, int(side == b"A"), px, size)

    def _set(self, i: int, ns: int, key: int, side: int, px: float, size: float) -> None:
        """The order has this price and remaining size from now on."""
        self._odd.pop(key, None)
        stored = size > 0 and px > 0 and _whole(px) and _whole(size)
        old = self._orders.get(key)
        if size > 0 and not stored:
            what = "order without a price" if not px > 0 else "off the lot" if _whole(px) else "off the tick"
            self._note(what, i)
            self._odd[key] = (side, px, size)
        if old is not None and stored and old[:2] == (side, round(px)):
            self._orders[key] = (side, round(px), round(size))
            self._events.append((ns, l3.CHANGE, key, side, round(px), round(size)))
            return
        if old is not None:
            self._remove(ns, key)
        if stored:
            self._orders[key] = (side, round(px), round(size))
            self._events.append((ns, l3.ADD, key, side, round(px), round(size)))
            price = round(px) if side else -round(px)
            if self._at[side].get(price, 0) == 0:
                heapq.heappush(self._best[side], price)
            self._at[side][price] = self._at[side].get(price, 0) + 1

    def _remove(self, ns: int, key: int) -> None:
        side, px, _ = self._orders.pop(key)
        self._events.append((ns, l3.DELETE, key, side, px, 0))
        price = px if side else -px
        self._at[side][price] -= 1
        if not self._at[side][price]:
            del self._at[side][price]

    def _remove_all(self, ns: int) -> None:
        for key in list(self._orders):
            self._remove(ns, key)
        self._odd.clear()
        for heap in self._best:
            heap.clear()

    def _lose(self, ns: int) -> None:
        """There is no book until the next clear."""
        self._remove_all(ns)
        self._known = False

    def _best_is_odd(self) -> bool:
        """Whether an order that is not stored is at the top of its side, or may be."""
        for side, px, _ in self._odd.values():
            heap = self._best[side]
            while heap and heap[0] not in self._at[side]:
                heapq.heappop(heap)
            if not heap or not px > 0 or (px if side else -px) <= heap[0]:
                return True
        return False


def _whole(value: float) -> bool:
    return abs(value - round(value)) <= 1e-4


def _event_times(ts_ns: Ints, last: npt.NDArray[np.bool_]) -> Ints:
    """The time of each record's event, that of its last record, so that no part of an event is a book."""
    ends = np.flatnonzero(last)
    if not len(ends):
        return ts_ns
    end = ends[np.minimum(np.searchsorted(ends, np.arange(len(ts_ns))), len(ends) - 1)]
    of_event = np.maximum(ts_ns[end], ts_ns)
    return np.where(of_event - ts_ns <= _GROUP_NS, of_event, ts_ns)
