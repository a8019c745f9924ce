"""Each ExecutionReport arrives, once or as a marked duplicate, however the client asks for what it has missed."""

import json
import socket
import struct
import time

import pytest

from quotelife.ledger.store import Answer, Fill, Ledger
from tests.acceptance.client import Client, Message
from tests.acceptance.conftest import BEGIN_STRINGS, CLIENTS, Service
from tests.acceptance.rfq.test_hits import order, quote
from tests.acceptance.rfq.test_quote_request import ask, new_id
from tests.acceptance.session_files import await_numbers

connected: list[Client] = []
SESSIONS = ["OMS42", "FUND", "OMS50"]


@pytest.fixture(params=SESSIONS)
def client(service, request):
    connected.append(made := service.client(request.param))
    yield made


@pytest.fixture(autouse=True)
def close_all():
    yield
    while connected:
        connected.pop().close()


def fill(client: Client) -> Message:
    report = order(client, quote(client)[117], [(54, 1), (38, "1.5")])
    assert report.type == "8" and report[39] == "2", report
    return report


def reconnect(service: Service, client: Client, *logon: tuple[int, object]) -> tuple[Client, Message]:
    """The same session on a new connection, its sequence numbers going on; `logon` is added to the Logon."""
    client.close()
    again = Client(service.port, client.sender, begin=BEGIN_STRINGS.get(client.sender, "FIX.4.4"))
    connected.append(again)
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
    return reports


def no_more_reports(client: Client) -> None:
    client.send("1", [(112, "all")])
    while client.receive("0").get(112) != "all":
        pass
    assert [message for message in client.unread if message.type == "8"] == []


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


def test_every_way_of_asking_gets_the_same_fill(service, client):
    report = fill(client)
    for _ in range(2):  # however often
        client.send("2", [(7, report[34]), (16, report[34])])
        assert missed(client, int(report[34]), int(report[34]))[0][17] == report[17]
        client, logon = reconnect(service, client, (789, report[34]))
        assert missed(client, int(report[34]), int(logon[34]))[0][17] == report[17]
        client, logon = reconnect(service, client)
        client.send("2", [(7, 1), (16, 0)])
        again = [m[17] for m in missed(client, 1, int(logon[34])) if m.get(97) != "Y"]  # else: of earlier tests
        assert again == [report[17]]


def hit_and_lose_the_connection(client: Client) -> str:
    """The answer is not read: the connection is reset, so that the service may fail to send it."""
    id_ = new_id()
    given = quote(client)
    client.send("D", [(11, id_), (117, given[117]), (55, "BTC-USD"), (54, 1), (38, "1.5"), (40, "D")])
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    return id_


@pytest.mark.parametrize("logon", ["goes on", "789", "reset"])
def test_fill_whose_connection_is_lost_arrives_once_or_marked(service, client, logon):
    expected = int(quote(client)[34]) + 2  # after the next quote
    id_ = hit_and_lose_the_connection(client)
    if logon == "reset":
        client.out_seq = 1
    fields = {"goes on": [], "789": [(789, expected)], "reset": [(141, "Y")]}[logon]
    client, answer = reconnect(service, client, *fields)
    if logon == "goes on":
        assert int(answer[34]) > expected
        client.send("2", [(7, expected), (16, 0)])
    report = client.receive("8")
    assert report[11] == id_ and report[39] == "2"
    assert (report.get(43), report.get(97)) == ((None, "Y") if logon == "reset" else ("Y", None))
    client.receive("1")
    no_more_reports(client)


def test_confirmed_fill_is_not_sent_again_after_a_reset(service, client):
    fill(client)
    client.receive("1")  # the service asks whether it has arrived, and the client has answered
    no_more_reports(client)  # so the answer has been counted
    client.out_seq = 1
    client, _ = reconnect(service, client, (141, "Y"))
    no_more_reports(client)


@pytest.mark.parametrize("logon", ["goes on", "789", "reset"])
def test_answer_that_was_stored_but_not_sent_arrives_after_a_restart(start, logon):
    """The process has died after the ledger's commit, before the engine had the message."""
    service = start()
    connected.append(client := service.client("FUND"))
    given = quote(client)
    await_numbers(service, client)
    service.quoting.kill()
    report = "|".join(("8=FIX.4.4", "9=0", "35=8", f"37={given[117]}", "17=E1-1", "11=lost", "55=BTC-USD", "54=1",
        "150=F", "39=2", "38=1", "32=1", "31=102.0", "151=0", "14=1", "6=102.0", "10=000", ""))  # fmt: skip
    ledger = Ledger(service.config.parent / "var" / "ledger.sqlite")
    row = Fill("E1-1", given[117], "FUND", "Fund", "BTC-USD", 1, 204, 1000, time.time_ns(), time.time_ns(), "lost")
    text = json.dumps([report.replace("|", "\x01")])
    ledger.record_fill(row, [("BTC-USD", -1000, 204)], Answer("FUND", "D", "lost", 1, text, time.time_ns()))
    ledger.close()
    service.start_quoting()
    if logon == "reset":
        client.out_seq = 1
    fields = {"goes on": [], "789": [(789, given[34])], "reset": [(141, "Y")]}[logon]
    client, _ = reconnect(service, client, *fields)
    told = client.receive("8")
    assert (told[17], told[97], told.get(43)) == ("E1-1", "Y", None)
    if logon == "789":  # it was sent within the range that is resent
        assert missed(client, int(given[34]), int(told[34]))[-1][17] == "E1-1"
    client.receive("1")
    no_more_reports(client)


def does_not_accept(service: Service, client: Client, report: Message, msg_type: str) -> None:
    words = f"not accepted {new_id()}"
    client.send(msg_type, [(45, report[34]), (372, "8"), (380, 5), (58, words)])
    no_more_reports(client)  # so it has been handled
    assert not {"3", "j"} & {message.type for message in client.unread}
    deadline = time.monotonic() + 10
    while not any(words in line for line in service.quoting.stderr):  # a thread reads it
        assert time.monotonic() < deadline, "not logged"
        time.sleep(0.01)
    line = next(line for line in service.quoting.stderr if words in line)
    assert f"{client.sender}: client did not accept fill {report[17]}" in line


@pytest.mark.parametrize("msg_type", ["3", "j"])
def test_fill_that_the_client_does_not_accept_is_logged(service, client, msg_type):
    does_not_accept(service, client, fill(client), msg_type)


def test_fill_of_an_earlier_start_is_found_in_the_engines_store(service):
    connected.append(client := service.client("FUND"))
    report = fill(client)
    service.await_confirmation(client)
    await_numbers(service, client)
    service.quoting.kill()
    service.start_quoting()
    client, _ = reconnect(service, client)
    does_not_accept(service, client, report, "3")


DROP_COPIES = """
[[client]]
name = "Middle office"
sessions = ["COPY", "COPY42", "COPY50"]
role = "drop_copy"
copies = { clients = ["Fund"] }
versions = { COPY42 = "FIX.4.2", COPY50 = "FIX.5.0SP2" }
"""


def test_drop_copy_session_gets_what_others_get_and_what_it_missed(start):
    service = start(clients=CLIENTS + DROP_COPIES)
    begins = {"COPY": "FIX.4.4", "COPY42": "FIX.4.2", "COPY50": "FIXT.1.1"}
    receivers = [Client(service.port, name, begin=begin) for name, begin in begins.items()]
    connected.extend(receivers)
    for receiver in receivers:
        receiver.logon()
    connected.append(client := service.client("FUND"))
    report = fill(client)
    for receiver in receivers:
        copy = receiver.receive("8")
        assert (copy[17], copy[115], copy[32], copy[31]) == (report[17], "FUND", report[32], report[31])
        assert (copy.get(797), copy.get(97)) == (None if receiver.sender == "COPY42" else "Y", None)
        no_more_reports(receiver)
    away = receivers[0]
    away.close()
    missed_report = fill(client)
    again, _ = reconnect(service, away)
    copy = again.receive("8")
    assert (copy[17], copy[97], copy[797]) == (missed_report[17], "Y", "Y")
    again.send("2", [(7, 1), (16, 0)])
    resent = [message[17] for message in missed(again, 1, int(copy[34]))]
    assert resent == [report[17], missed_report[17]]
