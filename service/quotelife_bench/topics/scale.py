"""Scaling bench: cost of a request and of a market-data message with more instruments and sessions.

The cost of a request is processor time of the quoting process, which excludes waiting for a core, without the monitor
of open quotes, whose work follows the market data. Services of all sizes run at the same time and are measured
alternately, each with a bare acceptor, so that other load of the machine affects all of them. Growth is computed per
repeat: the most expensive size over the first.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product

from quotelife.runtime.clock import NS_PER_S
from quotelife_bench.figures import Chart, Figure, Topic, counted, figure
from quotelife_bench.progress import Progress
from quotelife_bench.sides import (
    ENGINES,
    NAMES,
    PYTHON,
    PYTHON_MEMORY,
    LoadShape,
    RunningSides,
    alternating,
    sides,
)
from quotelife_bench.spread import percentiles, spread
from quotelife_bench.topics.kernels import marketdata_rates

INSTRUMENTS = (1, 100, 1_000, 10_000)
SESSIONS = (1, 50, 500)
_SESSION_INSTRUMENTS = 10  # instruments while the number of sessions varies
_LIMIT = 1.3
_KERNEL_MESSAGES = 40_000
_WARM_UP_S = 0.5
_US = 1e3

Costs = dict[str, dict[int, list[float]]]  # by side and size, one value per repeat


def measure(
    rate: float, market_rate: float, seconds: float, repeats: int, most_instruments: int, most_sessions: int,
    progress: Progress,
) -> Topic:  # fmt: skip
    """Measure one service per number of instruments, each with a share of the market data, then one service for all
    numbers of sessions."""
    instruments = [n for n in INSTRUMENTS if n <= most_instruments]
    sessions = [n for n in SESSIONS if n <= most_sessions]
    shape = LoadShape(rate, seconds, _WARM_UP_S, market_rate, _SESSION_INSTRUMENTS)
    with ExitStack() as stack:
        share = market_rate / len(instruments)
        services = {n: stack.enter_context(sides((ENGINES[0], PYTHON), share, n, 1)) for n in instruments}
        points = {n: (running, shape._replace(instruments=n)) for n, running in services.items()}
        by_instruments, latency = _in_turn(points, repeats, progress)
    # In memory: a store's files would take more descriptors than the bare engine can have.
    with sides((*ENGINES, PYTHON_MEMORY), market_rate, _SESSION_INSTRUMENTS, max(sessions)) as running:
        points = {n: (running, shape._replace(sessions=n)) for n in sessions}
        by_sessions, _ = _in_turn(points, repeats, progress)
    kernel: dict[int, list[float]] = {n: [] for n in instruments}
    for _ in range(repeats):
        for n in instruments:
            progress.step(f"market data, {n:,} instruments")
            kernel[n] += [NS_PER_S / r / _US for r in marketdata_rates(_KERNEL_MESSAGES, n, 1)]
    figures = [
        *_request_figures("instrument", by_instruments),
        *_request_figures("session", by_sessions),
        *[figure(f"market-data message, {counted(n, 'instrument')}", "us", each) for n, each in kernel.items()],
        _growth("market-data message over instruments", kernel),
        *[figure(f"request to Quote p50, {counted(n, 'instrument')}", "us", each) for n, each in latency.items()],
    ]
    lines = {
        "request, over instruments": _line(by_instruments[ENGINES[0]]),
        **{f"{NAMES[side]}, over sessions": _line(costs) for side, costs in by_sessions.items()},
        "market-data message, over instruments": _line(kernel),
    }
    chart = Chart(name="scale", title="Cost over the number of instruments or sessions", x="instruments or sessions",
                  y="us of processor time", log_x=True, log_y=True, lines=lines)  # fmt: skip
    return Topic(
        topic="scale",
        title=f"growth, {rate:g} requests/s with {market_rate:,.0f} market-data messages/s",
        figures=figures,
        charts=[chart],
        notes=[
            f"{_SESSION_INSTRUMENTS} instruments while the sessions vary; processor time of the quoting process, "
            "without its monitor"
        ],
    )


def _in_turn(
    points: dict[int, tuple[RunningSides, LoadShape]], repeats: int, progress: Progress
) -> tuple[Costs, dict[int, list[float]]]:
    """Processor time per request in us for each side, and the median latency of the first one in us, by size."""
    running_sides = next(iter(points.values()))[0].running
    costs: Costs = {side: {n: [] for n in points} for side in running_sides}
    latency: dict[int, list[float]] = {n: [] for n in points}
    for _, (n, side) in alternating(list(product(points, costs)), repeats):
        running, shape = points[n]
        progress.step(f"{NAMES[side]}, {shape.instruments:,} instruments, {shape.sessions} sessions")
        measured = running.load(side, shape)
        costs[side][n].append(measured.answer_us)
        if side == running_sides[0]:
            latency[n].append(percentiles(measured.latencies_ns, [50.0])[0] / _US)
    return costs, latency


def _request_figures(what: str, costs: Costs) -> list[Figure]:
    """Each engine of the service against the bare engine, which comes last."""
    *engines, bare = costs
    found: list[Figure] = []
    for side in engines:
        ours, name = costs[side], f"{NAMES[side]}: request"
        found += [figure(f"{name}, {counted(n, what)}", "us", ours[n], {NAMES[bare]: costs[bare][n]}) for n in ours]
        found.append(_growth(f"{name} over {what}s", ours, NAMES[bare], costs[bare]))
    return found


def _growth(
    name: str, costs: dict[int, list[float]], baseline: str = "", bare: dict[int, list[float]] | None = None
) -> Figure:
    """The most expensive size over the first, per repeat."""
    first, *_ = costs
    most_expensive = max(costs, key=lambda n: spread(costs[n]).median)

    def growth(of: dict[int, list[float]]) -> list[float]:
        return [c / least for c, least in zip(of[most_expensive], of[first], strict=True)]

    beside: dict[str, Sequence[float]] = {baseline: growth(bare)} if bare else {}
    return figure(f"growth of the cost, {name}", "times", growth(costs), beside, ("at most", _LIMIT, "absolute"))


def _line(costs: dict[int, list[float]]) -> list[tuple[float, float]]:
    return [(float(n), spread(each).median) for n, each in costs.items()]
