"""Market-data bench: throughput of kernel and session, tick-to-book time, bursts, against a QuickFIX initiator.

Each side has its own venue process and is measured in the same way: a ping (TestRequest) after the increments is
answered when those have been processed. A latency therefore runs from the ping's due time over the socket and the books
and back.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from quotelife.config.paths import run_paths
from quotelife.runtime.clock import NS_PER_S
from quotelife_bench import configuration
from quotelife_bench.figures import Chart, Figure, Topic, figure
from quotelife_bench.load import peers
from quotelife_bench.load.book_verifier import BookVerifier
from quotelife_bench.load.venue import Phase, PhaseResult
from quotelife_bench.progress import Progress
from quotelife_bench.sides import alternating
from quotelife_bench.spread import PERCENTILES, percentile_name, percentiles, spread
from quotelife_bench.topics.kernels import marketdata_rates

OURS, DICTIONARY = "quotelife", "dictionary"
_NAMES = {OURS: "quotelife", DICTIONARY: "dictionary book"}
_KERNEL_MESSAGES = 50_000
_FLAT_OUT = {OURS: 200_000, DICTIONARY: 15_000}
_PINGS_PER_S = 200.0
_SLOW = 1_000.0  # messages a second; the baseline can follow this rate and its burst
_BURST = 10
_BEFORE_BURST_S = 0.5


class MarketDataSide:
    """The service or the baseline, with its venue and its verifier."""

    def __init__(self, venue: peers.VenueProcess, verifier: BookVerifier) -> None:
        self.venue, self.verifier = venue, verifier
        self.last: PhaseResult | None = None

    def play(self, phase: Phase) -> PhaseResult:
        self.last = self.venue.play(phase)
        return self.last

    def rate(self, messages: int) -> float:
        """Messages a second when sent as fast as the side accepts them."""
        played = self.play(Phase(flat_out=messages))
        return played.sent * NS_PER_S / played.elapsed_ns

    def burst(self, usual: float) -> list[list[int]]:
        """Latencies before, during and after one second at ten times the usual rate."""
        segments = [(usual, _BEFORE_BURST_S), (_BURST * usual, 1.0), (usual, 2 * _BEFORE_BURST_S)]
        return self.play(Phase(segments=segments, pings_per_s=_PINGS_PER_S)).latencies_ns


@contextmanager
def both(instruments: int) -> Iterator[dict[str, MarketDataSide]]:
    """Both sides, subscribed to the same books, each with its own venue."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm", prefix="quotelife-bench-")))
        venues = {side: stack.enter_context(peers.venue(0)) for side in _NAMES}
        config = configuration.write(folder, venues[OURS].port, instruments)
        stack.enter_context(peers.service(Path(config.file)))
        settings = configuration.initiator_settings(folder, venues[DICTIONARY].port)
        book = stack.enter_context(peers.dictionary_book(settings, instruments))
        verifiers = {
            OURS: BookVerifier.of_board(config, run_paths(config).directory),
            DICTIONARY: BookVerifier.of_book(book),
        }
        for verifier in verifiers.values():
            verifier.await_books(instruments)
        yield {side: MarketDataSide(venues[side], verifiers[side]) for side in _NAMES}


def measure(rate: float, seconds: float, instruments: int, repeats: int, progress: Progress) -> Topic:
    """Measure both sides; `rate` is the base rate of the service's own load and burst, in messages a second."""
    progress.step("kernel")
    in_kernel = marketdata_rates(_KERNEL_MESSAGES, instruments, repeats)
    rates: dict[str, list[float]] = {side: [] for side in _NAMES}
    slow: dict[str, list[list[int]]] = {side: [] for side in _NAMES}
    bursts: dict[str, list[list[int]]] = {side: [] for side in _NAMES}
    fast, fast_bursts, boards = [], [], []
    with both(instruments) as sides:
        for side in sides.values():
            side.rate(_FLAT_OUT[DICTIONARY])  # warm-up
        for repeat, name in alternating(tuple(_NAMES), repeats):
            side = sides[name]
            progress.step(f"{_NAMES[name]}, {repeat + 1} of {repeats}")
            rates[name].append(side.rate(_FLAT_OUT[name]))
            slow[name] += side.play(Phase(segments=[(_SLOW, seconds)], pings_per_s=_PINGS_PER_S)).latencies_ns
            bursts[name].append(side.burst(_SLOW)[1])
            if name == OURS:
                before = side.verifier.tick_to_board()
                fast += side.play(Phase(segments=[(rate, seconds)], pings_per_s=_PINGS_PER_S)).latencies_ns
                boards.append(side.verifier.tick_to_board(before))
                fast_bursts.append(side.burst(rate))
        counts, problems = _compare_books(sides)
    figures = [
        figure("two-entry X, bytes to board in the kernel", "messages/s", in_kernel,
               limit=("at least", 500_000, "absolute")),
        figure("two-entry X through socket and session", "messages/s", rates[OURS],
               limit=("at least", 200_000, "absolute")),
        figure("the same, against the baseline", "messages/s", rates[OURS], {_NAMES[DICTIONARY]: rates[DICTIONARY]},
               ("at least", 20, "times")),
        *_latencies(f"tick to books and back at {_SLOW:,.0f}/s", slow[OURS], slow[DICTIONARY]),
        *_latencies(f"the same in a burst of {_BURST} times the rate", bursts[OURS], bursts[DICTIONARY]),
        *_latencies(f"tick to books and back at {rate:,.0f}/s", fast),
        figure("socket read to board at this rate, p50", "us", [b[0] / 1e3 for b in boards]),
        figure("socket read to board at this rate, p99", "us", [b[1] / 1e3 for b in boards]),
        *_latencies(f"in a burst of one second at {_BURST} times the rate", [b[1] for b in fast_bursts]),
        *_latencies("after the burst", [b[2] for b in fast_bursts]),
    ]  # fmt: skip
    lines = {
        f"{_NAMES[OURS]}, {_SLOW:,.0f}/s": slow[OURS],
        f"{_NAMES[DICTIONARY]}, {_SLOW:,.0f}/s": slow[DICTIONARY],
        f"{_NAMES[OURS]}, {rate:,.0f}/s": fast,
        f"{_NAMES[OURS]}, burst to {_BURST * rate:,.0f}/s": [b[1] for b in fast_bursts],
    }
    return Topic(
        topic="marketdata",
        title=f"market data, {instruments} instruments, {repeats} repeats of {seconds:g} s",
        figures=figures,
        counts=counts,
        problems=problems,
        charts=[_chart(lines)],
        notes=["losses are detected by entry counts, gaps and the ten best levels of each book at the end"],
    )


def _compare_books(sides: dict[str, MarketDataSide]) -> tuple[dict[str, int], list[str]]:
    """Counts of what each side has lost, and its wrong books at the end."""
    counts: dict[str, int] = {}
    problems: list[str] = []
    for name, side in sides.items():
        assert side.last is not None
        found, wrong = side.verifier.compare(side.last)
        counts |= {f"{_NAMES[name]}: {what}": n for what, n in found.items()}
        problems += [f"{_NAMES[name]}: {text}" for text in wrong]
    return counts, problems


def _chart(lines: dict[str, list[list[int]]]) -> Chart:
    """Percentiles of latency in us, one line for each side and rate."""
    return Chart(
        name="marketdata",
        title="From tick to books and back",
        x="percentile",
        y="us from the intended send time",
        log_y=True,
        labels=[percentile_name(p) for p in PERCENTILES],
        lines={
            name: [(float(c), spread(percentiles(r)[c] for r in each).median / 1e3) for c in range(len(PERCENTILES))]
            for name, each in lines.items()
        },
    )


def _latencies(name: str, ours: list[list[int]], baseline: list[list[int]] | None = None) -> list[Figure]:
    """p50, p99 and maximum."""
    found: list[Figure] = []
    for percentile in (50.0, 99.0, 100.0):
        beside, own = ([percentiles(r, [percentile])[0] / 1e3 for r in each or []] for each in (baseline, ours))
        found.append(
            figure(
                f"{name}, {percentile_name(percentile)}", "us", own, {_NAMES[DICTIONARY]: beside} if beside else None
            )
        )
    return found
