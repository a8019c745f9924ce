"""Growth: the cost of a request with more instruments and sessions, and of a market-data message with more instruments.

A request's cost is processor time of the quoting process, so it does not contain what waits for a core. Beside it that
of the bare acceptor, under the same load: it knows nothing of instruments, so what it costs more in one stretch than in
another is the machine's, and growth is that of the ratio of the two.
"""

from service.bench.figures import Chart, Figure, Topic, figure
from service.bench.kernels import marketdata_rates
from service.bench.processes import cpu_ns
from service.bench.progress import Progress
from service.bench.rfq import BARE, NAMES, QUOTELIFE, Shape, Sides, sides, turns
from service.bench.spread import percentiles
from service.clock import NS_PER_S

INSTRUMENTS = (1, 100, 1_000, 10_000)
SESSIONS = (1, 10, 50)
_AT_SESSIONS = 10  # instruments while sessions grow
_LIMIT = 1.3
_KERNEL_MESSAGES = 40_000
_WARM_UP_S = 0.5
_US = 1e3

Costs = dict[str, list[float]]


def measure(
    rate: float, market_rate: float, seconds: float, repeats: int, most_instruments: int, most_sessions: int,
    progress: Progress,
) -> Topic:  # fmt: skip
    """One service for each number of instruments and one for all numbers of sessions, measured in turn with the bare
    acceptor beside it."""
    instruments = [n for n in INSTRUMENTS if n <= most_instruments]
    sessions = [n for n in SESSIONS if n <= most_sessions]
    by_instruments: dict[int, Costs] = {}
    latency: dict[int, list[float]] = {}
    for n in instruments:
        with sides(market_rate, n, 1) as running:
            shape = Shape(rate, seconds, _WARM_UP_S, market_rate, n)
            by_instruments[n], latency[n] = _costs(running, shape, repeats, progress)
    by_sessions: dict[int, Costs] = {}
    with sides(market_rate, _AT_SESSIONS, max(sessions)) as running:
        for n in sessions:
            shape = Shape(rate, seconds, _WARM_UP_S, market_rate, _AT_SESSIONS, n)
            by_sessions[n], _ = _costs(running, shape, repeats, progress)
    kernel: dict[int, list[float]] = {n: [] for n in instruments}
    for _ in range(repeats):
        for n in instruments:
            progress.step(f"market data, {n:,} instruments")
            kernel[n] += [NS_PER_S / r / _US for r in marketdata_rates(_KERNEL_MESSAGES, n, 1)]
    figures = [
        *_request_figures("instrument", by_instruments),
        *_request_figures("session", by_sessions),
        *[figure(f"market-data message, {_count(n, 'instrument')}", "us", each) for n, each in kernel.items()],
        _growth("market-data message over instruments", list(kernel.values())),
        *[figure(f"request to Quote p50, {_count(n, 'instrument')}", "us", each) for n, each in latency.items()],
    ]
    lines = {
        "request, over instruments": [(float(n), _median(each[QUOTELIFE])) for n, each in by_instruments.items()],
        "request, over sessions": [(float(n), _median(each[QUOTELIFE])) for n, each in by_sessions.items()],
        "bare engine, over sessions": [(float(n), _median(each[BARE])) for n, each in by_sessions.items()],
        "market-data message, over instruments": [(float(n), _median(each)) for n, each in kernel.items()],
    }
    chart = Chart(name="scale", title="Cost over the number of instruments or sessions", x="instruments or sessions",
                  y="us of processor time", log_x=True, log_y=True, lines=lines)  # fmt: skip
    return Topic(
        topic="scale",
        title=f"growth, {rate:g} requests/s beside {market_rate:,.0f} market-data messages/s",
        figures=figures,
        charts=[chart],
        notes=[f"requests over {_AT_SESSIONS} instruments while the sessions grow; processor time of the process"],
    )


def _costs(running: Sides, shape: Shape, repeats: int, progress: Progress) -> tuple[Costs, list[float]]:
    """Microseconds of processor time of a request on each side, and the service's median latency, by repeat."""
    pids = {QUOTELIFE: running.service.processes()["quoting"], BARE: running.bare.pid}
    costs: Costs = {side: [] for side in pids}
    latencies = []
    for _, side in turns(tuple(pids), repeats):
        progress.step(f"{NAMES[side]}, {shape.instruments:,} instruments, {shape.sessions} sessions")
        before = cpu_ns(pids[side])
        measured = running.load(side, shape)
        requests = int(shape.rate * shape.warm_up_s) + measured.sent
        costs[side].append((cpu_ns(pids[side]) - before) / requests / _US)
        if side == QUOTELIFE:
            latencies.append(percentiles(measured.latencies_ns, [50.0])[0] / _US)
    return costs, latencies


def _request_figures(what: str, costs: dict[int, Costs]) -> list[Figure]:
    found = [
        figure(f"request, {_count(n, what)}", "us", each[QUOTELIFE], {NAMES[BARE]: each[BARE]})
        for n, each in costs.items()
    ]
    beside = [[ours / bare for ours, bare in zip(each[QUOTELIFE], each[BARE], strict=True)] for each in costs.values()]
    return [*found, _growth(f"request over {what}s, against the bare engine's", beside)]


def _growth(name: str, costs: list[list[float]]) -> Figure:
    """The dearest point over the first, repeat by repeat."""
    dearest = max(costs, key=_median)
    ratios = [c / first for c, first in zip(dearest, costs[0], strict=True)]
    return figure(f"growth of the cost of a {name}", "times", ratios, limit=("at most", _LIMIT, "absolute"))


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' if n > 1 else ''}"


def _median(figures: list[float]) -> float:
    return sorted(figures)[len(figures) // 2]
