"""The other instruments of the demo: generated, as long as what is recorded beside them.

Like the generated market they have regimes from calm to burst, each instrument for itself. Their figures show how the
service behaves, not what it would have earned.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from quotelife.runtime.clock import NS_PER_S
from quotelife_sim.markets.market import ASK, BID, EVENT, Market
from quotelife_sim.markets.synthetic import ACTIVE, BURST, CALM, TRADE_SHARE
from quotelife_sim.venue.ladder import Event, Ladder

_CHUNK_NS = 20 * NS_PER_S  # of what is generated at once: the first chunk does not delay the start
_RESIZE_SHARE = 0.5  # of the changes that neither move the price nor trade; the others replace an order


@dataclass(frozen=True)
class Companion:
    """One generated instrument. The same `symbol` and `part` always have the same events."""

    symbol: str
    first_bid_ticks: int
    spread_ticks: int
    typical_lots: int


COMPANIONS = {
    companion.symbol: companion
    for companion in (
        Companion("ETH-USD", 10_000, 2, 300),  # ticks of 0.25 USD, lots of 0.01
        Companion("EUR-USD", 108_500, 3, 1_000_000),  # ticks of 0.00001 USD, lots of 1 EUR
    )
}


class MarketWithCompanions:
    """A recorded market, whose instrument comes first, with generated ones beside it."""

    def __init__(self, recorded: Market, companions: Sequence[Companion], part: str = "") -> None:
        self._recorded, self._companions, self._part = recorded, companions, part
        self.symbols = (*recorded.symbols, *(companion.symbol for companion in companions))
        self.repeats = recorded.repeats

    def opening(self) -> np.ndarray:
        opened = [np.array(play.opened, EVENT) for play in self._plays()]
        return np.concatenate([self._recorded.opening(), *opened])

    def chunks(self) -> Iterator[np.ndarray]:
        plays = self._plays()
        for recorded in self._recorded.chunks():
            due_ns, first = recorded["due_ns"], 0
            for end_ns in range(_CHUNK_NS, int(due_ns[-1]) + _CHUNK_NS + 1, _CHUNK_NS):
                end = int(np.searchsorted(due_ns, end_ns))
                until_ns = min(end_ns, int(due_ns[-1]))
                yield _merged([recorded[first:end], *(play.until(until_ns) for play in plays)])
                first = end

    def describe(self) -> str:
        names = " and ".join(companion.symbol for companion in self._companions)
        return f"{self._recorded.describe()}; beside it {names}, GENERATED"

    def _plays(self) -> list["_Play"]:
        first = len(self._recorded.symbols)
        return [_Play(companion, first + n, self._part) for n, companion in enumerate(self._companions)]


class _Play:
    """One instrument from its opening on, as far as it was asked for."""

    def __init__(self, companion: Companion, instrument: int, part: str) -> None:
        self._rng = random.Random(f"{companion.symbol}{part}")
        self._ladder = Ladder(instrument, companion.typical_lots, self._rng)
        self.opened: list[Event] = []
        bid = companion.first_bid_ticks
        self._ladder.reprice(0, bid, bid + companion.spread_ticks, self.opened)
        self._regime, self._regime_until_ns = CALM, round(CALM.mean_s * NS_PER_S)
        self._due_ns = 0

    def until(self, end_ns: int) -> np.ndarray:
        """The next events (EVENT), before `end_ns`."""
        out: list[Event] = []
        while self._due_ns < end_ns:
            self._change(self._due_ns, out)
            self._due_ns += 1 + round(self._rng.expovariate(self._regime.rate) * NS_PER_S)
            if self._due_ns >= self._regime_until_ns:
                self._regime = self._rng.choices((CALM, ACTIVE, BURST), (5, 3, 1))[0]
                self._regime_until_ns = self._due_ns + round(self._rng.expovariate(1 / self._regime.mean_s) * NS_PER_S)
        return np.array(out, EVENT)

    def _change(self, due_ns: int, out: list[Event]) -> None:
        rng, ladder, draw = self._rng, self._ladder, self._rng.random()
        if draw < self._regime.move_share:
            ladder.move(due_ns, rng.choice((-1, 1)), out)
        elif draw < self._regime.move_share + TRADE_SHARE:
            ladder.trade(due_ns, rng.choice((BID, ASK)), out)
        elif rng.random() < _RESIZE_SHARE:
            ladder.resize(due_ns, out)
        else:
            ladder.replace(due_ns, out)


def _merged(parts: list[np.ndarray]) -> np.ndarray:
    """All in order of time; events of one moment stay in their order."""
    together = np.concatenate(parts)
    return together[np.argsort(together["due_ns"], kind="stable")]
