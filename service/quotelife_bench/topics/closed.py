"""Closed-loop bench: one client that waits for its Quote and then pauses, as from a desk with a core per process.

No request waits for another, and little else runs: what is measured is the work between the bytes of a request and the
bytes of its answer, and the way there. The bare engines answer a constant; "memory store" is the fastest that they can
be, and forgets what a service must not.
"""

from quotelife_bench.figures import Chart, Topic
from quotelife_bench.progress import Progress
from quotelife_bench.sides import (
    CPP,
    CPP_MEMORY,
    ECHO,
    ENGINES,
    NATIVE,
    PYTHON,
    PYTHON_MEMORY,
    QUICKFIX,
    LoadShape,
    RunningSides,
    alternating,
    sides,
)
from quotelife_bench.spread import MINIMUM, percentile_name
from quotelife_bench.topics.latencies import Latencies

PAUSE_US = 500.0
REQUESTS = 3_000  # a repeat
MARKET_RATE = 150.0  # messages a second, as in the demo
SIDES = (*ENGINES, CPP, CPP_MEMORY, PYTHON, PYTHON_MEMORY, ECHO)
_WARM_UP = 500
_PERCENTILES = (MINIMUM, 50.0, 90.0, 99.0, 99.9)
_LIMITS = (
    (NATIVE, CPP_MEMORY, MINIMUM, 1.2),
    (NATIVE, CPP_MEMORY, 50.0, 1.2),
    (NATIVE, CPP, MINIMUM, 1.2),
    (NATIVE, CPP, 50.0, 1.2),
    (QUICKFIX, PYTHON_MEMORY, 50.0, 1.5),
    (QUICKFIX, PYTHON, 50.0, 1.5),
)


def measure(requests: int, repeats: int, instruments: int, progress: Progress) -> Topic:
    """Measure every side `repeats` times."""
    rate = 1e6 / PAUSE_US  # which a pause makes the most there can be
    shape = LoadShape(rate, requests / rate, _WARM_UP / rate, MARKET_RATE, instruments, pause_us=PAUSE_US)
    latencies = Latencies(_PERCENTILES)
    with sides(SIDES, MARKET_RATE, instruments, 1) as running:
        for repeat, side in alternating(running.running, repeats):
            progress.step(f"{side}, {repeat + 1} of {repeats}")
            latencies.add(side, running.load(side, shape))
        return _topic(requests, repeats, latencies, running)


def _topic(requests: int, repeats: int, latencies: Latencies, running: RunningSides) -> Topic:
    title = f"one client, {PAUSE_US:g} us after each answer, {MARKET_RATE:g} market-data messages/s"
    every = [load for loads in latencies.loads.values() for load in loads]
    unanswered = sum(load.unanswered for load in every)
    chart = Chart(
        name="closed",
        title="Request to Quote, closed loop",
        x="percentile",
        y="us",
        log_y=True,
        labels=[percentile_name(p) for p in _PERCENTILES],
        lines=latencies.lines(),
    )
    return Topic(
        topic="closed",
        title=title,
        tables=[latencies.table("closed loop, us")],
        figures=[found for limit in _LIMITS for found in latencies.compare(*limit)],
        counts={"sent": sum(load.sent for load in every), "unanswered": unanswered},
        problems=[f"{unanswered} unanswered requests"] if unanswered else [],
        notes=[f"{repeats} x {requests:,} requests per side", *running.notes()],
        charts=[chart],
    )
