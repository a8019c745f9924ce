"""The connection monitor, with real sockets and a simulated clock."""

import os
import socket

import pytest

from quotelife.acceptor.common.connections import MAX_MESSAGE_BYTES, ConnectionMonitor
from quotelife.runtime.clock import NS_PER_S

STUCK_S = 5.0


class Rig:
    """The engine's end (`ours`) and the client's end, over TCP or (as with the TLS process) a Unix socket."""

    def __init__(self, unix: bool) -> None:
        if unix:
            self.ours, self.client = socket.socketpair()
        else:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                self.client = socket.create_connection(listener.getsockname())
                self.ours, _ = listener.accept()
        self.ours.setblocking(False)
        self.cut: list[tuple[str, str]] = []
        self.messages = 1
        self.connections = ConnectionMonitor(STUCK_S, lambda session: self.messages, lambda *how: self.cut.append(how))
        self.connections.add("OMS", self.ours.dup(), "10.1.1.1", 0)

    def fill(self) -> None:
        """Send until the buffers are full."""
        try:
            while True:
                self.ours.send(b"x" * 300)
        except BlockingIOError:
            return

    def poll(self, at_s: float) -> None:
        self.connections.poll(int(at_s * NS_PER_S))


@pytest.fixture(params=[False, True], ids=["tcp", "unix"])
def rig(request):
    rig = Rig(request.param)
    yield rig
    rig.connections.close()
    rig.ours.close()
    rig.client.close()


def test_client_that_reads_nothing_is_cut_off_after_the_limit(rig):
    rig.fill()
    for at_s in (1, 3, 5.9):
        rig.poll(at_s)
    assert rig.cut == [] and rig.connections.is_connected("OMS")
    rig.poll(6.1)
    assert rig.cut == [("OMS", "not_reading")]
    assert not rig.connections.is_connected("OMS")
    with pytest.raises(OSError):
        rig.ours.send(b"x")


def test_client_that_reads_a_little_is_not_cut_off(rig):
    rig.fill()
    for at_s in range(1, 60, 3):
        rig.client.recv(1 << 20)
        rig.poll(at_s)
        rig.fill()
    assert rig.cut == []


def test_idle_client_is_not_cut_off(rig):
    for at_s in range(0, 100, 10):
        rig.poll(at_s)
    assert rig.cut == [] and rig.connections.can_send("OMS")


def test_full_send_buffer_cuts_off_instead_of_blocking(rig, caplog):
    assert rig.connections.can_send("OMS") and rig.connections.can_send("not connected")
    rig.fill()
    assert not rig.connections.can_send("OMS")
    assert rig.cut == [("OMS", "not_reading")]
    assert "client OMS (10.1.1.1) disconnected (not_reading): " in caplog.text


def test_closed_connection_is_removed(rig):
    rig.ours.shutdown(socket.SHUT_RDWR)
    assert not rig.connections.is_connected("OMS")
    rig.poll(1)
    assert rig.cut == [] and rig.connections.can_send("OMS")
    assert rig.client.recv(1) == b""


def test_endless_message_is_cut_off():
    rig = Rig(unix=False)

    def receive(count: int) -> None:
        rig.client.setblocking(False)
        while count > 0:
            try:
                rig.client.send(b"x" * 65_536)
                count -= 65_536
            except BlockingIOError:
                rig.ours.recv(1 << 20)

    receive(2 * MAX_MESSAGE_BYTES)
    rig.poll(1)
    receive(2 * MAX_MESSAGE_BYTES)
    rig.messages += 1
    rig.poll(2)
    assert rig.cut == [], "they made a message"
    receive(2 * MAX_MESSAGE_BYTES)
    rig.poll(3)
    assert rig.cut == [("OMS", "oversize")]


def test_a_descriptor_that_something_else_has_closed_ends_nothing(rig):
    """The quoting process ended when a connection's descriptor was closed under it."""
    rig.client.close()
    rig.ours.close()
    duplicate = rig.connections._by_session["OMS"].sock
    os.close(duplicate.fileno())
    rig.poll(1)
    assert not rig.connections.is_connected("OMS") and duplicate.fileno() == -1
