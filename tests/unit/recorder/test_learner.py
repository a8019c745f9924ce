"""Learning of one instrument on generated labels: a market that changes, labels that are wrong, a change undone."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from quotelife.config.sections import Learning
from quotelife.parameters.table import adjusted
from quotelife.recorder.learning.kernel import NO_PASSAGE
from quotelife.recorder.learning.learner import FAST, REFIT, SLOW, Learner
from quotelife.recorder.learning.samples import Samples
from quotelife_models import hazard as H
from quotelife_models.schema import N_FEATURES
from quotelife_research.calibration.refit import refit
from tests.unit.recorder.learning_rig import PER_BLOCK, block, loss, shipped, state

SETTINGS = Learning(half_life_s=3_600.0, error_chance=0.01, margin=0.002)
CALM, CHANGED = 40, 90  # blocks before the market changes, and after it


def learner(row=None, settings=SETTINGS):
    return Learner(settings, state(shipped() if row is None else row), 5_000)


class Told:
    """Plays blocks to a learner and keeps what it says, by block."""

    def __init__(self, of):
        self.learner, self.number, self.events = of, 0, []

    def play(self, rng, blocks, spoil=None, **of_market):
        """The share of the loss in force beyond the oracle's, of each block."""
        excess = []
        for _ in range(blocks):
            samples = block(rng, shipped(), self.number, **of_market)
            spoilt = samples if spoil is None else spoil(rng, samples)
            self.events += [(self.number, event) for event in self.learner.learn_block(spoilt)]
            oracle = loss(shipped(), samples, of_market.get("shift", 0.0), of_market.get("slope", 1.0))
            excess.append(loss(self.learner.state.row, samples) / oracle - 1.0)
            self.number += 1
        return np.array(excess)

    def of(self, kind):
        return [(number, event) for number, event in self.events if event.kind == kind]


def test_an_unchanged_market_promotes_nothing():
    told = Told(learner())
    told.play(np.random.default_rng(1), CALM + CHANGED)
    assert told.events == []
    calibration = told.learner.calibration["one_tick"]
    assert calibration.slope == pytest.approx(1.0, abs=0.15) and abs(calibration.intercept) < 0.3
    assert calibration.log_loss < 0.97 * calibration.base_log_loss and calibration.error < 0.01
    assert abs(told.learner.drift) < 4


@pytest.mark.parametrize(("shift", "slope"), [(1.0, 1.0), (-0.7, 1.0), (-1.0, 0.7)])
def test_after_a_change_of_the_market_the_loss_returns_to_the_oracles(shift, slope):
    rng, told = np.random.default_rng(1), Told(learner())
    told.play(rng, CALM)
    excess = told.play(rng, CHANGED, shift=shift, slope=slope)
    assert excess[:10].mean() > 0.02, "the change costs"
    assert excess[45:].mean() < 0.006, f"{45 * PER_BLOCK} labels later it costs hardly anything"
    first, event = told.of("promoted")[0]
    assert CALM + 10 < first < CALM + 45 and event.reason in (FAST, SLOW)
    assert "better by" in event.text and not told.of("rolled_back") and not told.of("implausible")
    assert event.state.digest == state(shipped()).digest, "the fit is the same, its log-odds are shifted"


def test_drift_is_reported_before_a_promotion():
    rng, told = np.random.default_rng(2), Told(learner(settings=msgspec.structs.replace(SETTINGS, min_blocks=200)))
    told.play(rng, CALM)
    assert told.of("drift") == []
    told.play(rng, 20, shift=1.0)
    (_, event), *_ = told.of("drift")
    assert event.kind == "drift" and told.learner.drift > 5


def shuffled(rng, samples):
    whole = samples.bins.reshape(-1, samples.bins.shape[-1])
    return replace(samples, bins=rng.permuted(whole, axis=0).reshape(samples.bins.shape))


def inverted(rng, samples):
    late = rng.integers(0, H.N_BINS, samples.bins.shape)
    return replace(samples, bins=np.where(samples.bins == NO_PASSAGE, late, NO_PASSAGE).astype(np.uint8))


def sides_swapped(rng, samples):
    return replace(samples, bins=samples.bins[:, ::-1].copy())


def all_at_once(rng, samples):
    return replace(samples, bins=np.zeros_like(samples.bins))


def never(rng, samples):
    return replace(samples, bins=np.full_like(samples.bins, NO_PASSAGE))


@pytest.mark.parametrize("spoil", [shuffled, inverted, sides_swapped, all_at_once, never])
def test_implausible_labels_promote_nothing_and_are_reported(spoil):
    rng, told = np.random.default_rng(3), Told(learner())
    told.play(rng, 40)
    kept = len(told.learner.memory)
    told.play(rng, 50, spoil)
    assert told.of("promoted") == []
    assert np.array_equal(told.learner.state.row, shipped())
    (number, event), *_ = told.of("refused")
    assert 40 <= number < 52 and event.reason in ("rate", "order")
    assert told.learner.implausible is not None
    assert len(told.learner.memory) <= kept, "no fit will see them, nor those just before"
    told.play(rng, 30)
    assert told.learner.implausible is None and told.of("plausible")
    assert told.of("promoted") == [], "and nothing is left of them"
    assert len(told.learner.memory) > kept


def test_one_corrupt_block_promotes_nothing():
    rng, told = np.random.default_rng(4), Told(learner())
    told.play(rng, 40)
    told.play(rng, 1, all_at_once)
    told.play(rng, 40)
    assert told.of("promoted") == []


def test_a_promotion_that_turns_out_worse_is_rolled_back():
    """The market changes for just as long as it takes to be believed, and changes back."""
    rng, told = np.random.default_rng(5), Told(learner())
    told.play(rng, CALM)
    while not told.of("promoted"):
        told.play(rng, 1, shift=1.0)
    excess = told.play(rng, 40)
    (number, event), *_ = told.of("rolled_back")
    assert event.kind == "rolled_back" and np.array_equal(event.state.row, shipped())
    assert excess[number - told.number + 40 + 1 :].mean() < 0.01


def test_a_new_fit_takes_over_only_when_it_is_better():
    """The market's slopes are no longer those in force. A fit that knows them wins, one that is worse is refused."""
    rng, row = np.random.default_rng(6), shipped()
    wrong = row.copy()
    wrong[H.BETA : H.GAMMA] *= 0.2
    told = Told(Learner(SETTINGS, state(wrong), 5_000))
    told.play(rng, 10)
    assert not told.learner.has_refit
    told.learner.add_refit(adjusted(wrong, 1.5, 1.0), 0)
    told.play(rng, 40)
    (_, refused), *_ = [e for e in told.of("refused") if e[1].reason == "worse"]
    assert refused.kind == "refused" and not told.learner.has_refit
    told.learner.add_refit(row, told.number * PER_BLOCK * 10**9)
    told.play(rng, 60)
    assert [e.reason for _, e in told.of("promoted")][-1] == REFIT
    assert np.array_equal(told.learner.state.row, row)


def test_a_fit_is_not_tested_on_its_own_samples():
    rng, told = np.random.default_rng(7), Told(learner())
    told.learner.add_refit(shipped(), 20 * PER_BLOCK * 10**9)
    told.play(rng, 19)
    assert told.learner._refit.test.blocks == 0
    told.play(rng, 10)
    assert told.learner._refit.test.blocks == 8, "nor by the block whose outcomes it has seen"


def test_implausible_labels_discard_a_fit_under_test():
    rng, told = np.random.default_rng(8), Told(learner())
    told.play(rng, 10)
    told.learner.add_refit(shipped(), 0)
    told.play(rng, 20, inverted)
    assert not told.learner.has_refit


def test_an_empty_block_has_no_events():
    empty = Samples(
        np.zeros(0, np.int64), np.zeros((0, N_FEATURES)), np.zeros((0, 2, 4)), np.zeros((0, 2, 4), np.uint8)
    )
    assert learner().learn_block(empty) == []


@pytest.mark.slow
def test_a_fit_of_own_labels_finds_the_new_slopes():
    rng, row = np.random.default_rng(9), shipped()
    wrong = row.copy()
    wrong[H.BETA : H.GAMMA] *= 0.3
    blocks = [block(rng, row, n) for n in range(70)]
    memory = Samples(*(np.concatenate(c) for c in zip(*(b.columns() for b in blocks), strict=True)))
    new = refit(wrong, memory.moment_ns, memory.x, memory.barriers, memory.bins)
    later = block(rng, row, 80, n=2_000)
    oracle = loss(row, later)
    assert loss(new, later) < oracle + 0.3 * (loss(wrong, later) - oracle)
