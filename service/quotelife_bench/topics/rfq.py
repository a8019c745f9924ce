"""Request-to-Quote bench, open loop: the service with each of its engines, against bare acceptors with a constant
answer.

All run at the same time with the same settings, store in memory and background load, and are measured alternately. An
echo server is the lower bound.
"""

from contextlib import ExitStack

from quotelife.config import resolve
from quotelife_bench.figures import Chart, Figure, Topic
from quotelife_bench.load.background import BackgroundLoad, background_load
from quotelife_bench.processes import affinity
from quotelife_bench.progress import Progress
from quotelife_bench.sides import (
    CPP,
    ECHO,
    ENGINES,
    NATIVE,
    PYTHON,
    QUICKFIX,
    LoadShape,
    RunningSides,
    alternating,
    sides,
)
from quotelife_bench.spread import PERCENTILES, percentile_name
from quotelife_bench.topics.budget import LatencyBudget
from quotelife_bench.topics.latencies import Latencies

SIDES = (*ENGINES, PYTHON, CPP, ECHO)
_LIMITS = (
    (NATIVE, QUICKFIX, 50.0, 0.5),
    (NATIVE, QUICKFIX, 99.0, 0.7),
    (QUICKFIX, PYTHON, 50.0, 1.0),
    (QUICKFIX, PYTHON, 99.0, 1.2),
    (QUICKFIX, PYTHON, 99.9, 1.2),
)


def measure(shape: LoadShape, repeats: int, progress: Progress, with_budget: bool = False) -> Topic:
    """Measure every side `repeats` times."""
    latencies = Latencies(PERCENTILES)
    with sides(SIDES, shape.market_rate, shape.instruments, shape.sessions) as running, ExitStack() as stack:
        configs = {side: service.config for side, service in running.services.items()}
        budgets = {side: LatencyBudget(resolve(config, config.paths.run)) for side, config in configs.items()}
        background = [
            stack.enter_context(background_load(config.admin.host, config.admin.port)) for config in configs.values()
        ]
        for repeat, side in alternating(running.running, repeats):
            progress.step(f"{side}, {repeat + 1} of {repeats}")
            before = {name: budget.read() for name, budget in budgets.items()}
            latencies.add(side, load := running.load(side, shape))
            if side in budgets:
                budgets[side].add(before[side], budgets[side].read(), load.latencies_ns)
        cores = _cores(running)
    stages = [found for side, budget in budgets.items() for found in budget.figures(side)] if with_budget else []
    return _topic(shape, repeats, latencies, stages, background, [*cores, *running.notes()])


def _cores(running: RunningSides) -> list[str]:
    """A note per service: the cores of its processes."""
    pinned = {
        side: {name: affinity(pid) for name, pid in service.process.processes().items()}
        for side, service in running.services.items()
    }
    return [
        f"cores of {side}: " + ", ".join(f"{name} {cores}" for name, cores in processes.items())
        for side, processes in pinned.items()
    ]


def _topic(
    shape: LoadShape, repeats: int, latencies: Latencies, stages: list[Figure], background: list[BackgroundLoad],
    notes: list[str],
) -> Topic:  # fmt: skip
    every = [load for loads in latencies.loads.values() for load in loads]
    ours = [load for side in ENGINES for load in latencies.loads[side]]
    unanswered, failed = sum(load.unanswered for load in every), sum(each.failed for each in background)
    problems = [f"{unanswered} unanswered requests"] if unanswered else []
    if failed:
        problems.append(f"{failed} scrapes of /metrics failed")
    seen = sum(each.stream_bytes for each in background if each.stream_bytes >= 0)
    latest = {side: max(load.latest_send_ns for load in loads) / 1e6 for side, loads in latencies.loads.items()}
    beside = (
        f"{repeats} x {shape.seconds:g} s per side; meanwhile {sum(each.scrapes for each in background)} scrapes of "
        f"/metrics and {seen} bytes of the desk page"
    )
    delays = ", ".join(f"{ms:.1f} ms ({side})" for side, ms in latest.items())
    title = f"request to Quote, {shape.rate:g} requests/s with {shape.market_rate:,.0f} market-data messages/s"
    chart = Chart(
        name="rfq",
        title=title[0].upper() + title[1:],
        x="percentile",
        y="us from the intended send time",
        log_y=True,
        labels=[percentile_name(p) for p in PERCENTILES],
        lines=latencies.lines(),
    )
    return Topic(
        topic="rfq",
        title=title,
        tables=[latencies.table("open loop, us")],
        figures=[found for limit in _LIMITS for found in latencies.compare(*limit)] + stages,
        counts={
            "sent": sum(load.sent for load in every),
            "quotes": sum(load.quotes for load in ours),
            "refusals": sum(load.rejects for load in ours),
            "unanswered": unanswered,
        },
        problems=problems,
        notes=[beside, f"maximum send delay of the generator: {delays}", *notes],
        charts=[chart],
    )
