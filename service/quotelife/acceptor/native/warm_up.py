"""Warm-up of a connection: a client's plain requests through a pair of sockets, as they will come from the network."""

import socket
from pathlib import Path

from quotelife.acceptor.native.client_session import ClientSession
from quotelife.acceptor.native.outbox import Outbox
from quotelife.acceptor.native.plain_messages import PlainMessages
from quotelife.acceptor.native.receive_buffer import ReceiveBuffer
from quotelife.fix.acceptor import AcceptorSession
from quotelife.fix.session import IN_SEQUENCE
from quotelife.fix.store import MappedStore
from quotelife.rfq.handler import RfqHandler
from quotelife.runtime.clock import mono_ns

_MAX_QUOTE_BYTES = 1 << 16


class WarmUpConnection:
    """A connection of `session`'s kind, with a handler and sequence numbers of its own in `folder`."""

    def __init__(self, session: ClientSession, handler: RfqHandler, folder: Path) -> None:
        self._sock, self._client = socket.socketpair()
        store = MappedStore(folder / "warm-up.store", "warm-up")
        store.sequence[IN_SEQUENCE] = 1
        own = ClientSession(session.name, AcceptorSession(session.fix.settings, store), session.translate)
        outbox = Outbox(self._sock, lambda: None, mono_ns())
        self._messages = PlainMessages(ReceiveBuffer(self._sock), outbox, own, handler)

    def ask(self, request: bytes) -> bytes:
        """The bytes of the Quote that answers a plain request; none if there is no quote."""
        self._client.sendall(request)
        self._messages.receive()
        try:
            return self._client.recv(_MAX_QUOTE_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""
