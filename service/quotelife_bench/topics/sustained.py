"""Sustained-rate bench: the highest request rate with a 99th percentile under 2 ms, with one session and with fifty.

Rates rise in fixed steps; each step is measured on all sides before the next. The result of a repeat is the highest
rate within the limit, even if a lower one exceeded it: a single stall of a shared machine does not decide.
"""

import time
from typing import NamedTuple

from quotelife.runtime.clock import NS_PER_MS
from quotelife_bench.figures import Chart, Figure, Limit, Table, Topic, counted, figure
from quotelife_bench.load.generator import LoadResult
from quotelife_bench.progress import Progress
from quotelife_bench.sides import ENGINES, NAMES, NATIVE, PYTHON, QUICKFIX, LoadShape, RunningSides, sides
from quotelife_bench.spread import Spread, percentiles, spread
from quotelife_bench.topics.latencies import CPU_COLUMNS

SESSIONS = (1, 50)
SIDES = (*ENGINES, PYTHON)
RATES = (500, 700, 1_000, 1_400, 2_000, 2_800, 4_000, 5_600, 8_000, 11_000, 16_000, 22_000)  # requests a second
_TIMES = {NATIVE: 3.0, QUICKFIX: 0.0}  # target against the bare engine; 0: none
_CPU_US = 40.0
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


class SideClimb(NamedTuple):
    """A side's rates in one repeat, and the load at the highest rate within the limit, or at the lowest one."""

    ladder: RateLadder
    best: list[LoadResult]


def measure(market_rate: float, seconds: float, instruments: int, repeats: int, progress: Progress) -> Topic:
    """Measure rising rates on all sides, alternating at every step."""
    figures: list[Figure] = []
    tables: list[Table] = []
    lines: dict[str, list[tuple[float, float]]] = {}
    notes: list[str] = []
    for sessions in SESSIONS:
        shape = LoadShape(RATES[0], seconds, _WARM_UP_S, market_rate, instruments, sessions)
        # Fresh: without the backlog of an earlier overload.
        with sides(SIDES, market_rate, instruments, sessions) as running:
            climbs = [_climb(running, shape, progress) for _ in range(repeats)]
            notes = running.notes()
        count = counted(sessions, "session")
        for side in climbs[0]:
            lines[f"{NAMES[side]}, {count}"] = _medians([climb[side].ladder for climb in climbs])
        tables.append(_table(count, climbs))
        figures += _figures(count, climbs)
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
        tables=tables,
        figures=figures,
        notes=notes,
        charts=[chart],
    )


def _climb(running: RunningSides, shape: LoadShape, progress: Progress) -> dict[str, SideClimb]:
    climbs = {side: SideClimb(RateLadder(), []) for side in running.running}
    for rate in RATES:
        for side, (ladder, best) in climbs.items():
            if ladder.overloaded:
                continue
            progress.step(f"{NAMES[side]}, {shape.sessions} sessions, {rate:,}/s")
            measured = running.load(side, shape._replace(rate=float(rate)))
            ladder.add(rate, percentiles(measured.latencies_ns, [99.0])[0], measured.unanswered == 0)
            if ladder.best_rate == rate or not best:
                best[:] = [measured]
            if ladder.overloaded:
                time.sleep(_RECOVERY_S)
    return climbs


def _table(count: str, climbs: list[dict[str, SideClimb]]) -> Table:
    rows: dict[str, list[Spread]] = {
        NAMES[side]: [
            spread(climb[side].ladder.best_rate for climb in climbs),
            spread(climb[side].best[0].cpu_us for climb in climbs),
            spread(climb[side].best[0].answer_us for climb in climbs),
        ]
        for side in climbs[0]
    }
    columns = ["requests/s with p99 under 2 ms", *(f"{name}, us per request then" for name in CPU_COLUMNS)]
    return Table(title=count, columns=columns, rows=rows)


def _figures(count: str, climbs: list[dict[str, SideClimb]]) -> list[Figure]:
    """The service's engines against the bare engine."""
    found = []
    for side, least in _TIMES.items():
        if side not in climbs[0]:
            continue
        rates = {each: [float(climb[each].ladder.best_rate) for climb in climbs] for each in (side, PYTHON)}
        limit: Limit | None = ("at least", least, "times") if least else None
        name = f"{NAMES[side]}, requests/s with p99 under 2 ms, {count}"
        found.append(figure(name, "/s", rates[side], {NAMES[PYTHON]: rates[PYTHON]}, limit))
        if side == NATIVE:
            best = [climb[side].best[0] for climb in climbs]
            cpu_us = ([load.cpu_us for load in best], [load.answer_us for load in best])
            for what, us in zip(CPU_COLUMNS, cpu_us, strict=True):
                name = f"{NAMES[side]}, {what} per request then, {count}"
                found.append(figure(name, "us", us, limit=("at most", _CPU_US, "absolute")))
    return found


def _medians(climbs: list[RateLadder]) -> list[tuple[float, float]]:
    """(rate, median of p99 in ms) of the measured rates."""
    by_rate: dict[int, list[float]] = {}
    for climb in climbs:
        for rate, p99_ns in climb.measured:
            by_rate.setdefault(rate, []).append(p99_ns / NS_PER_MS)
    return [(float(rate), spread(each).median) for rate, each in sorted(by_rate.items())]
