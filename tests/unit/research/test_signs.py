"""Signs in the fit: bounded minimum against a general optimiser, total slopes never of the wrong sign."""

import numpy as np
import pytest
from scipy import optimize

from quotelife_models.covariates import COVARIATES, LOWERING, RAISING, REACH, VOLATILITY_KNOTS
from quotelife_models.hazard import N_BINS, TAU
from quotelife_research.calibration import training as T
from quotelife_research.calibration.signs import sign_rows, signed_minimum

RNG = np.random.default_rng(5)
FIRST_STATE = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """In each test, whichever others have run before it in this process."""
    RNG.bit_generator.state = FIRST_STATE


def total_slopes(theta: np.ndarray, scale: np.ndarray, name: str) -> list[float]:
    """d log-odds / d covariate by its definition, on a grid of barriers, events, horizons and distances."""
    found = []
    for barrier in (1.0, 2.0, 7.0, 1e6):
        for touch in (0.0, 1.0):
            for distance in (-5.0, *(knot + 0.1 for knot in VOLATILITY_KNOTS)):
                weights = {name: 1.0, f"{name}_near_barrier": 1.0 / barrier, f"{name}_touch": touch}
                if name == "log_volatility_10s":
                    beyond = [i for i, knot in enumerate(VOLATILITY_KNOTS) if distance > knot]
                    weights |= {f"beyond_volatility_{i}": -1.0 for i in beyond}
                at = [COVARIATES.index(other) for other in weights if other in COVARIATES]
                of = np.array([w for other, w in weights.items() if other in COVARIATES]) / scale[at]
                beta, gamma = theta[N_BINS : N_BINS + T.K][at], theta[N_BINS + T.K :][at]
                found += [float(of @ beta + tau * of @ gamma) for tau in TAU]
    return found


def test_a_fit_keeps_the_signs_of_everything_adverse() -> None:
    n = 4000
    z, scale = RNG.normal(size=(n, T.K)), RNG.uniform(0.5, 2.0, T.K)
    truth = np.concatenate((np.full(N_BINS, -2.0), RNG.normal(0, 0.3, 2 * T.K)))
    happened = RNG.random((n, N_BINS)) < T.hazards(truth, z)
    bins = np.where(happened.any(axis=1), happened.argmax(axis=1), N_BINS)
    samples = T.Samples(z, bins, np.ones(n), np.arange(n), np.zeros(n, np.int64))
    start = np.zeros(T.N_THETA)
    for signs, kept in ((sign_rows(scale), True), (sign_rows(scale)[:0], False)):
        theta, _, _ = T.fit(samples, z, 1.0, start, T.first_guess(samples), signs)
        lowest = min(min(total_slopes(theta, scale, name)) for name in RAISING)
        highest = max((max(total_slopes(theta, scale, name)) for name in LOWERING), default=-np.inf)
        assert (lowest > 0 > highest) == kept


@pytest.mark.parametrize("n", [1, 3, 8])
def test_the_bounded_minimum_equals_that_of_a_general_optimiser(n: int) -> None:
    root, gradient, theta = RNG.normal(size=(n, n)), RNG.normal(size=n), RNG.normal(size=n)
    hessian, rows = root @ root.T + np.eye(n), np.eye(n)[: n // 2 + 1]

    def value(at: np.ndarray) -> float:
        return float(gradient @ (at - theta) + 0.5 * (at - theta) @ hessian @ (at - theta))

    limits = {"type": "ineq", "fun": lambda at: rows @ at - 1e-5}
    expected = optimize.minimize(value, np.ones(n), constraints=limits, method="SLSQP", options={"ftol": 1e-14})
    found = signed_minimum(hessian, gradient, theta, rows)
    assert (rows @ found >= 0.9e-5).all()
    np.testing.assert_allclose(found, expected.x, atol=1e-5)


def test_no_covariate_with_a_product_is_bounded_by_its_standardisation() -> None:
    n = 1000
    z = RNG.normal(0, 1e-3, (n, T.K))
    samples = T.Samples(z, np.zeros(n, np.int64), np.ones(n), np.arange(n), np.zeros(n, np.int64))
    scaling = T.Scaling.of(samples)
    for name, ends in REACH.items():
        at = COVARIATES.index(name)
        extremes = np.zeros((2, T.K))
        extremes[:, at] = ends
        expected = (np.array(ends) - scaling.centre[at]) / scaling.scale[at]
        np.testing.assert_allclose(scaling.apply(extremes)[:, at], expected, rtol=1e-12)
