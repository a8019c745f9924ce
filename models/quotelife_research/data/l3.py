"""The order-by-order sample: half an hour of Bitstamp BTC/USD, cleaned so that its book never stays crossed.

The sample is part of the package `ob-analytics`; its files are read without importing the package. Corrections:

- The first rows are a snapshot with a single time, the last are synthetic deletes of the resting orders. The snapshot
  is kept as additions; the synthetic deletes are dropped.
- Two of three orders are created and deleted within the same millisecond of exchange time (receive times often differ).
  Those that cross the book are takers or rejected post-only orders: they never rested and are dropped, because their
  trades are in the data. The others are kept.
- Deletes of some resting orders are missing. Such orders become visible when the market moves through them and are
  evicted, oldest first, until the book is uncrossed at the end of the millisecond. After this, all but one of the
  sample's trades start exactly at the best price of the book.

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
    """Folder of the sample's files; None if the package is not installed. Does not import the package."""
    spec = importlib.util.find_spec("ob_analytics")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "_sample_data"
        if (folder / "orders.csv.gz").is_file() and (folder / "trades.csv").is_file():
            return folder
    return None


def read_l3(folder: Path) -> Events:
    """Cleaned events of the sample in exchange-time order (ms resolution), as an array of `EVENT`.

    A change has the remaining size. A trade has the aggressor's side (BID: it bought) and the trade's id, and precedes
    the book events of its millisecond.
    """
    trades = _read_trades(folder / "trades.csv")
    cleaned = list(_clean(_read_orders(folder / "orders.csv.gz")))
    merged = sorted(trades + cleaned, key=lambda row: row[0])  # stable: trades first
    events = np.array(merged, dtype=EVENT)
    events["ts_ns"] *= 1_000_000
    return events


def split_in_time(events: Events, share: float) -> int:
    """Index of the first event after `share` of the sample's time; the shipped fit has not seen what follows."""
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
    """Resting orders by price, without sizes. Bid prices are negated, so that the lowest is the best."""

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
        """The oldest order at the best bid or the best offer: ids increase with time."""
        return min(min(self._levels[side][self._best[side][0]]) for side in (BID, ASK))
