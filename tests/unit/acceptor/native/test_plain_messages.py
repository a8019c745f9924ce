"""Plain requests of one connection, from its socket to its socket."""

import socket
from threading import Lock
from types import SimpleNamespace

import pytest

from quotelife.acceptor.native.outbox import Outbox
from quotelife.acceptor.native.plain_messages import PlainMessages
from quotelife.acceptor.native.receive_buffer import ReceiveBuffer
from quotelife.rfq.delivery.client_rejects import RecentlySent
from tests.unit.rfq.plain.test_wire import BODY, HEAD, WireRig, message


class Connected:
    """A session's own end and its client's."""

    def __init__(self, folder) -> None:
        self.rig = WireRig(folder)
        self.sock, self.client = socket.socketpair()
        self.sock.setblocking(False)
        self.client.settimeout(5)
        fix = SimpleNamespace(sequence=self.rig.numbers["ORD"], answered=lambda now_ns: None)
        session = SimpleNamespace(name="ORD", lock=Lock(), fix=fix, recent=RecentlySent(int))
        self.outbox, self.buffer = Outbox(self.sock, lambda: None, 0), ReceiveBuffer(self.sock)
        self.plain = PlainMessages(self.buffer, self.outbox, session, self.rig.handler)

    def ask(self, n: int) -> None:
        self.client.sendall(message(BODY.replace("r1", f"r{n}"), head=HEAD.replace("34=7", f"34={6 + n}")))


@pytest.fixture
def connected(tmp_path):
    made = Connected(tmp_path)
    yield made
    made.sock.close()
    made.client.close()


def test_a_quote_does_not_overtake_what_waits(connected):
    """Another thread's message, of which the socket has taken a part: a Quote would stand in the middle of it."""
    waiting = b"x" * (1 << 22)
    connected.outbox.write(waiting)
    assert not connected.outbox.is_empty
    connected.ask(1)
    received = connected.client.recv(1 << 22)
    assert not connected.plain.receive()
    while not connected.outbox.flush():
        received += connected.client.recv(1 << 22)
    assert connected.plain.receive()
    while b"\x0110=" not in received[len(waiting) :]:
        connected.outbox.flush()
        received += connected.client.recv(1 << 22)
    assert received.startswith(waiting) and b"\x01131=r1\x01" in received[len(waiting) :]


def test_bytes_that_belong_to_no_message_do_not_add_up_over_answers(connected):
    for n in (1, 2):
        connected.ask(n)
        assert connected.plain.receive()
        assert connected.buffer.incomplete == 0
        connected.client.sendall(b"\r\n")
        assert connected.buffer.receive() and connected.buffer.next_message() is None
        assert connected.buffer.incomplete == 2
