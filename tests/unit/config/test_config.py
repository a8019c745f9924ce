"""Loading of configurations: every error names file, key, value and what is allowed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import inspect

from quotelife.config import ConfigError, check_files, load, resolve, settings_file
from quotelife.config.allowed import describe
from quotelife.config.sections import Config
from quotelife.config.shipped import DEMO, ENGINE_SETTINGS, EXAMPLES

MINIMAL = """
[[venue]]
name = "V"
port = 9000
sender_comp_id = "Q"
target_comp_id = "V"

[[instrument]]
symbol = "AAA"
tick = "0.01"
lot = "1"
venue = "V"

[[client]]
name = "Desk"
sessions = ["DESK"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "quotelife.toml"


def refusal(file: Path, text: str) -> ConfigError:
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        load(file)
    assert str(error.value).startswith(f"{file}: ")
    assert "\n" not in str(error.value)
    return error.value


def test_demo_configuration_is_valid():
    config = load(DEMO)
    assert config.instrument[0].symbol == "BTC-USD"
    assert config.acceptor.port == 9880
    assert config.admin.port == 9464
    assert "EXTERNAL" in [s for c in config.client for s in c.sessions]
    assert settings_file(config).read_text().startswith("#")


def test_examples_store_data_in_the_users_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for name, path in EXAMPLES.items():
        config = load(path)
        assert resolve(config, config.paths.data) == tmp_path / "quotelife" / name
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve(config, "x") == tmp_path / ".local" / "share" / "quotelife" / "x"


def test_engine_settings_are_the_shipped_ones_unless_a_file_is_named(file):
    file.write_text(MINIMAL)
    assert settings_file(load(file)) == ENGINE_SETTINGS
    check_files(load(file))
    file.write_text('acceptor.settings = "../fix_config/acceptor.cfg"\n' + MINIMAL)
    assert settings_file(load(file)) == file.parents[1] / "fix_config" / "acceptor.cfg"


def test_defaults_apply_and_paths_are_relative_to_the_file(file):
    file.write_text(MINIMAL)
    config = load(file)
    assert config.client[0].tier == "ordinary"
    assert config.file == str(file)
    assert resolve(config, "var/x") == file.parent / "var" / "x"
    assert resolve(config, "/dev/shm/x") == Path("/dev/shm/x")


@pytest.mark.parametrize(
    ("old", "new", "key", "value", "allowed"),
    [
        ("port = 9000", 'port = "x"', "venue[0].port", "x", "an integer from 0 to 65535"),
        ("port = 9000", "port = 70000", "venue[0].port", 70000, "an integer from 0 to 65535"),
        ("port = 9000", "port = 1.5", "venue[0].port", 1.5, "an integer from 0 to 65535"),
        ("port = 9000", "port = 1\nheartbeat_s = 0", "venue[0].heartbeat_s", 0, "an integer from 1 to 300"),
        ("port = 9000", 'port = 1\nbook = "x"', "venue[0].book", "x", "one of best, order, position, price"),
        ("[[venue]]", '[acceptor]\nengine = "x"\n[[venue]]', "acceptor.engine", "x", "one of native, quickfix"),
        ("[[venue]]", "[machine]\nspin = true\n[[venue]]", "machine.spin", True, 'acceptor.engine = "native" only'),
        ("[[venue]]", "[machine]\nbusy_poll_us = -1\n[[venue]]", "machine.busy_poll_us", -1, "from 0 to 1000"),
        ('name = "V"', 'name = ""', "venue[0].name", "", "text of 1 to 64 characters"),
        ('tick = "0.01"', 'tick = "-1"', "instrument[0].tick", "-1", "a positive decimal"),
        ('tick = "0.01"', "tick = 0.01", "instrument[0].tick", 0.01, "text"),
        ('lot = "1"', 'lot = "x"', "instrument[0].lot", "x", "a positive decimal"),
        ('venue = "V"', 'venue = "W"', "instrument[0].venue", "W", "one of V"),
        ('venue = "V"', 'venue = ["V", "W"]', "instrument[0].venue[1]", "W", "one of V"),
        ('venue = "V"', 'venue = ["V", "V"]', "instrument[0].venue[1]", "V", "each name once"),
        ('venue = "V"', 'venue = ["V", "signals"]', "instrument[0].venue[1]", "signals", "one of V"),
        ('venue = "V"', 'venue = ["V", ""]', "instrument[0].venue[1]", "", "text of 1 to 64 characters"),
        ('venue = "V"', "venue = []", "instrument[0].venue", [], "or a list of at least 1 of (text"),
        ('venue = "V"', "venue = 1", "instrument[0].venue", 1, "text of 1 to 64 characters or a list"),
        ('venue = "V"', 'venue = "V"\ncombine = "x"', "instrument[0].combine", "x", "one of consolidated, failover"),
        ('venue = "V"', 'venue = "V"\nvenue_symbol = { W = "A" }', "instrument[0].venue_symbol", "W", "one of V"),
        ('venue = "V"', 'venue = "V"\nvenue_symbol = ""', "instrument[0].venue_symbol", "", "or a table whose values"),
        ('venue = "V"', 'venue = "V"\ncorrelated = "AAA"', "instrument[0].correlated", "AAA", "nothing"),
        ('venue = "V"', 'venue = "V"\nquotable = "no"', "instrument[0].quotable", "no", "true or false"),
        ('venue = "V"', 'venue = "V"\nmax_quantity = 0', "instrument[0].max_quantity", 0, "a number above 0"),
        ('venue = "V"', 'venue = "V"\nmax_quantity = nan', "instrument[0].max_quantity", None, "a finite number"),
        ('venue = "V"', 'venue = "V"\nmax_quantity = inf', "instrument[0].max_quantity", float("inf"), "finite"),
        ('venue = "V"', 'venue = "V"\nmin_lifetime_ms = 2e4', "instrument[0].min_lifetime_ms", 2e4, "max_lifetime_ms"),
        (
            'venue = "V"',
            'venue = "V"\nsession = [{phase = "open", start = "9", end = "10:00"}]',
            "instrument[0].session[0].start",
            "9",
            "text that matches",
        ),
        ('["DESK"]', '"DESK"', "client[0].sessions", "DESK", "a list of (1 to 64 printable ASCII characters"),
        ('["DESK"]', '["A=B"]', "client[0].sessions[0]", None, "ASCII characters without blanks, '='"),
        ('["DESK"]', '["A B"]', "client[0].sessions[0]", None, "ASCII characters without blanks"),
        ('["DESK"]', '["A]"]', "client[0].sessions[0]", None, "without blanks, '=', '/', '[' and ']'"),
        ('["DESK"]', '["../A"]', "client[0].sessions[0]", None, "without blanks, '=', '/'"),
        ('["DESK"]', '["A\\n"]', "client[0].sessions[0]", None, "1 to 64 printable"),
        ('["DESK"]', '["A\\u0001"]', "client[0].sessions[0]", None, "1 to 64 printable"),
        ('["DESK"]', '["\u00c4"]', "client[0].sessions[0]", None, "1 to 64 printable"),
        ('["DESK"]', '["DESK"]\ntier = "gold"', "client[0].tier", "gold", "one of ordinary, restricted, strategic"),
        ('["DESK"]', '["DESK"]\nfill_rate = 2', "client[0].fill_rate", 2, "a number from 0 to 1"),
        ('["DESK"]', '["DESK"]\nreaction_ms = 0', "client[0].reaction_ms", 0, "a number above 0"),
        ('["DESK"]', '["DESK"]\ncolour = 1', "client[0].colour", 1, "name, sessions, tier"),
        ('["DESK"]', '["DESK", "DESK"]', "client[0].sessions[1]", "DESK", "each name once"),
        (
            '["DESK"]',
            '["DESK"]\nversions = { DESK = "FIX.4.3" }',
            "client[0].versions[...]",
            None,
            "FIX.4.2, FIX.4.4, FIX.",
        ),
        ('["DESK"]', '["DESK"]\nversions = { DECK = "FIX.4.2" }', "client[0].versions", "DECK", "one of DESK"),
    ],
)
def test_wrong_value_names_key_value_and_allowed(file, old, new, key, value, allowed):
    assert old in MINIMAL
    error = refusal(file, MINIMAL.replace(old, new, 1))
    assert error.key == key
    assert value is None or error.value == value
    assert allowed in error.allowed


def test_an_instrument_of_several_venues_has_a_symbol_at_each(file):
    other = MINIMAL.replace('name = "V"', 'name = "W"').split("[[instrument]]")[0]
    file.write_text(other + MINIMAL.replace('venue = "V"', 'venue = ["W", "V"]\nvenue_symbol = { V = "A/B" }'))
    instrument = load(file).instrument[0]
    assert instrument.venues == ["W", "V"] and instrument.combine == "failover"
    assert [instrument.symbol_at(v) for v in instrument.venues] == ["AAA", "A/B"]
    file.write_text(MINIMAL.replace('venue = "V"', 'venue = "V"\nvenue_symbol = "A-B"'))
    instrument = load(file).instrument[0]
    assert (instrument.venues, instrument.symbol_at("V")) == (["V"], "A-B")


@pytest.mark.parametrize(
    ("section", "key", "allowed"),
    [
        ('[[rule]]\nmodel = "best"', "rule[0].model", "one of client_priority, liquidity_provider, risk_averse"),
        ('[[rule]]\nmodel = "risk_averse"\nclient = ["X"]', "rule[0].client[0]", "one of Desk"),
        ('[[rule]]\nmodel = "risk_averse"\ninstrument = ["X"]', "rule[0].instrument[0]", "one of AAA"),
        ('[[rule]]\nmodel = "risk_averse"\nmarket = ["odd"]', "rule[0].market[0]", "one of active, auction, calm"),
        ("[models.risk_averse]\nepsilon = 0", "models.risk_averse.epsilon", "a number above 0 and at most 1"),
        (
            "[models.risk_averse]\ntolerance_curve = [[0.1]]",
            "models.risk_averse.tolerance_curve[0]",
            "a list of a number",
        ),
        (
            "[models.risk_averse]\ntolerance_curve = [[0.1, 5], [0.1, 3]]",
            "models.risk_averse.tolerance_curve[1]",
            "above that of the step before (0.1)",
        ),
        ("[models]\nrisk_averse = 3", "models.risk_averse", "a table of tolerance_curve"),
        ("[tier.ordinary]\nreaction_ms = -1", "tier.ordinary.reaction_ms", "a number above 0"),
        ("[tier.ordinary]\nreaction_sigma = 0", "tier.ordinary.reaction_sigma", "a number above 0"),
        ("[withdrawal]\nlatency_ms = inf", "withdrawal.latency_ms", "a finite number"),
        ("[withdrawal]\nlatency_sigma = 0", "withdrawal.latency_sigma", "a number above 0"),
        ("[modles]", "modles", "paths, acceptor, admin"),
        ("[admin]\nport = 9880", "admin.port", "another port than acceptor.port"),
    ],
)
def test_wrong_section_names_key_and_allowed(file, section, key, allowed):
    error = refusal(file, MINIMAL + section)
    assert error.key == key
    assert allowed in error.allowed


@pytest.mark.parametrize("table", ["venue", "instrument", "client"])
def test_missing_table_is_named(file, table):
    kept = [part for part in MINIMAL.strip().split("\n\n") if not part.startswith(f"[[{table}]]")]
    error = refusal(file, "\n\n".join(kept))
    assert error.key == table
    assert "missing" in error.allowed


def test_missing_key_is_named(file):
    error = refusal(file, MINIMAL.replace('tick = "0.01"\n', ""))
    assert error.key == "instrument[0].tick"
    assert error.allowed == "missing; allowed: text"


def test_too_many_venues_are_refused(file):
    more = "".join(
        f'[[venue]]\nname = "V{n}"\nport = 1\nsender_comp_id = "Q"\ntarget_comp_id = "V{n}"\n' for n in range(64)
    )
    assert "at most 63" in refusal(file, MINIMAL + more).allowed


HEDGER = '\n[[client]]\nname = "Hedges"\nsessions = ["EMS"]\nrole = "hedge"\n'


@pytest.mark.parametrize(
    ("line", "key"),
    [('tier = "strategic"', "tier"), ("max_position = 5", "max_position"), ("disclose = false", "disclose")],
)
def test_a_key_that_a_role_has_no_use_for_is_refused(file, line, key):
    error = refusal(file, f"{MINIMAL}{HEDGER}{line}\n")
    assert error.key == "client[1]." + key
    allowed = "name, sessions, role, versions, logon, allowed_addresses, expected"
    assert error.allowed == f'allowed with role "hedge": {allowed}'


def test_a_hedge_session_has_a_version_and_a_logon(file):
    file.write_text(f'{MINIMAL}{HEDGER}versions = {{ EMS = "FIX.5.0SP2" }}\nlogon = {{ EMS = {{ username = "e" }} }}\n')
    assert load(file).client[1].role == "hedge"


COPIES = '\n[[client]]\nname = "Middle office"\nsessions = ["MO"]\nrole = "drop_copy"\n'


def test_a_drop_copy_session_names_clients_and_instruments(file):
    file.write_text(MINIMAL + COPIES)
    assert load(file).client[1].copies.clients == load(file).client[1].copies.instruments == []
    for key in ("clients", "instruments"):
        error = refusal(file, f'{MINIMAL}{COPIES}copies = {{ {key} = ["NONE"] }}\n')
        assert (error.key, error.value) == (f"client[1].copies.{key}[0]", "NONE")
    assert refusal(file, f"{MINIMAL}{COPIES}disclose = false\n").key == "client[1].disclose"
    own = '\n[[client]]\nname = "Fund"\nsessions = ["F"]\ncopies = { clients = ["Middle office"] }\n'
    assert refusal(file, MINIMAL + own).key.startswith("client[1].copies")


def test_duplicate_name_is_refused(file):
    venue = MINIMAL.split("\n\n")[0]
    error = refusal(file, venue + MINIMAL)
    assert error.key == "venue[1].name"
    assert "also at venue[0].name" in error.allowed


def test_invalid_toml_is_refused(file):
    assert "not TOML" in str(refusal(file, "[[[["))
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(file)
    with pytest.raises(ConfigError, match="No such file"):
        load(file.with_name("absent.toml"))


@pytest.mark.parametrize("key", ["acceptor.settings", "paths.parameters"])
def test_missing_file_is_named(file, key):
    (file.parent / "acceptor.cfg").touch()
    (file.parent / "parameters").mkdir()
    names = {"acceptor.settings": "acceptor.cfg", "paths.parameters": "parameters"}
    file.write_text("\n".join(f'{k} = "{v}"' for k, v in names.items()) + MINIMAL)
    check_files(load(file))
    names[key] = "none"
    file.write_text("\n".join(f'{k} = "{v}"' for k, v in names.items()) + MINIMAL)
    with pytest.raises(ConfigError, match=rf"{key} = 'none': allowed: a \w+ .*that exists"):
        check_files(load(file))


def test_every_declared_type_is_described():
    def walk(kind: inspect.Type) -> None:
        for field in getattr(kind, "fields", ()):
            assert describe(field.type)
            for inner in (field.type, getattr(field.type, "item_type", None)):
                if inner is not None:
                    walk(inner)

    walk(inspect.type_info(Config))


def test_a_process_that_has_read_a_configuration_ends_well():
    """Its sections hold no type of which msgspec frees the wrong memory at the end; the debugging allocator aborts."""
    environment = {**os.environ, "PYTHONMALLOC": "debug", "PYTHONPATH": os.pathsep.join(sys.path)}
    code = "from quotelife.config import load; from quotelife.config.shipped import DEMO; load(DEMO)"
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (0, b"")
