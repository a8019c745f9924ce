"""The parameters in force: versions on disk, the shared file, and the handler that follows it."""

import msgspec
import numpy as np
import pytest

from quotelife.config.paths import RunPaths
from quotelife.config.sections import Paths
from quotelife.decision.parameters_follower import ParametersFollower
from quotelife.decision.refusal import REFUSALS
from quotelife.explain.explain import Explainer
from quotelife.explain.lookup import RecordedQuote
from quotelife.ledger.history_rows import HistoryRows
from quotelife.metrics.region import MetricsRegion
from quotelife.parameters.region import ParametersFile, activate_parameters
from quotelife.parameters.table import adjust_row, is_usable
from quotelife.parameters.versions import CONFIGURED, MAX_VERSIONS, LearntRow, Versions
from quotelife.shm.region import RegionError
from quotelife_models import covariates as C
from quotelife_models import decide as D
from quotelife_models import hazard as H
from quotelife_models import schema as S
from quotelife_models.parameters import Parameters
from tests.acceptance.parameters import write_parameters
from tests.unit.rfq.rfq_rig import START_WALL_NS, Rig

ASKED = "55=BTC-USD|54=1|38=1.5|20001=CLIENT_PRIORITY"


class Rigged(Rig):
    """A desk whose data, and with them the versions of its parameters, are in the rig's folder."""

    def __init__(self, folder):
        super().__init__(folder)
        paths = Paths(run=str(folder / "run"), data=str(folder / "data"), parameters=str(folder / "parameters"))
        (folder / "run").mkdir()
        self.config = msgspec.structs.replace(self.config, paths=paths)
        self.versions = Versions(self.config, self.parameters)
        self.file = RunPaths(folder / "run").parameters

    def learnt(self, symbol="BTC-USD", **of):
        return LearntRow(symbol, self.versions.origins[self.versions.symbols.index(symbol)], **of)

    def follow(self):
        follower = ParametersFollower(self.config, self.parameters, RunPaths(self.folder / "run"))
        follower.start(self.handler)
        return follower

    def decided(self, n):
        """(hash, p of a one-tick move at the ends of the bins) as the journal has it, of one quote."""
        assert self.ask(f"r{n}", ASKED, "FUND")["35"] == "S"
        *_, record = self.reader.read()
        words = record.decisions[1][D.OUT_CURVE_ONE_TICK : D.OUT_CURVE_ONE_TICK + H.N_BINS]
        return record.parameters, words.copy()


@pytest.fixture
def rig(tmp_path):
    return Rigged(tmp_path)


def curve(alpha):
    """p of a flat hazard at the ends of the bins."""
    return 1 - (1 - 1 / (1 + np.exp(-alpha))) ** np.arange(1, H.N_BINS + 1)


# --- rows


def random_row(rng):
    """A row with everything in it, trees too."""
    row = rng.normal(size=H.N_PARAMETERS)
    row[H.BOOST] = 2
    for tree in range(2):
        at = H.BOOST + 1 + tree * H.TREE_WORDS
        row[at : at + 2 * H.TREE_NODES : 2] = rng.integers(0, C.N_BASE, H.TREE_NODES)
    return row


@pytest.mark.parametrize(("intercept", "slope"), [(0.0, 1.0), (0.7, 1.0), (-0.4, 0.6), (1.1, 1.7)])
def test_an_adjusted_row_has_the_log_odds_adjusted_in_every_bin(intercept, slope):
    rng = np.random.default_rng(4)
    row = random_row(rng)
    raw, z, survival = rng.normal(size=C.N_COVARIATES), np.zeros(C.N_COVARIATES), np.ones(H.N_BINS)

    def log_odds_and_error(of):
        level, tilt = H.base_predictor(of, raw, z)
        level, tilt = H.barrier_curve(of, raw.copy(), level, tilt, 3.0, C.THROUGH, z, survival)
        return of[H.ALPHA : H.BETA] + level + H.TAU * tilt, of[H.ERROR]

    before, error = log_odds_and_error(row)
    after, adjusted_error = log_odds_and_error(adjust_row(row, intercept, slope))
    assert after == pytest.approx(intercept + slope * before, abs=1e-9)
    assert adjusted_error == pytest.approx(slope * error)


def test_rows_that_no_kernel_could_walk_are_known():
    row = random_row(np.random.default_rng(1))
    assert is_usable(row)
    for at, value in ((0, np.nan), (H.BOOST, 1.5), (H.BOOST, H.MAX_TREES + 1), (H.BOOST + 1, C.N_BASE)):
        wrong = row.copy()
        wrong[at] = value
        assert not is_usable(wrong), at
    assert not is_usable(row[:-1])


# --- versions


def test_without_versions_there_is_what_is_configured(rig):
    found = rig.versions.active()
    assert (found.hash, found.version.generation, found.version.because) == (rig.parameters.hash, 0, CONFIGURED)
    assert np.array_equal(found.table, np.repeat(rig.parameters.table, 4, axis=0)), "a row for each instrument"


def test_the_last_version_survives_a_restart_bit_for_bit(rig):
    first = rig.versions.append((rig.learnt(intercept=0.5),), START_WALL_NS, "first")
    fit = rig.versions.store_fit(adjust_row(rig.versions.configured[1], -2.0, 1.0))
    rows = (rig.learnt(intercept=0.5), rig.learnt("ETH-USD", fit=fit, slope=0.9))
    second = rig.versions.append(rows, START_WALL_NS, "second")
    again = Versions(rig.config, rig.parameters)
    found = again.active()
    assert (found.hash, found.version) == (second.hash, second.version) and found.version.generation == 2
    assert np.array_equal(found.table, second.table)
    assert found.table[1, H.ALPHA] == pytest.approx(0.9 * -7.0) and found.table[0, H.ALPHA] == pytest.approx(-4.5)
    assert len({rig.parameters.hash, first.hash, second.hash}) == 3
    assert np.array_equal(again.find(first.hash).table, first.table), "an earlier one can be made again"
    assert again.find("00" * 8) is None


def test_a_line_cut_short_by_a_crash_is_passed_over(rig):
    kept = rig.versions.append((rig.learnt(intercept=0.5),), START_WALL_NS, "kept")
    with open(rig.versions.path, "ab") as file:
        file.write(b'{"generation":2,"hash":"12')
    assert rig.versions.active().hash == kept.hash
    after = rig.versions.append((rig.learnt(intercept=0.6),), START_WALL_NS, "after")
    assert [v.because for v in rig.versions.read_all()] == ["kept", "after"]
    assert rig.versions.active().hash == after.hash


def test_newly_configured_parameters_win(rig):
    rig.versions.append((rig.learnt(intercept=0.5), rig.learnt("ETH-USD", intercept=0.2)), START_WALL_NS, "learnt")
    other = Parameters.load(write_parameters(rig.folder / "other", -4.0))
    found = Versions(rig.config, other).active()
    assert found.hash == other.hash and found.version.rows == ()
    # Of another instrument they are as they were, so what was learnt of that one stands.
    fewer = msgspec.structs.replace(rig.config, instrument=[rig.config.instrument[1]])
    found = Versions(fewer, rig.parameters).active()
    assert [row.symbol for row in found.version.rows] == ["ETH-USD"]
    assert found.table[0, H.ALPHA] == pytest.approx(-4.8)


def test_learning_switched_off_is_what_is_configured(rig):
    rig.versions.append((rig.learnt(intercept=0.5),), START_WALL_NS, "learnt")
    off = msgspec.structs.replace(rig.config, learning=msgspec.structs.replace(rig.config.learning, enabled=False))
    assert Versions(off, rig.parameters).active().hash == rig.parameters.hash


def test_a_fit_that_is_gone_or_changed_is_not_used(rig):
    fit = rig.versions.store_fit(adjust_row(rig.versions.configured[0], 1.0, 1.0))
    rig.versions.append((rig.learnt(fit=fit),), START_WALL_NS, "fit")
    path = rig.versions.folder / "fits" / f"{fit}.npy"
    np.save(path, rig.versions.configured[0])
    assert rig.versions.active().hash == rig.parameters.hash
    path.unlink()
    assert rig.versions.active().hash == rig.parameters.hash


def test_old_versions_are_forgotten_and_their_fits(rig):
    old = rig.versions.store_fit(adjust_row(rig.versions.configured[0], 1.0, 1.0))
    lines = [msgspec.json.encode(rig.versions.append((rig.learnt(fit=old),), START_WALL_NS, "old").version)]
    new = rig.versions.store_fit(adjust_row(rig.versions.configured[0], 2.0, 1.0))
    version = rig.versions.append((rig.learnt(fit=new),), START_WALL_NS, "new").version
    lines += [msgspec.json.encode(msgspec.structs.replace(version, generation=n)) for n in range(2, MAX_VERSIONS + 1)]
    rig.versions.path.write_bytes(b"\n".join(lines) + b"\n")
    last = rig.versions.append((rig.learnt(fit=new, intercept=0.1),), START_WALL_NS, "last")
    assert last.version.generation == MAX_VERSIONS + 1 and len(rig.versions.read_all()) == MAX_VERSIONS // 2 + 1
    assert [path.stem for path in (rig.versions.folder / "fits").iterdir()] == [new]


# --- the file


def test_a_new_version_is_read_once(rig):
    made = rig.versions.append((rig.learnt(intercept=0.5),), START_WALL_NS, "one")
    file = ParametersFile(rig.file, 4, rig.versions.origin)
    assert file.poll() is None, "there is no file yet"
    activate_parameters(rig.file, made, rig.versions.origin)
    active = file.poll()
    assert (active.hash, active.generation) == (made.hash, 1) and np.array_equal(active.table, made.table)
    assert file.poll() is None
    activate_parameters(rig.file, rig.versions.append((), START_WALL_NS, "back"), rig.versions.origin)
    assert file.poll().hash == rig.parameters.hash
    assert np.array_equal(active.table, made.table), "who has the old one keeps it"


def test_a_damaged_or_foreign_file_is_refused(rig):
    activate_parameters(rig.file, rig.versions.active(), rig.versions.origin)
    raw = rig.file.read_bytes()
    for wrong in (b"", b"x" * 100, raw[:-8], raw[:-1] + bytes([raw[-1] ^ 1]), raw[:40] + bytes(8) + raw[48:]):
        rig.file.write_bytes(wrong)
        with pytest.raises(RegionError):
            ParametersFile(rig.file, 4, rig.versions.origin).poll()
    rig.file.write_bytes(raw)
    with pytest.raises(RegionError, match="origin is"):
        ParametersFile(rig.file, 4, "00" * 8).poll()
    with pytest.raises(RegionError, match="rows is 4, expected 5"):
        ParametersFile(rig.file, 5, rig.versions.origin).poll()


# --- the desk


def test_the_desk_decides_with_what_is_published_and_says_so(rig, caplog):
    follower = rig.follow()
    hash_, p = rig.decided(1)
    assert hash_ == rig.parameters.hash and p == pytest.approx(curve(-5.0))
    made = rig.versions.append((rig.learnt(intercept=0.5),), START_WALL_NS, "one")
    activate_parameters(rig.file, made, rig.versions.origin)
    follower.poll(rig.handler)
    hash_, p = rig.decided(2)
    assert hash_ == made.hash and p == pytest.approx(curve(-4.5))
    assert f"applied parameters {made.hash}, generation 1" in caplog.text
    region = MetricsRegion.attach(rig.region.path)
    assert region.values[region.gauge("quotelife_parameters_generation", process="quoting")] == 1
    assert rig.handler.quoter.table[1, H.ALPHA] == -5.0, "another instrument's are as they were"


def test_the_last_good_parameters_are_taken_at_the_start(rig):
    made = rig.versions.append((rig.learnt(intercept=0.5),), START_WALL_NS, "one")
    rig.follow()
    hash_, p = rig.decided(1)
    assert hash_ == made.hash and p == pytest.approx(curve(-4.5))


def test_a_broken_file_changes_nothing_and_is_told_once(rig, caplog):
    follower = rig.follow()
    rig.file.write_bytes(b"x" * 100)
    follower.poll(rig.handler)
    follower.poll(rig.handler)
    assert rig.decided(1)[0] == rig.parameters.hash
    assert caplog.text.count("parameters rejected") == 1


def test_a_package_decides_with_them_too(rig):
    follower = rig.follow()
    legs = "55=P|54=1|38=1|555=2|600=BTC-USD|624=1|623=1|600=ETH-USD|624=2|623=1"
    before = rig.ask("p1", legs, "FUND")
    version = rig.versions.append((rig.learnt(intercept=3.0),), START_WALL_NS, "one")
    activate_parameters(rig.file, version, rig.versions.origin)
    follower.poll(rig.handler)
    after = rig.ask("p2", legs, "FUND")
    assert before["35"] == "S" and float(after["20002"]) > 2 * float(before["20002"])


def test_a_quote_is_explained_with_the_parameters_that_decided(rig):
    made = rig.versions.append((rig.learnt(intercept=0.5),), START_WALL_NS, "one")
    rig.follow()
    rig.ask("r1", ASKED, "FUND")
    *_, record = rig.reader.read()
    found = RecordedQuote(HistoryRows(rig.config, REFUSALS).quote(record, record.sides), record, [], [])
    later = rig.versions.append((rig.learnt(intercept=0.9),), START_WALL_NS, "later")
    told = Explainer(rig.config).explain(found).parameters
    assert told.reproduced and told.same
    assert (told.recorded, told.explained_with, told.in_force) == (made.hash, made.hash, later.hash)
    rig.versions.path.unlink()
    told = Explainer(rig.config).explain(found).parameters
    assert not told.same and not told.reproduced and told.explained_with == rig.parameters.hash
    assert len(record.features) == S.N_FEATURES
