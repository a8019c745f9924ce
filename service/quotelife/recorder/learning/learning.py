"""Runs the learners in the recorder: feeds them labels, applies and publishes their results, starts fits.

    capture ring, board, journal --> labels --> learners --> versions on disk --> the published parameters
                                                   ^
                                             fits, in a process of their own

The learners decide everything that follows from labels; this module applies, counts and logs it.
"""

import numpy as np

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.journal.record import Record
from quotelife.logs import LogEvent, event_logger
from quotelife.market.board import layout as B
from quotelife.market.board.board import Board
from quotelife.parameters.region import activate_parameters
from quotelife.parameters.versions import LearntRow, Versions, VersionTable, load_configured
from quotelife.recorder.learning.calibration import Calibration
from quotelife.recorder.learning.kernel import HORIZON_NS, ONE_TICK, PICK_OFF
from quotelife.recorder.learning.label_queue import MAX_SILENCE_NS, LabelledMoment, LabelQueue
from quotelife.recorder.learning.learner import EVENT_NAMES, FitState, Learner, LearningEvent
from quotelife.recorder.learning.metrics import LearningMetrics
from quotelife.recorder.learning.price_paths import PricePaths
from quotelife.recorder.learning.refit_process import RefitProcess, RefitResult
from quotelife.recorder.learning.samplers import DecisionSampler, MarketSampler
from quotelife.recorder.learning.samples import Samples
from quotelife.runtime.clock import NS_PER_S
from quotelife_models.hazard import REFERENCE_BIN

logger = event_logger(__name__)
_ALL_SAMPLES = 200_000  # in memory for all instruments together, about 100 MB
_MIN_SAMPLES = 1_000
_MIN_SAMPLES_TO_FIT = 7_200  # fits of fewer were worse than what they were to replace, on every instrument tried
_DECISION_EVENTS = {"one_tick": ONE_TICK, "pick_off": PICK_OFF}


class _Instrument:
    """One quotable row of the board."""

    def __init__(self, row: int, learner: Learner, half_life: float) -> None:
        self.row, self.learner = row, learner
        self.market, self.decisions = LabelQueue(), LabelQueue()
        self.labelled: list[LabelledMoment] = []
        self.decided: list[LabelledMoment] = []
        self.decision_calibration = {name: Calibration(half_life) for name in _DECISION_EVENTS}
        self.fitted_ns = 0  # monotonic time of the last fit


class Learning:
    """`step` is called a few times a second, `add_decision` with every quote and reject. Times: `now_ns` monotonic."""

    def __init__(self, config: Config, run: RunPaths, metrics: LearningMetrics) -> None:
        self._settings, self._metrics = config.learning, metrics
        self.versions = Versions(config, load_configured(config))
        self._published = run.parameters
        rows = [row for row, i in enumerate(config.instrument) if i.quotable]
        self._paths = PricePaths(run, len(config.instrument))
        self._market = MarketSampler(rows, config.learning.sample_ms)
        self._decisions = DecisionSampler(len(config.instrument))
        self._refits = RefitProcess(self.versions.folder / "refit")
        self._block_ns = int(config.learning.block_s * NS_PER_S)
        self._block_end_ns = 0
        capacity = min(config.learning.memory_samples, max(_ALL_SAMPLES // max(len(rows), 1), _MIN_SAMPLES))
        self._min_samples = min(_MIN_SAMPLES_TO_FIT, capacity)
        half_life = config.learning.half_life_s / config.learning.block_s
        in_force = self.versions.active()
        self.instruments = {
            row: _Instrument(row, Learner(config.learning, self._state(in_force, row), capacity), half_life)
            for row in rows
        }
        self._put_in_force(in_force)

    def stop(self) -> None:
        self._refits.stop()

    # --- inputs

    def add_decision(self, record: Record) -> None:
        """Add a journal record; decisions on an instrument will be labelled."""
        sample = self._decisions.sample(record)
        if sample is not None and sample[0] in self.instruments:
            self.instruments[sample[0]].decisions.add(sample[1])

    def step(self, board: Board | None, now_ns: int, wall_ns: int) -> None:
        """Sample the market and label what is due; at the end of a block learn from it and apply the results."""
        known_ns = self._known_until(board)  # before the ring is read, so that it is complete until then
        self._paths.read()
        if board is not None:
            for row, moment in self._market.sample(board, now_ns):
                self.instruments[row].market.add(moment)
        for row, instrument in self.instruments.items():
            path = self._paths.rows[row]
            instrument.labelled += instrument.market.due(path, int(known_ns[row]), now_ns)
            instrument.decided += instrument.decisions.due(path, int(known_ns[row]), now_ns)
        self._paths.forget(now_ns)
        self._end_blocks(now_ns, wall_ns)
        self._manage_fits(now_ns)

    def _known_until(self, board: Board | None) -> np.ndarray:
        """Until when the path of each row is complete: its writer was alive and its venue was heard."""
        known = np.zeros(len(self._paths.rows), np.int64)
        if board is not None:
            heard = board.venues[board.rows[:, B.VENUE], B.V_LAST_RECEIVED_NS]
            known[:] = np.minimum(board.header[B.H_HEARTBEAT_NS], heard)
        return known

    # --- blocks

    def _end_blocks(self, now_ns: int, wall_ns: int) -> None:
        """A block ends once all its samples are labelled, or can no longer be."""
        if self._block_end_ns == 0:
            self._block_end_ns = now_ns + self._block_ns
        if now_ns < self._block_end_ns + HORIZON_NS + MAX_SILENCE_NS:
            return
        end_ns = self._block_end_ns
        late_blocks = (now_ns - HORIZON_NS - MAX_SILENCE_NS - end_ns) // self._block_ns
        self._block_end_ns += (late_blocks + 1) * self._block_ns
        for instrument in self.instruments.values():
            self._end_block(instrument, end_ns, wall_ns)
        self._metrics.count_dropped("passed_over", self._decisions.skipped)
        self._metrics.count_dropped("news", self._market.skipped_in_news)
        self._decisions.skipped = self._market.skipped_in_news = 0

    def _end_block(self, instrument: _Instrument, end_ns: int, wall_ns: int) -> None:
        symbol, learner = self.versions.symbols[instrument.row], instrument.learner
        of_market, instrument.labelled = _split(instrument.labelled, end_ns)
        of_decisions, instrument.decided = _split(instrument.decided, end_ns)
        for queue in (instrument.market, instrument.decisions):
            self._metrics.count_dropped("cut", queue.unlabelled)
            queue.unlabelled = 0
        self._metrics.count_labels("market", len(of_market))
        self._metrics.count_labels("decisions", len(of_decisions))
        if of_decisions:
            _update_calibration(of_decisions, instrument.decision_calibration)
        if of_market:
            for event in learner.learn_block(_samples(of_market)):
                self._apply(instrument, event, wall_ns)
        for name in EVENT_NAMES:
            self._metrics.set_calibration(symbol, name, "market", learner.calibration[name])
            self._metrics.set_calibration(symbol, name, "decisions", instrument.decision_calibration[name])
        self._metrics.set_drift(symbol, learner.drift, learner.implausible is not None)

    def _apply(self, instrument: _Instrument, event: LearningEvent, wall_ns: int) -> None:
        symbol = self.versions.symbols[instrument.row]
        if event.kind == "refused":
            self._metrics.count_refusal(event.reason)
            if not instrument.learner.implausible:
                text = "learning: %s: refused: %s"
                logger.info(LogEvent.LEARNING_REFUSED, text, symbol, event.text, instrument=symbol)
            return None
        logger.info(LogEvent.LEARNING_STEP, "learning: %s: %s", symbol, event.text, instrument=symbol)
        if event.state is None:
            return None
        if event.kind == "promoted":
            self._metrics.count_promotion(event.reason)
        else:
            self._metrics.count_rollback()
        if event.state.digest not in self.versions.origins:
            self.versions.store_fit(event.state.fit)
        learnt = (self._learnt(i) for i in self.instruments.values())
        rows = tuple(one for one in learnt if one is not None)
        return self._put_in_force(self.versions.append(rows, wall_ns, f"{symbol}: {event.text}"))

    def _put_in_force(self, version: VersionTable) -> None:
        activate_parameters(self._published, version, self.versions.origin)
        self._metrics.set_generation(version.version.generation)
        digest, generation = version.hash, version.version.generation
        text = "learning: parameters %s in force, generation %d"
        logger.info(LogEvent.PARAMETERS_LEARNT, text, digest, generation, parameters=digest, generation=generation)

    # --- states and versions

    def _state(self, in_force: VersionTable, row: int) -> FitState:
        """The state in force for a row, where its learner starts."""
        of_row = [one for one in in_force.version.rows if one.symbol == self.versions.symbols[row]]
        learnt = of_row[0] if of_row else LearntRow("", "")
        fit = self.versions.fit(learnt.fit) if learnt.fit else self.versions.configured[row]
        assert fit is not None
        return FitState(fit, learnt.fit or self.versions.origins[row], learnt.intercept, learnt.slope)

    def _learnt(self, instrument: _Instrument) -> LearntRow | None:
        state, row = instrument.learner.state, instrument.row
        origin = self.versions.origins[row]
        if (state.digest, state.intercept, state.slope) == (origin, 0.0, 1.0):
            return None
        fit = "" if state.digest == origin else state.digest
        return LearntRow(self.versions.symbols[row], origin, fit, state.intercept, state.slope)

    # --- fits

    def _manage_fits(self, now_ns: int) -> None:
        result = self._refits.poll(now_ns)
        if result is not None:
            self._accept_fit(result)
        if self._refits.running or not self._refits.available:
            return
        for instrument in sorted(self.instruments.values(), key=lambda i: i.fitted_ns):
            if instrument.fitted_ns == 0:
                instrument.fitted_ns = now_ns  # the first fit is due one interval after the start
            due = now_ns - instrument.fitted_ns >= self._settings.refit_s * NS_PER_S
            learner = instrument.learner
            idle = not learner.has_refit and learner.implausible is None
            if due and idle and len(learner.memory) >= self._min_samples:
                instrument.fitted_ns = now_ns
                self._refits.start(instrument.row, learner.state.row, learner.memory.samples(), now_ns)
                return

    def _accept_fit(self, result: RefitResult) -> None:
        symbol = self.versions.symbols[result.row]
        if result.parameters is not None:
            text = "learning: %s: new fit, tested before it may take over"
            logger.info(LogEvent.FIT_READY, text, symbol, instrument=symbol)
            self.instruments[result.row].learner.add_refit(result.parameters, result.trained_until_ns)
        elif self._refits.available:
            self._metrics.count_refusal("failed")
            logger.info(LogEvent.FIT_FAILED, "learning: %s: no new fit: %s", symbol, result.error, instrument=symbol)
        else:
            text = "learning: only intercepts and slopes are learnt: %s"
            logger.info(LogEvent.FIT_FAILED, text, result.error, instrument=symbol)


def _split(labelled: list[LabelledMoment], end_ns: int) -> tuple[list[LabelledMoment], list[LabelledMoment]]:
    """The moments sampled before the end of the block, and the others."""
    n = sum(one.moment.moment_ns < end_ns for one in labelled)
    return labelled[:n], labelled[n:]


def _samples(labelled: list[LabelledMoment]) -> Samples:
    return Samples(
        np.array([one.moment.moment_ns for one in labelled]),
        np.stack([one.moment.x for one in labelled if one.moment.x is not None]),
        np.stack([one.moment.barriers for one in labelled]),
        np.stack([one.bins for one in labelled]),
    )


def _update_calibration(labelled: list[LabelledMoment], calibration: dict[str, Calibration]) -> None:
    """Compare the probabilities of decisions within the reference horizon with their outcomes."""
    p = np.stack([one.moment.predicted for one in labelled if one.moment.predicted is not None])
    bins = np.stack([one.bins for one in labelled])
    for name, event in _DECISION_EVENTS.items():
        known = np.isfinite(p[:, :, event])
        calibration[name].update(p[:, :, event][known], bins[:, :, event][known] <= REFERENCE_BIN)
