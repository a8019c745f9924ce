"""The native acceptor's connections in the test's process, with a real loop and real sockets, on a handler's rig."""

import socket
import threading
from pathlib import Path

from quotelife.acceptor.native.client_session import ClientSession
from quotelife.acceptor.native.connection import Connection, Services
from quotelife.acceptor.native.loop_thread import LoopThread
from quotelife.acceptor.native.outcomes import OutcomeSender
from quotelife.acceptor.native.store_threads import StoreThreads
from quotelife.fix.acceptor import AcceptorSession
from quotelife.fix.dictionary import read_dictionary
from quotelife.fix.encode import Identity
from quotelife.fix.settings import AcceptorSettings
from quotelife.fix.store import MappedStore
from quotelife.market.board import layout as L
from quotelife.runtime.clock import mono_ns, wall_ns
from tests.acceptance.client import Client
from tests.paths import ROOT
from tests.unit.rfq.rfq_rig import Rig

WAIT_S = 10.0


class ConnectionRig:
    """`sessions` may log on with `client`; `ended` is set when a connection has ended and all is handled."""

    def __init__(self, folder: Path) -> None:
        self.rig = Rig(folder)
        self.handler = self.rig.handler
        self.handler.drain_cancels(wall_ns(), mono_ns())  # applies the desk's controls, as the poll does
        dictionary = read_dictionary(ROOT / "fix_config" / "FIX44.xml")
        self.sessions = {}
        for name in ("ORD", "FUND"):
            settings = AcceptorSettings(Identity("QUOTELIFE", name, time_decimals=6), dictionary, dictionary)
            fix = AcceptorSession(settings, MappedStore(folder / f"{name}.store", name))
            self.sessions[name] = ClientSession(name, fix, None)
        self.ended = threading.Event()
        self.loop, self.threads = LoopThread(lambda: None, False), StoreThreads()
        sender = OutcomeSender(self.handler, self.sessions)
        self.services = Services(self.handler, self.loop, self.threads, sender, 5.0, lambda session: self.ended.set())
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.loop.start()
        self.threads.start()

    def client(self, session: str = "ORD") -> Client:
        """A client that has logged on."""
        client = Client(self._listener.getsockname()[1], session)
        ours, _ = self._listener.accept()
        ours.setblocking(False)
        self.loop.call(Connection(ours, "127.0.0.1", self.sessions[session], self.services).open)
        client.logon()
        self.keep_market()
        return client

    def keep_market(self) -> None:
        """The market is heard of now."""
        self.rig.board.beat(mono_ns())
        self.rig.board.venues[:, L.V_LAST_RECEIVED_NS] = mono_ns()

    def close(self) -> None:
        closed = threading.Event()
        self.loop.call(self._close_connections)
        self.loop.call(closed.set)
        assert closed.wait(WAIT_S)
        self.threads.stop()
        self.loop.stop()
        self._listener.close()
        for session in self.sessions.values():
            session.fix.store.close()

    def _close_connections(self) -> None:
        """In the loop, as every end of a connection."""
        for session in self.sessions.values():
            if session.connection is not None:
                session.connection.close("test")
