"""The desk's commands: over the service's socket without a token, over HTTP with it, and what they print."""

import http.client
import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quotelife.admin.app import admin_application, listen_for_commands
from quotelife.admin.controls import ControlsRoutes
from quotelife.cli import app
from quotelife.config import load
from quotelife.config.paths import run_paths
from quotelife.controls.layout import BY_RULES
from quotelife.controls.region import Controls
from quotelife.controls.store import ControlsStore
from quotelife_models.enums import MARKET_STATES, MODELS
from tests.unit.admin.http_rig import serving

TOKEN = "a-token-of-the-desk"
CONFIGURATION = """
paths = {{ run = "{run}", data = "data" }}
admin = {{ port = {port} }}
venue = [{{ name = "SIM", port = 1, sender_comp_id = "Q", target_comp_id = "V" }}]
instrument = [{{ symbol = "A", venue = "SIM", tick = "1", lot = "1" }}]
client = [{{ name = "Fund", sessions = ["F"] }}]
"""


class Desk:
    """A service's controls behind its socket and its port; `run` runs a command as a user would."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.socket = run_paths(load(file)).control_socket

    @property
    def controls(self) -> Controls:
        return Controls.attach(self.socket.with_name("controls"), 1, 1)

    def run(self, *arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, [*arguments, "--config", str(self.file)])
        assert result.exit_code == code, result.output
        return result.output

    def configure(self, **values: object) -> None:
        self.file.write_text(CONFIGURATION.format(**values))


@pytest.fixture
def desk(tmp_path) -> Iterator[Desk]:
    run = tmp_path / ("a-long-name-of-a-folder" * 5) / "run"  # longer than the name of a Unix socket may be
    run.mkdir(parents=True)
    file = tmp_path / "desk.toml"
    file.write_text(CONFIGURATION.format(run=run, port=1))
    made = Desk(file)
    store = ControlsStore(load(file), run_paths(load(file)), lambda _: None)
    tables = [ControlsRoutes(store).routes()]
    with serving(
        lambda: admin_application("127.0.0.1", TOKEN, tables), lambda: listen_for_commands(made.socket, tables)
    ) as server:
        made.configure(run=run, port=server.port)
        yield made


def test_stop_and_resume_need_no_token_where_the_service_runs(desk):
    assert load(desk.file).admin.token_file is None
    text = desk.run("stop", "--all", "--reason", "fat finger")
    assert text.startswith("done\n") and "all: stopped since" in text and "fat finger" in text
    assert desk.controls.stopped(0, 0) is not None
    assert desk.run("stop", "--all").startswith("no change\n")
    assert desk.run("resume", "--all") == "done\nnothing is stopped or set by the desk\n"
    assert desk.controls.stopped(0, 0) is None


def test_a_market_state_is_held_and_released(desk):
    assert "instrument" not in desk.run("hold", "A", "stressed", "--reason", "news")
    assert MARKET_STATES[desk.controls.held_state(0)] == "stressed"
    assert "A: market state held at stressed since" in desk.run("hold", "A", "stressed")
    assert desk.run("hold", "A", "--release").startswith("done\n")


def test_a_model_is_forced_and_released(desk):
    assert "client Fund: expiry model risk_averse forced" in desk.run("model", "risk_averse", "--client", "Fund")
    assert MODELS[desk.controls.forced_model([0], 0)] == "risk_averse"
    assert desk.run("model", "--release", "--client", "Fund").startswith("done\n")
    assert desk.controls.forced_model([0], 0) == BY_RULES


def test_json_is_the_document_of_the_controls(desk):
    document = json.loads(desk.run("stop", "--client", "Fund", "--json"))
    assert document["changed"] is True and document["clients"]["Fund"]["reason"] == ""


def test_the_socket_is_for_its_owner_only(desk):
    assert stat.S_IMODE(desk.socket.stat().st_mode) == 0o600


def test_a_configuration_that_is_wrong_by_now_locks_nobody_out(desk):
    desk.file.write_text(desk.file.read_text().replace('tick = "1"', 'tick = "-1"'))
    text = desk.run("stop", "--all")
    assert "tick" in text and "the command is sent all the same" in text
    assert desk.controls.stopped(0, 0) is not None


@pytest.mark.parametrize("text", ["paths = 3", "client = [", "venue = []\nclient = []"])
def test_a_configuration_that_does_not_say_where_the_service_runs_is_an_error(desk, text):
    desk.file.write_text(text)
    desk_text = CliRunner().invoke(app, ["stop", "--all", "--config", str(desk.file)])
    assert desk_text.exit_code != 0 and desk.controls.stopped(0, 0) is None


def without_socket(desk: Desk) -> None:
    os.rename(desk.socket, desk.socket.with_name("away"))


def test_without_the_socket_http_needs_the_token(desk, tmp_path):
    without_socket(desk)
    assert "token" in desk.run("stop", "--all", code=1)
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    desk.file.write_text(desk.file.read_text().replace("admin = {", 'admin = { token_file = "token",'))
    assert desk.run("stop", "--all").startswith("done\n")
    assert desk.controls.stopped(0, 0) is not None


def test_a_service_that_does_not_run_is_one_line(desk):
    without_socket(desk)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        desk.configure(run=desk.socket.parent, port=taken.getsockname()[1])
        text = desk.run("stop", "--all", code=1)
    assert text.count("\n") == 1 and "control.sock" in text and "is it running?" in text


def test_a_name_that_is_not_configured_is_refused_with_those_that_are(desk):
    assert "allowed: Fund" in desk.run("stop", "--client", "Nobody", code=1)
    assert "client_priority" in desk.run("model", "brave", "--all", code=1)
    assert "calm, active" in desk.run("hold", "A", "wild", code=1)


@pytest.mark.parametrize("command", [["stop"], ["resume"], ["model", "risk_averse"]])
def test_exactly_one_scope_is_required(command):
    for options in ([], ["--all", "--client", "Fund"]):
        result = CliRunner().invoke(app, [*command, *options])
        assert result.exit_code == 2 and all(scope in result.output for scope in ("--all", "--instrument", "--client"))


@pytest.mark.parametrize("command", [["hold", "A"], ["hold", "A", "calm", "--release"], ["model", "--all"]])
def test_either_a_value_or_its_release_is_required(command):
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2 and "--release" in result.output


def test_a_page_of_another_site_cannot_use_the_port_without_the_token(desk):
    connection = http.client.HTTPConnection("127.0.0.1", load(desk.file).admin.port, timeout=10)
    connection.request("POST", "/v1/stop", json.dumps({"scope": "all"}).encode(), {"Origin": "http://elsewhere"})
    assert connection.getresponse().status == 403
    connection.close()
    assert desk.controls.stopped(0, 0) is None
