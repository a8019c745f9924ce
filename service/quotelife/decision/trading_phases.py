"""TradingPhases of an instrument's trading day."""

from bisect import bisect_right
from typing import NamedTuple

from quotelife.config.instrument_sections import Session
from quotelife.decision.kernel import NO_LIMIT
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S
from quotelife_models.enums import PHASE_CONTINUOUS, PHASES

_DAY_NS = 86_400 * NS_PER_S


class Phase(NamedTuple):
    """One phase, from `start_ns` to `end_ns` of the UTC day; one that ends before it starts spans midnight. `code` is
    an index of PHASES, `limit_ns` the longest lifetime in it, `end` the configured time for messages."""

    start_ns: int
    end_ns: int
    code: int
    limit_ns: int
    end: str

    def contains(self, of_day_ns: int) -> bool:
        if self.start_ns <= self.end_ns:
            return self.start_ns <= of_day_ns < self.end_ns
        return of_day_ns >= self.start_ns or of_day_ns < self.end_ns


ALL_DAY = Phase(0, _DAY_NS, PHASE_CONTINUOUS, NO_LIMIT, "24:00")


class TradingPhases:
    """The configured phases of one instrument. The first that contains a moment counts; outside all of them, trading is
    continuous."""

    def __init__(self, sessions: list[Session]) -> None:
        self._phases = [
            Phase(
                _of_day(s.start),
                _of_day(s.end),
                PHASES.index(s.phase),
                NO_LIMIT if s.max_lifetime_ms is None else int(s.max_lifetime_ms * NS_PER_MS),
                s.end,
            )
            for s in sessions
        ]
        bounds = {0, _DAY_NS, *(p.start_ns for p in self._phases), *(p.end_ns for p in self._phases)}
        self._bounds = sorted(bounds)  # of the day; the phase is the same from one to the next

    def __bool__(self) -> bool:
        """Whether there are any phases: without them, trading is continuous all day."""
        return bool(self._phases)

    def at(self, wall_ns: int) -> Phase:
        """The phase at `wall_ns`, in ns since the epoch."""
        of_day = wall_ns % _DAY_NS
        for phase in self._phases:
            if phase.contains(of_day):
                return phase
        return ALL_DAY

    def span(self, wall_ns: int) -> tuple[Phase, int, int]:
        """The phase at `wall_ns`, and from when until when it is known to last, all in ns since the epoch."""
        of_day = wall_ns % _DAY_NS
        following = bisect_right(self._bounds, of_day)
        midnight = wall_ns - of_day
        return self.at(wall_ns), midnight + self._bounds[following - 1], midnight + self._bounds[following]


def _of_day(text: str) -> int:
    hours, minutes, *seconds = (int(part) for part in text.split(":"))
    return (hours * 3600 + minutes * 60 + sum(seconds)) * NS_PER_S
