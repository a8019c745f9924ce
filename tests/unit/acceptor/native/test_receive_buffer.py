"""The bytes of a connection, and the messages in them."""

import socket

import pytest

from quotelife.acceptor.common.connections import MAX_MESSAGE_BYTES
from quotelife.acceptor.native.receive_buffer import ReceiveBuffer
from quotelife.fix.encode import frame_bytes


@pytest.fixture
def ends():
    client, service = socket.socketpair()
    service.setblocking(False)
    with client, service:
        yield client, service


def messages(buffer, client, data):
    """What the buffer finds in `data`, which the client sends in pieces."""
    found = []
    for start in range(0, len(data), 50_000):
        client.sendall(data[start : start + 50_000])
        while True:
            try:
                assert buffer.receive()
            except BlockingIOError:
                break
            while (message := buffer.next_message()) is not None:
                found.append(message)
    return found


@pytest.mark.parametrize("length", [10, 30_000, 40_000, 200_000])
def test_messages_are_found_whatever_their_length(ends, length):
    sent = [frame_bytes(b"FIX.4.4", b"35=R\x0158=%b\x01" % (b"x" * n)) for n in (length, 5, length)]
    client, service = ends
    assert messages(ReceiveBuffer(service), client, b"".join(sent)) == sent


def test_a_message_without_end_is_oversize(ends):
    client, service = ends
    buffer = ReceiveBuffer(service)
    head = b"8=FIX.4.4\x019=%d\x01" % (MAX_MESSAGE_BYTES - 100)
    assert messages(buffer, client, head + b"x" * 1_000_000) == []
    assert not buffer.is_oversize
    assert messages(buffer, client, b"x" * (MAX_MESSAGE_BYTES - 1_000_000)) == []
    assert buffer.is_oversize
