"""What the recorder does for the calibration while the service runs.

    capture ring, board, journal --> labels --> learners --> versions on disk --> the published parameters
                                                   ^
                                             fits, in a process of their own

Everything that follows from labels is decided by the learners; here it is carried out, counted and told.
"""

import sys
from pathlib import Path

import numpy as np

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.journal.record import Record
from quotelife.market.board import layout as B
from quotelife.market.board.board import Board
from quotelife.parameters.region import publish
from quotelife.parameters.versions import InForce, Learnt, Versions, load_configured
from quotelife.recorder.learning.calibration import Calibration
from quotelife.recorder.learning.kernel import HORIZON_NS, ONE_TICK, PICK_OFF
from quotelife.recorder.learning.learner import EVENT_NAMES, Event, Learner, State
from quotelife.recorder.learning.metrics import LearningMetrics
from quotelife.recorder.learning.moments import Decisions, Market
from quotelife.recorder.learning.pending import PATIENCE_NS, Labelled, Pending
from quotelife.recorder.learning.price_paths import Paths
from quotelife.recorder.learning.refits import Refits, Refitted
from quotelife.recorder.learning.samples import Samples
from quotelife.runtime.clock import NS_PER_S
from quotelife_models.hazard import REFERENCE_BIN

_ALL_SAMPLES = 200_000  # that are kept of all instruments together, about 100 MB
_FEWEST_SAMPLES = 1_000
_FEWEST_TO_FIT = 7_200  # fits of less were worse than what they were to replace, on every instrument tried
_DECISION_EVENTS = {"one_tick": ONE_TICK, "pick_off": PICK_OFF}


class _Instrument:
    """One quotable row of the board."""

    def __init__(self, row: int, learner: Learner, half_life: float) -> None:
        self.row, self.learner = row, learner
        self.market, self.decisions = Pending(), Pending()
        self.labelled: list[Labelled] = []
        self.decided: list[Labelled] = []
        self.said = {name: Calibration(half_life) for name in _DECISION_EVENTS}
        self.fitted_ns = 0  # when it was last fitted anew


class Learning:
    """`turn` is called a few times a second, `decided` with every record of the journal. Times: `now_ns` monotonic."""

    def __init__(self, config: Config, run_directory: Path, metrics: LearningMetrics) -> None:
        self._settings, self._metrics = config.learning, metrics
        self.versions = Versions(config, load_configured(config))
        self._published = RunPaths(run_directory).parameters
        rows = [row for row, i in enumerate(config.instrument) if i.quotable]
        self._paths = Paths(run_directory, len(config.instrument))
        self._market = Market(rows, config.learning.sample_ms)
        self._decisions = Decisions(len(config.instrument))
        self._refits = Refits(self.versions.folder / "refit")
        self._block_ns = int(config.learning.block_s * NS_PER_S)
        self._block_end_ns = 0
        kept = min(config.learning.memory_samples, max(_ALL_SAMPLES // max(len(rows), 1), _FEWEST_SAMPLES))
        self._enough = min(_FEWEST_TO_FIT, kept)
        half_life = config.learning.half_life_s / config.learning.block_s
        found = self.versions.in_force()
        self.instruments = {
            row: _Instrument(row, Learner(config.learning, self._state(found, row), kept), half_life) for row in rows
        }
        self._put_in_force(found)

    def stop(self) -> None:
        self._refits.stop()

    # --- what comes in

    def add_decision(self, record: Record) -> None:
        """A record of the journal; decisions on an instrument are labelled."""
        taken = self._decisions.take(record)
        if taken is not None and taken[0] in self.instruments:
            self.instruments[taken[0]].decisions.add(taken[1])

    def step(self, board: Board | None, now_ns: int, wall_ns: int) -> None:
        """Look at the market, label what is due; at the end of a block learn from it, and do what follows."""
        known_ns = self._known_until(board)  # before the ring is read: until then it holds everything
        self._paths.read()
        if board is not None:
            for row, moment in self._market.look(board, now_ns):
                self.instruments[row].market.add(moment)
        for row, instrument in self.instruments.items():
            path = self._paths.rows[row]
            instrument.labelled += instrument.market.due(path, int(known_ns[row]), now_ns)
            instrument.decided += instrument.decisions.due(path, int(known_ns[row]), now_ns)
        self._paths.forget(now_ns)
        self._end_blocks(now_ns, wall_ns)
        self._look_after_fits(now_ns)

    def _known_until(self, board: Board | None) -> np.ndarray:
        """Until when the path of each row is whole: its writer has lived, its venue has been heard."""
        known = np.zeros(len(self._paths.rows), np.int64)
        if board is not None:
            heard = board.venues[board.rows[:, B.VENUE], B.V_LAST_RECEIVED_NS]
            known[:] = np.minimum(board.header[B.H_HEARTBEAT_NS], heard)
        return known

    # --- blocks

    def _end_blocks(self, now_ns: int, wall_ns: int) -> None:
        """A block is over once all that was sampled in it has its label, or will get none."""
        if self._block_end_ns == 0:
            self._block_end_ns = now_ns + self._block_ns
        if now_ns < self._block_end_ns + HORIZON_NS + PATIENCE_NS:
            return
        end_ns = self._block_end_ns
        late_blocks = (now_ns - HORIZON_NS - PATIENCE_NS - end_ns) // self._block_ns
        self._block_end_ns += (late_blocks + 1) * self._block_ns
        for instrument in self.instruments.values():
            self._end_block(instrument, end_ns, wall_ns)
        self._metrics.count_dropped("passed_over", self._decisions.passed_over)
        self._metrics.count_dropped("news", self._market.in_news)
        self._decisions.passed_over = self._market.in_news = 0

    def _end_block(self, instrument: _Instrument, end_ns: int, wall_ns: int) -> None:
        symbol, learner = self.versions.symbols[instrument.row], instrument.learner
        of_market, instrument.labelled = _split(instrument.labelled, end_ns)
        of_decisions, instrument.decided = _split(instrument.decided, end_ns)
        for pending in (instrument.market, instrument.decisions):
            self._metrics.count_dropped("cut", pending.cut)
            pending.cut = 0
        self._metrics.count_labels("market", len(of_market))
        self._metrics.count_labels("decisions", len(of_decisions))
        if of_decisions:
            _judge(of_decisions, instrument.said)
        if of_market:
            for event in learner.block(_samples(of_market)):
                self._carry_out(instrument, event, wall_ns)
        for name in EVENT_NAMES:
            self._metrics.set_calibration(symbol, name, "market", learner.calibration[name])
            self._metrics.set_calibration(symbol, name, "decisions", instrument.said[name])
        self._metrics.set_drift(symbol, learner.drift, learner.implausible is not None)

    def _carry_out(self, instrument: _Instrument, event: Event, wall_ns: int) -> None:
        symbol = self.versions.symbols[instrument.row]
        if event.kind == "refused":
            self._metrics.count_refusal(event.reason)
            return self._say(f"{symbol}: refused: {event.text}") if not instrument.learner.implausible else None
        self._say(f"{symbol}: {event.text}")
        if event.state is None:
            return None
        if event.kind == "promoted":
            self._metrics.count_promotion(event.reason)
        else:
            self._metrics.count_rollback()
        if event.state.digest not in self.versions.origins:
            self.versions.keep_fit(event.state.fit)
        learnt = (self._learnt(i) for i in self.instruments.values())
        rows = tuple(one for one in learnt if one is not None)
        return self._put_in_force(self.versions.append(rows, wall_ns, f"{symbol}: {event.text}"))

    def _put_in_force(self, version: InForce) -> None:
        publish(self._published, version, self.versions.origin)
        self._metrics.set_generation(version.version.generation)
        self._say(f"parameters {version.hash} in force, generation {version.version.generation}")

    # --- states and versions

    def _state(self, found: InForce, row: int) -> State:
        """Where the learner of a row begins: at what is in force."""
        of_row = [one for one in found.version.rows if one.symbol == self.versions.symbols[row]]
        learnt = of_row[0] if of_row else Learnt("", "")
        fit = self.versions.fit(learnt.fit) if learnt.fit else self.versions.configured[row]
        assert fit is not None
        return State(fit, learnt.fit or self.versions.origins[row], learnt.intercept, learnt.slope)

    def _learnt(self, instrument: _Instrument) -> Learnt | None:
        state, row = instrument.learner.state, instrument.row
        origin = self.versions.origins[row]
        if (state.digest, state.intercept, state.slope) == (origin, 0.0, 1.0):
            return None
        fit = "" if state.digest == origin else state.digest
        return Learnt(self.versions.symbols[row], origin, fit, state.intercept, state.slope)

    # --- fits

    def _look_after_fits(self, now_ns: int) -> None:
        done = self._refits.look(now_ns)
        if done is not None:
            self._take_fit(done)
        if self._refits.busy or not self._refits.available:
            return
        for instrument in sorted(self.instruments.values(), key=lambda i: i.fitted_ns):
            if instrument.fitted_ns == 0:
                instrument.fitted_ns = now_ns  # the first is due an interval after the start
            due = now_ns - instrument.fitted_ns >= self._settings.refit_s * NS_PER_S
            learner = instrument.learner
            idle = not learner.challenged and learner.implausible is None
            if due and idle and len(learner.memory) >= self._enough:
                instrument.fitted_ns = now_ns
                self._refits.start(instrument.row, learner.state.row, learner.memory.samples(), now_ns)
                return

    def _take_fit(self, done: Refitted) -> None:
        symbol = self.versions.symbols[done.row]
        if done.parameters is not None:
            self._say(f"{symbol}: fitted anew; it is watched before it may take over")
            self.instruments[done.row].learner.challenge(done.parameters, done.trained_until_ns)
        elif self._refits.available:
            self._metrics.count_refusal("failed")
            self._say(f"{symbol}: no new fit: {done.why}")
        else:
            self._say(f"only intercepts and slopes are learnt: {done.why}")

    def _say(self, text: str) -> None:
        print(f"recorder: learning: {text}", file=sys.stderr, flush=True)


def _split(labelled: list[Labelled], end_ns: int) -> tuple[list[Labelled], list[Labelled]]:
    """Those sampled before the end of the block, and the others."""
    n = sum(one.waiting.moment_ns < end_ns for one in labelled)
    return labelled[:n], labelled[n:]


def _samples(labelled: list[Labelled]) -> Samples:
    return Samples(
        np.array([one.waiting.moment_ns for one in labelled]),
        np.stack([one.waiting.x for one in labelled if one.waiting.x is not None]),
        np.stack([one.waiting.barriers for one in labelled]),
        np.stack([one.bins for one in labelled]),
    )


def _judge(labelled: list[Labelled], said: dict[str, Calibration]) -> None:
    """What decisions have said of the reference horizon, against what came."""
    p = np.stack([one.waiting.said for one in labelled if one.waiting.said is not None])
    bins = np.stack([one.bins for one in labelled])
    for name, event in _DECISION_EVENTS.items():
        given = np.isfinite(p[:, :, event])
        said[name].update(p[:, :, event][given], bins[:, :, event][given] <= REFERENCE_BIN)
