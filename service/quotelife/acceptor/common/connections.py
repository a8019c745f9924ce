"""Monitors client connections from outside the engine and cuts off those that exceed a limit.

Engine defect: a session's thread blocks in send while its client does not read, without a timeout.
Engine defect: a message may have any length; the engine buffers all of it.

Neither can be configured. So a duplicate of each socket is polled: the bytes that the kernel has not delivered, and the
bytes received compared with the messages they made. The engine ends the session of a connection that is cut off, and
with it the client's quotes.
"""

import contextlib
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from quotelife.acceptor.common.socket_state import acked_and_received_bytes, discard_unsent, has_room, unsent_bytes
from quotelife.logs import LogEvent, event_logger

logger = event_logger(__name__)
MAX_MESSAGE_BYTES = 4 << 20  # a QuoteRequest with a hundred symbols has less than 20 KB
_NS_PER_S = 1_000_000_000

OnCutOff = Callable[[str, str], None]  # session, reason: "not_reading" or "oversize"


class SendProgress(NamedTuple):
    """When the client last acknowledged bytes."""

    acked_bytes: int
    at_ns: int


@dataclass(slots=True)
class MonitoredConnection:
    session: str
    sock: socket.socket  # a duplicate, which may be polled and shut down whatever the engine does with its own
    address: str
    progress: SendProgress
    expected_seq_num: int = 0  # the session's next expected MsgSeqNum at the last poll
    received_bytes: int = 0  # bytes received by then
    closed: bool = field(default=False)


class ConnectionMonitor:
    """Written by two threads: the gateway's adds, the polling one removes. Any thread may query."""

    def __init__(self, stuck_after_s: float, expected_seq_num: Callable[[str], int], on_cut_off: OnCutOff) -> None:
        self._stuck_ns = int(stuck_after_s * _NS_PER_S)
        self._expected_seq_num = expected_seq_num
        self._on_cut_off = on_cut_off
        self._by_session: dict[str, MonitoredConnection] = {}

    def add(self, session: str, sock: socket.socket, address: str, now_ns: int) -> None:
        """Monitor a connection; the engine has another descriptor of the same socket."""
        self._by_session[session] = MonitoredConnection(session, sock, address, SendProgress(0, now_ns))

    def is_connected(self, session: str) -> bool:
        """Whether the session has a connection that neither side has closed."""
        connection = self._by_session.get(session)
        return connection is not None and not connection.closed and not _is_closed(connection.sock)

    def can_send(self, session: str) -> bool:
        """Whether a message to the session can be written without blocking. If not, the session is cut off, because it
        would not learn that its quotes are withdrawn."""
        connection = self._by_session.get(session)
        if connection is None or connection.closed:
            return True
        unsent = unsent_bytes(connection.sock)
        if has_room(connection.sock, unsent):
            return True
        self._cut_off(connection, "not_reading", f"a QuoteCancel or Quote is due and {unsent} bytes are unsent")
        return False

    def poll(self, now_ns: int) -> None:
        """Remove closed connections; cut off clients that do not read or send an endless message."""
        for connection in list(self._by_session.values()):
            if _is_closed(connection.sock):
                connection.closed = True
                with contextlib.suppress(OSError):  # one failure must not end the process
                    connection.sock.close()
                if self._by_session.get(connection.session) is connection:
                    del self._by_session[connection.session]
            elif not connection.closed:
                self._check(connection, now_ns)

    def close(self) -> None:
        for connection in self._by_session.values():
            connection.sock.close()
        self._by_session.clear()

    def _check(self, connection: MonitoredConnection, now_ns: int) -> None:
        unsent = unsent_bytes(connection.sock)
        acked, received = acked_and_received_bytes(connection.sock)
        if unsent == 0 or acked != connection.progress.acked_bytes:
            connection.progress = SendProgress(acked, now_ns)
        elif now_ns - connection.progress.at_ns >= self._stuck_ns:
            seconds = (now_ns - connection.progress.at_ns) / _NS_PER_S
            self._cut_off(connection, "not_reading", f"nothing read for {seconds:.1f} s, {unsent} bytes unsent")
            return
        if received - connection.received_bytes >= MAX_MESSAGE_BYTES:
            expected = self._expected_seq_num(connection.session)
            if expected == connection.expected_seq_num:
                incomplete = received - connection.received_bytes
                self._cut_off(connection, "oversize", f"{incomplete} bytes received without a complete message")
                return
            connection.expected_seq_num, connection.received_bytes = expected, received

    def _cut_off(self, connection: MonitoredConnection, reason: str, detail: str) -> None:
        connection.closed = True
        try:
            discard_unsent(connection.sock)
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # already closed by the client
        self._on_cut_off(connection.session, reason)
        session, address = connection.session, connection.address
        text = "client %s (%s) disconnected (%s): %s"
        logger.warning(
            LogEvent.CLIENT_DISCONNECTED, text, session, address, reason, detail, session=session, reason=reason
        )


def _is_closed(sock: socket.socket) -> bool:
    """Whether both directions of the connection are closed."""
    if sock.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(sock, 0)
    return any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))
