"""kill -9 of the quoting process between a quote and its hit, and what a client finds afterwards."""

import sqlite3
from contextlib import closing

import pytest

from tests.acceptance.client import Client, sending_time
from tests.acceptance.conftest import INSTRUMENTS, Service
from tests.acceptance.rfq.test_failures import wait_until
from tests.acceptance.rfq.test_hits import filled, order, refused, respond
from tests.acceptance.rfq.test_quote_life import status
from tests.acceptance.rfq.test_quote_request import ask, new_id, related
from tests.acceptance.session_files import await_numbers, set_expected

LONG = "[models.client_priority]\ntolerance_curve = [[1.0, 60000.0]]\n"
LASTING = INSTRUMENTS.replace("max_quantity = 20.0", "max_quantity = 20.0\nmax_lifetime_ms = 60000", 1)


@pytest.fixture(scope="module")
def service(engine, tmp_path_factory):
    """Its quotes outlive a restart."""
    with Service(tmp_path_factory.mktemp("restart"), before=LONG, instruments=LASTING) as running:
        yield running


def come_back(service: Service, client: Client) -> Client:
    """The same session on a new connection, its sequence numbers going on."""
    again = Client(service.port, client.sender)
    again.out_seq = client.out_seq
    logon = again.logon(reset=False)
    assert int(logon[34]) > int(client.log[-1][34])
    return again


def settle(service: Service, client: Client) -> None:
    """Until the ledger has it that the client has its reports, and the engine has counted all messages."""
    service.await_confirmation(client)
    await_numbers(service, client)


def die_and_come_back(service: Service, client: Client) -> Client:
    settle(service, client)
    service.quoting.kill()
    client.close()
    service.start_quoting()
    return come_back(service, client)


def long_quote(client: Client, request_id: str | None = None, side: int = 1):
    """A quote that outlives a restart."""
    answer = ask(client, related(side=side), request_id=request_id or new_id(), more=[(20001, "CLIENT_PRIORITY")])
    assert answer.type == "S" and int(answer[20004]) > 30_000_000, answer
    return answer


def test_live_quotes_survive_a_kill_and_fill_once(service):
    client = service.client("FUND")
    hit_before, open_quote, passed = long_quote(client), long_quote(client, "kept"), long_quote(client)
    report = respond(client, hit_before[117], response_id="before")
    filled(report, "1.5", hit_before[133])
    ordered = order(client, long_quote(client)[117], [(54, 1), (38, "1.5")], order_id="order-before")
    assert respond(client, passed[117], kind=6)[297] == "11"
    client = die_and_come_back(service, client)
    assert status(client, open_quote[117])[297] == "0"
    repeated = ask(client, related(), request_id="kept", more=[(20001, "CLIENT_PRIORITY")])
    assert (repeated[117], repeated[62]) == (open_quote[117], open_quote[62])
    again = respond(client, hit_before[117], response_id="before")
    assert again[17] == report[17] and again[60] == report[60]
    again = order(client, ordered[117], [(54, 1), (38, "1.5")], order_id="order-before")
    assert (again[39], again[17]) == ("2", ordered[17]), "nor a second fill under a ClOrdID"
    refused(order(client, ordered[117], [(54, 1), (38, "1")], order_id="order-before"), code="6")
    refused(respond(client, hit_before[117]), hit_before[117], code="6")
    refused(respond(client, passed[117]), "passed on")
    filled(order(client, open_quote[117], [(54, 1), (38, "1.5")]), "1.5", open_quote[133])
    client.logout()
    client.close()
    wait_until(lambda: any("restored" in line for line in service.quoting.stderr))


@pytest.mark.parametrize("kind", ["AJ", "D"])
def test_hit_asked_for_again_after_a_kill_fills_once(service, kind):
    """The process has died after its answer to the hit, before the engine had counted the hit."""
    client = service.client("FUND")
    given, id_ = long_quote(client), new_id()
    fields = {
        "AJ": [(693, id_), (117, given[117]), (694, 1)],
        "D": [(11, id_), (117, given[117]), (55, "BTC-USD"), (54, 1), (38, "1.5"), (40, "D")],
    }[kind]
    number, stamp = client.send(kind, fields), sending_time()
    report = client.receive("8")
    filled(report, "1.5", given[133])
    settle(service, client)
    service.quoting.kill()
    client.close()
    set_expected(service, "FUND", number)
    before = fills(service)
    service.start_quoting()

    client = come_back(service, client)
    request = client.receive("2")
    assert (request[7], request[16]) == (str(number), "0")
    last, client.out_seq = client.out_seq, number
    client.send(kind, fields, [(43, "Y"), (122, stamp)])
    client.send("4", [(123, "Y"), (36, last)], [(43, "Y"), (122, stamp)])
    client.out_seq = last
    again = client.receive("8")
    assert [again.get(tag) for tag in (17, 39, 31, 32, 60)] == [report.get(tag) for tag in (17, 39, 31, 32, 60)]
    refused(respond(client, given[117]), given[117], code="6")
    assert fills(service) == before and (report[17], given[117]) in before
    assert not [message for message in client.unread if message.type in ("2", "8")]
    service.await_confirmation(client)
    client.close()


def fills(service: Service) -> list[tuple[str, str]]:
    """ExecID and QuoteID of every fill."""
    with closing(sqlite3.connect(service.config.parent / "var" / "ledger.sqlite")) as ledger:
        return ledger.execute("SELECT exec_id, quote_id FROM fills ORDER BY exec_id").fetchall()


def test_clean_stop_ends_open_quotes(service):
    client = service.client("FUND")
    given = long_quote(client)
    assert service.quoting.stop() == 0
    client.close()
    service.start_quoting()
    client = service.client("FUND")
    refused(respond(client, given[117]), "ended with its session")
    client.close()


def test_repeated_request_id_is_refused_after_a_restart(service):
    client = service.client("FUND")
    ask(client, related(), request_id="used", more=[(20001, "CLIENT_PRIORITY")])
    client = die_and_come_back(service, client)
    refusal = ask(client, related(quantity="2"), request_id="used")
    assert refusal[658] == "99" and "used" in refusal[58]
    client.close()
