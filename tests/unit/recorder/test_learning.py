"""Learning in the recorder, on a real board and a real capture ring, in simulated time."""

import sys

import msgspec
import numpy as np
import pytest

from quotelife.config import Config, Instrument, Venue
from quotelife.config.client_sections import Client
from quotelife.config.paths import RunPaths
from quotelife.config.sections import Learning, Paths
from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.market.board import layout as B
from quotelife.market.board.board import Board, initialise_row
from quotelife.market.book.levels import Books, clear, set_level
from quotelife.market.capture import layout as C
from quotelife.market.capture.ring import Ring
from quotelife.market.capture.writer import write_event, write_status
from quotelife.market.features import update
from quotelife.metrics.region import MetricsRegion
from quotelife.parameters.region import ParametersFile
from quotelife.parameters.versions import Versions, load_configured
from quotelife.recorder.learning.kernel import ENDS_NS, HORIZON_NS, NO_PASSAGE, ONE_TICK, OTHER, PICK_OFF, TOUCH, label
from quotelife.recorder.learning.learning import Learning as Recorders
from quotelife.recorder.learning.refit_process import RefitProcess
from quotelife.recorder.metrics import RecorderMetrics
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, wall_ns
from quotelife_models import decide as D
from quotelife_models import hazard as H
from quotelife_models import schema as S
from tests.acceptance.parameters import write_parameters

STEP_NS = 200 * NS_PER_MS
BLOCK_S = 10.0
SETTINGS = Learning(sample_ms=400, block_s=BLOCK_S, min_blocks=12, min_labels=100, half_life_s=600, error_chance=0.01)


class Rig:
    """A market of one instrument that moves a tick every so many seconds on average, and its recorder."""

    def __init__(self, folder, every_s, settings=SETTINGS, alpha=-4.0):
        self.folder, self.rng = folder, np.random.default_rng(1)
        self.config = Config(
            paths=Paths(run=str(folder), data=str(folder / "data"), parameters=str(folder / "configured")),
            venue=[Venue(name="V", port=1, sender_comp_id="A", target_comp_id="B")],
            instrument=[Instrument(symbol="X", tick="1", lot="1", venue="V")],
            client=[Client(name="Desk", sessions=["D1"])],
            learning=settings,
            file=str(folder / "q.toml"),
        )
        write_parameters(folder / "configured", alpha)
        self.now_ns, self.every_s, self.mid, self.alive = 10**15, every_s, 1_000, True
        self.board = Board.create(folder / "board", 1, self.now_ns)
        initialise_row(self.board, 0, venue=0, tick_size=1.0)
        self.board.venues[0, B.V_STATE] = B.VENUE_UP
        self.books = Books(1, 4)
        self.ring = Ring.create(RunPaths(folder).capture, 1 << 12, 1, wall_ns=0, mono_ns=0)
        self.start()
        self._move(0)

    def start(self):
        self.meters = RecorderMetrics(self.folder / "metrics-recorder", self.config)
        self.learning = Recorders(self.config, RunPaths(self.folder), self.meters.learning)

    def _move(self, ticks):
        self.mid += ticks
        bid, ask = self.mid, self.mid + 1
        clear(self.books.n, 0)
        for side, price in ((0, bid), (1, ask)):
            set_level(self.books.px, self.books.sz, self.books.cnt, self.books.n, 0, side, price, 10)
        update.publish(self.board.rows, 0, self.now_ns, 0, self.books.px, self.books.sz, self.books.n, 1, 1, 0, 0)
        write_event(self.ring.words, C.BOOK, 0, 0, self.now_ns, 0, bid, ask, 0, 0)

    def state(self, state):
        """Set the state of the book."""
        write_status(self.ring.words, C.STATE, state, 0, self.now_ns)

    def play(self, seconds):
        for _ in range(int(seconds * NS_PER_S) // STEP_NS):
            self.now_ns += STEP_NS
            if self.alive:
                if self.rng.random() < STEP_NS / NS_PER_S / self.every_s:
                    self._move(int(self.rng.choice((-1, 1))))
                self.board.beat(self.now_ns)
                self.board.venues[0, B.V_LAST_RECEIVED_NS] = self.now_ns
            self.learning.step(self.board, self.now_ns, wall_ns())

    def decided(self, p, side=1, barrier=2.0):
        """A decision at this moment, with the probability p of either event."""
        record = Record()
        record.kind, record.row, record.model, record.mono_ns = J.KIND_QUOTE, 0, 1, self.now_ns
        at = 1 if side == 1 else 0
        record.features[S.SPREAD] = 1.0
        if side == 1:
            record.offer_ticks = self.mid + int(barrier)
        else:
            record.bid_ticks = self.mid + 1 - int(barrier)
        record.contexts[at][S.SIDE], record.contexts[at][S.PICK_OFF_BARRIER] = side, barrier
        for curve in (D.OUT_CURVE_ONE_TICK, D.OUT_CURVE_PICK_OFF):
            record.decisions[at][curve : curve + H.N_BINS] = p
        self.learning.add_decision(record)

    def metric(self, name, kind="counter", **labels):
        region = MetricsRegion.attach(self.folder / "metrics-recorder")
        return int(region.values[getattr(region, kind)(f"quotelife_{name}", **labels)])

    def gauge(self, name, event="one_tick", of="market"):
        return self.metric(f"calibration_{name}", "gauge", instrument="X", event=event, of=of) / 1e9

    def published(self):
        versions = Versions(self.config, load_configured(self.config))
        return ParametersFile(RunPaths(self.folder).parameters, 1, versions.origin).poll()


# --- labels


def naive(times, bids, asks, moment, bid, ask, barriers):
    bins = np.full((2, 4), NO_PASSAGE)
    for side in range(2):
        for event in range(4):
            for t, b, a in zip(times, bids, asks, strict=True):
                if not moment < t <= moment + HORIZON_NS:
                    continue
                through, touch = (b - bid, a - ask) if side == 0 else (ask - a, bid - b)
                if (touch if event == TOUCH else through) >= barriers[side, event]:
                    bins[side, event] = np.searchsorted(ENDS_NS, t - moment)
                    break
    return bins


@pytest.mark.parametrize("seed", range(30))
def test_labels_equal_those_of_a_naive_search(seed):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, 30 * NS_PER_S, 80)) // 5_000_000 * 5_000_000  # some on the ends of bins, some equal
    bids = 100 + np.cumsum(rng.integers(-1, 2, 80))
    asks = bids + rng.integers(1, 4, 80)
    barriers = rng.integers(1, 6, (2, 4)).astype(float)
    bins = np.empty((2, 4), np.uint8)
    moment = int(times[20])
    label(times, bids, asks, moment, int(bids[20]), int(asks[20]), barriers, ENDS_NS, bins)
    assert np.array_equal(bins, naive(times, bids, asks, moment, bids[20], asks[20], barriers))
    assert (ONE_TICK, PICK_OFF, OTHER) == (0, 2, 3)


def test_the_market_is_labelled_without_requests(tmp_path):
    rig = Rig(tmp_path, every_s=5.0)
    rig.play(60)
    labels = rig.metric("labels_total", of="market")
    assert 60 <= labels <= 125 and rig.metric("labels_total", of="decisions") == 0
    assert rig.metric("labels_dropped_total", reason="cut") == 0
    # 0.02 per bin were predicted; one tick either way followed within 500 ms in about 1 of 20
    assert 0.0 < rig.gauge("log_loss") < 1.0 and rig.gauge("labels") == pytest.approx(2 * labels, rel=0.2)
    assert rig.metric("parameters_generation", "gauge", process="recorder") == 0
    assert rig.published().hash == load_configured(rig.config).hash


def test_moments_with_a_gap_in_their_path_have_no_label(tmp_path):
    rig = Rig(tmp_path, every_s=5.0)
    rig.play(30)
    rig.state(B.BOOK_GAP)
    rig.state(B.BOOK_LIVE)
    rig.play(60)
    assert 20 <= rig.metric("labels_dropped_total", reason="cut") <= 30, "those of the ten seconds before"
    rig.alive = False
    rig.play(60)
    cut = rig.metric("labels_dropped_total", reason="cut")
    assert cut >= 42, "and those of a market that has fallen silent"
    rig.alive = True
    rig.ring = Ring.create(RunPaths(tmp_path).capture, 1 << 12, 1, wall_ns=1, mono_ns=0)
    before = rig.metric("labels_total", of="market")
    rig.play(40)
    assert rig.metric("labels_total", of="market") - before < 100


def test_a_missing_ring_gives_no_labels(tmp_path):
    rig = Rig(tmp_path, every_s=5.0)
    RunPaths(tmp_path).capture.unlink()
    rig.start()
    rig.play(40)
    assert rig.metric("labels_total", of="market") == 0 and rig.metric("labels_dropped_total", reason="cut") > 20


def test_decisions_are_scored_by_their_probabilities(tmp_path):
    """Half of the moments are followed by a tick against an offer, predicted with 0.5."""
    rig = Rig(tmp_path, every_s=10**9)
    for n in range(200):
        rig.decided(0.5)
        rig.decided(0.5)  # too soon after the last one
        rig.play(0.2)
        rig._move(1 if n % 2 else 0)
        rig.play(0.4)
        rig._move(-1 if n % 2 else 0)
    rig.play(40)
    assert rig.metric("labels_total", of="decisions") == 200
    assert rig.metric("labels_dropped_total", reason="passed_over") == 200
    assert rig.gauge("log_loss", of="decisions") == pytest.approx(np.log(2), abs=1e-6)
    assert rig.gauge("base_log_loss", of="decisions") == pytest.approx(np.log(2), abs=0.01)
    assert rig.gauge("error", of="decisions") < 0.05
    # A move of two ticks never occurred.
    assert rig.gauge("base_log_loss", "pick_off", "decisions") < 1e-6 < rig.gauge("error", "pick_off", "decisions")


def test_decisions_of_either_side_are_scored_with_its_adverse_move(tmp_path):
    """The market rises for good: an offer is picked off, a bid is not."""
    for side, adverse in ((1, True), (-1, False)):
        folder = tmp_path / str(adverse)
        folder.mkdir()
        rig = Rig(folder, every_s=10**9)
        rig.decided(0.9, side, barrier=1.0)
        rig.play(0.2)
        rig._move(1)
        rig.play(40)
        assert rig.gauge("log_loss", of="decisions") == pytest.approx(-np.log(0.9 if adverse else 0.1), rel=1e-6)
        assert rig.gauge("log_loss", "pick_off", "decisions") == pytest.approx(
            -np.log(0.9 if adverse else 0.1), rel=1e-6
        )


# --- promotions


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """A market that moves much more often than the configured parameters predict, until a promotion."""
    rig = Rig(tmp_path_factory.mktemp("learnt"), every_s=1.5)
    for _ in range(40):
        rig.play(20)
        if rig.metric("promotions_total", contender="fast") or rig.metric("promotions_total", contender="slow"):
            return rig
    raise AssertionError("no promotion")


def test_a_promotion_is_published_counted_and_stored(learnt):
    versions = Versions(learnt.config, load_configured(learnt.config))
    found, taken = versions.active(), learnt.published()
    assert (taken.hash, taken.generation) == (found.hash, found.version.generation)
    assert taken.generation >= 1 and np.array_equal(taken.table, found.table)
    assert taken.table[0, H.ALPHA] > -4.0, "more moves"
    assert found.version.rows[0].symbol == "X" and "takes over" in found.version.because
    assert learnt.metric("parameters_generation", "gauge", process="recorder") == taken.generation


def test_learnt_parameters_survive_a_restart(learnt, caplog):
    before = learnt.published()
    RunPaths(learnt.folder).parameters.unlink()
    learnt.start()
    after = learnt.published()
    assert (after.hash, after.generation) == (before.hash, before.generation)
    assert np.array_equal(after.table, before.table)
    assert np.array_equal(learnt.learning.instruments[0].learner.state.row, before.table[0]), "learning continues there"
    assert f"learning: parameters {before.hash} in force" in caplog.text


def test_changed_configured_parameters_replace_learnt_ones(learnt):
    write_parameters(learnt.folder / "configured", -3.5)
    learnt.start()
    assert learnt.published().table[0, H.ALPHA] == -3.5


# --- fits


def ended(running, now_ns=0):
    running._process.wait(100)
    return running.poll(now_ns)


def test_a_failed_or_unavailable_fit_returns_its_error(tmp_path, monkeypatch):
    rig = Rig(tmp_path, every_s=5.0)
    samples = rig.learning.instruments[0].learner.memory.samples()
    none = (np.zeros((1, *column.shape[1:]), column.dtype) for column in samples.columns())
    samples = type(samples)(*none)
    for code, available in (("raise SystemExit('no luck')", True), ("raise SystemExit(3)", False)):
        fake = tmp_path / "fake.py"
        fake.write_text(code)
        running = RefitProcess(tmp_path / "refit")
        monkeypatch.setattr(sys, "executable", str(make_runner(tmp_path, fake)))
        running.start(0, rig.published().table[0], samples, 0)
        done = ended(running)
        assert done.parameters is None and running.available is available
        assert done.error in ("no luck", "exit code 3")
        running.stop()
        assert not (tmp_path / "refit").exists()


def make_runner(folder, script):
    """A program to run in place of the interpreter."""
    runner = folder / "runner"
    runner.write_text(f"#!/bin/sh\nexec {PYTHON} {script}\n")
    runner.chmod(0o755)
    return runner


PYTHON = sys.executable


@pytest.mark.slow
def test_a_fit_of_own_labels_is_made_and_tested(tmp_path, caplog):
    settings = msgspec.structs.replace(SETTINGS, refit_s=100, memory_samples=1_000, min_blocks=60)
    rig = Rig(tmp_path, every_s=2.0, settings=settings)
    rig.play(600)
    assert rig.learning._refits.running
    rig.learning._accept_fit(ended(rig.learning._refits, rig.now_ns))
    assert rig.learning.instruments[0].learner.has_refit, caplog.text
    assert "X: new fit" in caplog.text
    rig.learning.stop()
