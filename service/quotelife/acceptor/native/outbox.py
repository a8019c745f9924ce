"""What is sent to one client: to the socket at once, and what does not fit when there is room again.

A client that does not read is cut off: when nothing was read for `acceptor.stuck_after_s`, or when a Quote or a
QuoteCancel is due that it has not asked for and its send buffer is over half full, since it would not learn of it.
While bytes wait here nothing is read from the client, so it cannot cause more of them.
"""

import socket
from collections.abc import Callable

from quotelife.acceptor.common.socket_state import acked_and_received_bytes, discard_unsent, has_room, unsent_bytes
from quotelife.runtime.clock import NS_PER_S


class Outbox:
    """Used with the session's lock held. `on_full` is called when bytes have to wait: `flush` when there is room."""

    def __init__(self, sock: socket.socket, on_full: Callable[[], object], now_ns: int) -> None:
        self._sock, self._on_full = sock, on_full
        self._waiting = b""
        self._acked, self._progress_ns = 0, now_ns
        self._all_read = 0  # messages sent when it had read everything
        self.is_broken = False  # nothing can be sent any more

    @property
    def is_empty(self) -> bool:
        """Whether the socket has taken everything."""
        return not self._waiting

    def write(self, data: bytes) -> None:
        """Send it behind what waits. A broken connection loses it: its client asks for it after the next Logon."""
        if self.is_broken:
            return
        if self._waiting:
            self._waiting += data
            return
        sent = self._send(data)
        if sent < len(data) and not self.is_broken:
            self._waiting = data[sent:]
            self._on_full()

    def flush(self) -> bool:
        """Send what waits; whether nothing is left."""
        sent = self._send(self._waiting)
        self._waiting = self._waiting[sent:]
        return not self._waiting

    def has_room(self) -> bool:
        """Whether a message that the client has not asked for can be sent."""
        return not self._waiting and has_room(self._sock, unsent_bytes(self._sock))

    def unread(self) -> int:
        """Bytes that the client has not read, as far as is known."""
        return unsent_bytes(self._sock) + len(self._waiting)

    def stuck_s(self, messages_sent: int, now_ns: int) -> float:
        """For how long it has had something to read and has read nothing; call it several times a second. A client to
        which nothing was sent since it had read everything is not asked for."""
        if messages_sent == self._all_read or not unsent_bytes(self._sock):
            self._all_read, self._progress_ns = messages_sent, now_ns
            return 0.0
        acked, _ = acked_and_received_bytes(self._sock)
        if acked != self._acked:
            self._acked, self._progress_ns = acked, now_ns
        return (now_ns - self._progress_ns) / NS_PER_S

    def cut_off(self) -> bool:
        """Send nothing any more, and discard what the client has not read. False if the connection has ended."""
        if self.is_broken:
            return False
        self.is_broken, self._waiting = True, b""
        try:
            discard_unsent(self._sock)
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return False  # closed by the client
        return True

    def _send(self, data: bytes) -> int:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.is_broken = True
            self._waiting = b""
            return 0
