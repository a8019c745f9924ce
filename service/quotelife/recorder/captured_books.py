"""The books whose events are captured, and where each is stored: an instrument's in `events`, those of the venues of an
instrument that has several in `sources`, all of one instrument together."""

from typing import NamedTuple

import numpy as np

from quotelife.config import Config
from quotelife.market.capture import layout as L
from quotelife.market.sources.rows import rows_by_venue
from quotelife.shm.region import Words

EVENTS, SOURCES = "events", "sources"


class CapturedBook(NamedTuple):
    """Events with rows from `first_row` to `end_row` - 1."""

    kind: str
    symbol: str
    first_row: int
    end_row: int
    venues: list[str]

    def has(self, rows: Words) -> np.ndarray:
        """Which of these rows of the board are this book's: bool[n]."""
        return (rows >= self.first_row) & (rows < self.end_row)

    def positions(self, words: Words) -> Words | None:
        """Positions of the venues of events among `venues`; None if the events tell."""
        return (words[:, L.KIND_WORD] >> L.ROW_SHIFT) - self.first_row if self.kind == SOURCES else None


def captured_books(config: Config) -> list[CapturedBook]:
    """Those of the instruments in their order, then the sources of those that have several venues."""
    rows = rows_by_venue(config)
    books = [CapturedBook(EVENTS, i.symbol, row, row + 1, i.venues) for row, i in enumerate(config.instrument)]
    for row, i in enumerate(config.instrument):
        if len(i.venues) > 1:
            first = rows[row, i.venues[0]]
            books.append(CapturedBook(SOURCES, i.symbol, first, first + len(i.venues), i.venues))
    return books
