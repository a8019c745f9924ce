"""Verifies that a side applied all market data: entries, gaps, and books equal to the venue's."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.metrics.histogram import HISTOGRAM_WORDS, quantile
from quotelife.metrics.region import MetricsRegion
from quotelife.shm.region import RegionError
from quotelife_bench.baselines.dictionary_report import BookReport
from quotelife_bench.load import peers
from quotelife_bench.load.market import LEVELS
from quotelife_bench.load.peers import BenchError
from quotelife_bench.load.venue import PhaseResult

_SNAPSHOT_ENTRIES, _INCREMENT_ENTRIES = 2 * LEVELS, 2
_TIMEOUT_S = 60.0
_POLL_S = 0.05

Words = NDArray[np.int64]


class BookVerifier:
    """`read` returns the current books and the number of applied entries of a side."""

    def __init__(self, read: Callable[[], BookReport], region: Path | None = None) -> None:
        self._read, self._region = read, region

    @classmethod
    def of_board(cls, config: Config, run: Path) -> "BookVerifier":
        """A verifier of the service, from its shared memory."""
        names = [i.symbol for i in config.instrument]
        region = RunPaths(run).metrics("marketdata")

        def read() -> BookReport:
            try:
                rows = Board.attach(RunPaths(run).board).rows
            except RegionError:
                return BookReport(0, {})
            live = ((name, row) for name, row in zip(names, rows, strict=True) if row[L.STATE] == L.BOOK_LIVE)
            return BookReport(_counter(region, "entries"), {name: _levels(row) for name, row in live})

        return cls(read, region)

    @classmethod
    def of_book(cls, book: peers.PeerProcess) -> "BookVerifier":
        return cls(book.book_report)

    def await_books(self, count: int) -> None:
        """Wait for that many complete books; BenchError after a timeout."""
        until = time.monotonic() + _TIMEOUT_S
        while sum(all(sides) for sides in self._read().books.values()) < count:
            if time.monotonic() > until:
                raise BenchError(f"fewer than {count} books are complete after {_TIMEOUT_S:g} s")
            time.sleep(_POLL_S)

    def compare(self, played: PhaseResult) -> tuple[dict[str, int], list[str]]:
        """Counts and problems: no entry may be lost, and the books must equal the venue's."""
        expected = _SNAPSHOT_ENTRIES * played.snapshots + _INCREMENT_ENTRIES * played.increments
        report = self._settled(expected)
        books = report.books
        wrong_books = [name for name, levels in played.books.items() if _pairs(books.get(name)) != _pairs(levels)]
        gaps = 0 if self._region is None else _counter(self._region, "gaps") + _counter(self._region, "garbled")
        counts = {"entries": report.entries, "lost": expected - report.entries, "wrong books": len(wrong_books)}
        problems = [f"{n} {what}" for what, n in counts.items() if what != "entries" and n]
        if gaps or played.resubscribed or played.unanswered:
            text = f"{gaps} gaps or garbled messages, {played.resubscribed} resubscriptions, "
            problems.append(f"{text}{played.unanswered} unanswered pings")
        return counts, problems

    def _settled(self, expected: int) -> BookReport:
        """The state after the counters of the service's region have caught up, which takes a fifth of a second."""
        until = time.monotonic() + 2.0
        while (report := self._read()).entries < expected and time.monotonic() < until:
            time.sleep(_POLL_S)
        return report

    def tick_to_board(self, since: Words | None = None) -> Words:
        """The service's own histogram from socket read to board row; with `since`, its (p50, p99) in ns."""
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
    """Bids and offers of a board row. The venue sends nothing at this time, so the row is consistent."""
    found = []
    for count, px, sz in ((L.N_BID, L.BID_PX, L.BID_SZ), (L.N_ASK, L.ASK_PX, L.ASK_SZ)):
        n = int(row[count])
        found.append([(int(row[px + at]), int(row[sz + at])) for at in range(n)])
    return found


def _pairs(levels: list[list[tuple[int, int]]] | None) -> list[list[tuple[int, int]]]:
    return [[(ticks, size) for ticks, size in side] for side in levels or []]
