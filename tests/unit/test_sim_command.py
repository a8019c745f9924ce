"""What `simulate` refuses in one line, with exit code 2 and nothing started."""

import socket
from pathlib import Path

import pytest

from models.fit import l3
from service.config import load
from service.sim.command import simulate
from service.sim.options import Options
from service.sim.ports import PortInUse, check_ports

DEMO = Path(__file__).parents[2] / "deploy" / "quotelife.toml"


def test_a_missing_sample_names_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(l3, "find_sample", lambda: None)
    assert simulate(Options()) == 2
    said = capsys.readouterr().err
    assert "deploy/requirements/sample.txt" in said and "--market synthetic" in said and said.count("\n") == 1


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
    said = capsys.readouterr().err
    assert f"{port}" in said and "another port" in said and said.count("\n") == 1
