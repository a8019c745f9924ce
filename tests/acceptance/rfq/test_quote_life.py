"""A quote's life beside hits: withdrawal, status, cancels, subscriptions, grace, and what is sent again."""

import sqlite3
import time
from contextlib import closing

import pytest

from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from tests.acceptance.client import Client, Message, seconds
from tests.acceptance.conftest import Market
from tests.acceptance.rfq.test_failures import wait_until
from tests.acceptance.rfq.test_hits import await_expiry, filled, quote, refused, respond
from tests.acceptance.rfq.test_quote_request import ask, new_id, related


@pytest.fixture
def client(service):
    service.calm()
    with service.client("FUND") as client:
        yield client
    service.calm()


def status(client: Client, quote_id: str) -> Message:
    client.send("a", [(649, "s1"), (117, quote_id), (55, "BTC-USD")])
    report = client.receive("AI")
    assert report[649] == "s1" and report[117] == quote_id
    return report


def through(service, by_ticks: int = 20) -> None:
    """The market moves up, through every offer."""
    service.market.do("book", symbol="BTC-USD", bid=200 + by_ticks, ask=204 + by_ticks, size=50_000)


def test_quote_is_withdrawn_at_once_when_the_market_crosses_it(client, service):
    given, other = quote(client), quote(client, side=2)
    moved = time.time()
    through(service)
    cancel = client.receive("Z", timeout=2)
    assert cancel.received_ns / 1e9 - moved < 0.5, "long before the quote's time"
    assert (cancel[117], cancel[131], cancel[298], cancel[20003]) == (given[117], given[131], "1", "market_moved")
    assert cancel.all(295) == ["1"] and cancel.all(55) == ["BTC-USD"]
    refused(respond(client, given[117]), "withdrawn", code="8")
    assert status(client, given[117])[297] == "1"
    filled(respond(client, other[117]), "1.5", other[132])


def test_untrusted_book_withdraws_the_quote(client, service):
    given = quote(client)
    service.market.do("state", symbol="BTC-USD", state="gap")
    cancel = client.receive("Z", timeout=2)
    assert (cancel[117], cancel[20003]) == (given[117], "no_market")


def test_silent_venue_withdraws_the_quote(client, service):
    given = quote(client)
    service.market.do("venue", loud=False)
    assert client.receive("Z", timeout=3)[117] == given[117]


def test_quiet_market_withdraws_nothing(client):
    given = quote(client)
    client.silence(0.3)
    filled(respond(client, given[117]), "1.5", given[133])


def test_status_is_reported_in_every_state(client):
    given = quote(client)
    report = status(client, given[117])
    assert (report[297], report[131], report[133], report[62]) == ("0", given[131], given[133], given[62])
    respond(client, given[117])
    assert (status(client, given[117])[297], status(client, given[117])[58]) == ("6", "filled")
    assert status(client, "no-such-quote")[297] == "9"
    late = quote(client)
    await_expiry(client, late)
    assert status(client, late[117])[297] == "7"


def test_cancelled_quote_cannot_be_hit(client):
    given, other = quote(client), quote(client)
    client.send("Z", [(117, given[117]), (298, 1), (295, 1), (55, "BTC-USD")])
    report = client.receive("AI")
    assert (report[117], report[297]) == (given[117], "1")
    refused(respond(client, given[117]), "cancelled by its client")
    client.send("Z", [(117, "*"), (298, 4)])
    assert client.receive("AI")[297] == "4"
    refused(respond(client, other[117]), "cancelled by its client")


def test_subscription_gets_new_quotes(client, service):
    request_id = new_id()
    entry = [(131, request_id), (263, 1), (146, 1), *related()]
    client.send("R", entry)
    given = [client.receive("S")]
    for _ in range(3):
        given.append(client.receive("S", timeout=12))
        assert seconds(given[-1][60]) >= seconds(given[-2][62]), "never two at once"
    assert {q[131] for q in given} == {request_id} and len({q[117] for q in given}) == 4
    through(service)
    assert client.receive("Z", timeout=2)[117] == given[-1][117]
    moved = client.receive("S", timeout=2)
    assert float(moved[133]) > float(given[-1][133])
    refused(respond(client, given[-1][117]), "withdrawn")
    filled(respond(client, moved[117]), "1.5", moved[133])
    client.silence(0.2)


def test_second_request_gets_its_own_quote(client):
    first, second = quote(client), quote(client)
    assert first[117] != second[117]
    filled(respond(client, second[117]), "1.5", second[133])
    filled(respond(client, first[117]), "1.5", first[133])


def test_execution_reports_are_resent_and_market_messages_are_not(client, service):
    """S, Z and AI are gap-filled; the report comes with PossDup, as it was."""
    given, lost = quote(client), quote(client)
    report = respond(client, given[117], response_id=new_id())
    through(service)
    cancel = client.receive("Z", timeout=2)
    assert cancel[117] == lost[117]
    state = status(client, given[117])
    service.calm()
    client.send("2", [(7, given[34]), (16, 0)])  # before it: what earlier tests have not confirmed
    again = []
    while not again or int(again[-1].get(36) or int(again[-1][34]) + 1) <= int(state[34]):
        again.append(client.receive("8", "4", "S", "Z", "AI"))
    assert [m.type for m in again] == ["4", "8", "4"]
    repeated = again[1]
    assert (repeated[43], repeated[34], repeated[17]) == ("Y", report[34], report[17])
    assert [repeated[t] for t in (11, 14, 31, 32, 39) if t in repeated] == [
        report[t] for t in (11, 14, 31, 32, 39) if t in report
    ]
    assert 122 in repeated
    skipped = {given[34], lost[34], cancel[34], state[34]}
    assert all(int(again[0][34]) <= int(n) < int(again[0][36]) or int(n) >= int(again[2][34]) for n in skipped)


def test_hit_within_the_grace_is_filled_and_counted_separately(start):
    service = start(before="[hits]\ngrace_ms = 400.0\n")
    with service.client("FUND") as client:
        given = quote(client)
        await_expiry(client, given)
        filled(respond(client, given[117]), "1.5", given[133])
        late = quote(client)
        await_expiry(client, late)
        client.silence(0.45)
        refused(respond(client, late[117]), "expired", code="4")
    data = service.config.parent / "var"
    with closing(sqlite3.connect(data / "ledger.sqlite")) as ledger:
        assert ledger.execute("SELECT count(*) FROM fills").fetchone() == (1,)


def test_end_of_market_data_withdraws_the_quote(client, service):
    """The writer of the board dies: no quote stays open on its last prices."""
    given = quote(client)
    service.market.kill()
    cancel = client.receive("Z", timeout=5)
    assert (cancel[117], cancel[20003]) == (given[117], "no_market")
    board = Board.attach(service.run_directory / "board")
    assert board.header[L.H_HEARTBEAT_NS] > 0
    service.market = Market(service.config)
    service.calm()
    wait_until(lambda: ask(client).type == "S")
