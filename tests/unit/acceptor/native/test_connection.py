"""Connections of the native acceptor: plain requests, everything else, and the order of both."""

import socket
import struct
import threading

import pytest

from quotelife.acceptor.native import plain_messages
from quotelife.fix.session import EXPECTED, NEXT_OUT
from tests.acceptance.client import encode
from tests.unit.acceptor.native.connection_rig import WAIT_S, ConnectionRig


@pytest.fixture
def rig(tmp_path):
    rig = ConnectionRig(tmp_path)
    yield rig
    rig.close()


def request(request_id: str, symbol: str = "ETH-USD") -> list[tuple[int, object]]:
    return [(131, request_id), (146, 1), (55, symbol), (54, 1), (38, 1)]


@pytest.fixture
def turns(monkeypatch):
    """What the kernel returned, turn by turn."""
    found = []
    kernel = plain_messages.take_turn

    def take_turn(*arguments):
        found.append(kernel(*arguments))
        return found[-1]

    monkeypatch.setattr(plain_messages, "take_turn", take_turn)
    return found


def test_a_plain_request_is_answered_by_the_kernel_and_counted(rig, turns):
    with rig.client() as client:
        client.send("R", request("a"))
        quote = client.receive("S")
        assert quote[131] == "a" and turns[-1] == len(quote.raw)
        client.send("a", [(117, quote[117]), (55, "ETH-USD")])  # by the handler, which knows the quote
        assert client.receive("AI")[297] == "0"
        client.send("1", [(112, "now")])  # a message is counted once its answer has left
        assert client.receive("0")[112] == "now"
        numbers = rig.sessions["ORD"].fix.sequence
        assert (numbers[EXPECTED], numbers[NEXT_OUT]) == (client.out_seq, 5)
        assert rig.sessions["ORD"].find_sent(int(quote[34])).encode() == quote.raw


def test_what_is_not_plain_is_the_handlers(rig, turns):
    with rig.client() as client:
        client.send("R", request("a", "NO-SUCH"))
        assert client.receive("AG")[131] == "a"
        client.send("R", request("b"), header=[(97, "Y")])
        assert client.receive("S")[131] == "b"
        assert max(turns) <= 0


def test_messages_that_come_together_are_answered_in_their_order(rig, turns):
    with rig.client() as client:
        sent = b""
        for n in range(60):  # more than one turn
            kind, body = ("R", request(f"r{n}")) if n % 3 else ("1", [(112, f"r{n}")])
            sent += encode("FIX.4.4", [*client.header(kind, client.out_seq), *body])
            client.out_seq += 1
        client.send_raw(sent)
        answers = [client.receive("S", "0") for _ in range(60)]
        assert [m.get(131) or m[112] for m in answers] == [f"r{n}" for n in range(60)]
        assert [int(m[34]) for m in answers] == list(range(2, 62))
        assert sum(turn > 0 for turn in turns) == 40


@pytest.mark.parametrize("cut", [1, 20, -1])
def test_a_message_in_two_parts_is_answered_once_it_is_complete(rig, cut):
    with rig.client() as client:
        raw = encode("FIX.4.4", [*client.header("R", 2), *request("a")])
        client.send_raw(raw[:cut])
        with pytest.raises(TimeoutError):
            client.receive("S", timeout=0.05)
        client.send_raw(raw[cut:])
        assert client.receive("S")[131] == "a"


def test_what_follows_a_hit_waits_for_the_disk_and_other_sessions_do_not(rig, monkeypatch):
    on_disk, store = threading.Event(), rig.handler.store

    def wait_and_store(outcome):
        assert on_disk.wait(WAIT_S)
        store(outcome)

    with rig.client() as client, rig.client("FUND") as other:
        client.send("R", request("a"))
        quote = client.receive("S")
        monkeypatch.setattr(rig.handler, "store", wait_and_store)
        client.send("AJ", [(693, "h"), (117, quote[117]), (694, 1), (55, "ETH-USD"), (54, 1)])
        client.send("R", request("b"))
        other.send("R", request("c"))
        assert other.receive("S")[131] == "c"
        assert rig.sessions["ORD"].fix.sequence[EXPECTED] == 3, "the hit does not count before it is on disk"
        on_disk.set()
        assert client.receive()[39] == "2"
        assert client.receive("S")[131] == "b"


def test_a_hit_whose_connection_is_lost_is_handled_before_the_session_is_free(rig, monkeypatch):
    on_disk, store = threading.Event(), rig.handler.store

    def wait_and_store(outcome):
        assert on_disk.wait(WAIT_S)
        store(outcome)

    client = rig.client()
    client.send("R", request("a"))
    quote = client.receive("S")
    monkeypatch.setattr(rig.handler, "store", wait_and_store)
    client.send("AJ", [(693, "h"), (117, quote[117]), (694, 1), (55, "ETH-USD"), (54, 1)])
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert not rig.ended.wait(0.05)
    on_disk.set()
    assert rig.ended.wait(WAIT_S)
    assert rig.sessions["ORD"].fix.sequence[EXPECTED] == 4
    assert not rig.handler.sessions["ORD"].is_logged_on
    assert rig.rig.ledger.answer_to("ORD", "AJ", "h") is not None


def test_an_exception_ends_only_the_connection_that_it_comes_from(rig, monkeypatch, caplog):
    with rig.client() as client, rig.client("FUND") as other:
        monkeypatch.setattr(rig.sessions["ORD"].fix, "receive", lambda *arguments: 1 / 0)
        client.send("1", [(112, "x")])
        with pytest.raises(ConnectionError):
            client.receive("0")
        assert rig.ended.wait(WAIT_S)
        assert "exception while serving client ORD" in caplog.text
        other.send("R", request("a"))
        assert other.receive("S")[131] == "a"


def test_a_connection_that_is_reset_ends_at_once(rig):
    client = rig.client()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert rig.ended.wait(WAIT_S)
