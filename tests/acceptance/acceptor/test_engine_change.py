"""A client's session goes on when the desk changes the engine of the acceptor: same numbers, reports sent again.

Each test starts with `engine` and changes to the other one.
"""

from tests.acceptance.acceptor.test_resend import resent
from tests.acceptance.client import Client, Message
from tests.acceptance.conftest import Service
from tests.acceptance.engines import ENGINES
from tests.acceptance.rfq.test_hits import quote, respond
from tests.acceptance.session_files import Numbers, await_numbers, numbers

SESSIONS = ("FUND", "OMS50")


def change_engine(service: Service) -> dict[str, Numbers]:
    """Start the quoting process, which has ended, with the other engine. Returns the numbers that it found."""
    found = {name: numbers(service, name) for name in SESSIONS}
    (other,) = {*ENGINES} - {service.engine}
    text = service.config.read_text()
    service.config.write_text(text.replace(f'engine = "{service.engine}"', f'engine = "{other}"'))
    service.engine = other
    service.start_quoting()
    return found


def again(service: Service, before: Client, found: Numbers, next_expected: int | None = None) -> Client:
    """Log on without a reset, as a client that continues its numbers."""
    client = service.client(before.sender, logon=False)
    client.out_seq = before.out_seq
    version = [(1137, 9)] if client.begin == "FIXT.1.1" else []
    expected = [] if next_expected is None else [(789, next_expected)]
    client.send("A", [(98, 0), (108, 30), *version, *expected])
    answer = client.receive("A")
    assert int(answer[34]) == found.next_out > int(before.log[-1][34]) and 141 not in answer, answer
    return client


def check_same_report(found: list[Message], report: Message) -> None:
    same = [message for message in found if message.type == "8" and message[34] == report[34]]
    assert [(m[17], m[43], m[122]) for m in same] == [(report[17], "Y", report[52])]


def test_a_session_continues_under_the_other_engine_and_back(start):
    service = start()
    clients = {name: service.client(name) for name in SESSIONS}
    reports = {}
    for name, client in clients.items():
        first = respond(client, quote(client)[117])
        quote(client)
        reports[name] = [first, respond(client, quote(client)[117])]
        service.await_confirmation(client)
    for client in clients.values():
        await_numbers(service, client)

    service.quoting.kill()
    before = change_engine(service)
    for name, client in clients.items():
        client.close()
        clients[name] = client = again(service, client, before[name])
        found = resent(client, int(reports[name][0][34]))
        for report in reports[name]:
            check_same_report(found, report)
        reports[name].append(respond(client, quote(client)[117]))
        service.await_confirmation(client)

    for client in clients.values():
        client.close()
    assert service.quoting.stop() == 0
    before = change_engine(service)
    for name, client in clients.items():
        clients[name] = client = again(service, client, before[name], int(reports[name][1][34]))
        check_same_report([client.receive("8"), client.receive("8")], reports[name][1])
        check_same_report(client.log, reports[name][2])
        quote(client)
        assert not [message for message in client.log if message.type == "2"], "the service has missed nothing"
        client.close()

    with service.client("FUND") as client:  # which starts its numbers again
        assert client.log[0][34] == "1"
        assert quote(client)[34] == str(numbers(service, "FUND").next_out - 1)
