"""Checks of the doctor, with good and with bad configurations."""

import shutil
import socket
import sys
from pathlib import Path

import pytest

from quotelife.config import ConfigError
from quotelife.config.shipped import DEMO, FIX_CONFIG
from quotelife.diagnostics import wake_ups
from quotelife.diagnostics.doctor import Diagnostic, _file_system, examine, show


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    (tmp_path / "fix_config").mkdir()
    (tmp_path / "deploy").mkdir()
    for name in ("FIX44.xml", "acceptor.cfg"):
        shutil.copy(FIX_CONFIG / name, tmp_path / "fix_config")
    text = DEMO.read_text().replace("[acceptor]", '[acceptor]\nsettings = "../fix_config/acceptor.cfg"')
    with socket.socket() as a, socket.socket() as b:
        a.bind(("127.0.0.1", 0))
        b.bind(("127.0.0.1", 0))
        text = text.replace("port = 9880", f"port = {a.getsockname()[1]}")
        text = text.replace("port = 9464", f"port = {b.getsockname()[1]}").replace("port = 9470", "port = 0")
    file = tmp_path / "deploy" / "quotelife.toml"
    file.write_text(text)
    return file


@pytest.fixture(autouse=True)
def short_measurements(monkeypatch) -> None:
    monkeypatch.setattr(wake_ups, "_MEASURED_NS", 1_000_000)
    monkeypatch.setattr(wake_ups, "_WATCHED_NS", 1_000_000)


def found(file: Path) -> dict[str, Diagnostic]:
    return {f.subject: f for f in examine(file)}


def test_good_installation_has_no_failure(configuration):
    diagnostics = found(configuration)
    for subject in (
        "configuration",
        "engine settings",
        "dictionary",
        "parameters",
        "FIX engine",
        "Python",
        "acceptor.port",
        "admin.port",
        "open files",
        "data folder",
        "way to stop",
    ):
        assert diagnostics[subject].status == "ok", diagnostics[subject]
    for diagnostic in diagnostics.values():
        assert diagnostic.status == "ok" or diagnostic.advice


def test_port_in_use_is_a_warning(configuration):
    port = int(configuration.read_text().split("port = ")[1].split()[0])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert found(configuration)["acceptor.port"].status == "warn"


def test_broken_dictionary_is_reported(configuration):
    dictionary = configuration.parents[1] / "fix_config" / "FIX44.xml"
    good = dictionary.read_text()
    dictionary.write_text(good[: len(good) // 2])
    with pytest.raises(ConfigError, match=r"FIX44\.xml: .*allowed: a data dictionary"):
        examine(configuration)
    dictionary.write_text(good.replace('number="20002"', 'number="20099"'))
    assert "20002 AdverseMoveProbability" in found(configuration)["dictionary"].detail


def test_extensions_name_the_clients_that_need_our_dictionaries(configuration):
    names = "Strategic Fund, Ordinary Desk, Sniper"
    assert found(configuration)["extensions"].detail == f"{names}: their engines need the dictionaries of fix_config"
    text = configuration.read_text()
    configuration.write_text(text.replace("extensions = true", "extensions = false"))
    assert found(configuration)["extensions"].detail.startswith("no client: ")


def test_invalid_engine_setting_names_key_value_and_allowed(configuration):
    settings = configuration.parents[1] / "fix_config" / "acceptor.cfg"
    good = settings.read_text()
    for line in ("HttpAcceptPort=80", "NonStopSession=perhaps", "StartTime=foo", "Bogus=1"):
        settings.write_text(f"{good}{line}\n")
        key, _, value = line.partition("=")
        with pytest.raises(ConfigError, match=rf"acceptor\.cfg: {key} = '{value}': .*allowed: "):
            examine(configuration)
    settings.write_text(good + "nonsense\n")
    with pytest.raises(ConfigError, match="= 'nonsense': allowed: "):
        examine(configuration)
    settings.write_text(good)


def test_absent_pricing_provider_is_reported(configuration):
    configuration.write_text(configuration.read_text() + '\n[pricing]\nprovider = "no.such:thing"\n')
    with pytest.raises(ConfigError, match=r"pricing\.provider = 'no\.such:thing': .*allowed: module:object"):
        examine(configuration)


def test_missing_engine_is_a_failure(configuration, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "quickfix", None)
    assert show(examine(configuration)) == 1
    assert "[binary]" in "".join(capsys.readouterr().out.split())


def test_address_of_another_machine_is_a_failure(configuration):
    configuration.write_text(configuration.read_text().replace('host = "127.0.0.1"', 'host = "192.0.2.1"', 1))
    diagnostic = found(configuration)["acceptor.port"]
    assert diagnostic.status == "fail" and "192.0.2.1" in diagnostic.detail


def test_logon_without_password_is_a_warning_unless_local(configuration):
    assert found(configuration)["logon"].status == "ok", "only from this machine"
    configuration.write_text(configuration.read_text().replace('host = "127.0.0.1"', 'host = "0.0.0.0"', 1))
    diagnostics = found(configuration)
    assert diagnostics["logon"].status == "warn" and "STRATEGIC" in diagnostics["logon"].detail
    assert diagnostics["TLS"].status == "warn"


def test_missing_password_is_a_failure(configuration, monkeypatch):
    monkeypatch.delenv("VENUE_PASSWORD", raising=False)
    text = configuration.read_text().replace('book = "order"', 'book = "order"\npassword_env = "VENUE_PASSWORD"')
    configuration.write_text(text)
    assert found(configuration)["password of SIM"].status == "fail"
    monkeypatch.setenv("VENUE_PASSWORD", "x")
    assert "password of SIM" not in found(configuration)


PROFILE = """
title = "a signed Logon"
tried = "here"
[logon]
secrets = ["key"]
fields = [{ tag = 96, value = "{signature}" }]
[logon.signature]
algorithm = "hmac-sha256"
over = "{SendingTime}"
key = "key"
key_encoding = "hex"
"""


def test_venue_is_shown_with_its_profile_and_its_key_is_tried(configuration):
    assert found(configuration)["venue SIM"].detail.startswith("profile generic (FIX.4.4, no TLS): ")
    (configuration.parent / "mine.toml").write_text(PROFILE)
    key = configuration.parent / "key"
    key.touch(0o640)
    keys = 'book = "order"\nprofile = "mine.toml"\nsecrets = { key_file = "key" }\nhost = "md.venue.example"'
    text = configuration.read_text()
    at = text.index("[[venue]]")
    venue = text[at:].replace('host = "127.0.0.1"\n', "", 1).replace('book = "order"', keys, 1)
    configuration.write_text(text[:at] + venue)
    key.write_text("not hex")
    diagnostics = found(configuration)
    assert diagnostics["secrets"].status == "fail"
    assert "venue[0].secrets.key_file" in diagnostics["secrets"].detail and "not hex;" in diagnostics["secrets"].detail
    key.write_text("00ff")
    diagnostics = found(configuration)
    assert "secrets" not in diagnostics
    assert diagnostics["venue SIM"].detail == "profile mine.toml (FIX.4.4, no TLS): a signed Logon"
    assert diagnostics["TLS of SIM"].status == "warn"
    assert diagnostics["keys"].status == "warn" and str(key) in diagnostics["keys"].detail


def test_market_that_is_stale_before_the_next_heartbeat_is_a_warning(configuration):
    assert "heartbeat of SIM" not in found(configuration)
    configuration.write_text(configuration.read_text().replace('book = "order"', 'book = "order"\nheartbeat_s = 30'))
    diagnostic = found(configuration)["heartbeat of SIM"]
    assert diagnostic.status == "warn" and "BTC-USD" in diagnostic.detail and "30000 ms" in diagnostic.detail


def test_unreadable_parameters_are_a_failure(configuration):
    configuration.write_text(configuration.read_text().replace("[paths]", '[paths]\nparameters = "."'))
    assert found(configuration)["parameters"].status == "fail"


def test_table_has_checks_advice_and_totals(configuration, capsys):
    assert (
        show([Diagnostic("this", "ok", "here"), Diagnostic("that", "warn", "odd", "pip install 'quotelife[fit]'")]) == 0
    )
    out = capsys.readouterr().out
    assert "that" in out and "quotelife[fit]" in out
    assert "2 checks, 0 failed, 1 warnings" in out


def test_file_system_of_a_path_is_named():
    assert _file_system(Path("/dev/shm")) == "tmpfs"
    assert _file_system(Path("/proc")) == "proc"
