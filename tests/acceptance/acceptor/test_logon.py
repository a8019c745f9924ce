"""Logons that are accepted and refused; refused ones change no sequence number and disturb no session."""

import os
import socket
import threading
from pathlib import Path

import pytest

from quotelife.config.password_hash import hash_password
from quotelife.metrics.region import MetricsRegion
from tests.acceptance.client import Client, encode, sending_time
from tests.acceptance.conftest import INSTRUMENTS, Service
from tests.acceptance.rfq.test_failures import wait_until
from tests.acceptance.rfq.test_quote_request import ask
from tests.acceptance.session_files import Numbers, numbers

PASSWORD = "correct horse battery staple"
STRICT = "logon_timeout_s = 1.0\nmax_pending = 40\nstuck_after_s = 1.0\n"
CLIENTS = """
[[client]]
name = "Guarded"
sessions = ["GUARD", "GUARD2"]
[client.logon.GUARD]
username = "desk"
password_hash = "{hash}"
[client.logon.GUARD2]
password_hash_env = "QUOTELIFE_TEST_HASH"

[[client]]
name = "Open"
sessions = ["OPEN", "OPEN2"]

[[client]]
name = "Far"
sessions = ["FAR"]
allowed_addresses = ["10.0.0.0/8", "127.0.0.2"]
"""


@pytest.fixture(scope="module")
def service(engine, tmp_path_factory):
    hashed = hash_password(PASSWORD)
    os.environ["QUOTELIFE_TEST_HASH"] = hash_password(PASSWORD + "2")
    folder = tmp_path_factory.mktemp("logon")
    patient = INSTRUMENTS.replace("stale_after_ms = 400.0", "stale_after_ms = 5000.0")  # attacks take the cores
    with Service(folder, before=STRICT, instruments=patient, clients=CLIENTS.format(hash=hashed)) as running:
        yield running
    del os.environ["QUOTELIFE_TEST_HASH"]


def counted(service: Service, family: str, **labels: str) -> int:
    region = MetricsRegion.attach(service.run_directory / "metrics-quoting")
    return int(region.values[region.counter(family, **labels)])


def refusals(service: Service, reason: str) -> int:
    return counted(service, "quotelife_logons_refused_total", reason=reason)


def settled(service: Service, client: Client) -> Numbers:
    """Both sequence numbers, once the client's last message is counted."""
    wait_until(lambda: numbers(service, client.sender).expected == client.out_seq)
    return numbers(service, client.sender)


def logon(
    service: Service, session: str = "GUARD", username: str | None = "desk", password: str | None = PASSWORD, **options
) -> Client:
    client = Client(service.port, session)
    client.out_seq = options.pop("seq", 1)
    send_logon(client, username, password, **options)
    client.receive("A")
    return client


def send_logon(
    client: Client, username: str | None = None, password: str | None = None, reset: bool = True, more=()
) -> None:
    credentials = [(553, username)] if username is not None else []
    credentials += [(554, password)] if password is not None else []
    client.send("A", [(98, 0), (108, 30), *credentials, *([(141, "Y")] if reset else []), *more])


def first_message(msg_type: str, seq: int, fields, sender: str = "GUARD", begin: str = "FIX.4.4") -> bytes:
    return encode(begin, [(35, msg_type), (34, seq), (49, sender), (52, sending_time()), (56, "QUOTELIFE"), *fields])


def logon_bytes(seq: int = 1, password: str = "wrong", reset: bool = True, **options) -> bytes:
    more = [(141, "Y")] if reset else []
    return first_message("A", seq, [(98, 0), (108, 30), (553, "desk"), (554, password), *more], **options)


ATTACKS = {
    "wrong password, numbers reset": (logon_bytes(), "credentials"),
    "wrong password": (logon_bytes(reset=False), "credentials"),
    "wrong password, number too low": (logon_bytes(seq=0, reset=False), "credentials"),
    "wrong password, number too high": (logon_bytes(seq=9_000, reset=False), "credentials"),
    "no password": (first_message("A", 1, [(98, 0), (108, 30), (141, "Y")]), "credentials"),
    "right password of another user": (
        first_message("A", 1, [(98, 0), (108, 30), (553, "someone"), (554, PASSWORD), (141, "Y")]),
        "credentials",
    ),
    "two Logons at once": (logon_bytes() + logon_bytes(), "credentials"),
    "user name twice": (
        first_message("A", 1, [(98, 0), (108, 30), (553, "x"), (553, "desk"), (554, PASSWORD), (141, "Y")]),
        "not_a_logon",
    ),
    "another version": (logon_bytes(begin="FIX.4.2"), "unknown_session"),
    "unknown CompID": (logon_bytes(sender="NOBODY"), "unknown_session"),
    "SequenceReset first": (first_message("4", 1, [(36, 5_000)]), "not_a_logon"),
    "Reject first": (first_message("3", 3, [(45, 1)]), "not_a_logon"),
    "Logout first": (first_message("5", 3, []), "not_a_logon"),
    "a wrong checksum": (logon_bytes()[:-4] + b"999\x01", "not_a_logon"),
    "garbage": (os.urandom(300), "not_a_logon"),
    "a web browser": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not_a_logon"),
    "half a Logon": (logon_bytes()[:40], "timed_out"),
    "nothing": (b"", "timed_out"),
    "a Logon without end": (b"8=FIX.4.4\x019=9999\x0135=A\x01" + b"x" * 5_000, "not_a_logon"),
}


def attack(service: Service, raw: bytes, source: str) -> tuple[socket.socket, bytes]:
    stranger = socket.create_connection(("127.0.0.1", service.port), 10, source_address=(source, 0))
    stranger.sendall(raw)
    return stranger, raw


def test_attacks_do_not_affect_a_live_session(service):
    before = {reason: refusals(service, reason) for _, reason in ATTACKS.values()}
    with logon(service) as client:
        quote = ask(client)
        logons = counted(service, "quotelife_client_logons_total", session="GUARD")
        at_first = settled(service, client)
        # Each from its own address, so that none counts as guessing.
        strangers = [attack(service, raw, f"127.0.1.{n}") for n, (raw, _) in enumerate(ATTACKS.values(), 1)]
        expected = {r: before[r] + [reason for _, reason in ATTACKS.values()].count(r) for r in before}
        wait_until(lambda: {r: refusals(service, r) for r in before} == expected)
        for stranger, raw in strangers:
            answer = receive_all(stranger)
            assert answer == b"" or (
                b"141=Y" in raw and b"\x0135=5\x01" in answer and b"58=logon refused\x01" in answer
            )
        assert numbers(service, "GUARD") == at_first
        assert counted(service, "quotelife_client_logons_total", session="GUARD") == logons
        assert int(ask(client)[34]) == int(quote[34]) + 1
        client.logout()


@pytest.mark.parametrize("name", ["wrong password, numbers reset", "SequenceReset first", "two Logons at once"])
def test_attacks_do_not_affect_an_absent_session(service, name):
    with logon(service) as client:
        quote, out_seq = ask(client), client.out_seq
        before = settled(service, client)
    stranger, _ = attack(service, ATTACKS[name][0], "127.0.2.1")
    receive_all(stranger)
    assert numbers(service, "GUARD") == before
    with logon(service, reset=False, seq=out_seq) as client:
        assert int(client.log[0][34]) == int(quote[34]) + 1, "no number is missing"
        assert ask(client).type == "S"


def receive_all(stranger: socket.socket) -> bytes:
    """All bytes that the peer sends until it closes the connection."""
    found = b""
    with stranger:
        try:
            while data := stranger.recv(4096):
                found += data
        except ConnectionResetError:
            pass  # closed with unread bytes
    return found


@pytest.mark.parametrize("seconds", ["-1", "0", "3601"])
def test_a_heartbeat_that_cannot_be_kept_is_refused_by_name(service, seconds):
    before = refusals(service, "unsupported_field")
    raw = first_message("A", 1, [(98, 0), (108, seconds), (553, "desk"), (554, PASSWORD), (141, "Y")])
    answer = receive_all(attack(service, raw, "127.0.3.1")[0])
    text = f"58=logon refused: HeartBtInt (108) is '{seconds}'; allowed: 1 to 3600 seconds\x01"
    assert b"\x0135=5\x01" in answer and text.encode() in answer
    wait_until(lambda: refusals(service, "unsupported_field") == before + 1)


def test_password_from_the_environment_is_stored_nowhere(service):
    with logon(service, "GUARD2", None, PASSWORD + "2") as client:
        assert ask(client).type == "S"
    stranger, _ = attack(service, logon_bytes(password="hunter2-and-more"), "127.0.2.2")
    receive_all(stranger)
    wait_until(lambda: any("logon refused (credentials)" in line for line in service.quoting.stderr))
    files = [path for folder in ("var", ".") for path in (service.config.parent / folder).rglob("*") if path.is_file()]
    files += [path for path in service.run_directory.rglob("*") if path.is_file()]
    texts = {str(path): path.read_bytes() for path in files} | {"stderr": "".join(service.quoting.stderr).encode()}
    assert len(texts) > 10
    assert [name for name, text in texts.items() if b"hunter2" in text or PASSWORD.encode() in text] == []


def test_guessing_is_blocked(service):
    before = refusals(service, "credentials"), refusals(service, "guessing")
    strangers = [attack(service, logon_bytes(password=f"guess{n}"), "127.0.3.1")[0] for n in range(5)]
    wait_until(lambda: refusals(service, "credentials") == before[0] + 5)
    stranger, _ = attack(service, logon_bytes(password=PASSWORD), "127.0.3.1")
    assert b"58=logon refused\x01" in receive_all(stranger)
    assert refusals(service, "guessing") == before[1] + 1
    for stranger in strangers:
        stranger.close()
    with logon(service) as client:  # from another address
        assert ask(client).type == "S"


def test_second_logon_does_not_take_over_a_live_session(service):
    before = refusals(service, "in_use")
    with logon(service) as client, Client(service.port, "GUARD") as second:
        quote = ask(client)
        send_logon(second, "desk", PASSWORD)
        wait_until(lambda: refusals(service, "in_use") == before + 1)
        assert second.receive("5")[58] == "logon refused"
        assert int(ask(client)[34]) == int(quote[34]) + 1


def test_reconnecting_client_is_admitted_once_the_old_connection_ends(service):
    with logon(service) as client, Client(service.port, "GUARD") as second:
        send_logon(second, "desk", PASSWORD)
        client.logout()
        assert second.receive("A").type == "A"


def test_only_the_allowed_address_can_log_on(service):
    before = refusals(service, "address")
    stranger, _ = attack(service, first_message("A", 1, [(98, 0), (108, 30), (141, "Y")], "FAR"), "127.0.0.1")
    assert b"58=logon refused\x01" in receive_all(stranger)
    assert refusals(service, "address") == before + 1
    welcome, _ = attack(service, first_message("A", 1, [(98, 0), (108, 30), (141, "Y")], "FAR"), "127.0.0.2")
    with welcome:
        assert b"\x0135=A\x01" in welcome.recv(4096)


def test_a_flood_of_connections_is_bounded(service):
    with service.client("OPEN") as client:
        ask(client)
        threads, descriptors = census(service.quoting.pid)
        too_many = refusals(service, "too_many")
        crowd = [socket.create_connection(("127.0.0.1", service.port), 10) for _ in range(200)]
        try:
            wait_until(lambda: refusals(service, "too_many") >= too_many + 150)
            now = census(service.quoting.pid)
            assert now[0] == threads, "no thread for a connection without Logon"
            assert now[1] <= descriptors + 40
            assert ask(client).type == "S"
        finally:
            for one in crowd:
                one.close()
        wait_until(lambda: census(service.quoting.pid)[1] <= descriptors + 1)
        with service.client("OPEN2") as late:
            assert ask(late).type == "S"


def census(pid: int) -> tuple[int, int]:
    """Threads and open descriptors of a process."""
    return len(list(Path(f"/proc/{pid}/task").iterdir())), len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_client_that_does_not_read_is_cut_off_and_delays_nobody(service):
    """It requests answers of 3 KB and a stream of quotes, and reads none of them."""
    before = counted(service, "quotelife_clients_cut_off_total", session="OPEN", reason="not_reading")
    with service.client("OPEN") as deaf, service.client("OPEN2") as client:
        deaf.send("R", [(131, "stream"), (263, 1), (146, 1), (55, "BTC-USD"), (54, 1), (38, 1)])
        deaf.receive("S")
        flooding = threading.Thread(target=flood, args=(deaf,))
        flooding.start()
        answered = 0
        while flooding.is_alive() or answered < 50:
            answer = ask(client)
            assert answer.type == "S", answer
            answered += 1
        flooding.join()
        cut = counted(service, "quotelife_clients_cut_off_total", session="OPEN", reason="not_reading")
        assert cut == before + 1
        region = MetricsRegion.attach(service.run_directory / "metrics-quoting")
        wait_until(lambda: region.values[region.gauge("quotelife_client_session_up", session="OPEN")] == 0)
        assert ask(client).type == "S"
    text = "client OPEN (127.0.0.1) disconnected (not_reading): "
    wait_until(lambda: any(text in line for line in service.quoting.stderr))
    with service.client("OPEN") as client:
        assert ask(client).type == "S"


def flood(deaf: Client) -> None:
    """Send requests without reading until the peer closes the connection."""
    with pytest.raises(ConnectionError):
        while True:
            deaf.send("1", [(112, "x" * 3_000)])


def test_endless_message_is_cut_off(service):
    before = counted(service, "quotelife_clients_cut_off_total", session="OPEN", reason="oversize")
    with service.client("OPEN") as client, service.client("OPEN2") as other:
        with pytest.raises(ConnectionError):
            client.send_raw(b"8=FIX.4.4\x019=999999999\x0135=R\x01")
            while True:
                client.send_raw(b"x" * 100_000)
        assert ask(other).type == "S"
    assert counted(service, "quotelife_clients_cut_off_total", session="OPEN", reason="oversize") == before + 1


def test_a_sequence_reset_behind_a_logout_is_not_obeyed(service):
    with service.client("OPEN") as client:
        seq = client.out_seq
        messages = [(*client.header("5", seq),), (*client.header("4", seq + 1), (36, 1))]
        client.send_raw(b"".join(encode("FIX.4.4", fields) for fields in messages))
        client.receive("5")
    wait_until(lambda: numbers(service, "OPEN").expected == seq + 1, 5)
    with service.client("OPEN") as client:
        client.send("1", [(112, "still there")])
        client.receive("0")
