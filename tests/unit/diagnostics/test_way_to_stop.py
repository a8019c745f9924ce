"""The doctor's check that somebody can stop the service."""

import msgspec
import pytest

from quotelife.config import Config
from quotelife.diagnostics import way_to_stop


@pytest.fixture
def config(tmp_path):
    raw = {
        "paths": {"run": str(tmp_path / "run")},
        "venue": [{"name": "SIM", "port": 1, "sender_comp_id": "Q", "target_comp_id": "V"}],
        "instrument": [{"symbol": "A", "venue": "SIM", "tick": "1", "lot": "1"}],
        "client": [{"name": "Fund", "sessions": ["F"]}],
    }
    return msgspec.structs.replace(msgspec.convert(raw, Config), file=str(tmp_path / "q.toml"))


def with_run(config, run):
    return msgspec.structs.replace(config, paths=msgspec.structs.replace(config.paths, run=str(run)))


def with_token(config, tmp_path, text="a-token-of-the-desk"):
    (tmp_path / "token").write_text(text)
    (tmp_path / "token").chmod(0o600)
    return msgspec.structs.replace(config, admin=msgspec.structs.replace(config.admin, token_file="token"))


@pytest.fixture
def nowhere(config):
    """A run directory in which nobody, not even root, can make a socket."""
    return with_run(config, "/proc/self/run")


def test_the_socket_is_enough(config, tmp_path):
    found = way_to_stop.examine(config)
    assert found.status == "ok" and "control.sock" in found.detail and "no token" in found.detail
    (tmp_path / "run").mkdir()
    assert way_to_stop.examine(config).status == "ok" and list((tmp_path / "run").iterdir()) == []
    assert "with the token" in way_to_stop.examine(with_token(config, tmp_path)).detail


def test_neither_socket_nor_token_is_a_failure(nowhere):
    found = way_to_stop.examine(nowhere)
    assert found.status == "fail" and "/run/control.sock" in found.detail and found.advice


def test_a_token_alone_is_a_warning(nowhere, tmp_path):
    found = way_to_stop.examine(with_token(nowhere, tmp_path))
    assert found.status == "warn" and found.advice


def test_a_token_that_cannot_be_used_is_a_failure(config, tmp_path):
    assert way_to_stop.examine(with_token(config, tmp_path, "short")).status == "fail"


def test_a_long_path_is_no_problem_for_the_commands(config, tmp_path):
    long = tmp_path / ("x" * 120) / "run"
    long.mkdir(parents=True)
    found = way_to_stop.examine(with_run(config, long))
    assert found.status == "ok" and "too long for curl" in found.detail
