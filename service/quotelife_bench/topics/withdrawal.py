"""Withdrawal bench: from a change on the board to the QuoteCancel, with 1,000 open quotes on 100 instruments.

All processes of the service run. The market of half of the instruments changes all the time without leaving a quote; at
random moments the book of one of the others moves through all its quotes of one side. The time of a change is that of
the read from the venue's socket, from the capture ring; it is before the board's own by the time of decoding.
"""

import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from quotelife.config import Config, resolve
from quotelife.config.paths import RunPaths
from quotelife.market.capture import layout as C
from quotelife.market.capture.ring import CaptureReader
from quotelife.metrics.histogram import HISTOGRAM_WORDS, quantile
from quotelife.metrics.region import MetricsRegion
from quotelife.runtime.clock import NS_PER_S
from quotelife_bench import configuration
from quotelife_bench.figures import Figure, Topic, figure
from quotelife_bench.load import peers
from quotelife_bench.load.background import background_load
from quotelife_bench.load.market import symbols
from quotelife_bench.load.open_quotes import Cancels, OpenQuotesPlan
from quotelife_bench.load.peers import BenchError
from quotelife_bench.progress import Progress
from quotelife_bench.spread import percentiles

INSTRUMENTS, OPEN_QUOTES, SESSIONS = 100, 1_000, 10
_MOVING = INSTRUMENTS // 2
_MOVES_PER_S = 20.0
_QUANTITY = 100
_FILL_S = 6.0  # until all quotes are open
_POLL_S = 0.05
# Far from the market and patient, so that a thousand quotes need few requests.
_INSTRUMENT = "min_half_spread_ticks = 100\nmax_lifetime_ms = 60000"
_P50_US, _P99_US = 100.0, 1_000.0
_US = 1e3

Changes = dict[int, list[int]]  # times of the changes of the books, by row


class ChangeRecorder:
    """Reads the capture ring while the bench runs: when the books of the moving instruments changed."""

    def __init__(self, run: Path) -> None:
        self._reader = CaptureReader(RunPaths(run).capture)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.changes: Changes = {row: [] for row in range(_MOVING)}

    @property
    def lost(self) -> int:
        return self._reader.lost

    def __enter__(self) -> "ChangeRecorder":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._read()

    def _run(self) -> None:
        while not self._stopped.wait(_POLL_S):
            self._read()

    def _read(self) -> None:
        block = self._reader.read(1 << 20)
        words = block.words[block.kind == C.BOOK]
        rows = words[:, C.KIND_WORD] >> C.ROW_SHIFT
        for row, at_ns in zip(
            rows[rows < _MOVING].tolist(), words[rows < _MOVING, C.RECEIVED_NS].tolist(), strict=True
        ):
            self.changes[row].append(at_ns)


class Readings(msgspec.Struct):
    """The service's own histogram of withdrawals, and the processor time of its monitor in ns."""

    histogram: NDArray[np.int64]
    processor_ns: int


def latencies_ns(cancels: list[tuple[int, int]], changes: Changes) -> tuple[list[int], list[int]]:
    """Times from the change of a row to each of its QuoteCancels, and to the first one of each change. A QuoteCancel
    belongs to the last change before it; one without, as when the data of the whole venue are late, to nothing."""
    every: list[int] = []
    first: dict[tuple[int, int], int] = {}
    for row, at_ns in cancels:
        before = [changed_ns for changed_ns in changes.get(row, ()) if changed_ns <= at_ns]
        if before:
            every.append(at_ns - before[-1])
            first.setdefault((row, before[-1]), every[-1])
    return every, list(first.values())


def measure(market_rate: float, seconds: float, repeats: int, progress: Progress) -> Topic:
    """Measure `repeats` times with the same service."""
    arrived: list[list[int]] = []
    first: list[list[int]] = []
    sent: list[list[float]] = []
    share, counted, problems = [], [], []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm", prefix="quotelife-bench-")))
        venue = stack.enter_context(peers.venue(market_rate, _MOVES_PER_S, _MOVING))
        config = configuration.write(folder, venue.port, INSTRUMENTS, SESSIONS, more=_INSTRUMENT)
        stack.enter_context(peers.service(Path(config.file)))
        stack.enter_context(background_load(config.admin.host, config.admin.port))
        run = resolve(config, config.paths.run)
        for repeat in range(repeats):
            progress.step(f"repeat {repeat + 1} of {repeats}")
            before = _read(run)
            with ChangeRecorder(run) as recorder:
                cancels = _hold_quotes(config, seconds)
            after = _read(run)
            every_ns, first_ns = latencies_ns(cancels.received, recorder.changes)
            if not every_ns:
                refused = f"{cancels.refusals} refusals ({cancels.last_refusal})"
                raise BenchError(f"no quote was withdrawn; {cancels.quotes} quotes, {refused}")
            if recorder.lost:
                problems.append(f"{recorder.lost} events of the capture were lost")
            words = after.histogram - before.histogram
            sent.append([quantile(words, 0.5), quantile(words, 0.99)])
            arrived.append(percentiles(every_ns, [50.0, 99.0]))
            first.append(percentiles(first_ns, [50.0, 99.0]))
            spent = after.processor_ns - before.processor_ns
            share.append(100.0 * spent / ((_FILL_S + seconds) * NS_PER_S))
            counted.append(cancels)
    return Topic(
        topic="withdrawal",
        title=f"withdrawal, {OPEN_QUOTES:,} open quotes on {INSTRUMENTS} instruments with {market_rate:,.0f} "
        "market-data messages/s",
        figures=[
            *_pair("market data read to QuoteCancel at the client's socket", *_columns(arrived), True),
            *_pair("the same, first quote of each move", *_columns(first)),
            *_pair("market data read until the engine's send has returned", *_columns(sent)),
            figure("processor time of the monitor", "% of a core", share),
        ],
        counts={
            "withdrawn": sum(len(c.received) for c in counted),
            "quotes": sum(c.quotes for c in counted),
            "refusals": sum(c.refusals for c in counted),
            "open quotes": round(sum(c.open_quotes for c in counted) / repeats),
        },
        problems=problems,
        notes=[f"{repeats} x {seconds:g} s; {_MOVES_PER_S:g} moves a second, each through all quotes of one side"],
    )


def _hold_quotes(config: Config, seconds: float) -> Cancels:
    plan = OpenQuotesPlan(
        port=config.acceptor.port,
        senders=configuration.sessions(SESSIONS),
        target=configuration.ACCEPTOR,
        symbols=symbols(INSTRUMENTS),
        quantity=_QUANTITY,
        wanted=OPEN_QUOTES,
        fill_s=_FILL_S,
        seconds=seconds,
    )
    return msgspec.json.decode(
        peers.run_module("quotelife_bench.load.open_quotes", msgspec.json.encode(plan)), type=Cancels
    )


def _read(run: Path) -> Readings:
    region = MetricsRegion.attach(RunPaths(run).metrics("quoting"))
    histogram = region.histogram("quotelife_withdrawal_seconds")
    spent = region.counter("quotelife_withdrawal_processor_seconds_total")
    return Readings(region.values[histogram : histogram + HISTOGRAM_WORDS].copy(), int(region.values[spent]))


def _columns(rows: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    return [row[0] / _US for row in rows], [row[1] / _US for row in rows]


def _pair(name: str, p50: list[float], p99: list[float], is_target: bool = False) -> list[Figure]:
    return [
        figure(f"{name}, p50", "us", p50, limit=("at most", _P50_US, "absolute") if is_target else None),
        figure(f"{name}, p99", "us", p99, limit=("at most", _P99_US, "absolute") if is_target else None),
    ]
