"""The board as a file in shared memory.

An mmap of a plain file, not `multiprocessing.shared_memory`: below Python 3.13 an attacher of the latter unlinks the
segment when it exits. One process creates and writes it (marketdata); the others attach and read.
"""

import mmap
import os
from pathlib import Path

import numpy as np

from quotelife.market.board import layout as L
from quotelife.shm.layout import WORD_BYTES
from quotelife_models.schema import SCHEMA_VERSION


class BoardError(Exception):
    """The file is not a board this version can use."""


class Board:
    """Arrays over the shared file: `header` int64[HEADER_WORDS], `venues` int64[MAX_VENUES, VENUE_WORDS], `rows`
    int64[n_rows, ROW_WORDS]. Readers must not write; Numba's signatures want one kind of array for both."""

    def __init__(self, memory: mmap.mmap, n_rows: int, inode: int) -> None:
        words = np.frombuffer(memory, dtype=np.int64)
        venue_words = L.MAX_VENUES * L.VENUE_WORDS
        self.header = words[: L.HEADER_WORDS]
        self.venues = words[L.HEADER_WORDS : L.HEADER_WORDS + venue_words].reshape(L.MAX_VENUES, L.VENUE_WORDS)
        start = L.HEADER_WORDS + venue_words
        self.rows = words[start : start + n_rows * L.ROW_WORDS].reshape(n_rows, L.ROW_WORDS)
        self.inode = inode

    @classmethod
    def create(cls, path: str | Path, n_rows: int, now_ns: int) -> "Board":
        """Make the file (in place of an older one, whose readers keep theirs until they attach again) and map it.
        OSError if there is no room."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        with open(fresh, "w+b") as file:
            os.posix_fallocate(
                file.fileno(), 0, _size(n_rows)
            )  # a page that cannot be had later would kill the process
            memory = mmap.mmap(file.fileno(), _size(n_rows))
            inode = os.fstat(file.fileno()).st_ino
        board = cls(memory, n_rows, inode)
        header = board.header
        header[L.H_LAYOUT_VERSION] = L.LAYOUT_VERSION
        header[L.H_SCHEMA_VERSION] = SCHEMA_VERSION
        header[L.H_ROWS] = n_rows
        header[L.H_ROW_WORDS] = L.ROW_WORDS
        header[L.H_WRITER_PID] = os.getpid()
        header[L.H_HEARTBEAT_NS] = now_ns
        header[L.H_STARTED_NS] = now_ns
        header[L.H_MAGIC] = L.MAGIC
        os.replace(fresh, path)  # a reader finds either the old board or a whole new one
        return board

    @classmethod
    def attach(cls, path: str | Path) -> "Board":
        """Map an existing board; BoardError if it is missing, of another version or cut short."""
        try:
            with open(path, "r+b") as file:
                size = os.fstat(file.fileno()).st_size
                if size < _size(0):
                    raise BoardError(f"{path}: {size} bytes is no board")
                memory = mmap.mmap(file.fileno(), size)
                inode = os.fstat(file.fileno()).st_ino
        except OSError as error:
            raise BoardError(f"{path}: {error.strerror}") from None
        header = np.frombuffer(memory, dtype=np.int64, count=L.HEADER_WORDS)
        found = tuple(int(header[i]) for i in (L.H_MAGIC, L.H_LAYOUT_VERSION, L.H_SCHEMA_VERSION, L.H_ROW_WORDS))
        expected = (L.MAGIC, L.LAYOUT_VERSION, SCHEMA_VERSION, L.ROW_WORDS)
        if found != expected:
            raise BoardError(f"{path}: (magic, layout, schema, row words) is {found}, this version reads {expected}")
        n_rows = int(header[L.H_ROWS])
        if n_rows < 0 or size < _size(n_rows):
            raise BoardError(f"{path}: {size} bytes, but {n_rows} rows need {_size(n_rows)}")
        return cls(memory, n_rows, inode)

    def beat(self, now_ns: int) -> None:
        """The writer is alive at `now_ns`."""
        self.header[L.H_HEARTBEAT_NS] = now_ns


def _size(n_rows: int) -> int:
    return (L.HEADER_WORDS + L.MAX_VENUES * L.VENUE_WORDS + n_rows * L.ROW_WORDS) * WORD_BYTES


def initialise_row(
    board: Board,
    row: int,
    *,
    venue: int,
    tick_size: float,
    correlated: int = -1,
    volatility_index: int = -1,
    stale_after_ns: int = 2_000_000_000,
    half_life_ns: int = 60_000_000_000,
) -> None:
    """Write a row's constants; `venue`, `correlated` and `volatility_index` are indices, -1 for none."""
    words = board.rows[row]
    words[L.VENUE] = venue
    words[L.CORRELATED] = correlated
    words[L.VOLATILITY_INDEX_ROW] = volatility_index
    words[L.STALE_AFTER_NS] = stale_after_ns
    words[L.SENTIMENT_HALF_LIFE_NS] = half_life_ns
    words[L.TICK_SIZE : L.TICK_SIZE + 1].view(np.float64)[0] = tick_size
