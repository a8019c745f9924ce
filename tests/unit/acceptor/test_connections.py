"""Who does not read, and who sends without end: real connections, and a clock that the test holds."""

import socket

import pytest

from quotelife.acceptor.common.connections import MAX_MESSAGE_BYTES, Connections
from quotelife.runtime.clock import NS_PER_S

STUCK_S = 5.0


class Rig:
    """The engine's end (`ours`) and the client's, over TCP or, as with the TLS process, a Unix socket."""

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
        self.connections = Connections(STUCK_S, lambda session: self.messages, lambda *how: self.cut.append(how))
        self.connections.add("OMS", self.ours.dup(), "10.1.1.1", 0)

    def fill(self) -> None:
        """Send until there is no room."""
        try:
            while True:
                self.ours.send(b"x" * 300)
        except BlockingIOError:
            return

    def look(self, at_s: float) -> None:
        self.connections.look(int(at_s * NS_PER_S))


@pytest.fixture(params=[False, True], ids=["tcp", "unix"])
def rig(request):
    rig = Rig(request.param)
    yield rig
    rig.connections.close()
    rig.ours.close()
    rig.client.close()


def test_who_takes_nothing_is_cut_off_after_a_while(rig):
    rig.fill()
    for at_s in (1, 3, 5.9):
        rig.look(at_s)
    assert rig.cut == [] and rig.connections.alive("OMS")
    rig.look(6.1)
    assert rig.cut == [("OMS", "not_reading")]
    assert not rig.connections.alive("OMS")
    with pytest.raises(OSError):
        rig.ours.send(b"x")


def test_who_takes_a_little_is_not(rig):
    rig.fill()
    for at_s in range(1, 60, 3):
        rig.client.recv(1 << 20)
        rig.look(at_s)
        rig.fill()
    assert rig.cut == []


def test_who_has_nothing_to_take_is_not(rig):
    for at_s in range(0, 100, 10):
        rig.look(at_s)
    assert rig.cut == [] and rig.connections.has_room("OMS")


def test_a_message_of_the_desks_own_does_not_wait(rig, capsys):
    assert rig.connections.has_room("OMS") and rig.connections.has_room("not connected")
    rig.fill()
    assert not rig.connections.has_room("OMS")
    assert rig.cut == [("OMS", "not_reading")]
    assert "client OMS (10.1.1.1) is cut off" in capsys.readouterr().err


def test_a_connection_that_has_ended_is_forgotten(rig):
    rig.ours.shutdown(socket.SHUT_RDWR)
    assert not rig.connections.alive("OMS")
    rig.look(1)
    assert rig.cut == [] and rig.connections.has_room("OMS")
    assert rig.client.recv(1) == b""


def test_bytes_that_make_no_message():
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
    rig.look(1)
    receive(2 * MAX_MESSAGE_BYTES)
    rig.messages += 1
    rig.look(2)
    assert rig.cut == [], "they made a message"
    receive(2 * MAX_MESSAGE_BYTES)
    rig.look(3)
    assert rig.cut == [("OMS", "oversize")]
