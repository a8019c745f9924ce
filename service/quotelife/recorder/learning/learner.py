"""Learns of one instrument: blocks of labels in, decisions about its parameters out. Reads no clock, touches no file.

    in force        a fit, and on top of it a shift and a stretch of the log-odds
    fast, slow      the same fit, recalibrated block by block with two half-lives      contenders
    refit           a fit of the instrument's own labels, made elsewhere                contender
    former          what was in force before the last change, until the change has held     rolls back

Everybody foretells a block before anybody learns from it, so every comparison is out of sample. A contender takes over
when `Contest` says that it is better; when the former turns out better after all, it comes back. Blocks whose labels
are not plausible are learnt from by nobody: contests stop, what the last ones had changed is undone, and nothing takes
over before the labels are plausible again.
"""

from collections import deque
from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.config.sections import Learning
from quotelife.parameters.table import adjusted, row_digest
from quotelife.recorder.learning.calibration import Calibration
from quotelife.recorder.learning.contest import Contest
from quotelife.recorder.learning.kernel import HORIZON_NS, ONE_TICK, PICK_OFF
from quotelife.recorder.learning.plausibility import BLOCKS, RATE, Plausibility
from quotelife.recorder.learning.recalibration import Recalibrator
from quotelife.recorder.learning.sample_memory import Memory
from quotelife.recorder.learning.samples import Outcomes, Samples, at_risk, losses, outcomes, predictors, probabilities
from quotelife.runtime.clock import NS_PER_S
from quotelife_models import hazard as H

Floats = NDArray[np.float64]
FAST, SLOW, REFIT = "fast", "slow", "refit"
FAST_SHARE = 0.125  # of the half-life
_REGRET_CHANCE = 0.1  # of rolling back what was no worse: coming back is cheaper than staying with what is worse
_UNDECIDED_BLOCKS = 20  # times the least number of blocks, after which a contest is over without a winner
DRIFT_BLOCKS = 15
_DRIFTED, _SETTLED = 5.0, 2.0  # standard errors

NOT_BETTER, WORSE = "not_better", "worse"  # why a new fit does not take over
EVENT_NAMES = {"one_tick": ONE_TICK, "pick_off": PICK_OFF}


class State(NamedTuple):
    """What may be in force: a fit and its recalibration. `digest` is that of the fit."""

    fit: Floats
    digest: str
    intercept: float = 0.0
    slope: float = 1.0

    @property
    def row(self) -> Floats:
        return adjusted(self.fit, self.intercept, self.slope)


class Event(Struct, frozen=True):
    """What a block led to. `text` says it in words; after a promotion or rollback `state` is to be put in force."""

    kind: Literal["promoted", "rolled_back", "refused", "drift", "settled", "implausible", "plausible"]
    text: str
    reason: str = ""  # of LEARNING_REFUSALS, or of CONTENDERS, in `quotelife.metrics.labels`
    state: State | None = None


class _Challenger(NamedTuple):
    state: State
    since_ns: int  # it has seen nothing of what was sampled from here on
    contest: Contest


class Learner:
    """Of one instrument. `moments` are monotonic."""

    def __init__(self, settings: Learning, state: State, kept_samples: int) -> None:
        self._settings = settings
        self._half_life = settings.half_life_s / settings.block_s
        self.state = state
        self.memory = Memory(kept_samples)
        self.calibration = {name: Calibration(self._half_life) for name in EVENT_NAMES}
        self.implausible: str | None = None
        self.drift = 0.0
        self._drifted = False
        self._passages: deque[tuple[float, float]] = deque(maxlen=DRIFT_BLOCKS)
        self._former: tuple[State, Contest] | None = None
        self._challenger: _Challenger | None = None
        self._hold_off = 0  # blocks until anything may take over
        self._plausibility = Plausibility()
        self._online: dict[str, Recalibrator] = {}
        self._contests: dict[str, Contest] = {}
        self._earlier: deque[tuple[int, dict[str, Recalibrator]]] = deque(maxlen=BLOCKS)
        self._take_up()

    # --- from outside

    def challenge(self, row: Floats, trained_until_ns: int) -> None:
        """A new fit, made of samples up to a moment: it is watched from the first that it cannot have seen."""
        contest = Contest.of(self._settings)
        self._challenger = _Challenger(State(row, row_digest(row)), trained_until_ns + HORIZON_NS, contest)

    @property
    def challenged(self) -> bool:
        """Whether a new fit is being watched."""
        return self._challenger is not None

    def block(self, samples: Samples) -> list[Event]:
        """Everything that follows from a block of labelled samples, in order of time."""
        asked = outcomes(samples)
        if not len(asked.bin):
            return []
        eta = predictors(self.state.fit, samples, asked)
        in_force = self.state.intercept + self.state.slope * eta
        entered, came = at_risk(asked.bin)
        self._measure(samples)
        events = self._judge_labels(samples)
        if self.implausible is not None:
            return events
        self._score(samples, asked, eta, in_force)
        self._earlier.append((int(samples.moment_ns[0]), {name: r.copy() for name, r in self._online.items()}))
        for recalibrator in self._online.values():
            recalibrator.update(eta, entered, came, asked.weight)
        self.memory.add(samples)
        self._hold_off = max(self._hold_off - 1, 0)
        events += self._look_at_drift(in_force, entered, came, asked.weight)
        events += self._regret() or self._contend()
        return events

    # --- what a block is used for

    def _measure(self, samples: Samples) -> None:
        """The figures of what was in force, for the metrics."""
        for name, event in EVENT_NAMES.items():
            asked = outcomes(samples, (event,))
            p = probabilities(predictors(self.state.row, samples, asked))[:, H.REFERENCE_BIN]
            self.calibration[name].update(p, asked.bin <= H.REFERENCE_BIN)

    def _score(self, samples: Samples, asked: Outcomes, eta: Floats, in_force: Floats) -> None:
        labels = float(asked.weight.sum())

        def total(of: Floats) -> float:
            return float(asked.weight @ losses(of, asked.bin))

        loss = total(in_force)
        for name, recalibrator in self._online.items():
            self._contests[name].add(loss, total(recalibrator.apply(eta)), labels)
        for state, contest in self._watched(samples):
            contest.add(loss, total(predictors(state.row, samples, asked)), labels)

    def _watched(self, samples: Samples) -> list[tuple[State, Contest]]:
        watched = [self._former] if self._former is not None else []
        challenger = self._challenger
        if challenger is not None and samples.moment_ns[0] > challenger.since_ns:
            watched.append((challenger.state, challenger.contest))
        return watched

    def _judge_labels(self, samples: Samples) -> list[Event]:
        asked = outcomes(samples, (ONE_TICK,))
        eta = predictors(self.state.row, samples, asked)
        self._plausibility.add(eta, *at_risk(asked.bin), asked.weight)
        wrong = self._plausibility.wrong
        before, self.implausible = self.implausible, wrong
        if wrong is None:
            return [] if before is None else [Event("plausible", "labels are plausible again")]
        if before is not None:
            return []
        since_ns = int(samples.moment_ns[0])
        if self._earlier:
            since_ns, self._online = self._earlier[0]
            self._earlier.clear()
        self.memory.forget_since(since_ns)
        self._passages.clear()
        for contest in self._contests.values():
            contest.restart()
        dropped = " and the new fit" if self._challenger is not None else ""
        self._challenger = None
        what = "passages come too often or too seldom" if wrong == RATE else "they do not follow what foretold them"
        seconds = (int(samples.moment_ns[-1]) - since_ns) / NS_PER_S
        text = f"labels are not plausible, {what}: those of the last {seconds:.0f} s{dropped} are dropped"
        return [Event("implausible", text, wrong), Event("refused", text, wrong)]

    def _look_at_drift(
        self, in_force: Floats, entered: NDArray[np.bool_], came: NDArray[np.bool_], weight: Floats
    ) -> list[Event]:
        """Passages that came against those foretold, over the last blocks."""
        foretold = float((weight[:, None] * entered / (1.0 + np.exp(-np.clip(in_force, -30.0, 30.0)))).sum())
        self._passages.append((float((weight[:, None] * came).sum()), foretold))
        if len(self._passages) < DRIFT_BLOCKS:
            return []
        observed, expected = np.array(self._passages).T
        missing = observed - expected
        self.drift = float(missing.mean() * np.sqrt(DRIFT_BLOCKS) / max(missing.std(ddof=1), 1e-9))
        if abs(self.drift) > _DRIFTED and not self._drifted:
            self._drifted = True
            ratio = observed.sum() / max(expected.sum(), 1e-9)
            return [
                Event("drift", f"drift: {ratio:.2f} times the passages foretold ({self.drift:+.1f} standard errors)")
            ]
        if abs(self.drift) < _SETTLED and self._drifted:
            self._drifted = False
            return [Event("settled", "drift is over")]
        return []

    # --- who is in force

    def _regret(self) -> list[Event]:
        if self._former is None:
            return []
        state, contest = self._former
        if not contest.better:
            if contest.worse or contest.blocks >= _UNDECIDED_BLOCKS * self._settings.min_blocks:
                self._former = None
            return []
        text = f"rolled back: what was in force before is better by {_percent(contest)}"
        self.state, self._former, self._challenger = state, None, None
        self._hold_off = self._settings.min_blocks
        self._take_up()
        return [Event("rolled_back", text, state=state)]

    def _contend(self) -> list[Event]:
        events = []
        states = {name: State(*self.state[:2], r.intercept, r.slope) for name, r in self._online.items()}
        contests = dict(self._contests)
        if self._challenger is not None:
            states[REFIT], contests[REFIT] = self._challenger.state, self._challenger.contest
        winners = [name for name, contest in contests.items() if contest.better and not self._hold_off]
        if winners:
            name = max(winners, key=lambda n: contests[n].gain)
            return [self._promote(name, states[name], contests[name])]
        for name, contest in contests.items():
            over = contest.blocks >= _UNDECIDED_BLOCKS * self._settings.min_blocks
            if not (contest.worse or over):
                continue
            if name == REFIT:
                self._challenger = None
                reason = WORSE if contest.worse else NOT_BETTER
                events.append(Event("refused", f"the new fit is refused: {reason} ({_percent(contest)})", reason))
            else:
                contest.restart()
        return events

    def _promote(self, name: str, state: State, contest: Contest) -> Event:
        what = "a new fit" if name == REFIT else f"the {name} recalibration"
        shift = "" if name == REFIT else f", log-odds {state.intercept:+.2f} {state.slope:+.2f} eta"
        text = f"{what} takes over{shift}: better by {_percent(contest)} over {contest.labels:.0f} labels"
        if self._former is None:  # else the change before has not held yet: the last that has is what comes back
            s = self._settings
            self._former = self.state, Contest(max(s.min_blocks // 3, 5), s.min_labels // 3, s.margin, _REGRET_CHANCE)
        refitted = state.digest != self.state.digest
        self.state = state
        if refitted:
            self._challenger = None
            self._take_up()
        for contest in self._contests.values():
            contest.restart()
        if self._challenger is not None:
            self._challenger.contest.restart()
        return Event("promoted", text, name, state)

    def _take_up(self) -> None:
        """The recalibrations begin at what is in force."""
        centre = float(self.state.fit[H.ALPHA + H.REFERENCE_BIN])
        half_lives = {FAST: self._half_life * FAST_SHARE, SLOW: self._half_life}
        self._online = {name: Recalibrator(centre, half_life) for name, half_life in half_lives.items()}
        for recalibrator in self._online.values():
            recalibrator.start_at(self.state.intercept, self.state.slope)
        self._contests = {name: Contest.of(self._settings) for name in half_lives}
        self._earlier.clear()


def _percent(contest: Contest) -> str:
    return f"{100 * contest.gain:.2f} ± {100 * contest.error:.2f} % of the log-loss"
