"""The generated market: regimes from calm to burst, news, and pairs whose second instrument follows the first.

For load tests and for machines without the recorded sample. Its figures say nothing about a real market.
"""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quotelife.runtime.clock import NS_PER_MS, NS_PER_S
from quotelife_sim.markets.market import ASK, BID, EVENT
from quotelife_sim.venue.ladder import Event, Ladder

FIRST_BID_TICKS = 10_000
SPREAD_TICKS = 2
TYPICAL_LOTS = 300
TRADE_SHARE = 0.05  # share of trades among the changes
FOLLOW_SHARE = 0.7  # of the leader's moves that the follower repeats
FOLLOW_LAG_MS = (50, 250)
NEWS_EVERY_S = 60.0  # on average, for each pair
NEWS_BURST_S = 3.0
NEWS_DRIFT = 0.4  # excess probability that a move goes in the direction of the news


@dataclass(frozen=True)
class Regime:
    rate: float  # changes per second and instrument
    move_share: float  # share of changes that move the best prices
    mean_s: float  # mean duration


CALM, ACTIVE, BURST = Regime(2.0, 0.05, 10.0), Regime(15.0, 0.12, 4.0), Regime(80.0, 0.3, 0.8)


def synthetic_symbols(instruments: int) -> tuple[str, ...]:
    return tuple(f"SYN-{i:04d}" for i in range(instruments))


class SyntheticMarket:
    """Deterministic in (instruments, seed)."""

    repeats = False

    def __init__(self, instruments: int, seed: int | str) -> None:
        self.symbols = synthetic_symbols(instruments)
        self._seed = seed

    def opening(self) -> np.ndarray:
        out = [event for pair in self._pairs() for event in pair.opened]
        return np.array(out, EVENT)

    def chunks(self) -> Iterator[np.ndarray]:
        """One chunk per second."""
        pairs, second = self._pairs(), 0
        while True:
            out: list[Event] = []
            for pair in pairs:
                pair.advance(second, out)
            out.sort(key=lambda event: event[0])  # stable: the order within one change stays
            yield np.array(out, EVENT)
            second += 1

    def describe(self) -> str:
        return f"SYNTHETIC market, {len(self.symbols)} instruments: generated, its figures say nothing about a real one"

    def _pairs(self) -> list["_Pair"]:
        count = len(self.symbols)
        return [_Pair(range(i, min(i + 2, count)), random.Random(f"{self._seed}/{i}")) for i in range(0, count, 2)]


class _Pair:
    """A leader and its follower (none for the last of an odd number)."""

    def __init__(self, instruments: range, rng: random.Random) -> None:
        self.rng = rng
        self.opened: list[Event] = []
        self.ladders = [Ladder(i, TYPICAL_LOTS, rng) for i in instruments]
        for ladder in self.ladders:
            ladder.reprice(0, FIRST_BID_TICKS, FIRST_BID_TICKS + SPREAD_TICKS, self.opened)
        self._regime, self._regime_until_s = CALM, rng.expovariate(1 / CALM.mean_s)
        self._drift = 0.0  # -1 to 1, during a news burst
        self._follower_moves: list[tuple[int, int]] = []  # heap of pending moves of the follower: due, ticks

    def advance(self, second: int, out: list[Event]) -> None:
        self._change_regime(second, out)
        actions = self._actions(second)
        end_ns = (second + 1) * NS_PER_S
        for due_ns, ladder in actions:
            self._follow(due_ns, out)
            self._change(due_ns, ladder, out)
        self._follow(end_ns, out)

    def _actions(self, second: int) -> list[tuple[int, int]]:
        """Times of the changes in this second, with the index of the ladder."""
        mean = self._regime.rate
        found = []
        for ladder in range(len(self.ladders)):
            at_s = self.rng.expovariate(mean)
            while at_s < 1.0:
                found.append((round((second + at_s) * NS_PER_S), ladder))
                at_s += self.rng.expovariate(mean)
        return sorted(found)

    def _change(self, due_ns: int, which: int, out: list[Event]) -> None:
        ladder, draw = self.ladders[which], self.rng.random()
        if draw < self._regime.move_share:
            if which == 0:
                self._lead(due_ns, out)
        elif draw < self._regime.move_share + TRADE_SHARE:
            ladder.trade(due_ns, self.rng.choice((BID, ASK)), out)
        elif draw < 0.6:
            ladder.resize(due_ns, out)
        else:
            ladder.replace(due_ns, out)

    def _lead(self, due_ns: int, out: list[Event]) -> None:
        ticks = 1 if self.rng.random() < 0.5 + self._drift / 2 else -1
        self.ladders[0].move(due_ns, ticks, out)
        if len(self.ladders) > 1 and self.rng.random() < FOLLOW_SHARE:
            heapq.heappush(self._follower_moves, (due_ns + self.rng.randint(*FOLLOW_LAG_MS) * NS_PER_MS, ticks))

    def _follow(self, until_ns: int, out: list[Event]) -> None:
        while self._follower_moves and self._follower_moves[0][0] < until_ns:
            due_ns, ticks = heapq.heappop(self._follower_moves)
            self.ladders[1].move(due_ns, ticks, out)

    def _change_regime(self, second: int, out: list[Event]) -> None:
        if self.rng.random() < 1 / NEWS_EVERY_S:
            sentiment = self.rng.choice((-1, 1)) * self.rng.uniform(0.6, 1.0)
            for ladder in self.ladders:
                ladder.news(second * NS_PER_S, sentiment, out)
            self._drift = NEWS_DRIFT * sentiment
            self._regime, self._regime_until_s = BURST, second + NEWS_BURST_S
        elif second >= self._regime_until_s:
            self._drift = 0.0
            self._regime = self.rng.choices((CALM, ACTIVE, BURST), (5, 3, 1))[0]
            self._regime_until_s = second + self.rng.expovariate(1 / self._regime.mean_s)
