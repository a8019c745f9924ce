"""The sources of the instruments of several venues, for the process that writes the board."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.market.book.levels import Books
from quotelife.market.capture.ring import Ring
from quotelife.market.sources.combine import ARRAY_WORDS, STATE_ADDRESSES, SourceState, refresh_instruments
from quotelife.market.sources.merge import MERGED_LEVELS
from quotelife.shm.arrays import address_of


class Sources:
    """`addresses` int64[STATE_ADDRESSES] are for the kernels of `combine`; `instruments` are the rows of the
    instruments that have several venues. `books` has a row for each of the board's, sources included."""

    def __init__(self, board: Board, books: Books, ring: Ring) -> None:
        self._rows = board.all_rows
        self.n_instruments = len(board.rows)
        self.instruments = np.flatnonzero(board.rows[:, L.N_SOURCES] > 0)
        self._state = SourceState(
            board.all_rows, board.venues, books.px, books.sz, books.cnt, books.n, ring.words,
            np.zeros(L.MAX_VENUES, np.int64), np.zeros((MERGED_LEVELS, 3), np.int64),
        )  # fmt: skip
        self.addresses = np.zeros(STATE_ADDRESSES, np.int64)
        for at, (name, array) in enumerate(zip(SourceState._fields, self._state, strict=True)):
            self.addresses[at * ARRAY_WORDS] = address_of(array, np.int64, name)
            self.addresses[at * ARRAY_WORDS + 1 : at * ARRAY_WORDS + 1 + array.ndim] = array.shape

    def instrument_of(self, row: int) -> int:
        """The row of the instrument that a row is, or is a source of."""
        return row if row < self.n_instruments else int(self._rows[row, L.INSTRUMENT_ROW])

    def instruments_of(self, rows: Iterable[int]) -> NDArray[np.int64]:
        """Rows of the instruments that these rows are sources of."""
        return np.unique([self.instrument_of(row) for row in rows if row >= self.n_instruments]).astype(np.int64)

    def refresh(self, now_ns: int, instruments: NDArray[np.int64] | None = None) -> int:
        """Rebuild those instruments, by default of all, whose sources have become usable or unusable. Returns their
        number."""
        rows = self.instruments if instruments is None else instruments
        return int(refresh_instruments(self.addresses, rows, now_ns))
