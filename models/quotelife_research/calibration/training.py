"""Fits the hazard: penalised maximum likelihood by Newton's method, with a cluster-robust covariance.

The parameters are theta = (alpha, beta, gamma) of `quotelife_models.hazard`, on standardised covariates. The penalty
shrinks beta and gamma towards a prior: zero for the pooled fit, the pooled fit for an instrument. Because the design of
a row and bin k is (unit vector k, z, tau_k z), the Hessian needs three weighted Gram matrices of z and no expanded
rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quotelife_models.covariates import COVARIATES, N_COVARIATES, REACH
from quotelife_models.hazard import N_BINS, REFERENCE_BIN, TAU
from quotelife_research.calibration.dataset import Samples
from quotelife_research.calibration.signs import sign_rows, signed_minimum

Floats = npt.NDArray[np.float64]
K = N_COVARIATES
N_THETA = N_BINS + 2 * K
_ALPHA_PENALTY = 1e-3  # regularises the Hessian for bins without events
_CHUNK = 20_000
_Z_LIMIT = 6.0  # as in `quotelife_models.hazard`
_STEPS = 25
_HIGH = 0.95
PENALTIES: tuple[float, ...] = (10.0, 100.0, 1000.0, 10000.0)


@dataclass(frozen=True)
class Scaling:
    """Centre and standard deviation of the covariates."""

    centre: Floats
    scale: Floats

    @classmethod
    def of(cls, samples: Samples) -> "Scaling":
        weight = samples.weight / samples.weight.sum()
        centre = weight @ samples.z
        scale = np.sqrt(weight @ (samples.z - centre) ** 2)
        return cls(centre, np.maximum(np.where(scale > 1e-9, scale, 1.0), _least_scale(centre)))

    def apply(self, z: Floats) -> Floats:
        return np.clip((z - self.centre) / self.scale, -_Z_LIMIT, _Z_LIMIT)


def _least_scale(centre: Floats) -> Floats:
    """With at least this scale, no covariate with a `REACH`, and no product of one, is bounded by standardisation."""
    least = np.zeros(K)
    for at, name in enumerate(COVARIATES):
        low, high = REACH.get(name.removesuffix("_near_barrier").removesuffix("_touch"), (0.0, 0.0))
        least[at] = max(centre[at] - min(low, 0.0), max(high, 0.0) - centre[at]) / _Z_LIMIT
    return least


@dataclass(frozen=True)
class Fit:
    theta: Floats  # [N_THETA]
    covariance: Floats  # [N_THETA, N_THETA], cluster-robust
    penalty: float
    log_loss: float  # mean negative log-likelihood of the training rows

    @property
    def alpha(self) -> Floats:
        return self.theta[:N_BINS]

    @property
    def beta(self) -> Floats:
        return self.theta[N_BINS : N_BINS + K]

    @property
    def gamma(self) -> Floats:
        return self.theta[N_BINS + K :]


def predictors(theta: Floats, z: Floats) -> Floats:
    """eta [n, N_BINS] of standardised covariates."""
    level, tilt = z @ theta[N_BINS : N_BINS + K], z @ theta[N_BINS + K :]
    eta: Floats = theta[:N_BINS] + level[:, None] + tilt[:, None] * TAU
    return eta


def hazards(theta: Floats, z: Floats) -> Floats:
    """h [n, N_BINS] of standardised covariates."""
    h: Floats = 1.0 / (1.0 + np.exp(-np.clip(predictors(theta, z), -30.0, 30.0)))
    return h


def at_risk_rows(bins: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]:
    """(sample, bin, 1 if the passage is in this bin) of every bin in which a sample was at risk."""
    rows = np.repeat(np.arange(len(bins)), np.minimum(bins + 1, N_BINS))
    first = np.cumsum(np.minimum(bins + 1, N_BINS)) - np.minimum(bins + 1, N_BINS)
    k = np.arange(len(rows)) - first[rows]
    return rows, k, (k == bins[rows]).astype(np.float64)


def p_at_ends(theta: Floats, z: Floats) -> Floats:
    """p [n, N_BINS] at the ends of the bins."""
    return 1.0 - np.cumprod(1.0 - hazards(theta, z), axis=1, dtype=np.float64)


def _chunks(n: int) -> Iterator[slice]:
    return (slice(a, min(a + _CHUNK, n)) for a in range(0, n, _CHUNK))


def _residuals(theta: Floats, z: Floats, samples: Samples, part: slice) -> tuple[Floats, Floats, float]:
    """(weighted residual, weighted variance) per bin still at risk, and the negative log-likelihood."""
    h = hazards(theta, z)
    bins, weight = samples.bin[part, None], samples.weight[part, None]
    k = np.arange(N_BINS)
    at_risk = (k <= bins) * weight
    event = k == bins
    loss = -float((at_risk * np.where(event, np.log(h), np.log1p(-h))).sum())
    return (event - h) * at_risk, h * (1.0 - h) * at_risk, loss


def _derivatives(theta: Floats, z: Floats, samples: Samples) -> tuple[float, Floats, Floats]:
    """Negative log-likelihood, its gradient and Hessian."""
    loss, gradient, hessian = 0.0, np.zeros(N_THETA), np.zeros((N_THETA, N_THETA))
    a, b, c = slice(0, N_BINS), slice(N_BINS, N_BINS + K), slice(N_BINS + K, N_THETA)
    for part in _chunks(len(samples)):
        zp = z[part]
        residual, variance, chunk_loss = _residuals(theta, zp, samples, part)
        loss += chunk_loss
        gradient[a] -= residual.sum(axis=0)
        gradient[b] -= residual.sum(axis=1) @ zp
        gradient[c] -= (residual @ TAU) @ zp
        hessian[a, a] += np.diag(variance.sum(axis=0))
        cross = variance.T @ zp
        hessian[a, b] += cross
        hessian[a, c] += TAU[:, None] * cross
        for rows, columns, power in ((b, b, 0), (b, c, 1), (c, c, 2)):
            hessian[rows, columns] += (zp * (variance @ TAU**power)[:, None]).T @ zp
    lower = np.tril_indices(N_THETA, -1)
    hessian[lower] = hessian.T[lower]
    return loss, gradient, hessian


def fit(
    samples: Samples, z: Floats, penalty: float, prior: Floats, start: Floats, signs: Floats, tolerance: float = 1e-6
) -> tuple[Floats, float, Floats]:
    """(theta, negative log-likelihood, penalised Hessian) at the minimum where signs @ theta is not negative.

    `z`: the samples' standardised covariates; `signs` as of `quotelife_research.calibration.signs`.
    """
    weights = np.full(N_THETA, penalty)
    weights[:N_BINS] = _ALPHA_PENALTY
    theta = start.copy()
    value, gradient, hessian = _derivatives(theta, z, samples)
    for _ in range(_STEPS):
        full = hessian + np.diag(weights)
        move = signed_minimum(full, gradient + weights * (theta - prior), theta, signs) - theta
        objective = value + 0.5 * weights @ (theta - prior) ** 2
        length = 1.0
        while True:
            trial = theta + length * move
            trial_value, trial_gradient, trial_hessian = _derivatives(trial, z, samples)
            if trial_value + 0.5 * weights @ (trial - prior) ** 2 <= objective + 1e-9 * abs(objective):
                break
            length /= 4.0
            if length < 1e-3:
                return theta, value, full
        theta, value, gradient, hessian = trial, trial_value, trial_gradient, trial_hessian
        if objective - (value + 0.5 * weights @ (theta - prior) ** 2) < tolerance * abs(objective):
            break
    return theta, value, hessian + np.diag(weights)


def first_guess(samples: Samples) -> Floats:
    """Theta with the observed hazard of each bin and zero slopes."""
    theta = np.zeros(N_THETA)
    for k in range(N_BINS):
        at_risk = samples.weight[samples.bin >= k].sum()
        events = samples.weight[samples.bin == k].sum()
        h = (events + 0.5) / (at_risk + 1.0)
        theta[k] = np.log(h / (1.0 - h))
    return theta


def robust_covariance(theta: Floats, z: Floats, samples: Samples, hessian: Floats) -> Floats:
    """Sandwich estimate H^-1 (sum of outer products of the clusters' scores) H^-1 (Liang and Zeger, 1986)."""
    n_clusters = int(samples.cluster.max()) + 1
    scores = np.zeros((n_clusters, N_THETA))
    for part in _chunks(len(samples)):
        residual, _, _ = _residuals(theta, z[part], samples, part)
        each = np.concatenate(
            (residual, z[part] * residual.sum(axis=1)[:, None], z[part] * (residual @ TAU)[:, None]), axis=1
        )
        starts = np.flatnonzero(np.diff(samples.cluster[part], prepend=-1))
        scores[samples.cluster[part][starts]] += np.add.reduceat(each, starts, axis=0)
    inverse = np.linalg.inv(hessian)
    return inverse @ (scores.T @ scores) @ inverse


def select_penalty(
    folds: list[tuple[Samples, Samples]],
    scaling: Scaling,
    prior: Floats,
    candidates: tuple[float, ...] = PENALTIES,
) -> tuple[float, list[Floats]]:
    """The penalty whose fits on the earlier rows of each fold predict the later rows best, and theta of those fits."""
    losses, signs = dict.fromkeys(candidates, 0.0), sign_rows(scaling.scale)
    thetas: dict[float, list[Floats]] = {penalty: [] for penalty in candidates}
    for earlier, later in folds:
        z_earlier, z_later = scaling.apply(earlier.z), scaling.apply(later.z)
        theta = _with_rates(prior, earlier)
        for penalty in sorted(candidates, reverse=True):  # from strong to weak, each starting at the last optimum
            theta, _, _ = fit(earlier, z_earlier, penalty, prior, theta, signs, 1e-5)
            losses[penalty] += sum(_residuals(theta, z_later[p], later, p)[2] for p in _chunks(len(later)))
            thetas[penalty].append(theta)
    best = min(sorted(candidates, reverse=True), key=losses.__getitem__)
    return best, thetas[best]


def train(samples: Samples, scaling: Scaling, penalty: float, prior: Floats) -> Fit:
    z = scaling.apply(samples.z)
    theta, value, hessian = fit(samples, z, penalty, prior, _with_rates(prior, samples), sign_rows(scaling.scale))
    return Fit(theta, robust_covariance(theta, z, samples, hessian), penalty, value / samples.weight.sum())


def _with_rates(prior: Floats, samples: Samples) -> Floats:
    """The prior's slopes with the observed hazards: the prior's intercepts may be far off for this instrument."""
    start = prior.copy()
    start[:N_BINS] = first_guess(samples)[:N_BINS]
    return start


def high_error(fit_: Fit, z: Floats) -> float:
    """High quantile over the rows of the standard error of the log-odds at the reference bin, where gamma has no
    effect (delta method). `z`: standardised covariates."""
    chosen = np.concatenate(([REFERENCE_BIN], np.arange(N_BINS, N_BINS + K)))
    block = fit_.covariance[np.ix_(chosen, chosen)]
    design = np.concatenate((np.ones((len(z), 1)), z), axis=1)
    return float(np.sqrt(np.quantile(np.einsum("ij,ij->i", design @ block, design), _HIGH)))
