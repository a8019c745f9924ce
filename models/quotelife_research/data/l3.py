"""The real order-by-order sample: half an hour of Bitstamp BTC/USD, cleaned so that its book never stays crossed.

The sample comes with the package `ob-analytics`, whose files are read where they lie; the package itself is not
imported. What is mended here, and why:

- The first rows are a snapshot (one time for all), the last a synthetic delete of whatever still rests: the snapshot
  is kept as additions, the synthetic deletes are dropped.
- Two orders in three are created and deleted within the same millisecond. Those that cross the book are takers, or
  post-only orders that were refused: they never rested and are dropped, their trades tell the story. The others are
  kept. Only the exchange's time shows this: in the receiver's time the two events often fall into two milliseconds.
- Resting orders may miss their delete. They show when the market moves through them, and are evicted, oldest first,
  until the book is uncrossed: at the end of every millisecond it is. Cleaned so, all but one of the sample's trades
  begin exactly at the best price of this book.

Imports numpy and the standard library only.
"""

import csv
import gzip
import heapq
import importlib.util
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

ADD, CHANGE, DELETE, TRADE = range(4)
BID, ASK = 0, 1
TICK = "1"
LOT = "0.00000001"
LOTS_PER_UNIT = 100_000_000

EVENT = np.dtype(
    [("ts_ns", "i8"), ("kind", "u1"), ("id", "i8"), ("side", "i1"), ("px_ticks", "i8"), ("size_lots", "i8")], align=True
)
Events = npt.NDArray[np.void]
_Row = tuple[int, int, int, int, int, int]  # as EVENT, time in milliseconds


def find_sample() -> Path | None:
    """Folder of the sample's files, None where the package is not installed. Does not import the package."""
    spec = importlib.util.find_spec("ob_analytics")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "_sample_data"
        if (folder / "orders.csv.gz").is_file() and (folder / "trades.csv").is_file():
            return folder
    return None


def read_l3(folder: Path) -> Events:
    """Cleaned events of the sample in order of exchange time (ms resolution), as an array of `EVENT`.

    A change carries the size that is left. A trade has the aggressor's side (BID: it bought) and the trade's id, and
    stands before the book events of its millisecond.
    """
    trades = _read_trades(folder / "trades.csv")
    cleaned = list(_clean(_read_orders(folder / "orders.csv.gz")))
    merged = sorted(trades + cleaned, key=lambda row: row[0])  # stable: trades first
    events = np.array(merged, dtype=EVENT)
    events["ts_ns"] *= 1_000_000
    return events


def split_in_time(events: Events, share: float) -> int:
    """Index of the first event of the last `1 - share` of the sample's time: what the shipped fit has not seen."""
    first, last = int(events["ts_ns"][0]), int(events["ts_ns"][-1])
    return int(np.searchsorted(events["ts_ns"], first + round(share * (last - first))))


def _read_orders(path: Path) -> list[_Row]:
    kinds = {"created": ADD, "changed": CHANGE, "deleted": DELETE}
    sides = {"bid": BID, "ask": ASK}
    with gzip.open(path, "rt", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        found = [
            (int(ms), kinds[kind], int(key), sides[side], round(float(px)), round(float(size) * LOTS_PER_UNIT))
            for key, _received, ms, px, size, kind, side in rows
        ]
    last_ms = found[-1][0]
    while found and found[-1][0] == last_ms and found[-1][1] == DELETE:
        found.pop()
    return found


def _read_trades(path: Path) -> list[_Row]:
    with open(path, newline="") as file:
        return [
            (
                int(row["exchange_timestamp"]),
                TRADE,
                int(row["trade_id"]),
                BID if row["side"] == "buy" else ASK,
                round(float(row["price"])),
                round(float(row["amount"]) * LOTS_PER_UNIT),
            )
            for row in csv.DictReader(file)
        ]


def _clean(rows: list[_Row]) -> Iterator[_Row]:
    book = _Book()
    for ms, group in groupby(rows, key=lambda row: row[0]):
        batch = list(group)
        gone = {row[2] for row in batch if row[1] == DELETE}
        for row in batch:
            _, kind, key, side, px, size = row
            if kind == ADD and px > 0 and size > 0 and not (key in gone and book.crosses(side, px)):
                book.add(key, side, px)
                yield row
            elif kind == CHANGE and key in book.orders:
                yield (ms, CHANGE, key, side, book.orders[key][1], size)
            elif kind == DELETE and key in book.orders:
                yield (ms, DELETE, key, side, book.remove(key), 0)
        while book.crossed():
            key = book.oldest_at_the_top()
            side = book.orders[key][0]
            yield (ms, DELETE, key, side, book.remove(key), 0)


class _Book:
    """Which orders rest where; sizes do not matter here. Bid prices are kept negated, so that the least is the best."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[int, int]] = {}  # key -> side, price
        self._levels: tuple[dict[int, dict[int, None]], ...] = ({}, {})  # price -> keys in order of arrival
        self._best: tuple[list[int], ...] = ([], [])  # heaps of prices, emptied lazily

    def add(self, key: int, side: int, px: int) -> None:
        price = -px if side == BID else px
        if price not in self._levels[side]:
            self._levels[side][price] = {}
            heapq.heappush(self._best[side], price)
        self._levels[side][price][key] = None
        self.orders[key] = (side, px)

    def remove(self, key: int) -> int:
        side, px = self.orders.pop(key)
        price = -px if side == BID else px
        del self._levels[side][price][key]
        if not self._levels[side][price]:
            del self._levels[side][price]
        return px

    def best(self, side: int) -> int | None:
        heap, levels = self._best[side], self._levels[side]
        while heap and heap[0] not in levels:
            heapq.heappop(heap)
        return (-heap[0] if side == BID else heap[0]) if heap else None

    def crosses(self, side: int, px: int) -> bool:
        other = self.best(1 - side)
        return other is not None and (px >= other if side == BID else px <= other)

    def crossed(self) -> bool:
        bid = self.best(BID)
        return bid is not None and self.crosses(BID, bid)

    def oldest_at_the_top(self) -> int:
        """Of the orders at the best bid and the best offer the oldest: ids grow with time."""
        return min(min(self._levels[side][self._best[side][0]]) for side in (BID, ASK))
