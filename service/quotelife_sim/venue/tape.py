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

from numba import njit

from quotelife.shm.layout import Layout
from quotelife.shm.region import Format, Region
from quotelife.shm.seqlock import acquire, release
from quotelife_sim.venue.history import History

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

    def histories(self, instruments: int) -> list[History]:
        """The published rows, one history per instrument."""
        rows = self.rows[: self.count].copy()
        return [History(rows[rows[:, T_INSTRUMENT] == i]) for i in range(instruments)]
