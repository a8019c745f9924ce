"""Learning of one instrument on generated labels: changes of the market, wrong labels, rollbacks."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from quotelife.config.sections import Learning
from quotelife.parameters.table import adjust_row
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


class Play:
    """Plays blocks to a learner and collects its events by block."""

    def __init__(self, of):
        self.learner, self.number, self.events = of, 0, []

    def play(self, rng, blocks, spoil=None, **of_market):
        """Relative excess of the loss in force over the oracle's, by block."""
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
    played = Play(learner())
    played.play(np.random.default_rng(1), CALM + CHANGED)
    assert played.events == []
    calibration = played.learner.calibration["one_tick"]
    assert calibration.slope == pytest.approx(1.0, abs=0.15) and abs(calibration.intercept) < 0.3
    assert calibration.log_loss < 0.97 * calibration.base_log_loss and calibration.error < 0.01
    assert abs(played.learner.drift) < 4


@pytest.mark.parametrize(("shift", "slope"), [(1.0, 1.0), (-0.7, 1.0), (-1.0, 0.7)])
def test_after_a_change_of_the_market_the_loss_returns_to_the_oracles(shift, slope):
    rng, played = np.random.default_rng(1), Play(learner())
    played.play(rng, CALM)
    excess = played.play(rng, CHANGED, shift=shift, slope=slope)
    assert excess[:10].mean() > 0.02, "the change increases the loss"
    assert excess[45:].mean() < 0.006, f"{45 * PER_BLOCK} labels later it costs hardly anything"
    first, event = played.of("promoted")[0]
    assert CALM + 10 < first < CALM + 45 and event.reason in (FAST, SLOW)
    assert "better by" in event.text and not played.of("rolled_back") and not played.of("implausible")
    assert event.state.digest == state(shipped()).digest, "the fit is the same, its log-odds are shifted"


def test_drift_is_reported_before_a_promotion():
    rng, played = np.random.default_rng(2), Play(learner(settings=msgspec.structs.replace(SETTINGS, min_blocks=200)))
    played.play(rng, CALM)
    assert played.of("drift") == []
    played.play(rng, 20, shift=1.0)
    (_, event), *_ = played.of("drift")
    assert "(+" in event.text and played.learner.drift > 5


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
    rng, played = np.random.default_rng(3), Play(learner())
    played.play(rng, 40)
    kept = len(played.learner.memory)
    played.play(rng, 50, spoil)
    assert played.of("promoted") == []
    assert np.array_equal(played.learner.state.row, shipped())
    (number, event), *_ = played.of("refused")
    assert 40 <= number < 52 and event.reason in ("rate", "order")
    assert played.learner.implausible is not None
    assert len(played.learner.memory) <= kept, "no fit uses them, nor those just before"
    played.play(rng, 30)
    assert played.learner.implausible is None and played.of("plausible")
    assert played.of("promoted") == [], "they have no effect"
    assert len(played.learner.memory) > kept


def test_one_corrupt_block_promotes_nothing():
    rng, played = np.random.default_rng(4), Play(learner())
    played.play(rng, 40)
    played.play(rng, 1, all_at_once)
    played.play(rng, 40)
    assert played.of("promoted") == []


def test_a_promotion_that_turns_out_worse_is_rolled_back():
    """The market changes until the change is promoted, and changes back."""
    rng, played = np.random.default_rng(5), Play(learner())
    played.play(rng, CALM)
    while not played.of("promoted"):
        played.play(rng, 1, shift=1.0)
    excess = played.play(rng, 40)
    (number, event), *_ = played.of("rolled_back")
    assert np.array_equal(event.state.row, shipped())
    assert excess[number - played.number + 40 + 1 :].mean() < 0.01


def test_a_new_fit_takes_over_only_when_it_is_better():
    """The slopes of the market are no longer those in force. A fit with them is promoted, a worse one is refused."""
    rng, row = np.random.default_rng(6), shipped()
    wrong = row.copy()
    wrong[H.BETA : H.GAMMA] *= 0.2
    played = Play(Learner(SETTINGS, state(wrong), 5_000))
    played.play(rng, 10)
    assert not played.learner.has_refit
    played.learner.add_refit(adjust_row(wrong, 1.5, 1.0), 0)
    played.play(rng, 40)
    assert "worse" in [event.reason for _, event in played.of("refused")]
    assert not played.learner.has_refit
    played.learner.add_refit(row, played.number * PER_BLOCK * 10**9)
    played.play(rng, 60)
    assert [e.reason for _, e in played.of("promoted")][-1] == REFIT
    assert np.array_equal(played.learner.state.row, row)


def test_a_fit_is_not_tested_on_its_own_samples():
    rng, played = np.random.default_rng(7), Play(learner())
    played.learner.add_refit(shipped(), 20 * PER_BLOCK * 10**9)
    played.play(rng, 19)
    assert played.learner._refit.test.blocks == 0
    played.play(rng, 10)
    assert played.learner._refit.test.blocks == 8, "nor on the block whose outcomes it has used"


def test_implausible_labels_discard_a_fit_under_test():
    rng, played = np.random.default_rng(8), Play(learner())
    played.play(rng, 10)
    played.learner.add_refit(shipped(), 0)
    played.play(rng, 20, inverted)
    assert not played.learner.has_refit


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
