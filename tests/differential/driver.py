"""Runs scripts on a server and keeps what each connection has received."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.acceptance.client import Message as Received
from tests.differential.script import (
    EXPECTED,
    SOH,
    Connection,
    Fields,
    Message,
    Moment,
    Ours,
    QuoteRef,
    Script,
    Segment,
    Theirs,
    Value,
    encode,
)
from tests.differential.server import BEGIN_STRINGS, session_name, version_of

HEARD = "heard-"  # TestReqID by which the server asks what the client has received
FENCE_S = 20.0  # for an answer; it is there in milliseconds, unless the machine is busy
_QUIET_S = 0.25  # without a question of the server: it asks ten times a second
_CLOSE_S = 30.0  # from the end of what the client sends to the end of the connection


def is_timed(message: Received) -> bool:
    """Whether the time of day decides when, and whether, the server sends this: its own Heartbeats, its questions what
    the client has received, and what it sends again because the client has not answered them."""
    if message.type == "8":
        return message.get(97) == "Y"
    test_req_id = message.get(112) or ""
    return (message.type == "0" and 112 not in message) or (
        message.type == "1" and test_req_id.startswith((HEARD, "TEST"))
    )


def is_refusal(message: Received, is_first: bool, expected: int) -> bool:
    """Whether a connection's first message is a Logon's refusal, which has a number of its own and changes none."""
    return is_first and message.type == "5" and message[34] == "1" != str(expected)


@dataclass
class Transcript:
    """What a server answered over one connection; `problems` if the connection did not go as the script has it."""

    received: list[Received] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Session:
    """The state of one client session over its connections. Numbers: see `Theirs` and `Ours`."""

    def __init__(self, port: int, number: int) -> None:
        self.port, self.number = port, number
        self.name, self.begin = session_name(number), BEGIN_STRINGS[version_of(number)]
        self.out_seq, self.in_seq = 1, 1
        self.theirs: list[int] = []  # numbers of the comparable messages since the last reset
        self.quotes: list[Received] = []
        self.reports: dict[str, list[tuple[int, str]]] = {}  # by ExecID

    async def run(self, script: Script) -> list[Transcript]:
        self.quotes = []
        return [await self._connect(connection, n) for n, connection in enumerate(script.connections)]

    async def _connect(self, connection: Connection, n: int) -> Transcript:
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", self.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = _Link(sock)
        try:
            await self._converse(connection, link, n)
        except (ConnectionError, TimeoutError) as error:
            link.transcript.problems.append(f"{type(error).__name__}: {error}")
        finally:
            sock.close()
        return link.transcript

    async def _converse(self, connection: Connection, link: "_Link", n: int) -> None:
        if any(tag == 141 and value == "Y" for tag, value in connection.logon.body):
            self.out_seq, self.in_seq, self.theirs = 1, 1, []
        await link.send([self._encode(connection.logon)])
        if await self._until(link, lambda message: message.type in ("A", "5")):
            for at, segment in enumerate(connection.segments):
                if not await self._send_segment(segment, link, f"fence-{n}-{at}"):
                    break
            if connection.confirms and not link.at_end:
                await self._confirm(link)
        await link.half_close()
        while await self._read(link, _CLOSE_S) is not None:
            pass

    async def _send_segment(self, segment: Segment, link: "_Link", fence: str) -> bool:
        """False if nothing more can be sent."""
        raw = [self._encode(message) for message in segment.messages]
        if not segment.fence:
            await link.send(raw)
            return False
        raw.append(self._encode(Message("1", [(112, fence)])))
        await link.send(raw)
        return await self._until(link, lambda message: message.get(112) == fence)

    async def _confirm(self, link: "_Link") -> None:
        """Answer what the server asks until it is silent."""
        asked = [message for message in link.transcript.received if message.get(112, "").startswith(HEARD)]
        while True:
            for question in asked[-1:]:
                await link.send([self._encode(Message("0", [(112, question[112])]))])
            try:
                message = await self._read(link, _QUIET_S)
            except TimeoutError:
                return
            if message is None:
                return
            asked = [message] if message.get(112, "").startswith(HEARD) else []

    # --- receiving

    async def _until(self, link: "_Link", wanted: Callable[[Received], bool]) -> bool:
        """Read up to a wanted message; False if the connection ends before."""
        while True:
            message = await self._read(link, FENCE_S)
            if message is None or wanted(message):
                return message is not None

    async def _read(self, link: "_Link", timeout_s: float) -> Received | None:
        message = await link.read(timeout_s)
        if message is None:
            return None
        is_first = len(link.transcript.received) == 1
        if message.get(43) != "Y" and not is_refusal(message, is_first, self.in_seq):
            self.in_seq = int(message[34]) + 1
            if not is_timed(message):
                self.theirs.append(int(message[34]))
        if message.type == "S":
            self.quotes.append(message)
        if message.type == "8":
            self._compare_report(message, link.transcript)
        return message

    def _compare_report(self, message: Received, transcript: Transcript) -> None:
        """Whatever is sent again is what was sent before."""
        fields = [field for field in message.fields if field[0] not in (9, 10, 34, 43, 52, 97, 122)]
        if self.reports.setdefault(message[17], fields) != fields:
            transcript.problems.append(f"not what was sent before: {message}")

    # --- sending

    def _encode(self, message: Message) -> bytes:
        usual: dict[int, Value] = {
            35: message.msg_type, 34: self.out_seq + message.shift, 49: self.name, 52: Moment(), 56: "QUOTELIFE"
        }  # fmt: skip
        header: Fields = [(tag, value) for tag, value in (usual | message.header).items() if value is not None]
        raw = encode(self.begin, self._resolved([*header, *message.more]), message, self._resolved(message.body))
        self.out_seq += message.steps
        return raw

    def _resolved(self, fields: Fields) -> Fields:
        return [(tag, self._value(value)) for tag, value in fields]

    def _value(self, value: Value) -> Value:
        if isinstance(value, QuoteRef):
            known = -len(self.quotes) <= value.n < len(self.quotes)
            return self.quotes[value.n].get(value.tag, value.otherwise) if known else value.otherwise  # type: ignore[return-value]
        if isinstance(value, Moment):
            return timestamp(value)
        if isinstance(value, Theirs):
            if value.n == EXPECTED:
                return self.in_seq + value.shift
            known = 1 <= value.n <= len(self.theirs)
            last = self.theirs[-1] if self.theirs else 0
            return (self.theirs[value.n - 1] if known else last + 1) + value.shift
        if isinstance(value, Ours):
            return self.out_seq + value.shift
        return value


def timestamp(moment: Moment) -> str:
    """The UTCTimestamp of a moment."""
    text = datetime.fromtimestamp(time.time() + moment.offset_s, UTC).strftime("%Y%m%d-%H:%M:%S.%f")
    return text[: len(text) - 6 + moment.decimals] if moment.decimals else text[:-7]


class _Link:
    """A connection: bytes out, messages in."""

    def __init__(self, sock: socket.socket) -> None:
        self.transcript = Transcript()
        self.at_end = False
        self._sock, self._buffer = sock, b""
        self._loop = asyncio.get_running_loop()

    async def send(self, raw: list[bytes]) -> None:
        self.transcript.sent += raw
        with contextlib.suppress(ConnectionError):  # closed by the server: what it sent before can still be read
            await self._loop.sock_sendall(self._sock, b"".join(raw))

    async def half_close(self) -> None:
        with contextlib.suppress(OSError):  # as above
            self._sock.shutdown(socket.SHUT_WR)

    async def read(self, timeout_s: float) -> Received | None:
        """The next message; None at the end of the connection."""
        while True:
            end = self._buffer.find(b"\x0110=")
            stop = self._buffer.find(SOH, end + 1) if end >= 0 else -1
            if stop >= 0:
                raw, self._buffer = self._buffer[: stop + 1], self._buffer[stop + 1 :]
                message = Received(raw)
                self.transcript.received.append(message)
                return message
            if self.at_end:
                return None
            try:
                data = await asyncio.wait_for(self._loop.sock_recv(self._sock, 65536), timeout_s)
            except ConnectionResetError:
                data = b""
            self._buffer += data
            self.at_end = not data


async def run_scripts(port: int, scripts: list[Script]) -> dict[int, list[Transcript]]:
    """The transcripts of all scripts by their seeds. Each session runs its own in their order, all at the same time."""
    found: dict[int, list[Transcript]] = {}

    async def run_session(number: int) -> None:
        session = Session(port, number)
        for script in scripts:
            if script.session == number:
                found[script.seed] = await session.run(script)

    async with asyncio.TaskGroup() as tasks:
        for number in sorted({script.session for script in scripts}):
            tasks.create_task(run_session(number))
    return found
