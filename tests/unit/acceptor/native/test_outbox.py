"""What does not fit into a client's socket, and clients that do not read."""

import socket

import pytest

from quotelife.acceptor.native.outbox import Outbox

S = 1_000_000_000


@pytest.fixture
def ends():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        service, _ = listener.accept()
    service.setblocking(False)
    client.settimeout(10)
    with client, service:
        yield client, service


def fill(outbox: Outbox) -> int:
    """Write until something waits; the bytes written."""
    written = 0
    while outbox.is_empty:
        outbox.write(b"x" * 10_000)
        written += 10_000
    return written


def test_what_does_not_fit_follows_in_its_order(ends):
    client, service = ends
    full = []
    outbox = Outbox(service, lambda: full.append(1), 0)
    written = fill(outbox)
    outbox.write(b"last")
    assert full == [1]
    received = b""
    while len(received) < written + 4:
        received += client.recv(1 << 20)
        outbox.flush()
    assert received == b"x" * written + b"last" and outbox.is_empty


def test_a_client_that_reads_nothing_is_stuck_until_it_reads(ends):
    client, service = ends
    outbox = Outbox(service, lambda: None, 0)
    assert outbox.has_room() and outbox.stuck_s(1, 7 * S) == 0
    fill(outbox)
    assert not outbox.has_room() and outbox.unread() > 0
    outbox.stuck_s(2, 8 * S)  # it has acknowledged some of it
    assert outbox.stuck_s(2, 10 * S) == 2
    client.recv(1 << 20, socket.MSG_WAITALL)
    assert outbox.stuck_s(2, 11 * S) == 0


def test_a_client_that_is_cut_off_gets_nothing_more(ends):
    client, service = ends
    outbox = Outbox(service, lambda: None, 0)
    assert outbox.cut_off() and not outbox.cut_off()
    outbox.write(b"x")
    assert client.recv(10) == b"" and outbox.is_empty


def test_a_lost_connection_loses_what_is_written(ends):
    client, service = ends
    client.close()
    outbox = Outbox(service, lambda: pytest.fail("nobody to wait for"), 0)
    for _ in range(3):
        outbox.write(b"x" * 1_000)
    assert outbox.is_broken and outbox.is_empty and outbox.flush()
