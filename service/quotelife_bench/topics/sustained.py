"""The highest rate of requests at which the 99th percentile stays under 2 ms, with one session and with ten.

Rates rise in fixed steps, each measured on both sides before the next. What a repeat finds is the highest rate that was
good, whatever a lower one was: one stall of a shared machine is no answer.
"""

import time

from quotelife.runtime.clock import NS_PER_MS
from quotelife_bench.figures import Chart, Figure, Topic, counted, figure
from quotelife_bench.progress import Progress
from quotelife_bench.spread import percentiles, spread
from quotelife_bench.topics.rfq import BARE, NAMES, QUOTELIFE, Shape, Sides, sides

SESSIONS = (1, 10)
RATES = (250, 350, 500, 700, 1_000, 1_400, 2_000, 2_800, 4_000, 5_600, 8_000)  # requests a second
_LIMIT_NS = 2 * NS_PER_MS
_HOPELESS = 10  # times the limit: no higher rate is tried
_REST_S = 2.0  # after too much, for what has piled up
_WARM_UP_S = 0.3


class Climb:
    """One side in one repeat: `tried` has (rate, p99 in ns), `good` is the highest rate that kept the limit."""

    def __init__(self) -> None:
        self.good, self.over = 0, False
        self.tried: list[tuple[int, float]] = []

    def note(self, rate: int, p99_ns: float, all_answered: bool) -> None:
        """How a rate did."""
        self.tried.append((rate, p99_ns))
        if all_answered and p99_ns < _LIMIT_NS:
            self.good = rate
        self.over = not all_answered or p99_ns > _HOPELESS * _LIMIT_NS


def measure(market_rate: float, seconds: float, instruments: int, repeats: int, progress: Progress) -> Topic:
    """Both sides climb at the same time, a step in turn."""
    figures: list[Figure] = []
    lines: dict[str, list[tuple[float, float]]] = {}
    for sessions in SESSIONS:
        shape = Shape(RATES[0], seconds, _WARM_UP_S, market_rate, instruments, sessions)
        with sides(market_rate, instruments, sessions) as running:  # new ones: nothing is left of the overload before
            climbs = [_climb(running, shape, progress) for _ in range(repeats)]
        found = {side: [float(climb[side].good) for climb in climbs] for side in (QUOTELIFE, BARE)}
        count = counted(sessions, "session")
        for side in found:
            lines[f"{NAMES[side]}, {count}"] = _medians([climb[side] for climb in climbs])
        name = f"requests/s with p99 under 2 ms, {count}"
        figures.append(figure(name, "/s", found[QUOTELIFE], {NAMES[BARE]: found[BARE]}))
    chart = Chart(
        name="sustained",
        title="99th percentile over the rate of requests",
        x="requests a second",
        y="p99 in ms from the intended send time",
        log_x=True,
        log_y=True,
        lines=lines,
    )
    return Topic(
        topic="sustained",
        title=f"sustained requests beside {market_rate:,.0f} market-data messages/s, steps of {seconds:g} s",
        figures=figures,
        charts=[chart],
    )


def _climb(running: Sides, shape: Shape, progress: Progress) -> dict[str, Climb]:
    climbs = {QUOTELIFE: Climb(), BARE: Climb()}
    for rate in RATES:
        for side, climb in climbs.items():
            if climb.over:
                continue
            progress.step(f"{NAMES[side]}, {shape.sessions} sessions, {rate:,}/s")
            measured = running.load(side, shape._replace(rate=float(rate)))
            climb.note(rate, percentiles(measured.latencies_ns, [99.0])[0], measured.unanswered == 0)
            if climb.over:
                time.sleep(_REST_S)
    return climbs


def _medians(climbs: list[Climb]) -> list[tuple[float, float]]:
    """(rate, median of p99 in ms) of what was tried."""
    tried: dict[int, list[float]] = {}
    for climb in climbs:
        for rate, p99_ns in climb.tried:
            tried.setdefault(rate, []).append(p99_ns / NS_PER_MS)
    return [(float(rate), spread(each).median) for rate, each in sorted(tried.items())]
