"""The survival of a net price as `quotelife_models.multileg.net` defines it, term by term.

Every curve is computed by itself, the displacements of all legs are convolved one after the other, and the legs that
move together by trying each probability.
"""

import math

import numpy as np
from numpy.typing import NDArray

from quotelife_models import decide as D
from quotelife_models import hazard as H
from quotelife_models import schema as S
from quotelife_models.covariates import N_COVARIATES, THROUGH, fill_base
from quotelife_models.multileg.steps import MAX_STEPS, MIN_STEPS, SHARED_STEPS

Array = NDArray[np.float64]


def leg_curve(row: Array, x: Array, policy: Array, side: float, ticks: float, event: float, z: float) -> Array:
    """p at the ends of the bins that a leg moves by so many ticks against a quote's side."""
    raw, scaled, survival, mixture = (np.zeros(n) for n in (N_COVARIATES, N_COVARIATES, H.N_BINS, H.N_PARAMETERS))
    if H.mixed(row, x, mixture):
        row = mixture
    fill_base(x, side, raw)
    level, tilt = H.base_predictor(row, raw, scaled)
    level += D.news_shift(policy, x)
    level, tilt = H.barrier_curve(row, raw, level, tilt, ticks, event, scaled, survival)
    H.fill_curve(row, level + z * row[H.ERROR], tilt, survival)
    return 1.0 - survival


def displacement(p: Array, q: Array) -> Array:
    """Distribution of a leg's displacement in half steps, 0 in the middle, from p and q [reach] of both ways."""
    reach = len(p)
    mass = np.zeros(4 * reach + 1)
    mass[2 * reach] = 1.0 - 0.5 * p[0] - 0.5 * q[0]
    for j in range(reach):
        last = j == reach - 1
        by = 2 * reach if last else 2 * (j + 1) + 1
        mass[2 * reach + by] += 0.5 * (p[j] - (0.0 if last else p[j + 1]))
        mass[2 * reach - by] += 0.5 * (q[j] - (0.0 if last else q[j + 1]))
    return mass


def independent(ps: list[Array], qs: list[Array], steps: int) -> float:
    """P(net >= steps) of legs that move independently."""
    total = np.ones(1)
    for p, q in zip(ps, qs, strict=True):
        total = np.convolve(total, displacement(p, q))
    return min(2.0 * float(total[len(total) // 2 + 2 * steps :].sum()), 1.0)


def together(ps: list[Array], steps: int) -> float:
    """The largest p at which the moves of these legs add up to `steps`."""
    tried = sorted({float(value) for p in ps for value in p}, reverse=True)
    return next((t for t in tried if sum(int((p >= t).sum()) for p in ps) >= steps), 0.0)


def net_curve(
    rows: list[Array], sides: Array, weights: Array, xs: Array, policy: Array, barrier: float, event: float, z: float
) -> Array:
    """p at the ends of the bins of a net move of `barrier` ticks against the quote."""
    if barrier <= 0.0 and event == THROUGH:
        return np.ones(H.N_BINS)
    n, barrier = len(sides), max(barrier, 1.0)
    steps = min(math.ceil(barrier - 1e-9), min(max(SHARED_STEPS // n, MIN_STEPS), MAX_STEPS))
    reach = math.ceil(1.5 * steps) if n > 1 else steps

    def moves(i: int, side: float, of: float, errors: float) -> Array:
        barriers = [max(math.ceil((j + 1) * barrier / steps / weights[i] - 1e-9), 1.0) for j in range(reach)]
        curves = np.array([leg_curve(rows[i], xs[i], policy, side, ticks, of, errors) for ticks in barriers])
        return np.maximum.accumulate(curves[::-1], axis=0)[::-1]

    adverse = [moves(i, sides[i], event, z) for i in range(n)]
    favourable = [moves(i, -sides[i], THROUGH, 0.0) for i in range(n)]
    found = np.zeros(H.N_BINS)
    for k in range(H.N_BINS):
        ps, qs = [a[:, k] for a in adverse], [f[:, k] for f in favourable]
        alike = [[p for p, side in zip(ps, sides, strict=True) if side == way] for way in (1.0, -1.0)]
        found[k] = max(independent(ps, qs, steps), *(together(some, steps) for some in alike))
    return np.maximum.accumulate(found)


def random_legs(rng: np.random.Generator, n: int) -> tuple[Array, Array, Array]:
    """(sides, weights, market rows) of n legs."""
    xs = np.abs(rng.normal(size=(n, S.N_FEATURES))) * rng.choice([0.1, 1.0, 10.0], size=(n, 1))
    xs[:, S.SPREAD] = rng.integers(1, 9, n) * rng.choice([1.0, 50.0], n, p=[0.8, 0.2])
    xs[:, S.NEWS_SENTIMENT] = rng.choice([0.0, 0.7], n)
    return rng.choice([-1.0, 1.0], n), rng.choice([1.0, 2.0, 50.0], n, p=[0.6, 0.3, 0.1]), xs
