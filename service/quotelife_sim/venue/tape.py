"""The market tape: every change of the best prices that the venue played, in shared memory.

    +------------+ 0
    | header     |  8 words: magic, rows written, capacity, start of play (monotonic ns)
    +------------+
    | rows       |  monotonic ns, instrument, best bid, best offer (ticks; 0 is an empty side)
    +------------+

The venue writes it; clients and report read it, never the board of the service. A row is written before the count that
publishes it.
"""

from pathlib import Path

import numpy as np
from numba import njit

from quotelife.shm.layout import Layout
from quotelife.shm.region import Format, Region
from quotelife.shm.seqlock import acquire, release

MAGIC = 0x51_4C_54_41_50_45_30_31  # "QLTAPE01"; another layout gets another magic
HEADER = Layout()
H_MAGIC = HEADER.int64("magic")
H_COUNT = HEADER.int64("count")
H_CAPACITY = HEADER.int64("capacity")
H_START_NS = HEADER.int64("start_ns")
HEADER_WORDS = HEADER.size()
ROW = Layout()
T_NS = ROW.int64("ns")
T_INSTRUMENT = ROW.int64("instrument")
T_BID = ROW.int64("bid")
T_ASK = ROW.int64("ask")
ROW_WORDS = ROW.size(1)
CAPACITY = 1 << 22  # rows; the file is sparse
FORMAT = Format(
    "market tape",
    HEADER,
    {"magic": MAGIC},
    lambda header: HEADER_WORDS + int(header[H_CAPACITY]) * ROW_WORDS,
)


@njit("boolean(int64[::1], int64[:, ::1], int64, int64, int64, int64)", cache=True, nogil=True)
def _append(header, rows, now_ns, instrument, bid_ticks, ask_ticks):  # type: ignore[no-untyped-def]
    count = header[H_COUNT]
    if count >= rows.shape[0]:
        return False
    rows[count, T_NS] = now_ns
    rows[count, T_INSTRUMENT] = instrument
    rows[count, T_BID] = bid_ticks
    rows[count, T_ASK] = ask_ticks
    release()  # type: ignore[call-arg]
    header[H_COUNT] = count + 1
    return True


@njit("int64(int64[::1])", cache=True, nogil=True)
def _count(header):  # type: ignore[no-untyped-def]
    count = header[H_COUNT]
    acquire()  # type: ignore[call-arg]
    return count


class TapeFull(Exception):
    """The tape has no room for another row."""


class Tape:
    """A tape file: `create` for its single writer, `attach` for readers."""

    def __init__(self, region: Region) -> None:
        self.inode = region.inode
        self.header = region.words[:HEADER_WORDS]
        self.rows = region.words[HEADER_WORDS:].reshape(-1, ROW_WORDS)

    @classmethod
    def create(cls, path: Path, capacity: int = CAPACITY) -> "Tape":
        with Region.create(path, FORMAT, {"capacity": capacity}, reserve=False) as region:
            return cls(region)

    @classmethod
    def attach(cls, path: Path) -> "Tape":
        """RegionError if the file is not a market tape."""
        return cls(Region.attach(path, FORMAT))

    @property
    def count(self) -> int:
        """Number of published rows."""
        return int(_count(self.header))

    def append(self, now_ns: int, instrument: int, bid_ticks: int, ask_ticks: int) -> None:
        if not _append(self.header, self.rows, now_ns, instrument, bid_ticks, ask_ticks):
            raise TapeFull(f"the tape's {len(self.rows)} rows are used up")

    def histories(self, instruments: int) -> list["History"]:
        """The published rows, one history per instrument."""
        rows = self.rows[: self.count].copy()
        return [History(rows[rows[:, T_INSTRUMENT] == i]) for i in range(instruments)]


class History:
    """Best prices of one instrument over time: int64 arrays of equal length, times ascending, prices in ticks."""

    def __init__(self, rows: np.ndarray) -> None:
        self.ns = np.ascontiguousarray(rows[:, T_NS])
        self.bid = np.ascontiguousarray(rows[:, T_BID])
        self.ask = np.ascontiguousarray(rows[:, T_ASK])

    def top(self, at_ns: int) -> tuple[int, int] | None:
        """Best bid and offer at a time; None where a side is missing."""
        i = int(np.searchsorted(self.ns, at_ns, side="right")) - 1
        if i < 0 or self.bid[i] == 0 or self.ask[i] == 0:
            return None
        return int(self.bid[i]), int(self.ask[i])

    def mid(self, at_ns: int) -> float | None:
        top = self.top(at_ns)
        return None if top is None else (top[0] + top[1]) / 2

    def through(self, client_buys: bool, price_ticks: float, from_ns: int, until_ns: int) -> int | None:
        """First time in [from_ns, until_ns] at which the market is through a quoted price; None if it never is.

        The market is through an offer when the best bid has reached it: the client could sell at once what it buys. The
        prices in force at `from_ns` count.
        """
        first = max(int(np.searchsorted(self.ns, from_ns, side="right")) - 1, 0)
        last = int(np.searchsorted(self.ns, until_ns, side="right"))
        if client_buys:
            hits = np.flatnonzero((self.bid[first:last] >= price_ticks) & (self.bid[first:last] > 0))
        else:
            hits = np.flatnonzero((self.ask[first:last] <= price_ticks) & (self.ask[first:last] > 0))
        return None if hits.size == 0 else max(int(self.ns[first + hits[0]]), from_ns)
