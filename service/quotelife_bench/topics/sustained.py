"""Sustained-rate bench: the highest request rate with a 99th percentile under 2 ms, with one session and with ten.

Rates rise in fixed steps; each step is measured on both sides before the next. The result of a repeat is the highest
rate within the limit, even if a lower one exceeded it: a single stall of a shared machine does not decide.
"""

import time

from quotelife.runtime.clock import NS_PER_MS
from quotelife_bench.figures import Chart, Figure, Topic, counted, figure
from quotelife_bench.progress import Progress
from quotelife_bench.spread import percentiles, spread
from quotelife_bench.topics.rfq import BARE, NAMES, QUOTELIFE, LoadShape, RunningSides, sides

SESSIONS = (1, 10)
RATES = (250, 350, 500, 700, 1_000, 1_400, 2_000, 2_800, 4_000, 5_600, 8_000)  # requests a second
_LIMIT_NS = 2 * NS_PER_MS
_GIVE_UP_FACTOR = 10  # times the limit: no higher rate is measured
_RECOVERY_S = 2.0  # after an overload, until the backlog is gone
_WARM_UP_S = 0.3


class RateLadder:
    """The rates measured for one side in one repeat.

    `measured` holds (rate, p99 in ns), `best_rate` the highest rate within the limit; `overloaded` ends the climb.
    """

    def __init__(self) -> None:
        self.best_rate, self.overloaded = 0, False
        self.measured: list[tuple[int, float]] = []

    def add(self, rate: int, p99_ns: float, all_answered: bool) -> None:
        """Add the measurement of a rate."""
        self.measured.append((rate, p99_ns))
        if all_answered and p99_ns < _LIMIT_NS:
            self.best_rate = rate
        self.overloaded = not all_answered or p99_ns > _GIVE_UP_FACTOR * _LIMIT_NS


def measure(market_rate: float, seconds: float, instruments: int, repeats: int, progress: Progress) -> Topic:
    """Measure rising rates on both sides, alternating at every step."""
    figures: list[Figure] = []
    lines: dict[str, list[tuple[float, float]]] = {}
    for sessions in SESSIONS:
        shape = LoadShape(RATES[0], seconds, _WARM_UP_S, market_rate, instruments, sessions)
        with sides(market_rate, instruments, sessions) as running:  # fresh: without the backlog of an earlier overload
            climbs = [_climb(running, shape, progress) for _ in range(repeats)]
        found = {side: [float(climb[side].best_rate) for climb in climbs] for side in (QUOTELIFE, BARE)}
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
        title=f"sustained requests with {market_rate:,.0f} market-data messages/s, steps of {seconds:g} s",
        figures=figures,
        charts=[chart],
    )


def _climb(running: RunningSides, shape: LoadShape, progress: Progress) -> dict[str, RateLadder]:
    ladders = {QUOTELIFE: RateLadder(), BARE: RateLadder()}
    for rate in RATES:
        for side, ladder in ladders.items():
            if ladder.overloaded:
                continue
            progress.step(f"{NAMES[side]}, {shape.sessions} sessions, {rate:,}/s")
            measured = running.load(side, shape._replace(rate=float(rate)))
            ladder.add(rate, percentiles(measured.latencies_ns, [99.0])[0], measured.unanswered == 0)
            if ladder.overloaded:
                time.sleep(_RECOVERY_S)
    return ladders


def _medians(climbs: list[RateLadder]) -> list[tuple[float, float]]:
    """(rate, median of p99 in ms) of the measured rates."""
    by_rate: dict[int, list[float]] = {}
    for climb in climbs:
        for rate, p99_ns in climb.measured:
            by_rate.setdefault(rate, []).append(p99_ns / NS_PER_MS)
    return [(float(rate), spread(each).median) for rate, each in sorted(by_rate.items())]
