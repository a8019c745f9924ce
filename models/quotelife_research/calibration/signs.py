"""Signs that the fit keeps: what is adverse never lowers a hazard.

A covariate acts by itself, by its product with 1 / barrier (`_near_barrier`), by its product with the event (`_touch`),
and each of these may be tilted by the horizon (gamma). Its total slope is linear in 1 / barrier in (0, 1], in the event
0 or 1 and in tau: it has the right sign everywhere if it has it at the ends. The 10 s volatility also acts through the
distance of the barrier in volatilities, a piecewise linear function: its total slope has to be right between all knots.
"""

from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular
from scipy.optimize import nnls

from quotelife_models.covariates import COVARIATES, LOWERING, N_COVARIATES, N_KNOTS, RAISING
from quotelife_models.hazard import N_BINS, TAU

Floats = npt.NDArray[np.float64]
_MARGIN = 1e-5  # of the slopes per standard deviation: more than the rounding of a parameter file
_N_THETA = N_BINS + 2 * N_COVARIATES


def sign_rows(scale: Floats) -> Floats:
    """Rows float64[m, N_THETA] whose products with theta may not be negative, for the scale of each covariate."""
    rows = []
    for sign, name in [(1.0, name) for name in RAISING] + [(-1.0, name) for name in LOWERING]:
        for weights, tau in product(_total_slopes(name), (TAU[0], TAU[-1])):
            row = np.zeros(_N_THETA)
            for other, weight in weights.items():
                at = COVARIATES.index(other)
                slope = sign * weight * scale[COVARIATES.index(name)] / scale[at]
                row[N_BINS + at], row[N_BINS + N_COVARIATES + at] = slope, slope * tau
            rows.append(row)
    return np.array(rows)


def _total_slopes(name: str) -> list[dict[str, float]]:
    """Weights of the slopes of covariates in the total slope of one, at each end of what it depends on."""
    if name == "log_volatility_10s":
        pieces = [f"beyond_volatility_{i}" for i in range(N_KNOTS)]
        return [{name: 1.0} | dict.fromkeys(pieces[:n], -1.0) for n in range(N_KNOTS + 1)]
    products = [other for other in (f"{name}_near_barrier", f"{name}_touch") if other in COVARIATES]
    ends = product((0.0, 1.0), repeat=len(products))
    return [{name: 1.0} | dict(zip(products, weights, strict=True)) for weights in ends]


def signed_minimum(hessian: Floats, gradient: Floats, theta: Floats, rows: Floats) -> Floats:
    """The theta at the minimum of the quadratic function with this gradient and Hessian at `theta`, with rows @ theta
    at least a small margin.

    Its dual is a non-negative least-squares problem (Lawson and Hanson, 1974, chapter 23).
    """
    inside = np.zeros_like(theta)  # every row has the slope +-1 at its own covariate, which comes first
    for row in rows:
        own = int(np.flatnonzero(row)[0])
        inside[own] = _MARGIN * np.sign(row[own])
    lower = np.linalg.cholesky(hessian)
    target = solve_triangular(lower, gradient, lower=True) - lower.T @ (theta - inside)
    forces = solve_triangular(lower, rows.T, lower=True)
    weights, _ = nnls(forces, target) if len(rows) else (np.zeros(0), 0.0)
    found: Floats = inside + solve_triangular(lower.T, forces @ weights - target, lower=False)
    return found
