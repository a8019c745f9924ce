"""The loop's thread: who is called, and what ends it not."""

import socket
import threading

import pytest

from quotelife.acceptor.native.loop_thread import READABLE, WRITABLE, LoopThread

WAIT_S = 10.0


@pytest.fixture(params=[False, True])
def loop(request):
    """With and without sleep."""
    loop = LoopThread(ticked.set, request.param)
    ticked.clear()
    loop.start()
    yield loop
    loop.stop()


ticked = threading.Event()


def test_calls_are_made_in_their_order_by_one_thread(loop):
    seen, done = [], threading.Event()
    for n in range(100):
        loop.call(lambda n=n: seen.append((n, threading.current_thread().name)))
    loop.call(done.set)
    assert done.wait(WAIT_S)
    assert seen == [(n, "connections") for n in range(100)]


def test_time_passes(loop):
    assert ticked.wait(WAIT_S)


def test_an_exception_ends_nothing(loop, caplog):
    done = threading.Event()
    loop.call(lambda: 1 / 0)
    loop.call(done.set)
    assert done.wait(WAIT_S)
    assert "exception in the loop of the connections" in caplog.text


def test_sockets_are_watched_until_they_are_ignored(loop):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ready = threading.Event()

        def on_ready():
            loop.ignore(ours.fileno())
            ready.set()

        theirs.send(b"x")
        for events in (READABLE, WRITABLE):
            ready.clear()
            loop.call(loop.watch, ours.fileno(), events, on_ready)
            assert ready.wait(WAIT_S)
