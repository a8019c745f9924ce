"""A market on a board of its own: the events of a venue, applied by the service's kernels, without FIX and delay.

The reports use it to learn what the service would have seen, and quoted, at any moment.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quotelife.config import Config
from quotelife.market.board import layout as L
from quotelife.market.book.levels import Books
from quotelife.market.book.orders import ADDED, CANCELLED, Orders, order_key, order_set
from quotelife.market.book.orders import ASK as ASK_SIDE
from quotelife.market.features.evaluate import evaluate
from quotelife.market.features.update import publish, set_sentiment, trade
from quotelife.marketdata.process import make_board
from quotelife_models import schema as S
from quotelife_sim.markets.market import BID, DELETE, NEWS, TRADE, Market
from quotelife_sim.venue.history import History
from quotelife_sim.venue.tape import T_ASK, T_BID, T_NS

_LEVELS = 8192  # more than the recorded sample holds at once
Row = tuple[int, int, int, int]


class MarketReplay:
    """The market from its opening at `start_ns`, as far as `advance` has played it; every instrument has the row that
    the configuration gives it. KeyError if the configuration lacks an instrument of the market."""

    def __init__(self, config: Config, market: Market, start_ns: int) -> None:
        by_symbol: dict[str, int] = {}
        for row, instrument in enumerate(config.instrument):
            by_symbol |= dict.fromkeys((instrument.symbol, *map(instrument.symbol_at, instrument.venues)), row)
        self.rows = [by_symbol[symbol] for symbol in market.symbols]  # of each instrument of the market
        with tempfile.TemporaryDirectory() as folder:  # the mapping outlives the file
            self.board = make_board(config, Path(folder) / "board")
        self.board.venues[:, L.V_STATE] = L.VENUE_UP
        self._books, self._orders = Books(len(config.instrument), _LEVELS), Orders(len(config.instrument))
        self._tops: list[list[Row]] = [[] for _ in market.symbols]
        self._start_ns = start_ns
        self._apply(market.opening().tolist(), start_ns)
        self._messages = _messages(market)
        self._next = next(self._messages, None)

    def advance(self, until_ns: int) -> bool:
        """Play the events up to a time; False if the market has no more."""
        while self._next is not None and self._next[0][0] + self._start_ns <= until_ns:
            self._apply(self._next, self._next[0][0] + self._start_ns)
            self._next = next(self._messages, None)
        return self._next is not None

    def next_ns(self) -> int | None:
        """Time of the next events; None after the last."""
        return None if self._next is None else self._next[0][0] + self._start_ns

    def touch(self, now_ns: int) -> None:
        """Let the venue be heard of at this time, so that no row counts as stale."""
        self.board.beat(now_ns)
        self.board.venues[:, L.V_LAST_RECEIVED_NS] = now_ns

    def observe(self, row: int, now_ns: int, x: npt.NDArray[np.float64], snap: npt.NDArray[np.int64]) -> int:
        """Fill x float64[N_FEATURES] and snap int64[SNAP_WORDS] of a row as of now; returns the board's status."""
        assert x.shape == (S.N_FEATURES,)
        self.touch(now_ns)
        return int(evaluate(self.board.header, self.board.venues, self.board.rows, row, now_ns, x, snap))

    def histories(self) -> list[History]:
        """The best prices played so far, one history for each instrument of the market."""
        return [History(np.array(tops, np.int64).reshape(-1, 4)) for tops in self._tops]

    def _apply(self, events: list[tuple[int, ...]], now_ns: int) -> None:
        """Apply the events of one moment; the book of an instrument is published after the last of them."""
        books, rows = self._books, self.board.rows
        levels = books.px, books.sz, books.cnt, books.n
        counts: dict[int, list[int]] = {}
        self._orders.compact()
        for _, instrument, kind, side, key, px, size in events:
            row = self.rows[instrument]
            if kind == NEWS:
                set_sentiment(rows, row, now_ns, px / 1000.0)
            elif kind == TRADE:
                trade(rows, row, now_ns, px, size, 1 if side == BID else -1)
            else:
                table, state = self._orders.table, self._orders.state
                left = 0 if kind == DELETE else size
                done = order_set(table, state, *levels, order_key(key, row, state), row, side, px, left)
                changed = counts.setdefault(instrument, [0, 0, 0, 0])
                at = 1 if done & ASK_SIDE else 0
                changed[at] += (done & ADDED) != 0
                changed[2 + at] += (done & CANCELLED) != 0
        for instrument, changed in counts.items():
            row = self.rows[instrument]
            publish(rows, row, now_ns, 0, books.px, books.sz, books.n, *changed)
            self._note_top(instrument, row, now_ns)

    def _note_top(self, instrument: int, row: int, now_ns: int) -> None:
        words, tops = self.board.rows[row], self._tops[instrument]
        bid = int(words[L.BID_PX]) if words[L.N_BID] else 0
        ask = int(words[L.ASK_PX]) if words[L.N_ASK] else 0
        if not tops or (tops[-1][T_BID], tops[-1][T_ASK]) != (bid, ask):
            assert not tops or tops[-1][T_NS] <= now_ns
            tops.append((now_ns, instrument, bid, ask))


def _messages(market: Market) -> Iterator[list[tuple[int, ...]]]:
    """The events of each moment, as the venue sends them in one message."""
    for chunk in market.chunks():
        ends = np.flatnonzero(np.diff(chunk["due_ns"])) + 1
        for part in np.split(chunk, ends):
            if len(part):
                yield part.tolist()
