"""Recalibration of a fit's slopes: one factor on its log-odds, estimated from walk-forward predictions.

On unseen days the log-odds of a fit may be too extreme or not extreme enough. With eta the predictions for later rows
by fits of earlier ones, the hazard is fitted again as logistic(a + b eta), for each later day by itself: rows of one
day share its market, so only the days tell how sure b is. The factor b is applied only as far as it exceeds its own
error, and not at all with few days; the intercept a is not applied, so the level is that of all training days.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from quotelife_models.hazard import N_BINS
from quotelife_research.calibration.dataset import Samples
from quotelife_research.calibration.training import Fit, at_risk_rows, predictors

Floats = npt.NDArray[np.float64]
MIN_DAYS = 4
_ONE_SIGMA = 0.8413  # share of the normal distribution below one standard deviation


@dataclass(frozen=True)
class WalkForward:
    """How predictions for later days have to be changed: logistic(level + slope eta) for each day."""

    slope: float  # mean over the days
    error: float | None  # of the mean, from the differences between days; None with fewer days than MIN_DAYS
    level: float  # root mean square over the days, in log-odds, of the level that is missing with slope 1
    days: int

    @property
    def factor(self) -> float:
        """The slope shrunk towards 1 by the share of the distance that its own error explains (James and Stein, 1961);
        1 with too few days."""
        distance = self.slope - 1.0
        if self.error is None or distance == 0.0:
            return 1.0
        return 1.0 + distance * max(0.0, 1.0 - (self.error / distance) ** 2)


def walk_forward(eta: Floats, samples: Samples) -> WalkForward:
    """Compare predictors [n, N_BINS] of later rows, by fits that have not seen them, with what happened."""
    rows, k, event = at_risk_rows(samples.bin)
    x, weight, day = eta[rows, k], samples.weight[rows], samples.day[rows]
    slopes, levels = [], []
    for one in np.unique(samples.day):
        chosen = day == one
        slopes.append(_logistic(x[chosen], event[chosen], weight[chosen])[1])
        levels.append(_logistic(x[chosen], event[chosen], weight[chosen], level_only=True)[0])
    n = len(slopes)
    error = None
    if n >= MIN_DAYS:  # as wide as the normal's standard error, with the quantile of Student's t for few days
        error = float(np.std(slopes, ddof=1) / np.sqrt(n) * stats.t.ppf(_ONE_SIGMA, n - 1))
    return WalkForward(float(np.mean(slopes)), error, float(np.sqrt(np.mean(np.square(levels)))), n)


def _logistic(x: Floats, event: Floats, weight: Floats, level_only: bool = False) -> tuple[float, float]:
    """(a, b) of the weighted logistic regression of the events on a + b x; b = 1 for the level only."""
    theta = np.array([0.0, 1.0])
    design = np.stack((np.ones_like(x), x), axis=1)
    free = slice(0, 1) if level_only else slice(0, 2)
    for _ in range(20):
        h = 1.0 / (1.0 + np.exp(-np.clip(design @ theta, -30, 30)))
        some = design[:, free]
        hessian = (some * (weight * h * (1 - h))[:, None]).T @ some + 1e-9 * np.eye(some.shape[1])
        move = np.linalg.solve(hessian, some.T @ (weight * (event - h)))
        theta[free] += np.clip(move, -1.0, 1.0)
        if np.abs(move).max() < 1e-8:
            break
    return float(theta[0]), float(theta[1])


def rescaled_fit(fit: Fit, b: float, z: Floats, samples: Samples) -> Fit:
    """The fit with its log-odds multiplied by b, and shifted so that it predicts the samples' number of events."""
    theta = fit.theta * b
    rows, k, event = at_risk_rows(samples.bin)
    x, weight = predictors(theta, z)[rows, k], samples.weight[rows]
    shift = 0.0
    for _ in range(20):
        h = 1.0 / (1.0 + np.exp(-np.clip(x + shift, -30, 30)))
        missing, weighed = float(weight @ (event - h)), float(weight @ (h * (1 - h)))
        shift += missing / max(weighed, 1e-12)
    theta[:N_BINS] += shift
    return Fit(theta, fit.covariance * b * b, fit.penalty, fit.log_loss)
