"""Venue and clients on their own: what they refuse. tests/acceptance/deployment/test_operations.py runs them."""

from quotelife.config import load
from quotelife.config.shipped import DEMO
from quotelife.runtime.process import EXIT_CONFIG
from quotelife_sim.standalone import run_clients, run_venue, with_sessions


def test_market_with_other_instruments_is_refused(tmp_path, capsys):
    assert run_venue(DEMO, tmp_path / "market", "synthetic", 1, "127.0.0.1") == EXIT_CONFIG
    assert "SYN-0000, SYN-0001, SYN-0002, which is no [[instrument]]" in capsys.readouterr().err
    assert not (tmp_path / "market").exists()


def test_unknown_session_is_refused(tmp_path, capsys):
    assert run_clients(DEMO, tmp_path, "127.0.0.1", ["ORDINARY", "EXTERNAL"]) == EXIT_CONFIG
    output = capsys.readouterr().err
    assert "--session EXTERNAL: not in" in output and "STRATEGIC, ORDINARY, SNIPER" in output


def test_configuration_is_reduced_to_the_named_sessions():
    config = with_sessions(load(DEMO), ["SNIPER", "STRATEGIC"], "quotelife")
    assert [client.sessions for client in config.client] == [["STRATEGIC"], ["SNIPER"]]
    assert (config.acceptor.host, config.acceptor.port) == ("quotelife", 9880)
