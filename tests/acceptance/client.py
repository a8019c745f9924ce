"""A FIX client over a plain socket, independent of the service's code: standard library only.

    with Client(port, "ORDINARY") as client:
        client.logon()
        client.send("R", [(131, "r1"), (146, 1), (55, "BTC-USD"), (54, 1), (38, 1)])
        quote = client.receive("S")
        quote[62]

Answers TestRequests, counts sequence numbers, and raises `TimeoutError` for a missing message and `ConnectionError` if
the peer closes the connection.
"""

import socket
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from types import TracebackType

SOH = b"\x01"
Fields = Iterable[tuple[int, object]]


class Message:
    """A received message: its fields in wire order."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.received_ns = time.time_ns()
        pairs = (field.partition(b"=") for field in raw.split(SOH)[:-1])
        self.fields = [(int(tag), value.decode()) for tag, _, value in pairs]

    @property
    def type(self) -> str:
        return self[35]

    def __getitem__(self, tag: int) -> str:
        """The first value of `tag`; KeyError if absent."""
        for t, value in self.fields:
            if t == tag:
                return value
        raise KeyError(f"tag {tag} in {self}")

    def __contains__(self, tag: int) -> bool:
        return any(t == tag for t, _ in self.fields)

    def get(self, tag: int, default: str | None = None) -> str | None:
        return next((value for t, value in self.fields if t == tag), default)

    def all(self, tag: int) -> list[str]:
        return [value for t, value in self.fields if t == tag]

    def __repr__(self) -> str:
        return self.raw.decode(errors="replace").replace("\x01", "|")


def encode(begin: str, fields: Fields) -> bytes:
    """A message of `fields`, with BeginString, BodyLength and CheckSum added."""
    body = b"".join(b"%d=%s\x01" % (tag, str(value).encode()) for tag, value in fields)
    head = f"8={begin}\x019={len(body)}\x01".encode()
    return head + body + b"10=%03d\x01" % (sum(head + body) % 256)


def sending_time(offset_s: float = 0.0) -> str:
    """UTCTimestamp with microseconds, `offset_s` from now."""
    return datetime.fromtimestamp(time.time() + offset_s, UTC).strftime("%Y%m%d-%H:%M:%S.%f")


def seconds(timestamp: str) -> float:
    """Seconds since the epoch of a UTCTimestamp with decimals."""
    return datetime.strptime(timestamp, "%Y%m%d-%H:%M:%S.%f").replace(tzinfo=UTC).timestamp()


class Client:
    """One FIX session over one TCP connection."""

    def __init__(
        self,
        port: int,
        sender: str,
        target: str = "QUOTELIFE",
        host: str = "127.0.0.1",
        begin: str = "FIX.4.4",
    ) -> None:
        self.begin, self.sender, self.target = begin, sender, target
        self.out_seq = 1
        self.log: list[Message] = []  # everything received, heartbeats included
        self._buffer = b""
        self.unread: list[Message] = []  # received, and of a type that no call has asked for
        self.socket = socket.create_connection((host, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection without a Logout."""
        self.socket.close()

    # --- sending

    def header(self, msg_type: str, seq: int) -> list[tuple[int, object]]:
        return [(35, msg_type), (34, seq), (49, self.sender), (52, sending_time()), (56, self.target)]

    def send(self, msg_type: str, fields: Fields = (), header: Fields = ()) -> int:
        """Send a message with the next sequence number, and return that; `header` is appended to the standard one."""
        seq = self.out_seq
        self.out_seq += 1
        self.socket.sendall(encode(self.begin, [*self.header(msg_type, seq), *header, *fields]))
        return seq

    def send_raw(self, raw: bytes) -> None:
        self.socket.sendall(raw)

    def logon(self, heartbeat_s: int = 30, reset: bool = True, timeout: float = 10.0) -> Message:
        version = [(1137, 9)] if self.begin == "FIXT.1.1" else []  # DefaultApplVerID: FIX.5.0SP2
        self.send("A", [(98, 0), (108, heartbeat_s), *version, *([(141, "Y")] if reset else [])])
        return self.receive("A", timeout=timeout)

    def logout(self, timeout: float = 10.0) -> Message:
        self.send("5")
        return self.receive("5", timeout=timeout)

    def drop_possible_resends(self) -> None:
        """Read and forget the ExecutionReports of earlier tests, which the service sends again after a Logon."""
        self.send("1", [(112, "logged on")])
        self.receive("0")
        self.unread = [message for message in self.unread if message.get(97) != "Y"]

    def gap_fill(self, resend_request: Message) -> None:
        """Answer a ResendRequest with a GapFill over all lost messages."""
        begin = int(resend_request[7])
        header = [*self.header("4", begin), (43, "Y"), (122, sending_time())]
        self.socket.sendall(encode(self.begin, [*header, (123, "Y"), (36, self.out_seq)]))

    # --- receiving

    def receive(self, *types: str, timeout: float = 10.0) -> Message:
        """The next message of one of `types` (if none is given, any but Heartbeats and TestRequests); others remain for
        later calls."""
        for n, message in enumerate(self.unread):
            if not types or message.type in types:
                return self.unread.pop(n)
        deadline = time.monotonic() + timeout
        while True:
            message = self._next(deadline)
            if (not types and message.type not in ("0", "1")) or message.type in types:
                return message
            if message.type not in ("0", "1"):
                self.unread.append(message)

    def silence(self, for_s: float) -> None:
        """AssertionError if anything but heartbeats arrives within `for_s`."""
        try:
            message = self.receive(timeout=for_s)
        except TimeoutError:
            return
        raise AssertionError(f"unexpected message {message}")

    def _next(self, deadline: float) -> Message:
        while True:
            message = self._pop_message()
            if message is not None:
                self.log.append(message)
                if message.type == "1":
                    self.send("0", [(112, message[112])])
                return message
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no message before the timeout; unread: {self.unread}")
            self.socket.settimeout(left)
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("the peer closed the connection")
            self._buffer += data

    def _pop_message(self) -> Message | None:
        """Remove and return the first complete message of the buffer, None if there is none."""
        end = self._buffer.find(b"\x0110=")
        stop = self._buffer.find(SOH, end + 1) if end >= 0 else -1
        if stop < 0:
            return None
        raw, self._buffer = self._buffer[: stop + 1], self._buffer[stop + 1 :]
        return Message(raw)
