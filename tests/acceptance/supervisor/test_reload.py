"""`quotelife reload` on the whole service: what changes, who notices, and what a wrong file does."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from quotelife.config import load
from quotelife.config.versions.version import Versions
from quotelife_bench import configuration
from quotelife_bench.load.market import symbols
from tests.acceptance.client import Client, Message
from tests.acceptance.supervisor.test_serve import TOKEN, Service, started, until
from tests.paths import ROOT

SYMBOL = symbols(1)[0]
NEW_SESSION_S = 2.0
NEWCOMER = '\n[[client]]\nname = "Newcomer"\nsessions = ["NEW", "NEW50"]\nversions = { NEW50 = "FIX.5.0SP2" }\n'
OTHER = '\n[[client]]\nname = "Other"\nsessions = ["OTHER"]\nmax_quantity = 50\n'


class Reloaded(Service):
    """A service whose file the tests change."""

    @property
    def file(self) -> Path:
        return Path(self.config.file)

    def post(self, body: object = None) -> tuple[int, dict]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/reload", json.dumps(body or {}).encode(), headers)
        answer = connection.getresponse()
        document = json.loads(answer.read())
        connection.close()
        return answer.status, document

    def change(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new))

    def version(self) -> int:
        return json.loads(self.get("/v1/configuration")[1])["version"]

    def client(self, session: str, begin: str = "FIX.4.4") -> Client:
        client = Client(self.config.acceptor.port, session, begin=begin)
        client.logon()
        return client


@pytest.fixture(scope="module")
def service() -> Iterator[Reloaded]:
    for running in started():
        running.__class__ = Reloaded
        running.quote()
        yield running


@pytest.fixture(autouse=True)
def restored(service) -> Iterator[None]:
    """Each test begins and ends with the same settings in force."""
    text = service.file.read_text()
    yield
    service.file.write_text(text)
    status, document = service.post()
    assert status == 200, document


def ask(client: Client, quantity: int = 10) -> Message:
    client.send("R", [(131, f"r{time.time_ns()}"), (146, 1), (55, SYMBOL), (38, quantity)])
    return client.receive("S", "AG")


def test_a_new_client_is_served_within_two_seconds_and_others_do_not_notice(service):
    with service.client(configuration.CLIENT) as present:
        before = present.log[-1][34]
        service.file.write_text(service.file.read_text() + NEWCOMER)
        began = time.monotonic()
        status, document = service.post()
        assert (status, document["changes"]) == (200, ["client[Newcomer] added"]), document
        with service.client("NEW") as new, service.client("NEW50", "FIXT.1.1") as newest:
            assert time.monotonic() - began < NEW_SESSION_S
            assert {ask(new).type, ask(newest).type} == {"S"}
            until(lambda: service.metric("quotelife_client_session_up", session="NEW") == 1)
        quote = ask(present)
        assert quote.type == "S" and int(quote[34]) == int(before) + 1  # no message between
    until(lambda: service.metric("quotelife_client_fill_ratio", client="Newcomer") > 0)


def test_a_removed_client_loses_its_quotes_and_its_session_and_may_come_back(service):
    service.file.write_text(service.file.read_text() + OTHER)
    assert service.post()[0] == 200
    with service.client("OTHER") as other:
        quote = ask(other)
        assert quote.type == "S", quote
        service.change(OTHER, "")
        assert service.post()[1]["changes"] == ["client[Other] removed"]
        assert other.receive("Z")[117] == quote[117]
        assert other.receive("5", timeout=5.0).type == "5"
    with Client(service.config.acceptor.port, "OTHER") as refused, pytest.raises((ConnectionError, TimeoutError)):
        while True:
            refused.logon()
    service.file.write_text(service.file.read_text() + OTHER)
    assert service.post()[0] == 200
    with service.client("OTHER") as other:
        assert ask(other).type == "S"


def test_limits_and_terms_hold_from_the_next_request_on(service):
    with service.client(configuration.CLIENT) as client:
        assert ask(client, 100).type == "S"
        service.change('name = "Bench"\n', 'name = "Bench"\nmax_quantity = 50\n')
        status, document = service.post()
        assert (status, document["changes"]) == (200, ["client[Bench].max_quantity added"]), document
        refusal = ask(client, 100)
        assert refusal.type == "AG" and "at most 50" in refusal[58]
        assert ask(client, 50).type == "S"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('name = "Bench"\n', 'name = "Bench"\ntier = "golden"\n', "client[0].tier = 'golden'"),
        ("[admin]\n", "[admin]\nunheard_of = 1\n", "admin.unheard_of"),
        ('book = "price"\n', 'book = "price"\nmax_lag_ms = 5\n', "venue[BENCH].max_lag_ms"),
        ("[admin]\n", "[admin]\nmin_free_mb = 1.0\n", "admin.min_free_mb"),
    ],
)
def test_a_wrong_file_changes_nothing_and_says_why(service, old, new, named):
    version = service.version()
    service.change(old, new)
    service.file.write_text(service.file.read_text() + NEWCOMER)
    status, document = service.post()
    assert status == 422 and named in document["detail"], document
    assert service.version() == version
    with Client(service.config.acceptor.port, "NEW2") as refused, pytest.raises((ConnectionError, TimeoutError)):
        while True:
            refused.logon()


def test_the_command_and_the_signal(service):
    def command(*options: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "quotelife.cli", "reload", "--config", str(service.file), *options]
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    version = service.version()
    service.change('name = "Bench"\n', 'name = "Bench"\nmargin_ticks = 1.0\n')
    checked = command("--check")
    assert checked.returncode == 0 and checked.stdout.startswith("client[Bench].margin_ticks: 0.0 -> 1.0\n"), checked
    assert service.version() == version
    assert command().returncode == 0 and service.version() == version + 1
    service.change("margin_ticks = 1.0", "margin_ticks = 2.0")
    service.process.send_signal(signal.SIGHUP)
    until(lambda: service.version() == version + 2)
    assert "margin_ticks: 1.0 -> 2.0" in service.log.read_text()


def test_a_restarted_process_begins_with_the_version_in_force(service):
    service.change('name = "Bench"\n', 'name = "Bench"\nmax_quantity = 40\n')
    assert service.post()[0] == 200
    service.change("max_quantity = 40", "max_quantity = 30")  # the file says more than what is in force
    old = service.pid("quoting")
    os.kill(old, signal.SIGKILL)
    until(lambda: service.pid("quoting") != old and service.metric("quotelife_process_up", process="quoting") == 1)
    with service.client(configuration.CLIENT) as client:
        assert "at most 40" in ask(client, 100)[58]


def test_explain_shows_the_rules_of_then(service):
    service.file.write_text(service.file.read_text() + '\n[[rule]]\nmodel = "liquidity_provider"\nclient = ["Bench"]\n')
    assert service.post()[0] == 200
    first = service.version()
    with service.client(configuration.CLIENT) as client:
        quote_id = ask(client)[117]
    service.change('[[rule]]\nmodel = "liquidity_provider"\nclient = ["Bench"]\n', "")
    service.change("withdrawal_cost_ticks = [0.0, 0.0, 0.0]", "withdrawal_cost_ticks = [0.5, 0.5, 0.5]")
    assert service.post()[0] == 200
    words = [sys.executable, "-m", "quotelife.cli", "explain", quote_id, "--json", "--config", str(service.file)]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 0, told.stderr
    document = json.loads(told.stdout)
    used = document["configuration"]
    assert (used["number"], used["in_force"], used["same"]) == (first, False, True)
    assert used["rule"] == "rule 1: client Bench"
    assert document["parameters"]["reproduced"] and document["quote"]["client"] == "Bench"
    assert re.fullmatch("[0-9a-f]{16}", used["hash"])
    assert Versions(load(service.file)).find(used["hash"]) is not None
