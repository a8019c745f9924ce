"""The recorder with the real processes: clients' actions reach the history, and estimates the next decisions."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from quotelife.config import load
from quotelife.config.paths import data_paths
from quotelife.ledger.history import HistoryReader
from quotelife.ledger.quote_state import EXPIRED, FILLED, PASSED
from quotelife.metrics.region import MetricsRegion
from tests.acceptance.conftest import Process, Service
from tests.acceptance.rfq.test_hits import await_expiry, filled, quote, refused, respond
from tests.acceptance.rfq.test_quote_request import ask, related
from tests.paths import ROOT

WAIT_S = 15.0


class Recorded(Service):
    """A service with its recorder."""

    def __init__(self, folder):
        super().__init__(folder)
        self.start_recorder()
        self.history = HistoryReader(data_paths(load(self.config)).history)

    def start_recorder(self):
        self.recorder = Process("quotelife.recorder.process", "--config", str(self.config))

    def __exit__(self, *of):
        if self.recorder.running():
            self.recorder.stop()
        self.history.close()
        super().__exit__(*of)

    def quote_once(self, quote_id, true):
        """The quote from the history once it meets the condition."""
        deadline = time.monotonic() + WAIT_S
        while True:
            found = self.history.quote(quote_id)
            if found is not None and true(found):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.02)

    def hits_once(self, quote_id, true):
        deadline = time.monotonic() + WAIT_S
        while True:
            hits = self.history.hits(quote_id)
            if hits and true(hits):
                return hits
            assert time.monotonic() < deadline, hits
            time.sleep(0.02)

    def explain(self, *arguments):
        command = [sys.executable, "-m", "quotelife.cli", "explain", *arguments, "--config", str(self.config)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with Recorded(tmp_path_factory.mktemp("recorded")) as running:
        yield running


@pytest.fixture
def client(service):
    with service.client("FUND") as client:
        yield client


def test_fill_is_recorded_with_its_markouts(service, client):
    """The client buys at 102.5 (205 ticks) with the mid at 202; the mid then goes to 203 and to 208."""
    service.calm()
    given = quote(client)
    filled(respond(client, given[117], response_id="m-1"), "1.5", given[133])
    time.sleep(0.05)
    service.market.do("book", symbol="BTC-USD", bid=201, ask=205, size=50_000)
    time.sleep(0.3)
    service.market.do("book", symbol="BTC-USD", bid=206, ask=210, size=50_000)
    found = service.quote_once(given[117], lambda q: q.state == FILLED)
    assert (found.client, found.session, found.symbol, found.request_id) == ("Fund", "FUND", "BTC-USD", given[131])
    assert found.offer_ticks == int(2 * float(given[133])) and found.quantity_lots == 1500
    (hit,) = service.hits_once(given[117], lambda hits: hits[0].markout_1s is not None)
    assert (hit.outcome, hit.response_id, hit.side, hit.price_ticks) == ("filled", "m-1", 1, found.offer_ticks)
    assert 0 < hit.response_ns < 2_000_000_000
    assert hit.edge_ticks == found.offer_ticks - 202
    assert (hit.markout_100ms, hit.markout_1s) == (1.0, 6.0)
    service.calm()


def test_late_refused_and_passed_quotes_are_recorded(service, client):
    late, wrong, passed = (quote(client) for _ in range(3))
    refused(respond(client, wrong[117], fields=[(44, "1.0")]), "Price")
    respond(client, passed[117], kind=6)
    await_expiry(client, late)
    refused(respond(client, late[117]), "expired")
    assert [h.outcome for h in service.hits_once(late[117], len)] == ["late"]
    assert [h.outcome for h in service.hits_once(wrong[117], len)] == ["refused"]
    service.quote_once(passed[117], lambda q: q.state == PASSED)
    service.quote_once(late[117], lambda q: q.state == EXPIRED)


def test_client_estimates_change_later_decisions(service, client):
    """The Fund is configured with 400 ms; its fast hits shorten the lifetimes of Client Priority."""
    service.calm()
    first = int(quote(client)[20004])
    for _ in range(60):
        given = quote(client)
        respond(client, given[117], fields=[(38, "0.001")])
    deadline = time.monotonic() + WAIT_S
    while int(quote(client)[20004]) > 0.7 * first:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_explain_command_shows_a_recorded_quote(service, client):
    given = quote(client, side=None)
    filled(respond(client, given[117], fields=[(54, 2)], response_id="e-1"), "1.5", given[132])
    run = service.explain(given[117], "--json")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["quote"]["valid_until"] == given[62] and told["quote"]["offer"] == given[133]
    assert told["parameters"]["reproduced"]
    assert (told["became"]["state"], told["became"]["hits"][0]["response_id"]) == ("filled", "e-1")
    page = service.explain("--last", "1").stdout
    for words in (given[117], "filled", "e-1", "realised_volatility_1s", told["parameters"]["recorded"]):
        assert words in page, page
    unknown = service.explain("Q0-0")
    assert unknown.returncode == 1 and unknown.stderr.startswith("quotelife: no quote Q0-0")


def test_killed_recorder_loses_and_duplicates_nothing(service, client):
    before = service.history.position()[1]
    given = []
    for n in range(5):
        given += [ask(client, related(), more=[(20001, "CLIENT_PRIORITY")])[117] for _ in range(20)]
        os.kill(service.recorder.pid, signal.SIGKILL)
        service.recorder.kill()
        given.append(quote(client)[117])
        service.start_recorder()
        if n % 2:
            time.sleep(0.3)
    for quote_id in given:
        service.quote_once(quote_id, lambda q: True)
    numbers = [service.history.quote(quote_id).number for quote_id in given]
    assert numbers == list(range(numbers[0], numbers[0] + len(given)))
    assert service.history.position()[1] - before >= len(given)
    region = MetricsRegion.attach(service.run_directory / "metrics-recorder")
    assert region.values[region.counter("quotelife_journal_lost_total")] == 0


def test_sigterm_stores_all_pending_records(service, client):
    quote_id = quote(client)[117]
    assert service.recorder.stop() == 0
    assert service.history.quote(quote_id) is not None
    service.start_recorder()
