"""The socket injector, with a thread in place of the engine that accepts as it does, and echoes."""

import contextlib
import select
import socket
import threading

import pytest

from quotelife.acceptor.quickfix import socket_injector
from quotelife.acceptor.quickfix.engine_descriptors import FIRST
from quotelife.acceptor.quickfix.socket_injector import SocketInjector
from quotelife.config.paths import RunPaths


class Engine(threading.Thread):
    """Listens on every address, as the engine does."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("0.0.0.0", 0))
        self.port = self.listener.getsockname()[1]
        self.accepted, self.numbers = [], []

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.accepted.append(sock)
            self.numbers.append(sock.fileno())
            threading.Thread(target=self.echo, args=(sock,), daemon=True).start()

    def echo(self, sock):
        waiting = select.poll()
        waiting.register(sock, select.POLLIN)
        while waiting.poll() and (data := sock.recv(100)):
            sock.sendall(data)
        sock.close()


@pytest.fixture(params=[False, True])
def engine(request):
    """Before its first accept, and while it waits in accept."""
    with socket.create_server(("0.0.0.0", 0)) as other:  # another listener, which must be left alone
        engine = Engine()
        engine.other = other
        if request.param:
            engine.start()
            socket.create_connection(("127.0.0.1", engine.port)).close()
        yield engine
        engine.listener.close()


def test_injected_connections_are_the_only_ones_accepted(engine, tmp_path):
    folder = tmp_path / ("deep" * 40)  # longer than a Unix socket's path may be
    folder.mkdir()
    injector = SocketInjector(RunPaths(folder).engine_socket)
    injector._other_listeners = {engine.other.fileno()}
    early = socket.create_connection(("127.0.0.1", engine.port))
    injector.replace_listener()
    if not engine.is_alive():
        engine.start()
    with early, contextlib.suppress(ConnectionResetError):
        assert early.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", engine.port))
    socket.create_connection(("127.0.0.1", engine.other.getsockname()[1])).close()
    with socket.create_server(("127.0.0.1", 0)) as own:
        for n in range(3):
            client = socket.create_connection(own.getsockname())
            client.sendall(b"peeked at, ")
            arrived, _ = own.accept()
            assert arrived.recv(100, socket.MSG_PEEK) == b"peeked at, "
            injector.inject(arrived)
            arrived.close()
            client.sendall(b"not read %d" % n)
            echoed = b""
            while len(echoed) < len(b"peeked at, not read 0"):
                echoed += client.recv(100)
            assert echoed == b"peeked at, not read %d" % n
            assert client.getpeername() == own.getsockname()
            client.close()
    injector.close()


def test_connections_get_descriptors_that_nothing_else_has_used(tmp_path, monkeypatch):
    """A thread of the engine may use the number of a descriptor after it has closed it."""
    monkeypatch.setattr(socket_injector, "_ACCEPT_S", 1.0)  # this engine needs the interpreter's lock to accept
    engine = Engine()
    injector = SocketInjector(RunPaths(tmp_path).engine_socket)
    injector._other_listeners = set()
    engine.start()
    injector.replace_listener()
    numbers = []
    with socket.create_server(("127.0.0.1", 0)) as own:
        for _ in range(4):
            numbers.append(injector._expected_fd)
            client = socket.create_connection(own.getsockname())
            client.sendall(b"hello")
            arrived, _ = own.accept()
            injector.inject(arrived)
            arrived.close()
            assert client.recv(100) == b"hello"
            client.close()
    assert numbers == sorted(set(numbers)) and numbers[0] >= FIRST and set(numbers) <= set(engine.numbers)
    injector.close()
    engine.listener.close()


def test_other_threads_may_close_sockets_concurrently(tmp_path):
    """The engine's threads may drop connections from before the port was replaced, at any time."""
    stop = threading.Event()

    def open_and_close():
        while not stop.is_set():
            with socket.socket(), socket.socket():
                pass

    busy = [threading.Thread(target=open_and_close) for _ in range(3)]
    for thread in busy:
        thread.start()
    try:
        for _ in range(200):
            with pytest.raises(OSError, match="listens on 0 sockets instead of one"):
                SocketInjector(RunPaths(tmp_path).engine_socket).replace_listener()
    finally:
        stop.set()
        for thread in busy:
            thread.join()


def test_replacing_without_an_engine_fails(tmp_path):
    injector = SocketInjector(RunPaths(tmp_path).engine_socket)
    injector.note_other_listeners()
    with pytest.raises(OSError, match="listens on 0 sockets instead of one"):
        injector.replace_listener()
