"""What goes wrong inside and around the service: it answers, goes on, and ends when it is told to."""

import shutil
import subprocess
import sys
import time

import pytest

from quotelife.config.shipped import DEMO
from quotelife.metrics.region import MetricsRegion
from tests.acceptance.client import Client
from tests.acceptance.conftest import Market, Service
from tests.acceptance.parameters import write_parameters
from tests.acceptance.rfq.test_quote_request import ask, refused, related
from tests.acceptance.session_files import await_numbers
from tests.paths import ROOT

FAILING = '[pricing]\nprovider = "tests.acceptance.failing_pricing:provider"'


@pytest.fixture(scope="module")
def failing(engine, tmp_path_factory):
    with Service(tmp_path_factory.mktemp("failing"), before=FAILING) as running:
        yield running


def test_pricing_exception_is_refused_counted_and_logged(failing):
    service = failing
    with service.client() as client:
        assert ask(client, related(quantity="0.006")).type == "S"
        refused(ask(client, related(quantity="0.007"), request_id="bug"), 99, "internal error", "BTC-USD")
        refused(ask(client, related(quantity="0.008"), request_id="exit"), 99, "internal error")
        quote = ask(client, related(quantity="0.006"))
        assert quote.type == "S" and quote[133] == "102.0"
        region = MetricsRegion.attach(service.run_directory / "metrics-quoting")
        rejects = region.counter("quotelife_rejects_total", reason="internal_error")
        wait_until(lambda: region.values[rejects] == 2)
    wait_until(lambda: any("a bug of the desk's own" in line for line in service.quoting.stderr))


def test_pricing_exception_refuses_only_its_symbol(failing):
    with failing.client() as client:
        first = ask(client, related("BTC-USD", 1, "0.007"), related("ETH-USD", 1, 6))
        second = client.receive("S", "AG")
        refused(first, 99, "BTC-USD")
        assert second.type == "S" and second[55] == "ETH-USD"


def test_metrics_count_requests_and_refusals(service):
    region = MetricsRegion.attach(service.run_directory / "metrics-quoting")
    before = region.values.copy()
    with service.client() as client:
        for _ in range(3):
            assert ask(client).type == "S"
        ask(client, related("NO-SUCH"))
        client.send("AJ", [(693, "x"), (117, "none"), (694, 1)])
        client.receive("8")
        words = {
            region.counter("quotelife_requests_total"): 4,
            region.counter("quotelife_quotes_total", model="liquidity_provider"): 3,
            region.counter("quotelife_rejects_total", reason="unknown_symbol"): 1,
            region.counter("quotelife_hits_total", outcome="refused"): 1,
            region.counter("quotelife_client_logons_total", session="ORD1"): 1,
        }
        wait_until(lambda: all(region.values[word] - before[word] == n for word, n in words.items()))
        client.logout()
    up = region.gauge("quotelife_client_session_up", session="ORD1")
    wait_until(lambda: region.values[up] == 0)


def test_recreated_board_is_attached(service):
    with service.client() as client:
        assert ask(client).type == "S"
        service.market.kill()
        wait_until(lambda: "market data has stopped" in (ask(client).get(58) or ""))
        service.market = Market(service.config)
        service.calm()
        wait_until(lambda: ask(client).type == "S")


@pytest.fixture
def restarting(service):
    """The shared service for a test that ends its quoting process."""
    yield service
    if not service.quoting.running():
        service.start_quoting()


@pytest.mark.parametrize("logged_on", [False, True])
def test_sigterm_logs_clients_out_and_exits(restarting, logged_on):
    service = restarting
    client = Client(service.port, "ORD1")
    if logged_on:
        client.logon()
        assert ask(client).type == "S"
    assert service.quoting.stop() == 0
    if logged_on:
        assert client.receive("5").type == "5"
    client.close()


def test_sequence_numbers_survive_a_kill(restarting):
    service = restarting
    with service.client() as client:
        ask(client)
        out_seq, in_seq = client.out_seq, int(client.log[-1][34])
        await_numbers(service, client)
        service.quoting.kill()
    service.start_quoting()
    with Client(service.port, "ORD1") as client:
        client.out_seq = out_seq
        assert client.logon(reset=False)[34] == str(in_seq + 1)
        assert ask(client).type == "S"
        assert not [message for message in client.log if message.type == "2"], "the service has missed nothing"


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ('[pricing]\nprovider = "no.such.module:x"', ["pricing.provider", "no.such.module", "allowed"]),
        ('[pricing]\nprovider = "quotelife.runtime.clock:wall_ns"', ["pricing.provider", "method price"]),
        ("[pricing]\nunknown = 1", ["pricing.unknown"]),
    ],
)
def test_invalid_configuration_exits_with_code_2(tmp_path, before, words):
    shutil.copy(DEMO, tmp_path / "q.toml")
    parameters = write_parameters(tmp_path / "parameters")
    text = (tmp_path / "q.toml").read_text() + "\n" + before + "\n"
    text = text.replace("[paths]", f'[paths]\nparameters = "{parameters}"')
    (tmp_path / "q.toml").write_text(text.replace("/dev/shm/quotelife", str(tmp_path / "run")))
    command = [sys.executable, "-m", "quotelife.acceptor.process", "--config", str(tmp_path / "q.toml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2, done.stderr
    for word in words:
        assert word in done.stderr


def wait_until(condition, timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)
