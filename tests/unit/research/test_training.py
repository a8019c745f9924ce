"""The fit against known results: numerical derivatives, true parameters, correct covariance."""

import math
from dataclasses import replace

import numpy as np
import pytest

from quotelife_models.covariates import COVARIATES
from quotelife_models.hazard import N_BINS, TAU
from quotelife_research.calibration import training as T
from quotelife_research.calibration.dataset import Samples
from quotelife_research.calibration.evaluation import auc, calibration, evaluate, log_loss, reliability

RNG = np.random.default_rng(7)
FIRST_STATE = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """In each test, whichever others have run before it in this process."""
    RNG.bit_generator.state = FIRST_STATE


def truth() -> np.ndarray:
    theta = np.zeros(T.N_THETA)
    theta[:N_BINS] = np.linspace(-4, -1.5, N_BINS)
    slopes = {"imbalance_5": (0.8, 0.2), "log_spread": (-0.5, -0.3), "trade_flow": (0.3, 0.0), "far_depth": (0.0, 0.4)}
    for name, (level, tilt) in slopes.items():
        theta[N_BINS + COVARIATES.index(name)], theta[N_BINS + T.K + COVARIATES.index(name)] = level, tilt
    return theta


def draw(n: int, repeats: int = 1) -> Samples:
    """Samples with the true hazards; each outcome occurs `repeats` times, in one cluster."""
    z = RNG.normal(size=(n, T.K))
    h = T.hazards(truth(), z)
    happened = RNG.random(h.shape) < h
    bins = np.where(happened.any(axis=1), happened.argmax(axis=1), N_BINS)
    each = np.repeat(np.arange(n), repeats)
    return Samples(z[each], bins[each], np.ones(n * repeats), each, np.zeros(n * repeats, np.int64))


def test_derivatives_equal_numerical_differences() -> None:
    samples = draw(300)
    samples = replace(samples, weight=RNG.uniform(0.5, 3, 300))
    theta = truth() + RNG.normal(0, 0.1, T.N_THETA)
    value, gradient, hessian = T._derivatives(theta, samples.z, samples)
    p = T.p_at_ends(theta, samples.z)
    alive = np.concatenate((np.ones((300, 1)), 1 - p), axis=1)
    likelihood = [alive[i, k] - (alive[i, k + 1] if k < N_BINS else 0) for i, k in enumerate(samples.bin)]
    assert value == pytest.approx(-float(samples.weight @ np.log(likelihood)))
    for _ in range(5):
        step = RNG.normal(0, 1e-5, T.N_THETA)
        above, gradient_above, _ = T._derivatives(theta + step, samples.z, samples)
        below, gradient_below, _ = T._derivatives(theta - step, samples.z, samples)
        assert above - below == pytest.approx(2 * gradient @ step, rel=1e-5)
        np.testing.assert_allclose(gradient_above - gradient_below, 2 * hessian @ step, rtol=1e-3, atol=1e-6)


def test_the_fit_recovers_the_truth_within_its_errors() -> None:
    samples = draw(20_000)
    scaling = T.Scaling(np.zeros(T.K), np.ones(T.K))
    fit = T.train(samples, scaling, 1e-3, np.zeros(T.N_THETA))
    errors = (fit.theta - truth()) / np.sqrt(np.diag(fit.covariance))
    assert np.abs(errors).max() < 4.5
    assert 0.7 < errors.std() < 1.3
    shifted, _, _ = T.fit(
        samples, samples.z, 1e9, truth() + 0.5, T.first_guess(samples), T.sign_rows(scaling.scale)[:0]
    )
    np.testing.assert_allclose(shifted[N_BINS:], truth()[N_BINS:] + 0.5, atol=1e-3)


def test_repeated_rows_of_a_cluster_do_not_reduce_the_error() -> None:
    once, often = draw(4000), draw(4000, repeats=5)
    scaling = T.Scaling(np.zeros(T.K), np.ones(T.K))
    errors = [
        np.sqrt(np.diag(T.train(s, scaling, 1e-3, np.zeros(T.N_THETA)).covariance))[N_BINS:].mean()
        for s in (once, often)
    ]
    assert errors[1] == pytest.approx(errors[0], rel=0.1)


def test_the_strong_penalty_wins_on_noise() -> None:
    scaling = T.Scaling(np.zeros(T.K), np.ones(T.K))
    few, more = draw(150), draw(4000)
    stiff, thetas = T.select_penalty([(few, more), (more, few)], scaling, truth())
    assert stiff >= 1000.0 and len(thetas) == 2
    free, _ = T.select_penalty([(draw(20_000), more)], scaling, np.zeros(T.N_THETA))
    assert free < max(T.PENALTIES)


def test_the_high_error_is_that_of_the_rows_with_the_largest_ones() -> None:
    root, z = RNG.normal(size=(T.N_THETA, T.N_THETA)), RNG.normal(size=(1000, T.K))
    fit = T.Fit(truth(), root @ root.T, 1.0, 0.0)
    errors = []
    for row in z:
        weights = np.zeros(T.N_THETA)  # of theta in the log-odds at the reference bin
        weights[T.REFERENCE_BIN], weights[N_BINS : N_BINS + T.K] = 1.0, row
        errors.append(math.sqrt(weights @ fit.covariance @ weights))
    assert (np.array(errors) < T.high_error(fit, z)).mean() == pytest.approx(0.95, abs=0.002)
    assert TAU[T.REFERENCE_BIN] == 0.0  # gamma has no effect there


def test_evaluation_measures() -> None:
    p, y = np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])
    assert auc(p, y) == 0.75
    assert auc(np.full(4, 0.5), y) == 0.5
    assert np.isnan(auc(p, np.zeros(4, bool)))
    assert log_loss(0.5, y) == pytest.approx(np.log(2))
    many = RNG.uniform(0.01, 0.6, 200_000)
    happened = RNG.random(200_000) < many
    slope, intercept = calibration(many, happened)
    assert (slope, intercept) == pytest.approx((1, 0), abs=0.05)
    odds = np.log(many / (1 - many))
    assert calibration(1 / (1 + np.exp(-2 * odds - 1)), happened) == pytest.approx((0.5, -0.5), abs=0.05)
    figures = evaluate(many, happened)
    assert figures["log_loss"] < figures["log_loss_base"]
    assert figures["brier_skill"] > 0
    assert all(abs(b["p"] - b["rate"]) < 0.02 for b in reliability(many, happened))
