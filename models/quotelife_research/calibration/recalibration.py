"""How far a fit's slopes are trusted on later days: one factor on its log-odds, learnt from walk-forward predictions.

A fit spreads its log-odds a little too far for days it has not seen, or not far enough. With eta the predictions of
later rows by fits of earlier ones, the hazard is fitted again as logistic(a + b eta); b is taken over only as far as it
lies outside its own error. The intercept a is not: the level is that of all the training days.
"""

import numpy as np
import numpy.typing as npt

from quotelife_models.hazard import N_BINS
from quotelife_research.calibration.dataset import Samples
from quotelife_research.calibration.training import Fit, at_risk_rows, predictors

Floats = npt.NDArray[np.float64]


def slope(eta: Floats, samples: Samples) -> tuple[float, float]:
    """(b, its standard error by cluster) of logistic(a + b eta); `eta` [n, N_BINS] of the samples."""
    rows, k, event = at_risk_rows(samples.bin)
    x, weight = eta[rows, k], samples.weight[rows]
    theta = np.array([0.0, 1.0])
    design = np.stack((np.ones_like(x), x), axis=1)
    for _ in range(20):
        h = 1.0 / (1.0 + np.exp(-np.clip(design @ theta, -30, 30)))
        hessian = (design * (weight * h * (1 - h))[:, None]).T @ design + 1e-9 * np.eye(2)
        move = np.linalg.solve(hessian, design.T @ (weight * (event - h)))
        theta += np.clip(move, -1.0, 1.0)
        if np.abs(move).max() < 1e-8:
            break
    scores = np.zeros((int(samples.cluster.max()) + 1, 2))
    np.add.at(scores, samples.cluster[rows], design * (weight * (event - h))[:, None])
    inverse = np.linalg.inv(hessian)
    covariance = inverse @ (scores.T @ scores) @ inverse
    return float(theta[1]), float(np.sqrt(covariance[1, 1]))


def trusted(b: float, error: float) -> float:
    """b drawn to 1: the share of its distance from 1 that its own error does not explain (James and Stein, 1961)."""
    return 1.0 + (b - 1.0) * max(0.0, 1.0 - error**2 / max((b - 1.0) ** 2, 1e-12))


def stretched(fit: Fit, b: float, z: Floats, samples: Samples) -> Fit:
    """The fit with its log-odds times b, and one shift that gives as many events as the samples have."""
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
