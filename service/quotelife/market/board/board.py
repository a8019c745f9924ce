"""The board in shared memory: the marketdata process creates and writes it, other processes attach and read."""

from pathlib import Path

import numpy as np

from quotelife.market.board import layout as L
from quotelife.shm.change_signal import announce
from quotelife.shm.region import Format, Region
from quotelife_models.schema import SCHEMA_VERSION

FORMAT = Format(
    "board",
    L.HEADER,
    {
        "magic": L.MAGIC,
        "layout_version": L.LAYOUT_VERSION,
        "schema_version": SCHEMA_VERSION,
        "row_words": L.ROW_WORDS,
    },
    lambda header: (
        L.HEADER_WORDS + L.MAX_VENUES * L.VENUE_WORDS + int(header[L.H_ROWS] + header[L.H_SOURCES]) * L.ROW_WORDS
    ),
)


class Board:
    """Arrays over the shared file: `header` int64[HEADER_WORDS], `venues` int64[MAX_VENUES, VENUE_WORDS], `rows`
    int64[n_rows, ROW_WORDS], `all_rows` the same with the sources behind. The arrays of readers are writable too,
    because kernel signatures accept one kind of array only; readers must not write, but for H_WAITING."""

    def __init__(self, region: Region) -> None:
        words = region.words
        first_row = L.HEADER_WORDS + L.MAX_VENUES * L.VENUE_WORDS
        self.header = words[: L.HEADER_WORDS]
        self.venues = words[L.HEADER_WORDS : first_row].reshape(L.MAX_VENUES, L.VENUE_WORDS)
        self.all_rows = words[first_row:].reshape(-1, L.ROW_WORDS)
        self.rows = self.all_rows[: int(words[L.H_ROWS])]
        self.inode = region.inode

    @classmethod
    def create(cls, path: str | Path, n_rows: int, now_ns: int, n_sources: int = 0) -> "Board":
        """Create a board, replacing an older file. OSError if there is no room."""
        header = {"rows": n_rows, "sources": n_sources, "heartbeat_ns": now_ns, "started_ns": now_ns}
        with Region.create(path, FORMAT, header) as region:
            return cls(region)

    @classmethod
    def attach(cls, path: str | Path, n_rows: int | None = None) -> "Board":
        """Map an existing board; RegionError if it cannot be used or, with `n_rows`, has another number of rows."""
        return cls(Region.attach(path, FORMAT, {} if n_rows is None else {"rows": n_rows}))

    def beat(self, now_ns: int) -> None:
        """Record that the writer is alive at `now_ns`."""
        self.header[L.H_HEARTBEAT_NS] = now_ns

    def announce(self) -> None:
        """Wake the reader that sleeps until the board changes; after each batch of changes to rows or venues."""
        announce(self.header, L.H_CHANGES, L.H_WAITING)


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
    """Write a row's constants. `venue` is an index of a venue block; `correlated` and `volatility_index` are rows, -1
    for none."""
    words = board.all_rows[row]
    words[L.VENUE] = venue
    words[L.CORRELATED] = correlated
    words[L.VOLATILITY_INDEX_ROW] = volatility_index
    words[L.STALE_AFTER_NS] = stale_after_ns
    words[L.SENTIMENT_HALF_LIFE_NS] = half_life_ns
    words[L.TICK_SIZE : L.TICK_SIZE + 1].view(np.float64)[0] = tick_size


def link_sources(board: Board, row: int, first: int, count: int, combine: int) -> None:
    """Make the rows first to first + count - 1, in the order of preference, the sources of the instrument `row`.
    `combine` is one of the COMBINE_ values."""
    words = board.rows[row]
    words[L.COMBINE], words[L.N_SOURCES], words[L.FIRST_SOURCE], words[L.PARTS] = combine, count, first, 1
    words[L.VENUE] = board.all_rows[first, L.VENUE]
    board.all_rows[first : first + count, L.INSTRUMENT_ROW] = row
