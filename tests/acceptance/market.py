"""A process that writes the board with the service's kernels, on a test's commands.

    python -m tests.acceptance.market --config FILE

It reads one JSON object per line from its standard input and prints `OK` after each. Every book starts empty.
"""

import argparse
import json
import sys
import threading
from typing import Any

import numpy as np

from quotelife.config import load
from quotelife.config.paths import run_paths
from quotelife.market.board import layout as L
from quotelife.market.book.levels import Books, clear, set_level
from quotelife.market.features import update
from quotelife.marketdata.process import make_board
from quotelife.runtime.clock import mono_ns, wall_ns
from quotelife.runtime.process import announce_ready, end_with_parent

HEARTBEAT_S = 0.01
STATES = {"live": L.BOOK_LIVE, "gap": L.BOOK_GAP, "disconnected": L.BOOK_DISCONNECTED}


class Market:
    """The board's writer. `alive` updates its heartbeat, `loud` the venue's last receive time."""

    def __init__(self, config_path: str) -> None:
        config = load(config_path)
        run = run_paths(config)
        run.directory.mkdir(parents=True, exist_ok=True)
        self.rows = {i.symbol: n for n, i in enumerate(config.instrument)}
        self.board = make_board(config, run.board)
        self.books = Books(len(self.rows), 16)
        self.lock = threading.Lock()
        self.alive = self.loud = True
        self.board.venues[:, L.V_STATE_SINCE_NS] = mono_ns()
        self.board.venues[:, L.V_STATE] = L.VENUE_UP

    def beat(self) -> None:
        with self.lock:
            self._beat()

    def _beat(self) -> None:
        now_ns = mono_ns()
        if self.alive:
            self.board.beat(now_ns)
        if self.loud:
            self.board.venues[:, L.V_LAST_RECEIVED_NS] = now_ns

    def do(self, command: dict[str, Any]) -> None:
        with self.lock:
            what = command.pop("do")
            getattr(self, f"do_{what}")(**command)
            self._beat()

    def do_book(self, symbol: str, bid: int, ask: int, size: int, levels: int = 10) -> None:
        """A book of equal levels one tick apart; price 0 for an empty side."""
        row, books = self.rows[symbol], self.books
        clear(books.n, row)
        for level in range(levels):
            if bid:
                set_level(books.px, books.sz, books.cnt, books.n, row, 0, bid - level, size)
            if ask:
                set_level(books.px, books.sz, books.cnt, books.n, row, 1, ask + level, size)
        update.publish(self.board.rows, row, mono_ns(), wall_ns(), books.px, books.sz, books.n, 1, 1, 0, 0)

    def do_trade(self, symbol: str, price: int, size: int) -> None:
        update.trade(self.board.rows, self.rows[symbol], mono_ns(), price, size, 1)

    def do_state(self, symbol: str, state: str) -> None:
        update.set_state(self.board.rows, self.rows[symbol], mono_ns(), STATES[state])

    def do_halt(self, symbol: str, halted: bool) -> None:
        update.set_halted(self.board.rows, self.rows[symbol], mono_ns(), np.int64(halted))

    def do_news(self, symbol: str, sentiment: float) -> None:
        update.set_sentiment(self.board.rows, self.rows[symbol], mono_ns(), sentiment)

    def do_venue(self, loud: bool) -> None:
        self.loud = loud

    def do_writer(self, alive: bool) -> None:
        self.alive = alive


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True)
    end_with_parent()
    market = Market(parser.parse_args().config)
    market.beat()
    done = threading.Event()

    def run_heartbeat() -> None:
        while not done.wait(HEARTBEAT_S):
            market.beat()

    heartbeat = threading.Thread(target=run_heartbeat, daemon=True)
    heartbeat.start()
    announce_ready("market")
    for line in sys.stdin:
        market.do(json.loads(line))
        print("OK", flush=True)
    done.set()
    heartbeat.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
