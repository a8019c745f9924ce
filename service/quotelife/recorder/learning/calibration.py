"""Quality of predicted probabilities: log-loss and calibration with exponential forgetting, for the metrics.

Of one event within the reference horizon: its predicted probability, and whether it occurred.
"""

import numpy as np
from numpy.typing import NDArray

from quotelife.recorder.learning.recalibration import Recalibrator

Floats = NDArray[np.float64]
_BINS = 12  # of the log-odds, for the expected calibration error
_LOW, _HIGH = -8.0, 4.0
_TINY = 1e-9


class Calibration:
    """`half_life` in blocks."""

    def __init__(self, half_life: float) -> None:
        self._decay = 0.5 ** (1.0 / half_life)
        self._cox = Recalibrator(0.0, half_life, prior_sd=(3.0, 1.0))
        self._loss, self._n, self._events = 0.0, 0.0, 0.0
        self._predicted, self._occurred, self._count = np.zeros(_BINS), np.zeros(_BINS), np.zeros(_BINS)

    def update(self, p: Floats, occurred: NDArray[np.bool_]) -> None:
        """Add a block of probabilities and outcomes [m]."""
        decay, p = self._decay, np.clip(p, _TINY, 1.0 - _TINY)
        eta = np.log(p / (1.0 - p))
        self._loss = decay * self._loss - float(np.where(occurred, np.log(p), np.log1p(-p)).sum())
        self._n = decay * self._n + len(p)
        self._events = decay * self._events + float(occurred.sum())
        where = np.clip(((eta - _LOW) / (_HIGH - _LOW) * _BINS).astype(np.int64), 0, _BINS - 1)
        for total, of in ((self._predicted, p), (self._occurred, occurred), (self._count, np.ones_like(p))):
            total *= decay
            total += np.bincount(where, of, _BINS)
        if len(p):
            self._cox.update(eta[:, None], np.ones((len(p), 1), bool), occurred[:, None], np.ones(len(p)))

    @property
    def labels(self) -> float:
        """Effective number of labels behind the figures."""
        return self._n

    @property
    def log_loss(self) -> float:
        return self._loss / max(self._n, _TINY)

    @property
    def base_log_loss(self) -> float:
        """Log-loss of a constant prediction, the share of events among the labels."""
        rate = min(max(self._events / max(self._n, _TINY), _TINY), 1.0 - _TINY)
        return float(-rate * np.log(rate) - (1.0 - rate) * np.log1p(-rate))

    @property
    def intercept(self) -> float:
        return self._cox.intercept

    @property
    def slope(self) -> float:
        return self._cox.slope

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of predicted and observed shares over bins of the log-odds."""
        return float(np.abs(self._predicted - self._occurred).sum() / max(self._n, _TINY))
