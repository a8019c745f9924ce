"""SIGTERM with open quotes: withdrawn at once, or run out within a limit; then a clean Logout."""

import os
import signal
import time

import pytest

from tests.acceptance.client import Client, Message, seconds
from tests.acceptance.rfq.test_hits import filled, quote, respond
from tests.acceptance.rfq.test_quote_request import ask

RUN_OUT = '[shutdown]\nopen_quotes = "run_out"\nlimit_ms = {:.1f}\n'


def end(service) -> None:
    os.kill(service.quoting.pid, signal.SIGTERM)


def until_refused(client: Client) -> Message:
    """Requests until the first refusal, since a signal is not immediate."""
    while True:
        answer = ask(client)
        if answer.type != "S":
            return answer


def test_open_quotes_are_withdrawn_and_clients_logged_out(start):
    service = start()
    with service.client("FUND") as client:
        given = quote(client)
        end(service)
        assert client.receive("Z")[117] == given[117]
        assert client.receive("5").type == "5"
    assert service.quoting.stop() == 0


@pytest.mark.slow
def test_shutdown_withdraws_quotes_at_the_limit(start):
    service = start(before=RUN_OUT.format(1))
    with service.client("FUND") as client:
        given = quote(client)
        end(service)
        assert client.receive("Z")[117] == given[117]
        assert client.receive("5").type == "5"
    assert service.quoting.stop() == 0


def test_shutdown_waits_for_open_quotes_to_expire(start):
    """One quote is hit after the signal, the other expires; only then is the session logged out."""
    service = start(before=RUN_OUT.format(20_000))
    with service.client("FUND") as client:
        hit, left = quote(client), quote(client)
        end(service)
        refused = until_refused(client)
        assert (refused.type, refused[658], refused[58]) == ("AG", "2", "the service is stopping")
        filled(respond(client, hit[117]), "1.5", hit[133])
        assert client.receive("5", "Z", timeout=20).type == "5", "no QuoteCancel: it ran out"
        assert time.time() >= seconds(left[62])
    assert service.quoting.stop() == 0
