"""The highest rate of requests at which the 99th percentile stays under 2 ms, with one session and with ten."""

import statistics
import time

from service.bench.figures import Chart, Figure, Topic, figure
from service.bench.progress import Progress
from service.bench.rfq import BARE, NAMES, QUOTELIFE, Shape, Sides, sides
from service.bench.spread import percentiles
from service.clock import NS_PER_MS

SESSIONS = (1, 10)
_LIMIT_NS = 2 * NS_PER_MS
_FIRST, _HIGHEST = 250.0, 16_000.0  # requests a second; more than the highest the generator cannot send in time
_BISECTIONS = 3
_TRIES = 3
_REST_S = 2.0  # after too much, for what has piled up
_WARM_UP_S = 0.3


class Search:
    """For one side: the rate is doubled until it is too much, then the gap is halved."""

    def __init__(self) -> None:
        self.good, self.bad, self._next, self._halved = 0.0, 0.0, _FIRST, 0
        self.tried: list[tuple[float, float]] = []  # rate, p99 in ns

    @property
    def over(self) -> bool:
        return self._halved > _BISECTIONS or self.good >= _HIGHEST or (self.bad <= _FIRST and self.bad > 0)

    @property
    def rate(self) -> float:
        """To be tried next."""
        return self._next

    def note(self, p99_ns: float, all_answered: bool) -> None:
        """How the rate did."""
        self.tried.append((self._next, p99_ns))
        if all_answered and p99_ns < _LIMIT_NS:
            self.good = self._next
        else:
            self.bad = self._next
        if self.bad:
            self._halved += 1
        self._next = (self.good + self.bad) / 2 if self.bad else min(2 * self._next, _HIGHEST)


def measure(market_rate: float, seconds: float, instruments: int, repeats: int, progress: Progress) -> Topic:
    """Both sides search at the same time, a step in turn."""
    figures: list[Figure] = []
    lines: dict[str, list[tuple[float, float]]] = {}
    for sessions in SESSIONS:
        shape = Shape(_FIRST, seconds, _WARM_UP_S, market_rate, instruments, sessions)
        found: dict[str, list[float]] = {QUOTELIFE: [], BARE: []}
        with sides(market_rate, instruments, sessions) as running:  # new ones: nothing is left of the overload before
            for _ in range(repeats):
                for side, search in _search(running, shape, progress).items():
                    found[side].append(search.good)
                    name = f"{NAMES[side]}, {sessions} sessions"
                    lines[name] = [(rate, ns / 1e6) for rate, ns in sorted(search.tried)]
        name = f"requests/s with p99 under 2 ms, {sessions} session{'s' if sessions > 1 else ''}"
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


def _search(running: Sides, shape: Shape, progress: Progress) -> dict[str, Search]:
    searches = {QUOTELIFE: Search(), BARE: Search()}
    while not all(search.over for search in searches.values()):
        for side, search in searches.items():
            if search.over:
                continue
            progress.step(f"{NAMES[side]}, {shape.sessions} sessions, {search.rate:,.0f}/s")
            search.note(*_step(running, side, shape._replace(rate=search.rate)))
            if search.bad == search.tried[-1][0]:
                time.sleep(_REST_S)
    return searches


def _step(running: Sides, side: str, shape: Shape) -> tuple[float, bool]:
    """(p99 in ns, whether all was answered) at a rate. What is too much is tried twice more and the median taken: one
    stall of a shared machine is no answer."""
    found: list[float] = []
    answered = True
    while not found or (found[0] >= _LIMIT_NS and len(found) < _TRIES):
        measured = running.load(side, shape)
        found += percentiles(measured.latencies_ns, [99.0])
        answered &= measured.unanswered == 0
    return statistics.median(found), answered
