"""Are labels what a market can have brought about? Parameters are not to follow labels that are wrong.

A market that has changed moves more often or more seldom, and that by a factor that has its bounds; but what made a
move likely before still tells likely from unlikely. Labels that are random, turned round, or made of garbled prices
have lost just that. So over the last blocks two things are looked at: how many passages came against how many were
foretold, and, that difference taken out in every bin, the slope of the outcomes on the log-odds in force.
"""

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BLOCKS = 6
MOST_RATIO = 8.0  # passages against those foretold
LEAST_SLOPE = 0.35
_EVENTS = 25.0  # fewer say nothing
_ERRORS = 2.0
_OVERLAP = 1.5
RATE, ORDER = "rate", "order"


class _Block(NamedTuple):
    eta: Floats  # [m, bins], of the parameters in force
    entered: NDArray[np.bool_]
    came: NDArray[np.bool_]
    weight: Floats


class Plausibility:
    """The last blocks of one instrument. `wrong` is RATE, ORDER or None; what is wrong has to be clearly right before
    it counts as right again."""

    def __init__(self) -> None:
        self.wrong: str | None = None
        self._blocks: deque[_Block] = deque(maxlen=BLOCKS)

    def add(self, eta: Floats, entered: NDArray[np.bool_], came: NDArray[np.bool_], weight: Floats) -> None:
        """Judge the last blocks, this one included. Log-odds [m, bins] of one event at one barrier, so that all which
        tells them apart is the market; whether each bin was entered, and the passage came in it."""
        self._blocks.append(_Block(eta, entered, came, weight))
        whole = _Block(*(np.concatenate(parts) for parts in zip(*self._blocks, strict=True)))
        w = np.where(whole.entered, whole.weight[:, None], 0.0)
        observed = float((w * whole.came).sum())
        foretold = float((w * _logistic(whole.eta)).sum())
        if observed + foretold < _EVENTS:
            return
        ratio = (observed + 1.0) / (foretold + 1.0)
        if not 1.0 / MOST_RATIO <= ratio <= MOST_RATIO:
            self.wrong = RATE
            return
        slope, error = self._slope(whole, w)
        if self.wrong is None:
            self.wrong = ORDER if slope + _ERRORS * error < LEAST_SLOPE else None
        elif slope - error > LEAST_SLOPE:
            self.wrong = None

    def _slope(self, whole: _Block, w: Floats) -> tuple[float, float]:
        """(slope of the outcomes on the log-odds by one step from 1, its standard error)."""
        shifts = np.zeros(whole.eta.shape[1])
        for _ in range(8):
            h = _logistic(whole.eta + shifts)
            missing, variance = (w * (whole.came - h)).sum(axis=0), (w * h * (1.0 - h)).sum(axis=0)
            shifts += np.clip(missing / np.maximum(variance, 1e-9), -1.0, 1.0)
        middle = (w * h * (1.0 - h) * whole.eta).sum(axis=0) / np.maximum(variance, 1e-9)
        apart = whole.eta - middle
        fisher = max(float((w * h * (1.0 - h) * apart**2).sum()), 1e-9)
        each = (w * (whole.came - h) * apart).sum(axis=1)
        edges = np.cumsum([0, *(len(b.eta) for b in self._blocks)])[:-1]
        of_blocks = np.add.reduceat(each, edges)
        # A few blocks say little of their own error: at least that of labels that overlap about so much.
        error = max(of_blocks.std() * np.sqrt(len(of_blocks)) / fisher, _OVERLAP / np.sqrt(fisher))
        return float(1.0 + each.sum() / fisher), float(error)


def _logistic(eta: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.clip(eta, -30.0, 30.0)))
