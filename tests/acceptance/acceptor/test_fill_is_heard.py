"""Each ExecutionReport arrives, once or as a marked duplicate, however the client asks for what it has missed."""

import pytest

from tests.acceptance.client import Client, Message
from tests.acceptance.conftest import BEGIN_STRINGS, Service
from tests.acceptance.rfq.test_hits import order, quote
from tests.acceptance.rfq.test_quote_request import ask

SESSIONS = ["OMS42", "FUND", "OMS50"]


@pytest.fixture(params=SESSIONS)
def client(service, request):
    with service.client(request.param) as client:
        yield client


def fill(client: Client) -> Message:
    report = order(client, quote(client)[117], [(54, 1), (38, "1.5")])
    assert report.type == "8" and report[39] == "2", report
    return report


def reconnect(service: Service, client: Client, *logon: tuple[int, object]) -> tuple[Client, Message]:
    """The same session on a new connection, its sequence numbers going on; `logon` is added to the Logon."""
    client.close()
    again = Client(service.port, client.sender, begin=BEGIN_STRINGS.get(client.sender, "FIX.4.4"))
    again.out_seq = client.out_seq
    version = [(1137, 9)] if again.begin == "FIXT.1.1" else []
    again.send("A", [(98, 0), (108, 30), *version, *logon])
    return again, again.receive("A")


def missed(client: Client, begin: int, through: int) -> list[Message]:
    """The ExecutionReports among the messages `begin` to `through` that are sent again; AssertionError for a gap."""
    expected, reports = begin, []
    while expected <= through:
        message = client.receive("8", "4")
        assert message[34] == str(expected) and message[43] == "Y", message
        expected = int(message[36]) if message.type == "4" else expected + 1
        if message.type == "8":
            reports.append(message)
    assert expected == through + 1
    return reports


@pytest.mark.parametrize("filled_last", [False, True])
def test_next_expected_msg_seq_num_gets_the_missed_fills(service, client, filled_last):
    reports = [fill(client)]
    ask(client)
    reports.append(fill(client))
    if not filled_last:
        ask(client)
    first = int(reports[0][34])
    client, logon = reconnect(service, client, (789, first))
    again = missed(client, first, int(logon[34]))
    assert [(m[17], m[34]) for m in again] == [(m[17], m[34]) for m in reports]
    assert int(ask(client)[34]) == int(logon[34]) + 1
    client.close()
