"""Learns the parameters of one instrument: blocks of labels in, changes of its parameters out. No clock, no files.

    in force      a fit, with a shift and a stretch of its log-odds
    fast, slow    the same fit, recalibrated block by block with two half-lives              contenders
    refit         a fit of the instrument's own labels, made in another process              contender
    previous      what was in force before the last change, until the change is confirmed    for a rollback

All of them predict a block before any learns from it, so every comparison is out of sample. A contender takes over when
`SequentialTest` finds it better; if the previous state turns out better after all, it returns. Nothing is learnt from
implausible blocks: tests restart, what the last blocks have changed is undone, and nothing takes over until the labels
are plausible again.
"""

from collections import deque
from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.config.sections import Learning
from quotelife.parameters.table import adjust_row, row_digest
from quotelife.recorder.learning.calibration import Calibration
from quotelife.recorder.learning.kernel import HORIZON_NS, ONE_TICK, PICK_OFF
from quotelife.recorder.learning.plausibility import BLOCKS, RATE, Plausibility
from quotelife.recorder.learning.recalibration import Recalibrator
from quotelife.recorder.learning.sample_memory import SampleMemory
from quotelife.recorder.learning.samples import Outcomes, Samples, at_risk, losses, outcomes, predictors, probabilities
from quotelife.recorder.learning.sequential_test import SequentialTest
from quotelife.runtime.clock import NS_PER_S
from quotelife_models import hazard as H

Floats = NDArray[np.float64]
FAST, SLOW, REFIT = "fast", "slow", "refit"
FAST_SHARE = 0.125  # of the half-life
_ROLLBACK_ERROR = 0.1  # chance of rolling back what was no worse: cheaper than staying with what is worse
_MAX_TEST_LENGTH = 20  # in units of min_blocks, after which a test ends without a winner
DRIFT_BLOCKS = 15
_DRIFT_START, _DRIFT_END = 5.0, 2.0  # standard errors

NOT_BETTER, WORSE = "not_better", "worse"  # why a new fit is refused
EVENT_NAMES = {"one_tick": ONE_TICK, "pick_off": PICK_OFF}


class FitState(NamedTuple):
    """Parameters that may be in force: a fit and its recalibration. `digest` is that of the fit."""

    fit: Floats
    digest: str
    intercept: float = 0.0
    slope: float = 1.0

    @property
    def row(self) -> Floats:
        return adjust_row(self.fit, self.intercept, self.slope)


class LearningEvent(Struct, frozen=True):
    """A result of a block. `text` is for the log; after a promotion or rollback `state` is to be put in force."""

    kind: Literal["promoted", "rolled_back", "refused", "drift", "settled", "implausible", "plausible"]
    text: str
    reason: str = ""  # of LEARNING_REFUSALS, or of CONTENDERS, in `quotelife.metrics.labels`
    state: FitState | None = None


class _Refit(NamedTuple):
    state: FitState
    since_ns: int  # samples from here on were not used for the fit
    test: SequentialTest


class Learner:
    """Of one instrument. Moments are monotonic."""

    def __init__(self, settings: Learning, state: FitState, memory_samples: int) -> None:
        self._settings = settings
        self._half_life = settings.half_life_s / settings.block_s
        self.state = state
        self.memory = SampleMemory(memory_samples)
        self.calibration = {name: Calibration(self._half_life) for name in EVENT_NAMES}
        self.implausible: str | None = None
        self.drift = 0.0
        self._in_drift = False
        self._passages: deque[tuple[float, float]] = deque(maxlen=DRIFT_BLOCKS)
        self._previous: tuple[FitState, SequentialTest] | None = None
        self._refit: _Refit | None = None
        self._cooldown_blocks = 0  # blocks until anything may take over
        self._plausibility = Plausibility()
        self._recalibrators: dict[str, Recalibrator] = {}
        self._tests: dict[str, SequentialTest] = {}
        self._snapshots: deque[tuple[int, dict[str, Recalibrator]]] = deque(maxlen=BLOCKS)
        self._restart_contenders()

    # --- called by Learning

    def add_refit(self, row: Floats, trained_until_ns: int) -> None:
        """Test a new fit of samples up to a moment: tests begin with the first sample after its horizon."""
        test = SequentialTest.of(self._settings)
        self._refit = _Refit(FitState(row, row_digest(row)), trained_until_ns + HORIZON_NS, test)

    @property
    def has_refit(self) -> bool:
        """Whether a new fit is being tested."""
        return self._refit is not None

    def learn_block(self, samples: Samples) -> list[LearningEvent]:
        """Learn from a block of labelled samples; blocks come in order of time. Returns the resulting events."""
        labels = outcomes(samples)
        if not len(labels.bin):
            return []
        eta = predictors(self.state.fit, samples, labels)
        in_force = self.state.intercept + self.state.slope * eta
        entered, passed = at_risk(labels.bin)
        self._measure(samples)
        events = self._check_plausibility(samples)
        if self.implausible is not None:
            return events
        self._score(samples, labels, eta, in_force)
        self._snapshots.append((int(samples.moment_ns[0]), {name: r.copy() for name, r in self._recalibrators.items()}))
        for recalibrator in self._recalibrators.values():
            recalibrator.update(eta, entered, passed, labels.weight)
        self.memory.add(samples)
        self._cooldown_blocks = max(self._cooldown_blocks - 1, 0)
        events += self._check_drift(in_force, entered, passed, labels.weight)
        events += self._check_rollback() or self._check_promotions()
        return events

    # --- the uses of a block

    def _measure(self, samples: Samples) -> None:
        """Update the calibration of what was in force, for the metrics."""
        for name, event in EVENT_NAMES.items():
            labels = outcomes(samples, (event,))
            p = probabilities(predictors(self.state.row, samples, labels))[:, H.REFERENCE_BIN]
            self.calibration[name].update(p, labels.bin <= H.REFERENCE_BIN)

    def _score(self, samples: Samples, labels: Outcomes, eta: Floats, in_force: Floats) -> None:
        weight = float(labels.weight.sum())

        def total(of: Floats) -> float:
            return float(labels.weight @ losses(of, labels.bin))

        loss = total(in_force)
        for name, recalibrator in self._recalibrators.items():
            self._tests[name].add(loss, total(recalibrator.apply(eta)), weight)
        for state, test in self._under_test(samples):
            test.add(loss, total(predictors(state.row, samples, labels)), weight)

    def _under_test(self, samples: Samples) -> list[tuple[FitState, SequentialTest]]:
        under_test = [self._previous] if self._previous is not None else []
        refit = self._refit
        if refit is not None and samples.moment_ns[0] > refit.since_ns:
            under_test.append((refit.state, refit.test))
        return under_test

    def _check_plausibility(self, samples: Samples) -> list[LearningEvent]:
        labels = outcomes(samples, (ONE_TICK,))
        eta = predictors(self.state.row, samples, labels)
        self._plausibility.add(eta, *at_risk(labels.bin), labels.weight)
        fault = self._plausibility.fault
        before, self.implausible = self.implausible, fault
        if fault is None:
            return [] if before is None else [LearningEvent("plausible", "labels are plausible again")]
        if before is not None:
            return []
        since_ns = int(samples.moment_ns[0])
        if self._snapshots:
            since_ns, self._recalibrators = self._snapshots[0]
            self._snapshots.clear()
        self.memory.forget_since(since_ns)
        self._passages.clear()
        for test in self._tests.values():
            test.restart()
        dropped = " and the new fit" if self._refit is not None else ""
        self._refit = None
        what = "too many or too few passages" if fault == RATE else "passages do not follow the predictors"
        seconds = (int(samples.moment_ns[-1]) - since_ns) / NS_PER_S
        text = f"labels are implausible, {what}: those of the last {seconds:.0f} s{dropped} are discarded"
        return [LearningEvent("implausible", text, fault), LearningEvent("refused", text, fault)]

    def _check_drift(
        self, in_force: Floats, entered: NDArray[np.bool_], passed: NDArray[np.bool_], weight: Floats
    ) -> list[LearningEvent]:
        """Compare the passages of the last blocks with the predicted ones."""
        predicted = float((weight[:, None] * entered / (1.0 + np.exp(-np.clip(in_force, -30.0, 30.0)))).sum())
        self._passages.append((float((weight[:, None] * passed).sum()), predicted))
        if len(self._passages) < DRIFT_BLOCKS:
            return []
        observed, expected = np.array(self._passages).T
        missing = observed - expected
        self.drift = float(missing.mean() * np.sqrt(DRIFT_BLOCKS) / max(missing.std(ddof=1), 1e-9))
        if abs(self.drift) > _DRIFT_START and not self._in_drift:
            self._in_drift = True
            ratio = observed.sum() / max(expected.sum(), 1e-9)
            text = f"drift: {ratio:.2f} times the predicted passages ({self.drift:+.1f} standard errors)"
            return [LearningEvent("drift", text)]
        if abs(self.drift) < _DRIFT_END and self._in_drift:
            self._in_drift = False
            return [LearningEvent("settled", "drift has ended")]
        return []

    # --- changes of what is in force

    def _check_rollback(self) -> list[LearningEvent]:
        if self._previous is None:
            return []
        state, test = self._previous
        if not test.better:
            if test.worse or test.blocks >= _MAX_TEST_LENGTH * self._settings.min_blocks:
                self._previous = None
            return []
        text = f"rolled back: the previous parameters are better by {_percent(test)}"
        self.state, self._previous, self._refit = state, None, None
        self._cooldown_blocks = self._settings.min_blocks
        self._restart_contenders()
        return [LearningEvent("rolled_back", text, state=state)]

    def _check_promotions(self) -> list[LearningEvent]:
        events = []
        states = {name: FitState(*self.state[:2], r.intercept, r.slope) for name, r in self._recalibrators.items()}
        tests = dict(self._tests)
        if self._refit is not None:
            states[REFIT], tests[REFIT] = self._refit.state, self._refit.test
        winners = [name for name, test in tests.items() if test.better and not self._cooldown_blocks]
        if winners:
            name = max(winners, key=lambda n: tests[n].gain)
            return [self._promote(name, states[name], tests[name])]
        for name, test in tests.items():
            too_long = test.blocks >= _MAX_TEST_LENGTH * self._settings.min_blocks
            if not (test.worse or too_long):
                continue
            if name == REFIT:
                self._refit = None
                reason = WORSE if test.worse else NOT_BETTER
                events.append(LearningEvent("refused", f"the new fit is refused: {reason} ({_percent(test)})", reason))
            else:
                test.restart()
        return events

    def _promote(self, name: str, state: FitState, test: SequentialTest) -> LearningEvent:
        what = "a new fit" if name == REFIT else f"the {name} recalibration"
        shift = "" if name == REFIT else f", log-odds {state.intercept:+.2f} {state.slope:+.2f} eta"
        text = f"{what} takes over{shift}: better by {_percent(test)} over {test.labels:.0f} labels"
        if self._previous is None:  # else the last change is not confirmed, and a rollback goes back to before it
            s = self._settings
            rollback = SequentialTest(max(s.min_blocks // 3, 5), s.min_labels // 3, s.margin, _ROLLBACK_ERROR)
            self._previous = self.state, rollback
        refitted = state.digest != self.state.digest
        self.state = state
        if refitted:
            self._refit = None
            self._restart_contenders()
        for test in self._tests.values():
            test.restart()
        if self._refit is not None:
            self._refit.test.restart()
        return LearningEvent("promoted", text, name, state)

    def _restart_contenders(self) -> None:
        """Restart the recalibrations from what is in force."""
        centre = float(self.state.fit[H.ALPHA + H.REFERENCE_BIN])
        half_lives = {FAST: self._half_life * FAST_SHARE, SLOW: self._half_life}
        self._recalibrators = {name: Recalibrator(centre, half_life) for name, half_life in half_lives.items()}
        for recalibrator in self._recalibrators.values():
            recalibrator.start_at(self.state.intercept, self.state.slope)
        self._tests = {name: SequentialTest.of(self._settings) for name in half_lives}
        self._snapshots.clear()


def _percent(test: SequentialTest) -> str:
    return f"{100 * test.gain:.2f} ± {100 * test.error:.2f} % of the log-loss"
