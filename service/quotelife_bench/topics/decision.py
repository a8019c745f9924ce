"""Time of one decision: board row, features as of now, survival curve, model, bounds; for multilegs per leg and in all.

The time of the kernels alone is measured in a compiled loop, with the arguments of the quoter's own calls.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from numba import jit

from quotelife.config import Config
from quotelife.config.paths import run_paths
from quotelife.decision import kernel as K
from quotelife.decision import pricing
from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.client_state import ClientState, client_states
from quotelife.decision.multileg import kernel as MK
from quotelife.decision.multileg import quoter as P
from quotelife.decision.quoter import Quoter
from quotelife.decision.request import BY_RULES, Leg, RelatedSymbol
from quotelife.marketdata.feed import VenueFeed
from quotelife.runtime.clock import NS_PER_S, mono_ns, wall_ns
from quotelife_bench import configuration
from quotelife_bench.figures import Chart, Topic, figure
from quotelife_bench.load.market import VenueSession, symbols
from quotelife_bench.progress import Progress
from quotelife_bench.topics.kernels import logged_on, receive
from quotelife_models.enums import BUY, TWO_WAY
from quotelife_models.parameters import Parameters

LEGS = (2, 4, 8)
_AHEAD_NS = 60 * NS_PER_S  # dates the writer's heartbeat ahead, so that the board stays valid during the measurement
_QUOTER_US, _KERNEL_US = 5.0, 2.0
_KERNELS = (
    (K, "decide_from_board"),
    (K, "observe"),
    (K, "decide_quote"),
    (MK, "decide_multileg_from_board"),
    (MK, "decide_multileg_quote"),
)

Call = tuple[Callable[..., Any], tuple[Any, ...]]


class DecisionTimes(NamedTuple):
    """Nanoseconds of one decision, one value per repeat: the whole quoter, and its kernels alone."""

    quoter_ns: list[float]
    kernel_ns: list[float]


class DecisionRig:
    """A quoter in this process, on a board that a feed updates."""

    def __init__(self, config: Config, feed: VenueFeed, venue: VenueSession, board: Any) -> None:
        self.feed, self.venue, self.board = feed, venue, board
        self.client: ClientState = client_states(config)[configuration.CLIENT]
        self.quoter = Quoter(config, Parameters.load(), pricing.default)
        self.quoter.board = board
        self.multilegs = P.MultilegQuoter(self.quoter)
        self.positions = [0] * len(config.instrument)
        self.buffers = DecisionBuffers()
        self._related = {1: RelatedSymbol(symbols(1)[0], TWO_WAY, "100", 0, 1)}
        for legs in LEGS:
            package = tuple(Leg(name, BUY, 1, "") for name in symbols(legs))
            self._related[legs] = RelatedSymbol("[N/A]", TWO_WAY, "100", 0, legs, package)

    def refresh_market(self) -> None:
        """Apply some market data and a heartbeat, so that no book is stale."""
        receive(self.feed, self.venue.increments(200))
        self.board.beat(mono_ns() + _AHEAD_NS)

    def decide(self, legs: int) -> None:
        """Make one decision on the first instrument, or on a multileg of the first `legs` instruments."""
        related = self._related[legs]
        if legs == 1:
            self.quoter.quote(self.client, related, BY_RULES, 0, wall_ns(), mono_ns(), self.buffers)
        else:
            self.multilegs.quote(
                self.client, related, BY_RULES, self.positions, wall_ns(), mono_ns(), self.buffers
            )  # fmt: skip


@contextmanager
def rig(instruments: int) -> Iterator[DecisionRig]:
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="quotelife-bench-") as name:
        config = configuration.write(Path(name), 0, instruments)
        feed, venue, board = logged_on(config, run_paths(config))
        receive(feed, venue.increments(5_000))  # fills the feature windows
        yield DecisionRig(config, feed, venue, board)


def measure(decisions: int, repeats: int, progress: Progress) -> Topic:
    """Decide on live books, alternating between single instruments and multilegs."""
    kinds = (1, *LEGS)
    times = {legs: DecisionTimes([], []) for legs in kinds}
    with rig(max(kinds)) as running:
        loops = {legs: _loops(running, legs) for legs in kinds}
        for repeat in range(repeats + 1):
            progress.step(f"repeat {repeat + 1} of {repeats + 1}")
            for legs in kinds:
                quoter_ns, kernel_ns = _once(running, legs, max(decisions // legs, 1), loops[legs])
                if repeat > 0:  # the first repeat warms up
                    times[legs].quoter_ns.append(quoter_ns)
                    times[legs].kernel_ns.append(kernel_ns)
    figures = []
    for legs, (ours, inside) in times.items():
        name = "one instrument" if legs == 1 else f"multileg of {legs} legs"
        for where, each, limit_us in (("from Python", ours, _QUOTER_US), ("kernels", inside, _KERNEL_US)):
            us = [ns / 1e3 for ns in each]
            limit = partial(figure, limit=("at most", limit_us, "absolute")) if legs == 1 else figure
            figures.append(limit(f"{name}, {where}", "us", us))
    chart = Chart(
        name="decision",
        title="One decision",
        x="legs",
        y="us",
        lines={
            "from Python": [(legs, figures[2 * n].ours.median) for n, legs in enumerate(kinds)],
            "kernels": [(legs, figures[2 * n + 1].ours.median) for n, legs in enumerate(kinds)],
        },
    )
    notes = [f"{decisions} decisions per repeat, two-way, each at its own time on a live book"]
    return Topic(topic="decision", title="one decision, from board row to lifetime", figures=figures, notes=notes,
                 charts=[chart])  # fmt: skip


def _once(
    running: DecisionRig, legs: int, decisions: int, loops: list[tuple[Any, tuple[Any, ...]]]
) -> tuple[float, float]:
    running.refresh_market()
    start = mono_ns()
    for _ in range(decisions):
        running.decide(legs)
    quoted = mono_ns()
    for loop, arguments in loops:
        loop(decisions, arguments)
    return (quoted - start) / decisions, (mono_ns() - quoted) / decisions


def _loops(running: DecisionRig, legs: int) -> list[tuple[Any, tuple[Any, ...]]]:
    """The kernels of one decision as compiled loops, with the arguments of each call."""
    calls: list[Call] = []
    running.refresh_market()
    running.decide(legs)
    with _recorded_calls(calls):
        running.decide(legs)
    loops = [(_loop(kernel), arguments) for kernel, arguments in calls]
    for loop, arguments in loops:
        loop(1, arguments)  # compiles the loop
    return loops


@contextmanager
def _recorded_calls(calls: list[Call]) -> Iterator[None]:
    """Record the arguments of every kernel call in `calls`."""

    def recording(kernel: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            calls.append((kernel, arguments))
            return kernel(*arguments)

        return call

    kernels = [(module, name, getattr(module, name)) for module, name in _KERNELS]
    try:
        for module, name, kernel in kernels:
            setattr(module, name, recording(kernel))
        yield
    finally:
        for module, name, kernel in kernels:
            setattr(module, name, kernel)


@cache
def _loop(kernel: Callable[..., Any]) -> Callable[[int, tuple[Any, ...]], None]:
    # Compiled at run time, so that an edit of the bench does not invalidate the service's cached kernels.
    @jit(nopython=True)
    def many(n, arguments):  # type: ignore[no-untyped-def]
        for _ in range(n):
            kernel(*arguments)

    return many  # type: ignore[no-any-return]
