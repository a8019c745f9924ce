"""The second instrument of the demo: generated, calm, and as long as what is recorded beside it."""

import random

import numpy as np

from quotelife.runtime.clock import NS_PER_S
from quotelife_sim.markets.market import ASK, BID, EVENT
from quotelife_sim.venue.ladder import Event, Ladder

COMPANION = "ETH-USD"
FIRST_BID_TICKS = 10_000
SPREAD_TICKS = 2
TYPICAL_LOTS = 300
RATE = 4.0  # changes per second
MOVE_SHARE, TRADE_SHARE, RESIZE_SHARE = 0.05, 0.05, 0.5  # of the changes; the others replace an order


class Companion:
    """Always the same events: the runs of a recorded market differ in their clients only."""

    def __init__(self, instrument: int) -> None:
        self._instrument = instrument

    def opening(self) -> np.ndarray:
        """Events (EVENT) that build the opening book."""
        opened: list[Event] = []
        self._ladder(random.Random(COMPANION), opened)
        return np.array(opened, EVENT)

    def beside(self, recorded: np.ndarray) -> np.ndarray:
        """The recorded events (EVENT, from time 0 on) with those of this instrument among them."""
        return _merged(recorded, self._events(int(recorded["due_ns"][-1])))

    def _events(self, end_ns: int) -> np.ndarray:
        rng = random.Random(COMPANION)
        ladder = self._ladder(rng, [])
        out: list[Event] = []
        due_ns = 0
        while (due_ns := due_ns + round(rng.expovariate(RATE) * NS_PER_S)) <= end_ns:
            draw = rng.random()
            if draw < MOVE_SHARE:
                ladder.move(due_ns, rng.choice((-1, 1)), out)
            elif draw < MOVE_SHARE + TRADE_SHARE:
                ladder.trade(due_ns, rng.choice((BID, ASK)), out)
            elif draw < MOVE_SHARE + TRADE_SHARE + RESIZE_SHARE:
                ladder.resize(due_ns, out)
            else:
                ladder.replace(due_ns, out)
        return np.array(out, EVENT)

    def _ladder(self, rng: random.Random, out: list[Event]) -> Ladder:
        ladder = Ladder(self._instrument, TYPICAL_LOTS, rng)
        ladder.reprice(0, FIRST_BID_TICKS, FIRST_BID_TICKS + SPREAD_TICKS, out)
        return ladder


def _merged(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Both in order of time; events of one moment stay in their order."""
    both = np.concatenate([first, second])
    return both[np.argsort(both["due_ns"], kind="stable")]
