"""A shift and a stretch of given log-odds, learnt online with forgetting: intercept first, then slope.

    log-odds' = eta + a + s (eta - centre)

Recursive logistic regression: each block of labels adds the information of one Newton step, and earlier information
decays with the half-life (Fahrmeir and Tutz, Multivariate Statistical Modelling, 8.2; stabilised forgetting, Kulhavy
and Zarrop, 1993). A prior that does not decay draws both to zero, so they vanish without labels. Labels overlap in time
and are far from independent: their information is divided by the ratio of the score's variance between blocks to that
of independent labels.
"""

import numpy as np
from numpy.typing import NDArray

from quotelife.parameters.table import MAX_SHIFT, MAX_SLOPE, MIN_SLOPE

Floats = NDArray[np.float64]
_PRIOR_SD = (0.5, 0.25)  # of the shift and of the stretch
_STEP = (0.5, 0.1)  # largest change by one block
_EVENTS_FOR_SLOPE = 60.0  # effective number of independent events
_INFLATION, _INFLATION_WEIGHT = 4.0, 3.0  # assumed for the first blocks, and for how many


class Recalibrator:
    """`half_life` in blocks."""

    def __init__(self, centre: float, half_life: float, prior_sd: tuple[float, float] = _PRIOR_SD) -> None:
        self.centre = centre
        self._decay = 0.5 ** (1.0 / half_life)
        self._prior = np.diag([1.0 / sd**2 for sd in prior_sd])
        self.theta = np.zeros(2)  # a, s
        self._information = np.zeros((2, 2))
        self._vector = np.zeros(2)
        self._score, self._score_square, self._fisher = 0.0, 0.0, 0.0
        self._events, self._blocks = 0.0, 0.0

    def copy(self) -> "Recalibrator":
        other = Recalibrator.__new__(Recalibrator)
        other.__dict__.update(
            {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in self.__dict__.items()}
        )
        return other

    def start_at(self, intercept: float, slope: float) -> None:
        """Restart at log-odds' = intercept + slope * eta."""
        fresh = Recalibrator(self.centre, 1.0)
        decay, prior = self._decay, self._prior
        self.__dict__.update(fresh.__dict__)
        self._decay, self._prior = decay, prior
        self.theta = np.array([intercept + (slope - 1.0) * self.centre, slope - 1.0])
        self._vector = self._prior @ self.theta

    @property
    def intercept(self) -> float:
        return float(self.theta[0] - self.theta[1] * self.centre)

    @property
    def slope(self) -> float:
        return float(1.0 + self.theta[1])

    @property
    def inflation(self) -> float:
        """Variance of the score between blocks, relative to that of independent labels; at least 1."""
        around_mean = self._score_square - self._score**2 / max(self._blocks, 1.0)
        measured = around_mean + _INFLATION * _INFLATION_WEIGHT * self._per_block()
        return max(measured / max(self._fisher + _INFLATION_WEIGHT * self._per_block(), 1e-12), 1.0)

    def _per_block(self) -> float:
        return self._fisher / max(self._blocks, 1.0)

    def apply(self, eta: Floats) -> Floats:
        shifted: Floats = eta + self.theta[0] + self.theta[1] * (eta - self.centre)
        return shifted

    def update(self, eta: Floats, entered: NDArray[np.bool_], passed: NDArray[np.bool_], weight: Floats) -> None:
        """Learn from a block: log-odds [m, bins], whether each bin was entered and held the passage, weights [m]."""
        design = eta[entered] - self.centre
        w = np.broadcast_to(weight[:, None], eta.shape)[entered]
        y = passed[entered]
        h = 1.0 / (1.0 + np.exp(-np.clip(self.apply(eta[entered]), -30.0, 30.0)))
        missing, variance = w * (y - h), w * h * (1.0 - h)
        score = np.array([missing.sum(), missing @ design])
        fisher = np.array([[variance.sum(), variance @ design], [variance @ design, variance @ design**2]])
        decay = self._decay
        self._score = decay * self._score + score[0]
        self._score_square = decay * self._score_square + score[0] ** 2
        self._fisher = decay * self._fisher + fisher[0, 0]
        self._blocks = decay * self._blocks + 1.0
        inflation = self.inflation
        self._events = decay * self._events + float(w @ y) / inflation
        self._information = decay * self._information + fisher / inflation
        # The prior does not replace forgotten data by the value that it started from.
        self._vector = decay * self._vector + (fisher @ self.theta + score) / inflation
        self._move_towards(self._solve())

    def _solve(self) -> Floats:
        precision = self._information + self._prior
        if self._events >= _EVENTS_FOR_SLOPE:
            return np.asarray(np.linalg.solve(precision, self._vector), np.float64)
        slope = self.theta[1]
        return np.array([(self._vector[0] - precision[0, 1] * slope) / precision[0, 0], slope])

    def _move_towards(self, goal: Floats) -> None:
        step = np.clip(goal - self.theta, -np.array(_STEP), np.array(_STEP))
        low, high = (-MAX_SHIFT, MIN_SLOPE - 1.0), (MAX_SHIFT, MAX_SLOPE - 1.0)
        theta = np.clip(self.theta + step, low, high)
        if not np.array_equal(theta, goal):
            self._vector = (self._information + self._prior) @ theta
        self.theta = theta
