"""The capture ring as a file: `Ring` for its writer, `Reader` for anybody else.

The writer never waits: a reader that falls more than a ring behind loses the oldest events, and knows how many.
"""

import mmap
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, types

from quotelife.market.capture import layout as L
from quotelife.shm.layout import WORD_BYTES
from quotelife.shm.seqlock import acquire

Words = npt.NDArray[np.int64]
_I1, _I2 = (types.Array(types.int64, n, "C") for n in (1, 2))
_PRIVATE_EVENTS = 1 << 10


class CaptureError(Exception):
    """The file is not a capture ring this version can use."""


class Ring:
    """Arrays over the shared file: `words` is all of it, `header` int64[HEADER_WORDS] and `events` int64[n_events,
    EVENT_WORDS] its parts."""

    def __init__(self, words: Words, n_events: int) -> None:
        self.words = words
        self.header = words[: L.HEADER_WORDS]
        self.events = words[L.HEADER_WORDS :].reshape(n_events, L.EVENT_WORDS)

    @classmethod
    def create(cls, path: str | Path, n_events: int, n_rows: int, wall_ns: int, mono_ns: int) -> "Ring":
        """Make the file, in place of an older one, whose readers keep theirs. `n_events` is a power of two. OSError if
        there is no room."""
        path = Path(path)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        with open(fresh, "w+b") as file:
            # All of it now: a page that cannot be had later would kill the process, one that must be fetched slows it.
            os.posix_fallocate(file.fileno(), 0, _size(n_events))
            memory = mmap.mmap(file.fileno(), _size(n_events), flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
        ring = cls(np.frombuffer(memory, np.int64), n_events)
        ring._begin(n_rows, wall_ns, mono_ns)
        os.replace(fresh, path)  # a reader finds either the old ring or a whole new one
        return ring

    @classmethod
    def private(cls, n_rows: int, n_events: int = _PRIVATE_EVENTS) -> "Ring":
        """A ring that nobody else reads."""
        ring = cls(np.zeros(_size(n_events) // WORD_BYTES, np.int64), n_events)
        ring._begin(n_rows, 0, 0)
        return ring

    def _begin(self, n_rows: int, wall_ns: int, mono_ns: int) -> None:
        if len(self.events) & (len(self.events) - 1):
            raise ValueError(f"{len(self.events)} events; allowed: a power of two")
        header = self.header
        header[L.H_LAYOUT_VERSION] = L.LAYOUT_VERSION
        header[L.H_EVENTS] = len(self.events)
        header[L.H_EVENT_WORDS] = L.EVENT_WORDS
        header[L.H_ROWS] = n_rows
        header[L.H_WRITER_PID] = os.getpid()
        header[L.H_RUN] = wall_ns
        header[L.H_WALL_OFFSET_NS] = wall_ns - mono_ns
        header[L.H_MAGIC] = L.MAGIC

    def at(self, now_ns: int, wall_ns: int) -> None:
        """What comes now was received at this time."""
        self.header[L.H_WALL_OFFSET_NS] = wall_ns - now_ns


@njit(types.int64(_I1, _I2, types.int64, types.int64, _I2), cache=True, nogil=True)
def _copy(header, events, first, end, into):
    """Copy events [first, end); the first sequence number that is whole: the writer may have come round."""
    acquire()
    mask = events.shape[0] - 1
    for i in range(end - first):
        for w in range(L.EVENT_WORDS):
            into[i, w] = events[(first + i) & mask, w]
    acquire()
    return max(first, min(header[L.H_INTENT] - events.shape[0], end))


class Block(NamedTuple):
    """Events in order, `words` int64[n, EVENT_WORDS]; `first` is the sequence number of the first."""

    first: int
    words: Words

    @property
    def kind(self) -> Words:
        return self.words[:, L.WHAT] & L.BYTE

    @property
    def row(self) -> Words:
        return self.words[:, L.WHAT] >> L.ROW_SHIFT


class Tops(NamedTuple):
    """The best prices after each message that changed a book, arrays of one length; NO_PRICE for an empty side."""

    row: Words
    received_ns: Words
    bid_ticks: Words
    ask_ticks: Words


class Reader:
    """Follows one file. `position` is the sequence number it reads next, `lost` how many it was too slow for."""

    def __init__(self, path: str | Path, *, from_start: bool = False) -> None:
        self._header, self._events, self.inode = _map(Path(path))
        self.run = int(self._header[L.H_RUN])
        self.n_rows = int(self._header[L.H_ROWS])
        self.position = 0 if from_start else self.end  # from the start of the run: what is gone already is lost
        self.lost = 0

    @property
    def end(self) -> int:
        """Sequence number of the event that will be written next."""
        return int(self._header[L.H_NEXT])

    def read(self, limit: int = 1 << 16) -> Block:
        """What there is now, at most `limit` events: a copy."""
        end = self.end
        oldest = max(end - len(self._events), self.position)
        end = min(end, oldest + limit)
        into = np.empty((end - oldest, L.EVENT_WORDS), np.int64)
        whole = int(_copy(self._header, self._events, oldest, end, into))
        self.lost += whole - self.position
        self.position = end
        return Block(whole, into[whole - oldest :])


class Follower:
    """Reads the ring of the marketdata process that runs now: a new one makes a new file."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._reader: Reader | None = None
        self._lost = 0  # in files that were replaced

    @property
    def lost(self) -> int:
        return self._lost + (self._reader.lost if self._reader is not None else 0)

    @property
    def run(self) -> int:
        """The run of the events read last; 0 before any."""
        return self._reader.run if self._reader is not None else 0

    def read(self) -> Block | None:
        """The next events of one run; None if there are none now. Call it until then."""
        while True:
            if self._reader is not None:
                block = self._reader.read()
                if len(block.words):
                    return block
            if not self._renew():
                return None

    def _renew(self) -> bool:
        """Take up the file if it is another one; its predecessor was read to the end, its writer is gone."""
        try:
            if self._reader is not None and self._path.stat().st_ino == self._reader.inode:
                return False
            reader = Reader(self._path, from_start=True)
        except (OSError, CaptureError):
            return False
        self._lost = self.lost
        self._reader = reader
        return True


def tops(block: Block) -> Tops:
    """Best prices over time in a block."""
    chosen = block.words[block.kind == L.BOOK]
    return Tops(chosen[:, L.WHAT] >> L.ROW_SHIFT, chosen[:, L.RECEIVED_NS], chosen[:, L.A], chosen[:, L.B])


def _size(n_events: int) -> int:
    return (L.HEADER_WORDS + n_events * L.EVENT_WORDS) * WORD_BYTES


def _map(path: Path) -> tuple[Words, Words, int]:
    """Header, events and inode of a ring; CaptureError if there is none that can be read."""
    try:
        with open(path, "r+b") as file:
            memory = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
            inode = os.fstat(file.fileno()).st_ino
    except (OSError, ValueError) as error:
        raise CaptureError(f"{path}: {error}") from None
    words = np.frombuffer(memory, np.int64) if len(memory) % WORD_BYTES == 0 else np.zeros(0, np.int64)
    head = tuple(words[: L.H_EVENT_WORDS + 1]) if len(words) >= L.HEADER_WORDS else ()
    n_events = int(head[L.H_EVENTS]) if head else 0
    if head != (L.MAGIC, L.LAYOUT_VERSION, n_events, L.EVENT_WORDS) or len(memory) != _size(n_events):
        raise CaptureError(f"{path}: not a capture ring of layout {L.LAYOUT_VERSION}")
    return words[: L.HEADER_WORDS], words[L.HEADER_WORDS :].reshape(n_events, L.EVENT_WORDS), inode
