"""A simulation's data: fresh, kept after it, and never a desk's."""

from pathlib import Path

import pytest

from quotelife.config import Config, load, resolve, settings_file
from quotelife.config.paths import data_paths
from quotelife_sim.configuration import config_option, copy_with_data_folder
from quotelife_sim.options import SHOCK, Options
from quotelife_sim.run_data import lock_data_folder, remove_run_directory
from tests.acceptance.simulation import configuration


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(configuration(tmp_path))


def test_data_of_a_simulation_are_removed_by_the_next(config, tmp_path):
    first = lock_data_folder(config)
    assert first is not None
    data = tmp_path / "var"
    (data / "journal").write_text("old")
    (data / "history.sqlite-wal").write_text("old")
    (data / "sessions").mkdir()
    (data / "notes.txt").write_text("not ours")
    assert lock_data_folder(config) is None, "it is in use"
    first.close()
    second = lock_data_folder(config)
    assert second is not None
    assert {path.name for path in data.iterdir()} == {data_paths(config).simulation_marker.name, "notes.txt"}
    second.close()


def test_data_of_a_real_service_are_not_changed(config, tmp_path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "ledger.sqlite").write_text("fills")
    assert lock_data_folder(config) is None
    assert (tmp_path / "var" / "ledger.sqlite").read_text() == "fills"
    copy = load(copy_with_data_folder(Path(config.file), tmp_path / "other", tmp_path / "copy.toml"))
    assert resolve(copy, copy.paths.data) == tmp_path / "other"
    assert settings_file(copy) == settings_file(config)


def test_run_directory_is_removed_unless_a_service_has_locked_it(config, tmp_path):
    import fcntl

    run = tmp_path / "run"
    remove_run_directory(config)
    run.mkdir()
    (run / "board").write_text("x")
    with open(run / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        remove_run_directory(config)
        assert (run / "board").exists()
    remove_run_directory(config)
    assert not run.exists()


def test_config_option_for_explain(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config_option(Options()) == ""
    assert config_option(Options(config=tmp_path / "x.toml")) == " --config x.toml"
    assert config_option(Options(config=tmp_path.parent / "x.toml")) == f" --config {tmp_path.parent / 'x.toml'}"
    assert config_option(Options(scenario=SHOCK)) == " --config eth-news-shock"
    (tmp_path / "quotelife.toml").touch()
    assert config_option(Options()) == " --config demo"
