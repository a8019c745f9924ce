"""The load process of the memory bench: requests as fast as they are answered, and hits on some quotes.

    python -m quotelife_bench.load.soak < SoakPlan as JSON

Closed loop: each session has `in_flight` requests pending. At each mark it prints a `SoakCounts` as a line of JSON and
waits for a line on its standard input. The SoakPlan is one line, too.
"""

import socket
import sys
from typing import NamedTuple

import msgspec

from quotelife.fix.encode import Identity, encode, sending_time
from quotelife.runtime.clock import wall_ns
from quotelife_bench.load.generator import log_on
from quotelife_bench.load.readiness import wait


class SoakPlan(msgspec.Struct, kw_only=True):
    """`marks` are the numbers of answered requests at which to pause; every `hit_every`-th quote is hit, 0 for none."""

    port: int
    senders: list[str]
    target: str
    symbols: list[str]
    quantity: int
    marks: list[int]
    hit_every: int
    in_flight: int = 16


class SoakCounts(msgspec.Struct):
    """Totals so far."""

    quotes: int = 0
    refusals: int = 0
    hits: int = 0
    reports: int = 0  # ExecutionReports, including those for refused hits
    filled: int = 0


class Answer(NamedTuple):
    kind: str
    quote_id: str
    symbol: str
    side: str
    status: str  # OrdStatus


class Session:
    """One session: its sequence numbers and its partial input."""

    def __init__(self, soak: SoakPlan, sender: str) -> None:
        self.soak, self.identity = soak, Identity(sender, soak.target)
        self.connection: socket.socket = log_on(soak.port, self.identity)
        self.seq, self.requested = 2, 0
        self._rest = b""

    def request_quote(self) -> None:
        """Send a request; the sides alternate, so that the desk's position stays small."""
        symbol = self.soak.symbols[self.requested % len(self.soak.symbols)]
        self.requested += 1
        self._send("R", [(131, f"r{self.requested}"), (146, 1), (55, symbol), (54, 1 + self.requested % 2),
                         (38, self.soak.quantity)])  # fmt: skip

    def hit(self, answer: Answer) -> None:
        body: list[tuple[int, str | int]] = [(693, f"h{answer.quote_id}"), (117, answer.quote_id), (694, 1)]
        body += [(54, answer.side), (55, answer.symbol)]
        self._send("AJ", body)

    def answers(self) -> list[Answer]:
        """The messages received since the last call."""
        data = self.connection.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed the connection")
        data, found = self._rest + data, []
        while (trailer := data.find(b"\x0110=")) >= 0 and len(data) >= trailer + 8:
            message, data = data[: trailer + 8], data[trailer + 8 :]
            found.append(Answer(*(_field(message, tag) for tag in (b"35", b"117", b"55", b"54", b"39"))))
        self._rest = data
        return found

    def _send(self, kind: str, body: list[tuple[int, str | int]]) -> None:
        self.connection.sendall(encode(self.identity, kind, self.seq, sending_time(wall_ns()), body))
        self.seq += 1


def _field(message: bytes, tag: bytes) -> str:
    at = message.find(b"\x01%b=" % tag)
    if at < 0:
        return ""
    start = at + len(tag) + 2
    return message[start : message.index(b"\x01", start)].decode()


def run(soak: SoakPlan) -> None:
    """Run until the last mark."""
    sessions = {s.connection: s for s in (Session(soak, sender) for sender in soak.senders)}
    done = SoakCounts()
    for mark in soak.marks:
        _until(mark, sessions, done, soak)
        print(msgspec.json.encode(done).decode(), flush=True)
        sys.stdin.readline()


def _until(mark: int, sessions: dict[socket.socket, Session], done: SoakCounts, soak: SoakPlan) -> None:
    requested = done.quotes + done.refusals
    for session in sessions.values():
        for _ in range(min(soak.in_flight, mark - requested)):
            session.request_quote()
            requested += 1
    while done.quotes + done.refusals < mark or done.reports < done.hits:
        for connection in wait(sessions):
            session = sessions[connection]
            for answer in session.answers():
                if answer.kind in ("S", "AG"):
                    done.quotes += answer.kind == "S"
                    done.refusals += answer.kind == "AG"
                    if answer.kind == "S" and soak.hit_every and done.quotes % soak.hit_every == 0:
                        session.hit(answer)
                        done.hits += 1
                    if requested < mark:
                        session.request_quote()
                        requested += 1
                elif answer.kind == "8":
                    done.reports += 1
                    done.filled += answer.status == "2"


def main() -> int:
    run(msgspec.json.decode(sys.stdin.readline(), type=SoakPlan))
    return 0


if __name__ == "__main__":
    sys.exit(main())
