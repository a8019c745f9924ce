"""What `simulate` refuses in one line, with exit code 2 and nothing started."""

import socket
import sys
from pathlib import Path

import pytest

from quotelife.config import load
from quotelife.config.shipped import DEMO
from quotelife_research.data import l3
from quotelife_sim.options import SHOCK, Options
from quotelife_sim.ports import PortInUse, check_ports
from quotelife_sim.simulate import simulate


def test_a_missing_sample_names_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(l3, "find_sample", lambda: None)
    assert simulate(Options()) == 2
    output = capsys.readouterr().err
    assert "deploy/requirements/sample.txt" in output and "--market synthetic" in output and output.count("\n") == 1


def test_a_missing_configuration_is_one_line(tmp_path: Path, capsys) -> None:
    assert simulate(Options(market="synthetic", config=tmp_path / "none.toml")) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_port_in_use_is_named(tmp_path: Path, capsys) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        path = tmp_path / "taken.toml"
        path.write_text(DEMO.read_text().replace("9880", str(port)))
        with pytest.raises(PortInUse, match=rf"{port} \(acceptor.port"):
            check_ports(load(path))
        assert simulate(Options(market="synthetic", config=path)) == 2
    output = capsys.readouterr().err
    assert f"{port}" in output and "another port" in output and output.count("\n") == 1


def refusal(capsys, options: Options) -> str:
    assert simulate(options) == 2
    output = capsys.readouterr()
    assert output.err.count("\n") == 1 and output.out == ""
    return output.err


def test_contradicting_options_are_refused(capsys) -> None:
    assert "--instruments 3: " in refusal(capsys, Options(instruments=3))
    assert "--instruments 3: " in refusal(capsys, Options(market="sample", instruments=3))
    assert "brings its own market" in refusal(capsys, Options(market="sample", scenario=SHOCK))
    assert "--no-news: only a scenario" in refusal(capsys, Options(news=False))


def test_unwritable_result_file_is_refused_before_the_run(tmp_path: Path, capsys) -> None:
    missing = tmp_path / "nope" / "x.json"
    output = refusal(capsys, Options(market="synthetic", json=missing))
    assert f"--json {missing}: the folder {missing.parent} does not exist" in output
    assert "is a folder" in refusal(capsys, Options(market="synthetic", json=tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "broken", ["raise ImportError('libssl is not there')", "raise RuntimeError('half a package')", ""]
)
def test_an_engine_that_is_missing_or_broken_is_one_line(tmp_path: Path, monkeypatch, capsys, broken) -> None:
    monkeypatch.delitem(sys.modules, "quickfix", raising=False)
    if broken:
        (tmp_path / "quickfix.py").write_text(broken)
        monkeypatch.syspath_prepend(tmp_path)
    else:
        monkeypatch.setitem(sys.modules, "quickfix", None)
    output = refusal(capsys, Options(market="synthetic"))
    assert "[binary]" in output
    assert not broken or broken.split("'")[1] in output
