"""The engine's place taken, with something in its stead that waits as it does, and echoes."""

import select
import socket
import threading

import pytest

from quotelife.acceptor.quickfix.socket_injector import Handover
from quotelife.config.paths import RunPaths


class Engine(threading.Thread):
    """Listens on every address, as the engine does."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("0.0.0.0", 0))
        self.port = self.listener.getsockname()[1]
        self.accepted = []

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.accepted.append(sock)
            threading.Thread(target=self.echo, args=(sock,), daemon=True).start()

    def echo(self, sock):
        waiting = select.poll()
        waiting.register(sock, select.POLLIN)
        while waiting.poll() and (data := sock.recv(100)):
            sock.sendall(data)
        sock.close()


@pytest.fixture(params=[False, True])
def engine(request):
    """Before its first accept, and in it."""
    with socket.create_server(("0.0.0.0", 0)) as other:  # somebody else's, which is left alone
        engine = Engine()
        engine.other = other
        if request.param:
            engine.start()
            socket.create_connection(("127.0.0.1", engine.port)).close()
        yield engine
        engine.listener.close()


def test_connections_are_given_and_nobody_else_gets_in(engine, tmp_path):
    folder = tmp_path / ("deep" * 40)  # deeper than a Unix socket's path may be
    folder.mkdir()
    handover = Handover(RunPaths(folder).engine_socket)
    handover._others = {engine.other.fileno()}
    handover.install()
    if not engine.is_alive():
        engine.start()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", engine.port))
    socket.create_connection(("127.0.0.1", engine.other.getsockname()[1])).close()
    with socket.create_server(("127.0.0.1", 0)) as own:
        for n in range(3):
            client = socket.create_connection(own.getsockname())
            client.sendall(b"peeked at, ")
            arrived, _ = own.accept()
            assert arrived.recv(100, socket.MSG_PEEK) == b"peeked at, "
            handover.give(arrived)
            arrived.close()
            client.sendall(b"not read %d" % n)
            heard = b""
            while len(heard) < len(b"peeked at, not read 0"):
                heard += client.recv(100)
            assert heard == b"peeked at, not read %d" % n
            assert client.getpeername() == own.getsockname()
            client.close()
    handover.close()


def test_other_threads_may_close_their_sockets_meanwhile(tmp_path):
    """Whoever connected to the engine before its port was taken is dropped by the engine's own thread, at any time."""
    stop = threading.Event()

    def come_and_go():
        while not stop.is_set():
            with socket.socket(), socket.socket():
                pass

    busy = [threading.Thread(target=come_and_go) for _ in range(3)]
    for thread in busy:
        thread.start()
    try:
        for _ in range(200):
            with pytest.raises(OSError, match="listens on 0 sockets instead of one"):
                Handover(RunPaths(tmp_path).engine_socket).install()
    finally:
        stop.set()
        for thread in busy:
            thread.join()


def test_without_an_engine_it_fails(tmp_path):
    handover = Handover(RunPaths(tmp_path).engine_socket)
    handover.prepare()
    with pytest.raises(OSError, match="listens on 0 sockets instead of one"):
        handover.install()
