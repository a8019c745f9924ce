"""Recalibration of a fit's slopes: one factor on its log-odds, estimated from walk-forward predictions.

On unseen days the log-odds of a fit are slightly too extreme or not extreme enough. With eta the predictions for later
rows by fits of earlier ones, the hazard is fitted again as logistic(a + b eta). The factor b is applied only as far as
it exceeds its own error; the intercept a is not applied, so the level is that of all training days.
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


def shrunk_slope(b: float, error: float) -> float:
    """b shrunk towards 1 by the share of the distance that its own error explains (James and Stein, 1961)."""
    return 1.0 + (b - 1.0) * max(0.0, 1.0 - error**2 / max((b - 1.0) ** 2, 1e-12))


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
