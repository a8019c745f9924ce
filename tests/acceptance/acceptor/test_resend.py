"""Which messages are resent after a ResendRequest, and that no others are stored."""

import pytest

from tests.acceptance.client import Client, Message
from tests.acceptance.rfq.test_hits import quote, respond
from tests.acceptance.rfq.test_quote_request import ask
from tests.acceptance.session_files import stored


def resent(client: Client, begin: int, end: int = 0) -> list[Message]:
    """The answer to a ResendRequest; AssertionError for a gap or a superfluous message, as a strict client sees it."""
    through = int(client.log[-1][34]) if end == 0 else end
    client.send("2", [(7, begin), (16, end)])
    expected, found = begin, []
    while expected <= through:
        message = client.receive()
        assert message[34] == str(expected) and message[43] == "Y", message
        if message.type == "4":
            assert message[123] == "Y"
            expected = int(message[36])
        else:
            expected += 1
        found.append(message)
    assert expected == through + 1
    return found


@pytest.fixture
def client(service):
    with service.client("FUND") as client:
        yield client
        service.await_confirmation(client)


def test_only_execution_reports_are_stored_and_resent(service, client):
    for _ in range(20):
        ask(client)
    reports = []
    for _ in range(2):
        reports.append(respond(client, quote(client)[117]))
        client.send("1", [(112, "alive")])
        client.receive("0")
        ask(client)
    for _ in range(20):
        ask(client)
    assert stored(service, "FUND") == 2
    again = [m for m in resent(client, 1) if m.type != "4"]
    assert [m[17] for m in again] == [m[17] for m in reports]
    assert [m[34] for m in again] == [m[34] for m in reports]


@pytest.mark.parametrize("where", ["nothing kept", "the last is kept", "the first is kept", "part of a range"])
def test_resend_leaves_no_gap_wherever_the_reports_are(service, client, where):
    begin, end = 1, 0
    if where == "the first is kept":
        begin = int(respond(client, quote(client)[117])[34])
    for _ in range(5):
        ask(client)
    if where == "the last is kept":
        respond(client, quote(client)[117])
    if where == "part of a range":
        respond(client, quote(client)[117])
        begin, end = 3, int(client.log[-1][34]) - 2
    kinds = [m.type for m in resent(client, begin, end)]
    expected = {
        "nothing kept": ["4"],
        "the last is kept": ["4", "8"],
        "the first is kept": ["8", "4"],
        "part of a range": ["4"],
    }
    assert kinds == expected[where]
    before = int(ask(client)[34])
    for _ in range(3):
        before += 1
        assert ask(client)[34] == str(before)


def test_repeated_resend_requests_get_the_same_reports(service, client):
    for _ in range(3):
        report = respond(client, quote(client)[117])
        ask(client)
        assert resent(client, int(report[34]))[0][17] == report[17]
        ask(client)
    assert stored(service, "FUND") == 3


def test_the_rejection_of_an_unsupported_message_is_not_sent_again(service, client):
    respond(client, quote(client)[117])
    client.send("AI", [(117, "q"), (297, 0)])
    rejected = client.receive("j")
    assert [m.type for m in resent(client, int(rejected[34]))] == ["4"]
