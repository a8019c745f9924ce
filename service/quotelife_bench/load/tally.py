"""What a side has made of the market data: entries applied, gaps, and the books, compared with the venue's own."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board, BoardError
from quotelife.metrics.histogram import HISTOGRAM_WORDS, quantile
from quotelife.metrics.region import MetricsRegion
from quotelife_bench.baselines.dictionary_report import Kept
from quotelife_bench.load import peers
from quotelife_bench.load.market import LEVELS
from quotelife_bench.load.peers import BenchError
from quotelife_bench.load.venue import Played

_SNAPSHOT_ENTRIES, _INCREMENT_ENTRIES = 2 * LEVELS, 2
_PATIENCE_S = 60.0
_LOOK_S = 0.05

Words = NDArray[np.int64]


class Tally:
    """`look` gives what is held now."""

    def __init__(self, look: Callable[[], Kept], region: Path | None = None) -> None:
        self._look, self._region = look, region

    @classmethod
    def of_board(cls, config: Config, run: Path) -> "Tally":
        """Of the service, from its shared memory."""
        names = [i.symbol for i in config.instrument]
        region = RunPaths(run).metrics("marketdata")

        def look() -> Kept:
            try:
                rows = Board.attach(RunPaths(run).board).rows
            except BoardError:
                return Kept(0, {})
            live = ((name, row) for name, row in zip(names, rows, strict=True) if row[L.STATE] == L.BOOK_LIVE)
            return Kept(_counter(region, "entries"), {name: _levels(row) for name, row in live})

        return cls(look, region)

    @classmethod
    def of_book(cls, book: peers.Running) -> "Tally":
        return cls(book.ask)

    def await_books(self, count: int) -> None:
        """Until that many books are there; BenchError if they do not come."""
        until = time.monotonic() + _PATIENCE_S
        while sum(all(sides) for sides in self._look().books.values()) < count:
            if time.monotonic() > until:
                raise BenchError(f"not all of {count} books came within {_PATIENCE_S:g} s")
            time.sleep(_LOOK_S)

    def compare(self, played: Played) -> tuple[dict[str, int], list[str]]:
        """Counts, and what is wrong: nothing may be lost, and the books must be the venue's."""
        expected = _SNAPSHOT_ENTRIES * played.snapshots + _INCREMENT_ENTRIES * played.increments
        kept = self._settled(expected)
        wrong_books = [name for name, levels in played.books.items() if _pairs(kept.books.get(name)) != _pairs(levels)]
        gaps = 0 if self._region is None else _counter(self._region, "gaps") + _counter(self._region, "garbled")
        counts = {"entries": kept.entries, "lost": expected - kept.entries, "wrong books": len(wrong_books)}
        problems = [f"{n} {what}" for what, n in counts.items() if what != "entries" and n]
        if gaps or played.resubscribed or played.unanswered:
            text = f"{gaps} gaps or garbled messages, {played.resubscribed} subscriptions anew, "
            problems.append(f"{text}{played.unanswered} pings not answered")
        return counts, problems

    def _settled(self, expected: int) -> Kept:
        """The counters of the service's region follow by a fifth of a second."""
        until = time.monotonic() + 2.0
        while (kept := self._look()).entries < expected and time.monotonic() < until:
            time.sleep(_LOOK_S)
        return kept

    def tick_to_board(self, since: Words | None = None) -> Words:
        """The service's own histogram from the read of the socket to the row; with `since`, its (p50, p99) in ns."""
        assert self._region is not None
        region = MetricsRegion.attach(self._region)
        [word] = [s.word for s in region.series if s.family == "quotelife_tick_to_board_seconds"]
        words = region.values[word : word + HISTOGRAM_WORDS].copy()
        if since is None:
            return words
        return np.array([quantile(words - since, 0.5), quantile(words - since, 0.99)], np.int64)


def _counter(region: Path, name: str) -> int:
    found = MetricsRegion.attach(region)
    return sum(int(found.values[s.word]) for s in found.series if s.family == f"quotelife_marketdata_{name}_total")


def _levels(row: Words) -> list[list[tuple[int, int]]]:
    """Bids and offers of a board row. The venue is silent meanwhile, so the row is whole."""
    found = []
    for count, px, sz in ((L.N_BID, L.BID_PX, L.BID_SZ), (L.N_ASK, L.ASK_PX, L.ASK_SZ)):
        n = int(row[count])
        found.append([(int(row[px + at]), int(row[sz + at])) for at in range(n)])
    return found


def _pairs(levels: list[list[tuple[int, int]]] | None) -> list[list[tuple[int, int]]]:
    return [[(ticks, size) for ticks, size in side] for side in levels or []]
