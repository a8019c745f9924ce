"""A simulation's data: fresh, kept after it, and never a desk's."""

from pathlib import Path

import pytest

from quotelife.config import Config, load, resolve, settings_file
from quotelife.config.paths import data_paths
from quotelife_sim.configuration import shown, with_data
from quotelife_sim.options import SHOCK, Options
from quotelife_sim.run_data import claim, clear_run
from tests.acceptance.simulation import configuration


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(configuration(tmp_path))


def test_what_a_simulation_left_is_removed_by_the_next(config, tmp_path):
    first = claim(config)
    assert first is not None
    data = tmp_path / "var"
    (data / "journal").write_text("old")
    (data / "history.sqlite-wal").write_text("old")
    (data / "sessions").mkdir()
    (data / "notes.txt").write_text("not ours")
    assert claim(config) is None, "it is in use"
    first.close()
    second = claim(config)
    assert second is not None
    assert {path.name for path in data.iterdir()} == {data_paths(config).simulation_marker.name, "notes.txt"}
    second.close()


def test_a_desks_data_are_not_touched(config, tmp_path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "ledger.sqlite").write_text("fills")
    assert claim(config) is None
    assert (tmp_path / "var" / "ledger.sqlite").read_text() == "fills"
    copy = load(with_data(Path(config.file), tmp_path / "other", tmp_path / "copy.toml"))
    assert resolve(copy, copy.paths.data) == tmp_path / "other"
    assert settings_file(copy) == settings_file(config)


def test_the_run_directory_goes_unless_a_service_holds_it(config, tmp_path):
    import fcntl

    run = tmp_path / "run"
    clear_run(config)
    run.mkdir()
    (run / "board").write_text("x")
    with open(run / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        clear_run(config)
        assert (run / "board").exists()
    clear_run(config)
    assert not run.exists()


def test_the_configuration_to_explain_with_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shown(Options()) == ""
    assert shown(Options(config=tmp_path / "x.toml")) == " --config x.toml"
    assert shown(Options(config=tmp_path.parent / "x.toml")) == f" --config {tmp_path.parent / 'x.toml'}"
    assert shown(Options(scenario=SHOCK)) == " --config eth-news-shock"
    (tmp_path / "quotelife.toml").touch()
    assert shown(Options()) == " --config demo"
