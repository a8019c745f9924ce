"""Questions over a Unix socket: one line each way, and peers that send none."""

import asyncio
import json
import socket

import pytest

from quotelife.runtime.line_socket import LineServer, ask


@pytest.fixture
def path(tmp_path):
    return tmp_path / "socket"


def test_lines_are_answered_one_after_the_other(path):
    server = LineServer(path, lambda line: json.dumps({"got": json.loads(line)}).encode())
    assert path.stat().st_mode & 0o777 == 0o600

    async def both() -> list:
        return await asyncio.gather(ask(path, b'{"a":\n1}'), ask(path, b"2"))

    assert asyncio.run(both()) == [{"got": {"a": 1}}, {"got": 2}]
    server.close()
    with pytest.raises(OSError):
        asyncio.run(ask(path, b"3"))


def test_a_peer_that_sends_no_line_or_too_long_a_one_gets_no_answer(path):
    server = LineServer(path, lambda line: b"{}")
    for sent in (b"", b"no newline", b"x" * (1 << 18)):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(path))
            try:
                peer.sendall(sent)
                peer.shutdown(socket.SHUT_WR)
                assert peer.recv(10) == b""
            except (BrokenPipeError, ConnectionResetError):
                continue
    assert asyncio.run(ask(path, b"1")) == {}
    server.close()


def test_an_exception_does_not_end_the_server(path, caplog):
    answers = iter((ZeroDivisionError("once"), b"{}"))

    def answer(_line: bytes) -> bytes:
        each = next(answers)
        if isinstance(each, Exception):
            raise each
        return each

    server = LineServer(path, answer)
    with pytest.raises(ConnectionError, match="no answer"):
        asyncio.run(ask(path, b"1"))
    assert asyncio.run(ask(path, b"1")) == {}
    assert "ZeroDivisionError" in caplog.text
    server.close()


def test_a_socket_of_an_earlier_process_is_replaced(path):
    LineServer(path, lambda line: b"1").close()
    server = LineServer(path, lambda line: b"2")
    assert asyncio.run(ask(path, b"x")) == 2
    server.close()
