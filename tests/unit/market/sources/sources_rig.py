"""An instrument of several venues and its sources, for tests: the books are set level by level."""

import tempfile
from pathlib import Path

import numpy as np

from quotelife.market.board import layout as L
from quotelife.market.board.board import Board, initialise_row, link_sources
from quotelife.market.book.levels import Books, clear, set_level_with_count
from quotelife.market.capture import layout as C
from quotelife.market.capture.ring import Block, Ring
from quotelife.market.features.evaluate import evaluate
from quotelife.market.features.update import publish, set_halted, set_state
from quotelife.market.sources.combine import apply_source, apply_source_trade
from quotelife.market.sources.sources import Sources
from quotelife_models.schema import N_FEATURES

STALE_NS = 1_000
NONE = (0, 0, 0, 0)
Level = tuple[int, int]


class SourcesRig:
    """Row 0 is the instrument, 1 another one of one venue; source i is row 2 + i, of venue i. All venues are up."""

    def __init__(self, n_sources: int = 2, combine: int = L.COMBINE_CONSOLIDATED, captured: int = 1 << 12) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.board = Board.create(Path(folder) / "board", 2, 1, n_sources)
        for row in range(2 + n_sources):
            initialise_row(self.board, row, venue=max(row - 2, 0), tick_size=1.0, stale_after_ns=STALE_NS)
        link_sources(self.board, 0, 2, n_sources, combine)
        self.ring = Ring.private(2 + n_sources, captured)
        self.books = Books(2 + n_sources, 64)
        self.sources = Sources(self.board, self.books, self.ring)
        self.now_ns = 10**9
        self.board.venues[:n_sources, L.V_STATE] = L.VENUE_UP
        self.hear(*range(n_sources))

    @property
    def row(self) -> np.ndarray:
        return self.board.rows[0]

    def source(self, i: int) -> np.ndarray:
        return self.board.all_rows[2 + i]

    def hear(self, *venues: int) -> None:
        self.board.venues[list(venues), L.V_LAST_RECEIVED_NS] = self.now_ns

    def quote(self, i: int, bids: list[Level], asks: list[Level], counts: tuple[int, int, int, int] = NONE) -> None:
        """A message of venue i: its whole book."""
        books, row = self.books, 2 + i
        clear(books.n, row)
        for side, levels in enumerate((bids, asks)):
            for price, size in levels:
                set_level_with_count(books.px, books.sz, books.cnt, books.n, row, side, price, size, 1)
        self.apply(i, counts)

    def apply(self, i: int, counts: tuple[int, int, int, int] = NONE) -> None:
        books, row = self.books, 2 + i
        self.now_ns += 1
        self.hear(i)
        publish(self.board.all_rows, row, self.now_ns, self.now_ns + 5, books.px, books.sz, books.n, *counts)
        apply_source(self.sources.addresses, row, self.now_ns, *counts)

    def trade(self, i: int, price: int, size: int, aggressor: int = 0) -> None:
        self.now_ns += 1
        apply_source_trade(self.sources.addresses, 2 + i, self.now_ns, 7, price, size, aggressor)

    def set_state(self, i: int, state: int) -> None:
        self.now_ns += 1
        if state != L.BOOK_LIVE:
            clear(self.books.n, 2 + i)
        set_state(self.board.all_rows, 2 + i, self.now_ns, state)
        self.refresh()

    def halt(self, i: int, halted: int) -> None:
        self.now_ns += 1
        set_halted(self.board.all_rows, 2 + i, self.now_ns, halted)
        self.refresh()

    def set_venue(self, i: int, word: int, value: int) -> None:
        self.board.venues[i, word] = value
        self.refresh()

    def refresh(self) -> None:
        self.sources.refresh(self.now_ns)

    def book(self) -> tuple[list[Level], list[Level]]:
        """Bids and offers of the instrument, best first."""
        sides = []
        for side in range(2):
            n = int(self.books.n[0, side])
            px, sz = self.books.px[0, side, :n], self.books.sz[0, side, :n]
            sides.append(list(zip(px.tolist(), sz.tolist(), strict=True))[::-1])
        return sides[0], sides[1]

    def status(self) -> str:
        self.board.beat(self.now_ns)
        x, snap = np.zeros(N_FEATURES), np.zeros(L.SNAP_WORDS, np.int64)
        return L.STATUS_NAMES[evaluate(self.board.header, self.board.venues, self.board.rows, 0, self.now_ns, x, snap)]

    def events(self, first: int = 0) -> Block:
        """The instrument's events in the capture, from sequence number `first`."""
        words = self.ring.events[first : self.ring.header[C.H_NEXT]]
        block = Block(first, words)
        return Block(first, words[block.row == 0])
