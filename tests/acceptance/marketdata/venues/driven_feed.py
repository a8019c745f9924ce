"""The service's side of a scripted venue: a feed built from a configuration, without a socket, in time of its own."""

from decimal import Decimal
from pathlib import Path

import numpy as np

from quotelife.config import load
from quotelife.config.paths import run_paths
from quotelife.config.venues.venue_sessions import venue_sessions
from quotelife.market.board import layout as L
from quotelife.market.features.evaluate import evaluate
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import SharedArrays
from quotelife.marketdata.feed import VenueFeed
from quotelife.marketdata.metrics import MarketDataMetrics
from quotelife.marketdata.process import make_board, make_capture, make_feed
from quotelife.metrics.labels import INVALIDATIONS
from quotelife_models import schema as S

START_NS = 1_000 * 10**9
WALL_NS = 1_767_225_600 * 10**9  # 20260101-00:00:00
STEP_NS = 10_000_000  # between two calls of `on_timer`
MS = 1_000_000

# What every configuration needs beside its venues and instruments.
BASE = """
[paths]
run = "{folder}/run"
data = "{folder}/data"

[capture]
ring_mb = 1

[[client]]
name = "Client"
sessions = ["CLIENT"]
tier = "ordinary"
"""
Sides = tuple[list[str], list[str]]


class Service:
    """The feeds of a configuration with their board. `advance` lets time pass; nothing else does.

    `secrets` are files beside the configuration, by name.
    """

    def __init__(self, folder: Path, configuration: str, secrets: dict[str, str] | None = None) -> None:
        for name, secret in (secrets or {}).items():
            (folder / name).touch(0o600)
            (folder / name).write_text(secret + "\n")
        file = folder / "quotelife.toml"
        file.write_text(BASE.format(folder=folder) + configuration)
        config = load(file)
        run = run_paths(config)
        run.directory.mkdir()
        self.now_ns = START_NS
        self.board = make_board(config, run.board)
        self.shared = SharedArrays(self.board, make_capture(config, run.capture))
        self.instruments = {i.symbol: (row, i) for row, i in enumerate(config.instrument)}
        sessions = venue_sessions(config)
        metrics = MarketDataMetrics(run, [session.name for session in sessions])
        self.feeds: list[VenueFeed] = [make_feed(config, session, self.shared, metrics) for session in sessions]

    @property
    def wall_ns(self) -> int:
        return WALL_NS + self.now_ns - START_NS

    def advance(self, seconds: float) -> None:
        """Let time pass in steps of 10 ms."""
        until_ns = self.now_ns + int(seconds * 10**9)
        while self.now_ns < until_ns:
            self.now_ns = min(self.now_ns + STEP_NS, until_ns)
            for feed in self.feeds:
                if feed.closing is None:
                    feed.on_timer(self.now_ns, self.wall_ns)

    def row(self, symbol: str) -> np.ndarray:
        return self.board.rows[self.instruments[symbol][0]]

    def book(self, symbol: str) -> Sides:
        """Bids and offers of a live book, best first, each as "price x size" in the venue's decimals.

        The board's ten levels a side are checked against the whole book.
        """
        at, instrument = self.instruments[symbol]
        tick, lot = Decimal(instrument.tick), Decimal(instrument.lot)
        row, books = self.board.rows[at], self.shared.books
        assert row[L.STATE] == L.BOOK_LIVE, f"{symbol}: state {row[L.STATE]}"
        sides = []
        for side, (px, sz) in enumerate(((L.BID_PX, L.BID_SZ), (L.ASK_PX, L.ASK_SZ))):
            n = int(books.n[at, side])
            levels = [(int(books.px[at, side, i]), int(books.sz[at, side, i])) for i in range(n - 1, -1, -1)]
            shown = min(n, L.DEPTH)
            assert row[L.N_BID + side] == shown
            on_board = zip(row[px : px + shown].tolist(), row[sz : sz + shown].tolist(), strict=True)
            assert list(on_board) == levels[:shown]
            sides.append([f"{price * tick:f} x {size * lot:f}" for price, size in levels])
        return sides[0], sides[1]

    def status(self, symbol: str) -> str:
        """What the quoting process would be told now, "ok" if it may quote."""
        self.board.beat(self.now_ns)
        x, snapshot = np.zeros(S.N_FEATURES), np.zeros(L.SNAP_WORDS, np.int64)
        board = self.board
        row = self.instruments[symbol][0]
        return L.STATUS_NAMES[evaluate(board.header, board.venues, board.rows, row, self.now_ns, x, snapshot)]

    def last_trade(self, symbol: str) -> tuple[int, str]:
        """Number of trades so far, and the last one as "price x size"."""
        row, instrument = self.row(symbol), self.instruments[symbol][1]
        price, size = int(row[L.TRADE_PX]) * Decimal(instrument.tick), int(row[L.TRADE_SZ]) * Decimal(instrument.lot)
        return int(row[L.TRADES]), f"{price:f} x {size:f}"

    def aggressor_volumes(self, symbol: str) -> tuple[str, str]:
        """Quantities bought and sold so far, by the aggressor."""
        row, lot = self.row(symbol), Decimal(self.instruments[symbol][1].lot)
        bought, sold = (int(row[L.CHANNELS + channel]) * lot for channel in (L.C_BUY_V, L.C_SELL_V))
        return f"{bought:f}", f"{sold:f}"

    def invalidated(self, number: int = 0) -> dict[str, int]:
        """How many books of a feed became invalid for each reason."""
        counts = self.feeds[number].control[M.INVALIDATED : M.INVALIDATED + len(INVALIDATIONS)].tolist()
        return {reason: count for reason, count in zip(INVALIDATIONS, counts, strict=True) if count}
