"""The orders of a book, rebuilt from order-by-order records.

A book is right or it is not used. Before the first clear, and after a change whose effect on the best price is not
known, there is no book until the next clear.
"""

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quotelife_research.data import l3
from quotelife_research.data.rows import DAY_NS

Ints = npt.NDArray[np.int64]
Event = tuple[int, int, int, int, int, int]  # as `l3.EVENT`
_GROUP_NS = 1_000_000_000  # the records of one event are at most this far apart


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
