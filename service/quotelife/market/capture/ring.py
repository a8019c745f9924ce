"""The capture ring in shared memory: `Ring` for its writer, `CaptureReader` and `CaptureFollower` for readers.

The writer never waits: a reader that falls behind by more than the ring's size loses the oldest events and counts them.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit, types

from quotelife.market.capture import layout as L
from quotelife.shm.region import Follower, Format, Region, RegionError, Words
from quotelife.shm.seqlock import acquire

FORMAT = Format(
    "capture ring",
    L.HEADER,
    {"magic": L.MAGIC, "layout_version": L.LAYOUT_VERSION, "event_words": L.EVENT_WORDS},
    lambda header: L.HEADER_WORDS + int(header[L.H_EVENTS]) * L.EVENT_WORDS,
)
_I1, _I2 = (types.Array(types.int64, n, "C") for n in (1, 2))
_PRIVATE_EVENTS = 1 << 10


class Ring:
    """Arrays over the shared file: `words` int64[...] is the whole file, `header` int64[HEADER_WORDS] and `events`
    int64[n_events, EVENT_WORDS] are its parts."""

    def __init__(self, words: Words, n_events: int) -> None:
        self.words = words
        self.header = words[: L.HEADER_WORDS]
        self.events = words[L.HEADER_WORDS :].reshape(n_events, L.EVENT_WORDS)

    @classmethod
    def create(cls, path: str | Path, n_events: int, n_rows: int, wall_ns: int, mono_ns: int) -> "Ring":
        """Create a ring, replacing an older file. `n_events` is a power of two. OSError if there is no room."""
        _check_size(n_events)
        header = {"events": n_events, "rows": n_rows, "run": wall_ns, "wall_offset_ns": wall_ns - mono_ns}
        with Region.create(path, FORMAT, header, populate=True) as region:
            return cls(region.words, n_events)

    @classmethod
    def private(cls, n_rows: int, n_events: int = _PRIVATE_EVENTS) -> "Ring":
        """A ring in the memory of this process."""
        _check_size(n_events)
        ring = cls(np.zeros(L.HEADER_WORDS + n_events * L.EVENT_WORDS, np.int64), n_events)
        ring.header[L.H_EVENTS], ring.header[L.H_ROWS] = n_events, n_rows
        return ring

    def set_clock(self, now_ns: int, wall_ns: int) -> None:
        """Set the receive time of the next events, by the monotonic and by the wall clock."""
        self.header[L.H_WALL_OFFSET_NS] = wall_ns - now_ns


def _check_size(n_events: int) -> None:
    if n_events & (n_events - 1):
        raise ValueError(f"{n_events} events; allowed: a power of two")


@njit(types.int64(_I1, _I2, types.int64, types.int64, _I2), cache=True, nogil=True)
def _copy(header, events, first, end, target):
    """Copy events [first, end). Returns the first sequence number that the writer has not overwritten meanwhile."""
    acquire()
    mask = events.shape[0] - 1
    for i in range(end - first):
        for w in range(L.EVENT_WORDS):
            target[i, w] = events[(first + i) & mask, w]
    acquire()
    return max(first, min(header[L.H_INTENT] - events.shape[0], end))


class Block(NamedTuple):
    """Events in order, `words` int64[n, EVENT_WORDS]; `first` is the sequence number of the first."""

    first: int
    words: Words

    @property
    def kind(self) -> Words:
        return self.words[:, L.KIND_WORD] & L.BYTE

    @property
    def source(self) -> Words:
        return (self.words[:, L.KIND_WORD] >> L.SOURCE_SHIFT) & L.BYTE

    @property
    def row(self) -> Words:
        return self.words[:, L.KIND_WORD] >> L.ROW_SHIFT


class BestPrices(NamedTuple):
    """Best prices after each message that changed a book, as arrays of equal length; NO_PRICE for an empty side."""

    row: Words
    received_ns: Words
    bid_ticks: Words
    ask_ticks: Words


class CaptureReader:
    """Reads one file. `position` is the next sequence number to read, `lost` the number of events that were
    overwritten before they were read."""

    def __init__(self, path: str | Path, *, from_start: bool = False) -> None:
        """RegionError if the file cannot be used. With `from_start` it begins at the start of the run, and
        events that have been overwritten since then count as lost."""
        region = Region.attach(path, FORMAT, populate=True)
        ring = Ring(region.words, int(region.words[L.H_EVENTS]))
        self._header, self._events, self.inode = ring.header, ring.events, region.inode
        self.run = int(self._header[L.H_RUN])
        self.n_rows = int(self._header[L.H_ROWS])
        self.position = 0 if from_start else self.end
        self.lost = 0

    @property
    def end(self) -> int:
        """Sequence number of the next event to be written."""
        return int(self._header[L.H_NEXT])

    def read(self, limit: int = 1 << 16) -> Block:
        """A copy of the next events, at most `limit`."""
        end = self.end
        oldest = max(end - len(self._events), self.position)
        end = min(end, oldest + limit)
        copied = np.empty((end - oldest, L.EVENT_WORDS), np.int64)
        first = int(_copy(self._header, self._events, oldest, end, copied))
        self.lost += first - self.position
        self.position = end
        return Block(first, copied[first - oldest :])


class CaptureFollower:
    """Reads the ring of the running marketdata process, and each ring to its end before the next one."""

    def __init__(self, path: str | Path) -> None:
        self._follower = Follower(Path(path), partial(CaptureReader, from_start=True))
        self._reader: CaptureReader | None = None
        self._lost = 0  # in files that have been replaced

    @property
    def lost(self) -> int:
        return self._lost + (self._reader.lost if self._reader is not None else 0)

    @property
    def run(self) -> int:
        """Run of the events read last; 0 before the first."""
        return self._reader.run if self._reader is not None else 0

    def read(self) -> Block | None:
        """The next events of one run; None if there are none yet. Call it until it returns None."""
        while True:
            if self._reader is not None:
                block = self._reader.read()
                if len(block.words):
                    return block
            if not self._attach_next():
                return None

    def _attach_next(self) -> bool:
        """Attach a new file after its predecessor has been read to the end. Returns False without a new file."""
        try:
            reader = self._follower.poll()
        except RegionError:
            return False
        if reader is None or reader is self._reader:
            return False
        self._lost = self.lost
        self._reader = reader
        return True


def best_prices(block: Block) -> BestPrices:
    """Best prices over time in a block."""
    books = block.words[block.kind == L.BOOK]
    return BestPrices(books[:, L.KIND_WORD] >> L.ROW_SHIFT, books[:, L.RECEIVED_NS], books[:, L.A], books[:, L.B])
