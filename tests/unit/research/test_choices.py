"""Choices on walk-forward folds: purging, shrinkage of the slopes, trees."""

import numpy as np
import pytest

from quotelife_models.covariates import COVARIATES, N_BASE
from quotelife_models.hazard import BOOST, MAX_TREES, N_BINS, N_PARAMETERS, TREE_SHARE, TREE_WORDS, boosted
from quotelife_models.schema import BIN_ENDS_MS, N_FEATURES
from quotelife_research.calibration import challenger as C
from quotelife_research.calibration import training as T
from quotelife_research.calibration.dataset import Samples
from quotelife_research.calibration.folds import folds, halves
from quotelife_research.calibration.recalibration import WalkForward, rescaled_fit, walk_forward
from quotelife_research.data.replay import NS_PER_MS, Grid
from tests.unit.research.test_training import truth

RNG = np.random.default_rng(11)
FIRST_STATE = RNG.bit_generator.state
A, B = COVARIATES.index("far_depth"), COVARIATES.index("log_spread")  # without a sign


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """In each test, whichever others have run before it in this process."""
    RNG.bit_generator.state = FIRST_STATE


def grid(day: int, n: int = 1000) -> Grid:
    ts = day * 10**15 + np.arange(n) * 100 * NS_PER_MS
    return Grid(ts, np.zeros((n, N_FEATURES)), np.ones((n, 1)), np.zeros((n, 2, 1), np.uint8), np.ones(n, bool))


def draw(n: int, shift: tuple[float, float] | None = None, days: int = 5) -> tuple[Samples, np.ndarray]:
    """Samples of the true model, with optionally shifted log-odds, and the true predictors."""
    z = RNG.normal(size=(n, T.K))
    eta = T.predictors(truth(), z)
    h = 1 / (1 + np.exp(-(eta + (0 if shift is None else np.where(z[:, A] * z[:, B] > 0, *shift)[:, None]))))
    happened = RNG.random(h.shape) < h
    bins = np.where(happened.any(axis=1), happened.argmax(axis=1), N_BINS)
    return Samples(z, bins, np.ones(n), np.arange(n) // 20, np.arange(n) * days // n), eta


@pytest.mark.parametrize("days", [1, 2, 3, 7])
def test_a_fold_predicts_only_unseen_rows(days: int) -> None:
    found = folds([grid(day) for day in range(days)])
    assert len(found) == 2
    for fold in found:
        last = max(g.ts_ns[-1] for g in fold.earlier)
        first = min(g.ts_ns[0] for g in fold.later)
        assert first - last >= BIN_ENDS_MS[-1] * NS_PER_MS
    assert sum(len(g.ts_ns) for g in found[0].later) > 100


def test_halves_are_purged() -> None:
    first, second = halves(grid(0))
    assert second.ts_ns[0] - first.ts_ns[-1] > BIN_ENDS_MS[-1] * NS_PER_MS
    assert len(first.ts_ns) == 400 and len(second.ts_ns) == 500


def test_the_slope_is_the_mean_of_the_days_and_shrunk_by_their_differences() -> None:
    samples, eta = draw(40_000)
    right = walk_forward(eta, samples)
    assert right.error is not None and abs(right.slope - 1) < 4 * right.error < 0.3 and right.days == 5
    assert right.level < 0.1
    wide = walk_forward(2 * eta, samples)
    assert wide.slope == pytest.approx(0.5, abs=0.05) and wide.factor < 0.6
    assert WalkForward(0.9, 0.2, 0.0, 5).factor == 1.0
    assert WalkForward(0.5, 0.1, 0.0, 5).factor == pytest.approx(1 - 0.5 * (1 - 0.04))


def test_few_days_or_days_that_disagree_do_not_change_the_slope() -> None:
    samples, eta = draw(40_000, days=2)
    few = walk_forward(2 * eta, samples)
    assert few.error is None and few.factor == 1.0 and few.slope == pytest.approx(0.5, abs=0.05)
    samples, eta = draw(40_000)
    factors = np.array([0.4, 1.6, 0.5, 1.4, 0.9])[samples.day]
    torn = walk_forward(eta * factors[:, None], samples)
    assert torn.factor == 1.0


def test_the_level_that_days_miss_is_measured() -> None:
    samples, eta = draw(40_000)
    shifts = np.array([0.5, -0.5, 0.5, -0.5, 0.5])[samples.day]
    assert walk_forward(eta + shifts[:, None], samples).level == pytest.approx(0.5, abs=0.05)


def test_a_rescaled_fit_keeps_its_level() -> None:
    samples, _ = draw(20_000)
    scaling = T.Scaling(np.zeros(T.K), np.ones(T.K))
    fit = T.train(samples, scaling, 1.0, np.zeros(T.N_THETA))
    changed = rescaled_fit(fit, 0.8, samples.z, samples)
    np.testing.assert_allclose(changed.beta, 0.8 * fit.beta)
    np.testing.assert_allclose(changed.covariance, 0.64 * fit.covariance)
    rows, k, event = T.at_risk_rows(samples.bin)
    assert T.hazards(changed.theta, samples.z)[rows, k].sum() == pytest.approx(event.sum(), rel=1e-6)


def test_rows_at_risk() -> None:
    rows, k, event = T.at_risk_rows(np.array([0, 2, N_BINS]))
    assert rows.tolist() == [0, 1, 1, 1, *[2] * N_BINS]
    assert k.tolist() == [0, 0, 1, 2, *range(N_BINS)]
    assert event.tolist() == [1, 0, 0, 1, *[0] * N_BINS]


def test_trees_win_only_with_nonlinear_effects() -> None:
    for shift, won in (((1.0, -1.0), True), (None, False)):
        (earlier, eta), (later, eta_later) = draw(20_000, shift), draw(20_000, shift)
        trees = C.grow_trees(earlier.z, eta, earlier)
        assert len(trees) <= MAX_TREES and all(len(tree) == TREE_WORDS for tree in trees)
        alone = C.losses(eta_later, later)
        comparison = C.compare([alone], [C.losses(eta_later + C.shifts(trees, later.z)[:, None], later)], [later])
        assert comparison.won == won and comparison.error > 0


def test_flattened_trees_equal_the_grown_ones() -> None:
    samples, eta = draw(20_000, (1.0, -1.0))
    trees = C.grow_trees(samples.z, eta, samples)
    row = np.zeros(N_PARAMETERS)
    row[BOOST], row[TREE_SHARE] = len(trees), 1.0
    row[BOOST + 1 : BOOST + 1 + len(trees) * TREE_WORDS] = np.concatenate(trees)
    expected = C.shifts(trees, samples.z[:500])
    np.testing.assert_allclose([boosted(row, np.ascontiguousarray(z)) for z in samples.z[:500]], expected, rtol=1e-12)
    kind = samples.z[:, A] * samples.z[:, B] > 0
    assert C.shifts(trees, samples.z)[kind].mean() > 0.3 > -0.3 > C.shifts(trees, samples.z)[~kind].mean()
    assert max(tree[0] for tree in trees) < N_BASE


def test_losses_are_the_negative_log_likelihood() -> None:
    samples, eta = draw(500)
    p = 1 - np.cumprod(1 - 1 / (1 + np.exp(-eta)), axis=1)
    alive = np.concatenate((np.ones((500, 1)), 1 - p), axis=1)
    likelihood = [alive[i, k] - (alive[i, k + 1] if k < N_BINS else 0) for i, k in enumerate(samples.bin)]
    np.testing.assert_allclose(C.losses(eta, samples), -np.log(likelihood), rtol=1e-9)
