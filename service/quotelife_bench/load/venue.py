"""The venue process of the bench: accepts one market-data session at a time and sends increments.

    python -m quotelife_bench.load.venue RATE [MOVES MOVING]

Prints its port, then sends RATE messages a second to its subscriber. The first MOVING instruments have none of these:
at random moments, MOVES times a second, the whole book of one of them moves. A `Phase`, sent as a line of JSON to its
standard input, is answered by a `PhaseResult` as a line on its standard output when the phase has been sent and
processed. Ends when its standard input is closed.

Open loop: increments and pings are sent when they are due, or as soon afterwards as the peer accepts them. A ping is a
TestRequest after the increments that were due before it; the peer answers it after processing those, and its latency
starts at its due time.
"""

import ctypes
import random
import socket
import sys
import time

import msgspec

from quotelife.runtime.clock import NS_PER_S, mono_ns
from quotelife_bench.load.market import VenueSession, split
from quotelife_bench.load.readiness import wait

_PULSE_S = 0.0005
_CHUNK = 400  # messages passed to the socket at a time, about 70 kB
_MAX_BUFFERED = 1 << 20  # bytes; no increments are added beyond this
_LAST_ANSWER_NS = 30 * NS_PER_S
_FIRST_MOVE_NS = 2 * NS_PER_S  # by then every book is subscribed to
_PR_SET_TIMERSLACK = 29


class Phase(msgspec.Struct, kw_only=True):
    """`segments` are (messages a second, seconds) in sequence; a rate of 0 sends nothing. With `flat_out`, that many
    messages are sent as fast as the peer accepts them instead. `rate_afterwards` replaces RATE."""

    segments: list[tuple[float, float]] = []
    pings_per_s: float = 0.0
    flat_out: int = 0
    rate_afterwards: float | None = None


class PhaseResult(msgspec.Struct, kw_only=True):
    """`latencies_ns` of the pings, one list per segment; `elapsed_ns` from the first byte to the answer to the last
    ping; `books` are the expected ten best levels by symbol and side, (ticks, size)."""

    latencies_ns: list[list[int]]
    unanswered: int
    sent: int
    elapsed_ns: int
    increments: int
    snapshots: int
    resubscribed: int
    books: dict[str, list[list[tuple[int, int]]]]


class VenueConnection:
    """The connection: bytes to be sent, and the peer's messages."""

    def __init__(self, connection: socket.socket, moving: int = 0) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.venue = VenueSession(moving=moving)
        self.connection = connection
        self.answers: dict[str, int] = {}  # TestReqID -> time of the answer
        self._outgoing = bytearray()
        self._rest = b""

    def full(self) -> bool:
        return len(self._outgoing) > _MAX_BUFFERED

    def send(self, data: bytes) -> None:
        self._outgoing += data
        self.drain()

    def drain(self) -> None:
        """Send what the peer accepts now."""
        while self._outgoing:
            try:
                sent = self.connection.send(memoryview(self._outgoing)[: 1 << 18], socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            del self._outgoing[:sent]

    def wait(self, seconds: float) -> bool:
        """Wait for the connection or the timeout; True if standard input has a line."""
        writers = [self.connection] if self._outgoing else []
        readable = wait((self.connection, sys.stdin), writers, seconds)
        if self.connection in readable:
            self._receive()
        self.drain()
        return sys.stdin in readable

    def _receive(self) -> None:
        data = self.connection.recv(1 << 16)
        if not data:
            raise ConnectionError("the peer closed the connection")
        now = mono_ns()
        messages, self._rest = split(self._rest + data)
        for message in messages:
            match message["35"]:
                case "A":
                    self.send(self.venue.message("A", [(98, 0), (108, message["108"]), (141, "Y")]))
                case "V":
                    self.send(self.venue.snapshot(message["262"], message["55"]))
                case "1":
                    self.send(self.venue.message("0", [(112, message["112"])]))
                case "0" if "112" in message:
                    self.answers[message["112"]] = now
                case "5":
                    self.send(self.venue.message("5", []))


def main(arguments: list[str]) -> int:
    rate, moves, moving = float(arguments[0]), *map(float, arguments[1:] or ("0", "0"))
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            if sys.stdin in wait((server, sys.stdin)):
                return 0
            connection, _ = server.accept()
            with connection:
                try:
                    if not _serve(VenueConnection(connection, int(moving)), rate, moves):
                        return 0
                except (ConnectionError, TimeoutError):
                    continue


def _serve(link: VenueConnection, rate: float, moves: float) -> bool:
    """Serve one session; False if the bench has ended."""
    since_ns, sent = mono_ns(), 0
    draw, next_move_ns = random.Random(1), mono_ns() + _FIRST_MOVE_NS
    while True:
        if link.wait(0):
            line = sys.stdin.readline()
            if not line:
                return False
            phase = msgspec.json.decode(line, type=Phase)
            rate = rate if phase.rate_afterwards is None else phase.rate_afterwards
            played = play(link, phase)
            print(msgspec.json.encode(played).decode(), flush=True)
            since_ns, sent = mono_ns(), 0
        if not link.venue.requests or link.full():
            since_ns, sent = mono_ns(), 0
        due = int((mono_ns() - since_ns) / NS_PER_S * rate) - sent
        if due > 0:
            link.send(link.venue.increments(due))
            sent += due
        if moves and link.venue.requests and mono_ns() >= next_move_ns:
            link.send(link.venue.move())
            next_move_ns = mono_ns() + int(draw.expovariate(moves) * NS_PER_S)
        time.sleep(_PULSE_S)


def play(link: VenueConnection, phase: Phase) -> PhaseResult:
    """Send a phase and wait for the answers to its pings. The last ping shows that everything was processed."""
    began = mono_ns()
    increments = link.venue.increments_sent
    intended = _flat_out(link, phase.flat_out) if phase.flat_out else _paced(link, phase)
    last = f"{began}-end"
    intended.append({last: mono_ns()})
    link.send(link.venue.message("1", [(112, last)]))
    until = mono_ns() + _LAST_ANSWER_NS
    while any(ping not in link.answers for pings in intended for ping in pings) and mono_ns() < until:
        link.wait(_PULSE_S)
    answers, link.answers = link.answers, {}
    latencies = [[answers[ping] - due for ping, due in pings.items() if ping in answers] for pings in intended]
    return PhaseResult(
        latencies_ns=latencies[:-1],
        unanswered=sum(map(len, intended)) - sum(map(len, latencies)),
        sent=link.venue.increments_sent - increments,
        elapsed_ns=answers.get(last, mono_ns()) - began,
        increments=link.venue.increments_sent,
        snapshots=len(link.venue.requests),
        resubscribed=link.venue.resubscribed,
        books=link.venue.tops(),
    )


def _flat_out(link: VenueConnection, messages: int) -> list[dict[str, int]]:
    while messages > 0:
        if link.full():
            link.wait(_PULSE_S)
            continue
        count = min(messages, _CHUNK)
        link.send(link.venue.increments(count))
        messages -= count
    return []


def _paced(link: VenueConnection, phase: Phase) -> list[dict[str, int]]:
    """The pings of each segment with their due times."""
    intended: list[dict[str, int]] = []
    start_ns = mono_ns()
    for rate, seconds in phase.segments:
        pings: dict[str, int] = {}
        sent = 0
        while True:
            elapsed = min((mono_ns() - start_ns) / NS_PER_S, seconds)
            if link.full():
                link.wait(_PULSE_S)
                continue
            count = min(int(elapsed * rate) - sent, _CHUNK)
            if count > 0:
                link.send(link.venue.increments(count))
                sent += count
            late = sent < int(elapsed * rate)
            if not late and len(pings) < int(elapsed * phase.pings_per_s):
                due_ns = start_ns + int((len(pings) + 1) / phase.pings_per_s * NS_PER_S)
                ping = f"{start_ns}-{len(pings)}"
                pings[ping] = due_ns
                link.send(link.venue.message("1", [(112, ping)]))
                continue
            if not late and elapsed >= seconds:
                break
            link.wait(0 if late else _PULSE_S)
        start_ns += int(seconds * NS_PER_S)
        intended.append(pings)
    return intended


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
