"""The desk's commands on a running service of which no token is configured, and SIGHUP to each of its processes."""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quotelife.cli import app
from quotelife_bench import configuration
from quotelife_bench.load import peers
from quotelife_bench.load.market import symbols
from tests.acceptance.client import Client, Message
from tests.acceptance.supervisor.test_serve import Service, until
from tests.paths import ROOT

[SYMBOL] = symbols(1)
NOWHERE = """
[[venue]]
name = "NOWHERE"
port = 1
sender_comp_id = "Q"
target_comp_id = "V"

[[instrument]]
symbol = "ELSEWHERE"
tick = "1"
lot = "1"
venue = "NOWHERE"
"""


class Desk(Service):
    """A service without a token; `run` is a command in this process, as any user of the service would give it."""

    def run(self, *arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, [*arguments, "--config", self.config.file])
        assert result.exit_code == code, result.output
        return result.output

    def ask(self) -> Message:
        with Client(self.config.acceptor.port, configuration.CLIENT) as client:
            client.logon()
            client.send("R", [(131, f"r{time.time_ns()}"), (146, 1), (55, SYMBOL), (38, 100)])
            return client.receive("S", "AG")

    def rule_of(self, quote: Message) -> str:
        explanation = json.loads(self.run("explain", quote[117], "--json"))
        return explanation["configuration"]["rule"]


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="quotelife-test-") as folder, peers.venue(200) as venue:
        config = configuration.write(Path(folder), venue.port, 1, engine="native")
        with open(config.file, "a") as file:
            file.write(f"{NOWHERE}\n[api]\nport = {configuration.free_port()}\n")
        running = Desk(config)
        try:
            running.quote()
            yield running
        finally:
            running.end()


@pytest.fixture(autouse=True)
def released(desk) -> Iterator[None]:
    yield
    desk.run("resume", "--all")
    desk.run("model", "--release", "--all")
    desk.run("hold", SYMBOL, "--release")


def test_root_stops_quoting_without_a_token_and_http_does_not(desk):
    connection = http.client.HTTPConnection("127.0.0.1", desk.port, timeout=10)
    connection.request("POST", "/v1/stop", b'{"scope": "all"}')
    refused = connection.getresponse()
    assert refused.status == 403 and b"no-token-configured" in refused.read()
    connection.close()
    command = [sys.executable, "-m", "quotelife.cli", "stop", "--all", "--reason", "fills", "-c", desk.config.file]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("done\n"), done
    answer = desk.ask()
    assert answer.type == "AG" and "all quoting has been stopped" in answer[58]
    assert desk.run("resume", "--all").startswith("done\n")
    assert desk.ask().type == "S"


def test_a_forced_model_decides_and_the_explanation_says_so(desk):
    assert "forced" not in desk.rule_of(desk.ask())
    desk.run("model", "risk_averse", "--all", "--reason", "picked off")
    quote = desk.ask()
    assert quote.type == "S", quote
    assert desk.rule_of(quote).startswith("risk_averse forced by the desk; by rule")
    desk.run("model", "--release", "--all")
    assert "forced" not in desk.rule_of(desk.ask())


def test_the_explanation_tells_of_a_held_market_state(desk):
    desk.run("hold", SYMBOL, "active", "--reason", "auction soon")
    assert desk.rule_of(desk.ask()).endswith("in a market state held by the desk")


def test_status_tells_what_runs_what_is_stopped_and_what_was_never_there(desk):
    desk.run("stop", "--instrument", "ELSEWHERE", "--reason", "no venue")
    desk.run("model", "risk_averse", "--client", "Bench")
    document = json.loads(desk.run("status", "--json"))
    assert {process["name"] for process in document["processes"]} == {"marketdata", "recorder", "quoting", "api"}
    assert all(process["ready"] and process["since"] and process["pid"] for process in document["processes"])
    bench, nowhere = document["venues"]
    assert (bench["name"], bench["up"]) == ("BENCH", True) and bench["since"] and bench["last_message"]
    assert (nowhere["name"], nowhere["up"], nowhere["since"]) == ("NOWHERE", False, None)
    [other] = document["books"]["others"]
    assert (other["instrument"], other["status"], other["since"]) == ("ELSEWHERE", "disconnected", None)
    assert document["controls"]["models"]["clients"]["Bench"]["model"] == "risk_averse"
    text = desk.run("status")
    assert max(map(len, text.splitlines())) <= 80
    assert "instrument ELSEWHERE: stopped since" in text and "NOWHERE  DOWN   never" in text
    desk.run("resume", "--instrument", "ELSEWHERE")
    desk.run("model", "--release", "--client", "Bench")


def test_positions_and_reload_need_no_token_either(desk):
    assert '"position": "5"' in desk.run("position", "set", SYMBOL, "5", "--price", "100")
    assert "stays in force" in desk.run("reload")


def test_no_process_ends_on_sighup_and_the_supervisor_reloads(desk):
    processes = desk.children()
    assert {"fork-server", "quoting", "marketdata", "recorder", "api"} <= {name.split()[-1] for name in processes}
    before = desk.metric("quotelife_reloads_total", result="unchanged")
    for pid in (*processes.values(), desk.process.pid):
        os.kill(pid, signal.SIGHUP)
    until(lambda: desk.metric("quotelife_reloads_total", result="unchanged") > before)
    assert desk.ask().type == "S"
    assert desk.children() == processes and desk.process.poll() is None
