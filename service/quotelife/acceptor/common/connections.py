"""The connections that the engine works on: who is still there, who does not read, who sends without end.

The engine blocks a session's own thread while its client does not read, and takes a message of any length. Neither can
be set, so it is seen from outside, on a duplicate of the socket: what the kernel has not got rid of, and what it
received beside how many messages that made. Whoever is over the limits is cut off; the engine then ends the session,
and with it the client's quotes.
"""

import fcntl
import select
import socket
import struct
import sys
import termios
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_MESSAGE_BYTES = 4 << 20  # a package of a hundred symbols has less than 20 KB
_TCP_INFO_BYTES = 192
_BYTES_ACKED, _BYTES_RECEIVED = 120, 128  # offsets in struct tcp_info, Linux 4.2 and newer
_NO_LINGER = struct.pack("ii", 1, 0)
_NS_PER_S = 1_000_000_000

Cut = Callable[[str, str], None]  # session, and why: "not_reading" or "oversize"


class Sighting(NamedTuple):
    """What was seen of a connection when it last did something."""

    acked: int  # bytes that the client has taken
    at_ns: int


@dataclass(slots=True)
class Connection:
    session: str
    sock: socket.socket  # a duplicate: ours to look at and to shut down, whatever the engine does with its own
    address: str
    taken: Sighting
    messages: int = 0  # the session's next expected MsgSeqNum, when last looked at
    received: int = 0  # bytes received by then
    gone: bool = field(default=False)


class Connections:
    """One writer, the gate's thread, adds; one, the looking thread, removes; anybody may ask."""

    def __init__(self, stuck_after_s: float, expected_seq_num: Callable[[str], int], cut: Cut) -> None:
        self._stuck_ns = int(stuck_after_s * _NS_PER_S)
        self._expected_seq_num = expected_seq_num
        self._cut = cut
        self._by_session: dict[str, Connection] = {}

    def add(self, session: str, sock: socket.socket, address: str, now_ns: int) -> None:
        """The engine works on a duplicate of `sock` from now on."""
        self._by_session[session] = Connection(session, sock, address, Sighting(0, now_ns))

    def alive(self, session: str) -> bool:
        """Whether the session has a connection that neither side has ended."""
        connection = self._by_session.get(session)
        return connection is not None and not connection.gone and not _hung_up(connection.sock)

    def has_room(self, session: str) -> bool:
        """Whether a message to the session can be written without waiting. One that has none is cut off: it does not
        hear that its quotes are withdrawn."""
        connection = self._by_session.get(session)
        if connection is None or connection.gone:
            return True
        waiting = _unsent(connection.sock)
        try:
            room = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        except OSError:
            return True  # it has just gone, and nothing waits for it
        if 2 * waiting < room:
            return True
        self._end(connection, "not_reading", f"{waiting} bytes wait, and a message of the desk's own is due")
        return False

    def look(self, now_ns: int) -> None:
        """Forget who has gone, cut off who does not read or sends a message without end."""
        for connection in list(self._by_session.values()):
            if _hung_up(connection.sock):
                connection.gone = True
                connection.sock.close()
                if self._by_session.get(connection.session) is connection:
                    del self._by_session[connection.session]
            elif not connection.gone:
                self._look_at(connection, now_ns)

    def close(self) -> None:
        for connection in self._by_session.values():
            connection.sock.close()
        self._by_session.clear()

    def _look_at(self, connection: Connection, now_ns: int) -> None:
        waiting = _unsent(connection.sock)
        acked, received = _progress(connection.sock)
        if waiting == 0 or acked != connection.taken.acked:
            connection.taken = Sighting(acked, now_ns)
        elif now_ns - connection.taken.at_ns >= self._stuck_ns:
            seconds = (now_ns - connection.taken.at_ns) / _NS_PER_S
            self._end(connection, "not_reading", f"it has taken nothing for {seconds:.1f} s, {waiting} bytes wait")
            return
        if received - connection.received >= MAX_MESSAGE_BYTES:
            messages = self._expected_seq_num(connection.session)
            if messages == connection.messages:
                self._end(connection, "oversize", f"{received - connection.received} bytes made no message")
                return
            connection.messages, connection.received = messages, received

    def _end(self, connection: Connection, reason: str, said: str) -> None:
        connection.gone = True
        try:
            # What waits is thrown away when both have closed it: the kernel would keep it for minutes.
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it went by itself
        self._cut(connection.session, reason)
        print(f"client {connection.session} ({connection.address}) is cut off: {said}", file=sys.stderr, flush=True)


def _hung_up(sock: socket.socket) -> bool:
    """Whether the connection is over for both sides."""
    if sock.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(sock, 0)
    return any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))


def _unsent(sock: socket.socket) -> int:
    """Bytes written that the other side has not taken (SIOCOUTQ)."""
    try:
        return int(struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0\0\0\0"))[0])
    except (OSError, ValueError):
        return 0  # it has just been closed


def _progress(sock: socket.socket) -> tuple[int, int]:
    """Bytes that the other side has acknowledged, and bytes received. Of a connection by way of the TLS process, which
    is a Unix socket, what waits stands for the first (a change is progress), and the second is not known."""
    if sock.family == socket.AF_UNIX:
        return _unsent(sock), 0
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    except OSError:
        return 0, 0
    return (
        int(struct.unpack_from("=Q", info, _BYTES_ACKED)[0]),
        int(struct.unpack_from("=Q", info, _BYTES_RECEIVED)[0]),
    )
