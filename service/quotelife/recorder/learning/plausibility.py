"""Checks whether labels can have come from a market, so that parameters do not follow wrong ones.

A market that has changed moves more or less often, within a bounded factor, but the parameters in force still separate
likely moves from unlikely ones. Labels that are random, inverted or made from corrupt prices have lost that. So two
figures of the last blocks are checked: the number of passages against the predicted number, and, with that difference
removed in every bin, the slope of the outcomes on the log-odds in force.
"""

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BLOCKS = 6
MAX_RATIO = 8.0  # of passages to predicted ones
MIN_SLOPE = 0.35
_MIN_EVENTS = 25.0  # fewer are not conclusive
_ERRORS = 2.0
_OVERLAP = 1.5
RATE, ORDER = "rate", "order"


class _Block(NamedTuple):
    eta: Floats  # [m, bins], of the parameters in force
    entered: NDArray[np.bool_]
    passed: NDArray[np.bool_]
    weight: Floats


class Plausibility:
    """The last blocks of one instrument. `fault` is RATE, ORDER or None; it ends only when the labels are clearly
    plausible again."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self._blocks: deque[_Block] = deque(maxlen=BLOCKS)

    def add(self, eta: Floats, entered: NDArray[np.bool_], passed: NDArray[np.bool_], weight: Floats) -> None:
        """Check the last blocks including this one. Log-odds [m, bins] of one event at one barrier, so that they differ
        only by the market; whether each bin was entered, and whether the passage was in it."""
        self._blocks.append(_Block(eta, entered, passed, weight))
        whole = _Block(*(np.concatenate(parts) for parts in zip(*self._blocks, strict=True)))
        w = np.where(whole.entered, whole.weight[:, None], 0.0)
        observed = float((w * whole.passed).sum())
        predicted = float((w * _logistic(whole.eta)).sum())
        if observed + predicted < _MIN_EVENTS:
            return
        ratio = (observed + 1.0) / (predicted + 1.0)
        if not 1.0 / MAX_RATIO <= ratio <= MAX_RATIO:
            self.fault = RATE
            return
        slope, error = self._slope(whole, w)
        if self.fault is None:
            self.fault = ORDER if slope + _ERRORS * error < MIN_SLOPE else None
        elif slope - error > MIN_SLOPE:
            self.fault = None

    def _slope(self, whole: _Block, w: Floats) -> tuple[float, float]:
        """(slope of the outcomes on the log-odds by one Newton step from 1, its standard error)."""
        shifts = np.zeros(whole.eta.shape[1])
        for _ in range(8):
            h = _logistic(whole.eta + shifts)
            missing, variance = (w * (whole.passed - h)).sum(axis=0), (w * h * (1.0 - h)).sum(axis=0)
            shifts += np.clip(missing / np.maximum(variance, 1e-9), -1.0, 1.0)
        middle = (w * h * (1.0 - h) * whole.eta).sum(axis=0) / np.maximum(variance, 1e-9)
        apart = whole.eta - middle
        fisher = max(float((w * h * (1.0 - h) * apart**2).sum()), 1e-9)
        each = (w * (whole.passed - h) * apart).sum(axis=1)
        edges = np.cumsum([0, *(len(b.eta) for b in self._blocks)])[:-1]
        of_blocks = np.add.reduceat(each, edges)
        # A few blocks underestimate their error: it is at least that of labels with this overlap.
        error = max(of_blocks.std() * np.sqrt(len(of_blocks)) / fisher, _OVERLAP / np.sqrt(fisher))
        return float(1.0 + each.sum() / fisher), float(error)


def _logistic(eta: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.clip(eta, -30.0, 30.0)))
