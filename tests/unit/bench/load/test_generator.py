"""The load generator: what it counts and measures, open and closed loop, one session and many."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from quotelife.fix.encode import Identity, encode
from quotelife.runtime.clock import mono_ns
from quotelife_bench import configuration
from quotelife_bench.load import peers
from quotelife_bench.load.generator import Exchange, Load, exchange
from quotelife_bench.load.market import split, symbols
from quotelife_bench.processes import cpu_ns
from tests.unit.bench.load.high_descriptor import high_socket_pair

STAMP = "20260105-10:00:00.000"
Answers = Callable[[str], list[bytes]]


def load(port: int, **changes: object) -> Load:
    values: dict[str, object] = {
        "port": port,
        "senders": [configuration.CLIENT],
        "target": configuration.ACCEPTOR,
        "symbols": symbols(2),
        "quantity": 100,
        "rate": 400.0,
        "seconds": 0.5,
        "warm_up_s": 0.25,
        "prefix": "t-",
    }
    return Load(**(values | changes))  # type: ignore[arg-type]


def message(kind: str, request: str = "") -> bytes:
    body = [(131, request)] if request else []
    return encode(Identity("SERVER", "CLIENT"), kind, 1, STAMP, [*body, (55, "BENCH-0000")])


def requests(count: int) -> list[bytes]:
    return [message("R", f"t-{n}") for n in range(count)]


def quote(request: str) -> list[bytes]:
    return [message("S", request)]


@contextmanager
def server(sockets: list[socket.socket], answers: Answers) -> Iterator[None]:
    """Answers the requests of each socket in a thread of its own, until the peer closes."""

    def serve(sock: socket.socket) -> None:
        rest = b""
        while data := sock.recv(4_096):
            received, rest = split(rest + data)
            for each in received:
                sock.sendall(b"".join(answers(each["131"])))

    threads = [threading.Thread(target=serve, args=(sock,)) for sock in sockets]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for sock in sockets:
            sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


def exchanged(sessions: int, count: int, answers: Answers, **changes: object) -> Exchange:
    pairs = [socket.socketpair() for _ in range(sessions)]
    try:
        with server([theirs for _, theirs in pairs], answers):
            return exchange([ours for ours, _ in pairs], requests(count), load(0, **changes))
    finally:
        for ours, theirs in pairs:
            ours.close()
            theirs.close()


def test_every_answer_of_every_session_is_counted(tmp_path):
    settings, port = configuration.bare_settings(configuration.write(tmp_path, 0, 2, n_sessions=3), tmp_path)
    with peers.bare(settings) as bare, peers.generator() as generator:
        for n in (1, 3):  # the session can be reused
            plan = load(port, prefix=f"{n}-", senders=configuration.sessions(n), cpu_pid=bare.pid)
            before_ns = cpu_ns(bare.pid)
            measured = generator.run(plan)
            assert 0 < measured.cpu_ns < cpu_ns(bare.pid) - before_ns, "Logons and warm-up are excluded"
            assert (measured.sent, measured.quotes, measured.rejects, measured.unanswered) == (200, 200, 0, 0)
            assert len(measured.latencies_ns) == 200
            assert min(measured.latencies_ns) > 0


def test_the_echo_server_answers_open_and_closed_loop(tmp_path):
    with peers.echo(tmp_path) as echo, peers.generator() as generator:
        for pause_us in (0.0, 500.0):
            measured = generator.run(load(int(echo.ready_text), answer="R", pause_us=pause_us))
            assert (measured.sent, measured.quotes, measured.unanswered) == (200, 200, 0)


def test_a_missing_server_is_an_error():
    with pytest.raises(peers.BenchError, match="Connection refused"):
        peers.generate(load(configuration.free_port()))


@pytest.mark.parametrize("sessions", [1, 7])
@pytest.mark.parametrize("pause_us", [0.0, 100.0])
def test_sessions_take_turns_and_each_answer_belongs_to_its_request(sessions, pause_us):
    def answers(request: str) -> list[bytes]:
        return [message("S" if int(request[2:]) % 3 else "AG", request)]

    found = exchanged(sessions, 50, answers, pause_us=pause_us, rate=5_000)
    assert found.kinds == ["S" if n % 3 else "AG" for n in range(50)]
    assert found.sent == 50 and min(found.latencies_ns) > 0


def test_a_withdrawal_and_other_messages_are_no_answers():
    found = exchanged(1, 20, lambda request: [message("0"), *quote(request), message("Z", request)], pause_us=100)
    assert found.kinds == ["S"] * 20


def test_a_socket_with_a_descriptor_above_1023_is_read():
    with high_socket_pair() as (ours, theirs), server([theirs], quote):
        assert exchange([ours], requests(5), load(0)).kinds == ["S"] * 5


def test_latency_starts_when_a_request_is_due_even_if_the_server_stalls():
    """The server stalls at the first of ten requests that are due within 10 ms: all of them are charged."""
    stall_ns, began = 100_000_000, []

    def answers(request: str) -> list[bytes]:
        began.append(mono_ns())
        while mono_ns() - began[0] < stall_ns:
            pass
        return quote(request)

    found = exchanged(1, 10, answers, rate=1_000)
    assert all(latency > stall_ns - 15_000_000 for latency in found.latencies_ns)
    assert sorted(found.latencies_ns, reverse=True) == found.latencies_ns


def test_in_a_closed_loop_one_request_is_out_and_a_pause_follows_the_answer():
    received: list[int] = []

    def answers(request: str) -> list[bytes]:
        received.append(mono_ns())
        return quote(request)

    found = exchanged(3, 10, answers, pause_us=5_000, rate=1_000_000)
    gaps = [after - before for before, after in pairwise(received)]
    assert found.kinds == ["S"] * 10 and min(gaps) >= 4_500_000
    assert max(found.latencies_ns[1:]) < 5_000_000 * 10, "the pause is no part of it"


def test_what_is_not_answered_is_waited_for_only_so_long(monkeypatch):
    monkeypatch.setattr("quotelife_bench.load.generator._GRACE_NS", 20_000_000)
    for pause_us, sent in ((0.0, 5), (100.0, 3)):  # a closed loop cannot go on
        found = exchanged(1, 5, lambda request: [] if request == "t-2" else quote(request), pause_us=pause_us)
        assert (found.sent, found.kinds[2], found.latencies_ns[2]) == (sent, "", -1)


@pytest.mark.parametrize(("answer", "reason"), [(b"", "closed the connection"), (b"HTTP/1.1 200 OK\r\n", "not FIX")])
def test_a_peer_that_goes_or_speaks_something_else_is_an_error(answer, reason):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionError, match=reason):
            exchange([ours], requests(2), load(0))


def test_answers_in_pieces_and_several_at_once_are_put_together():
    """All answers come as one stream in pieces of seven bytes."""
    ours, theirs = socket.socketpair()
    stream = b"".join(message("S", f"t-{n}") for n in range(40))

    def feed() -> None:
        for at in range(0, len(stream), 7):
            theirs.sendall(stream[at : at + 7])

    with ours, theirs:
        thread = threading.Thread(target=feed)
        thread.start()
        found = exchange([ours], requests(40), load(0, rate=2_000))
        thread.join()
    assert found.kinds == ["S"] * 40
