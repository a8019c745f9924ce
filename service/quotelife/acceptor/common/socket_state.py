"""What the kernel knows of a client's connection: what the client has not read, and what was received."""

import fcntl
import socket
import struct
import termios

_TCP_INFO_BYTES = 192
_BYTES_ACKED, _BYTES_RECEIVED = 120, 128  # offsets in struct tcp_info, Linux 4.2 and newer
_NO_LINGER = struct.pack("ii", 1, 0)


def has_room(sock: socket.socket, unsent: int) -> bool:
    """Whether the send buffer, with so many bytes unsent, is less than half full."""
    if not unsent:
        return True
    try:
        return 2 * unsent < sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    except OSError:
        return True  # just closed: a send does not block


def discard_unsent(sock: socket.socket) -> None:
    """Discard unsent bytes once all descriptors are closed; else the kernel retains them for minutes. OSError if it is
    closed."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)


def unsent_bytes(sock: socket.socket) -> int:
    """Bytes written that the peer has not acknowledged (SIOCOUTQ)."""
    try:
        return int(struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0\0\0\0"))[0])
    except (OSError, ValueError):
        return 0  # it has just been closed


def acked_and_received_bytes(sock: socket.socket) -> tuple[int, int]:
    """Bytes acknowledged by the peer, and bytes received.

    A connection relayed by the TLS process is a Unix socket: the unsent bytes stand in for the first (any change is
    progress), and the second is unknown (0)."""
    if sock.family == socket.AF_UNIX:
        return unsent_bytes(sock), 0
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    except OSError:
        return 0, 0
    return (
        int(struct.unpack_from("=Q", info, _BYTES_ACKED)[0]),
        int(struct.unpack_from("=Q", info, _BYTES_RECEIVED)[0]),
    )
