"""Which configuration a simulation runs with."""

import sys
import tomllib
from pathlib import Path

import pytest

from quotelife.config import ConfigError, load
from quotelife.config.shipped import DEMO, user_data_folder
from quotelife_sim.configuration import configuration_file, copy_with_capture, enables_capture, to_toml
from quotelife_sim.options import SHOCK, Options


def test_toml_survives_a_round_trip() -> None:
    table = {
        "a": 1,
        "name": 'with "quotes" and \\',
        "curve": [[0.02, 750.0], [1.0, 150.0]],
        "none": [],
        "sub": {"b": True, "deep": {"c": 2.5}},
        "list": [{"x": 1, "inner": [{"y": "z"}]}, {"x": 2}],
    }
    assert tomllib.loads(to_toml(table)) == table


def test_the_synthetic_market_gets_its_own_instruments(tmp_path: Path) -> None:
    path = configuration_file(Options(market="synthetic", instruments=3), tmp_path)
    config = load(path)
    assert path.parent == tmp_path
    assert [i.symbol for i in config.instrument] == ["SYN-0000", "SYN-0001", "SYN-0002"]
    assert [i.correlated for i in config.instrument] == ["SYN-0001", "SYN-0000", None]
    assert Path(config.paths.data) == user_data_folder() / "demo"
    named = tmp_path / "named.toml"
    named.write_text(DEMO.read_text().replace("[acceptor]", '[acceptor]\nsettings = "x/acceptor.cfg"'))
    config = load(configuration_file(Options(market="synthetic", config=named), tmp_path))
    assert config.acceptor.settings == str(tmp_path / "x" / "acceptor.cfg")
    assert config.paths.data == str(tmp_path / "demo")


def test_files_of_a_venue_are_found_from_a_copy_in_another_folder(tmp_path: Path) -> None:
    profile = 'title = "x"\ntried = "x"\n[logon]\nsecrets = ["key", "name"]\n'
    (tmp_path / "mine.toml").write_text(profile + 'fields = [{ tag = 553, value = "{key}{name}{password}" }]')
    keys = 'profile = "mine.toml"\nsecrets = { key_file = "keys/k", name_env = "NAME" }\npassword_file = "p"\n'
    source = tmp_path / "own.toml"
    source.write_text(DEMO.read_text().replace("[[venue]]\n", f'[[venue]]\n{keys}tls = {{ ca = "ca.pem" }}\n', 1))
    (tmp_path / "elsewhere").mkdir()
    [venue] = load(copy_with_capture(source, tmp_path / "elsewhere" / "copy.toml")).venue
    assert venue.profile == str(tmp_path / "mine.toml")
    assert venue.secrets == {"key_file": str(tmp_path / "keys" / "k"), "name_env": "NAME"}
    assert venue.tls is not None and venue.tls.ca == str(tmp_path / "ca.pem")
    assert venue.password_file == str(tmp_path / "p")


def test_demo_and_scenario_have_their_own_files(tmp_path: Path) -> None:
    assert configuration_file(Options(), tmp_path) == DEMO
    scenario = load(configuration_file(Options(scenario=SHOCK), tmp_path))
    assert "ETH-CS-3000-3200" in [i.symbol for i in scenario.instrument]


def test_examples_capture_where_pyarrow_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert enables_capture(Options()) and enables_capture(Options(config=DEMO, market="synthetic"))
    assert not enables_capture(Options(config=tmp_path / "own.toml")), "what a file says is left as it is"
    copy = load(copy_with_capture(DEMO, tmp_path / "copy.toml"))
    assert copy.capture.enabled and not load(DEMO).capture.enabled
    assert copy.capture.max_gb == load(DEMO).capture.max_gb
    assert Path(copy.paths.data) == user_data_folder() / "demo"
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert not enables_capture(Options())


def test_invalid_file_is_a_configuration_error(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[paths]\nrnu = 1\n")
    with pytest.raises(ConfigError, match="rnu"):
        configuration_file(Options(config=wrong), tmp_path)
