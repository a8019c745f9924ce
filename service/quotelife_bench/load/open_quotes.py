"""The client process of the withdrawal bench: keeps quotes open, and notes when their QuoteCancels arrive.

    python -m quotelife_bench.load.open_quotes < OpenQuotesPlan as JSON > Cancels as JSON

Its sessions ask for a new quote whenever fewer than the wanted number are open; instruments and sides take turns. A
QuoteCancel counts from when the system received it for the socket (SO_TIMESTAMPNS, socket(7)), so before this process
has woken up to read it.
"""

import heapq
import socket
import struct
import sys

import msgspec
import numpy as np

from quotelife.fix.encode import Identity, encode, sending_time
from quotelife.fix.fields import INVALID, parse_utc_timestamp
from quotelife.runtime.clock import NS_PER_S, mono_ns, wall_ns
from quotelife.runtime.process_tuning import request_exact_timers, request_scheduler_slice
from quotelife_bench.load.generator import log_on
from quotelife_bench.load.market import split
from quotelife_bench.load.readiness import wait

_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("=qq")
_SLICE_US = 100  # a real client has its own machine
_MOST_REQUESTS_PER_S = 400.0  # so that the quotes that replace the withdrawn ones are a small load


class OpenQuotesPlan(msgspec.Struct, kw_only=True):
    """`wanted` quotes are open over `seconds`, after `fill_s` to open them."""

    port: int
    senders: list[str]
    target: str
    symbols: list[str]
    quantity: int
    wanted: int
    fill_s: float
    seconds: float


class Cancels(msgspec.Struct, kw_only=True):
    """`received` are (index of the symbol, monotonic time in ns) of the QuoteCancels in the measured time from
    `began_ns` to `ended_ns`; `open_quotes` is the mean number of open quotes in that time."""

    received: list[tuple[int, int]]
    began_ns: int
    ended_ns: int
    open_quotes: float
    quotes: int
    refusals: int
    last_refusal: str


class Client:
    """The sessions, and the quotes that they hold: QuoteID to index of the symbol."""

    def __init__(self, plan: OpenQuotesPlan) -> None:
        self._plan = plan
        self._identities = [Identity(sender, plan.target) for sender in plan.senders]
        self.connections = [log_on(plan.port, identity) for identity in self._identities]
        for connection in self.connections:
            connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._seq = [2] * len(self.connections)
        self._rests = [b""] * len(self.connections)
        self._index = {symbol: n for n, symbol in enumerate(plan.symbols)}
        self._open: dict[str, int] = {}
        self._deadlines: list[tuple[int, str]] = []
        self._pending = self._requested = self.quotes = self.refusals = 0
        self.last_refusal = ""
        self.cancels: list[tuple[int, int]] = []

    def expire(self, now_wall_ns: int) -> int:
        """Forget expired quotes; returns the number of open ones."""
        while self._deadlines and self._deadlines[0][0] <= now_wall_ns:
            self._open.pop(heapq.heappop(self._deadlines)[1], None)
        return len(self._open)

    def missing(self) -> bool:
        return len(self._open) + self._pending < self._plan.wanted

    def request_quote(self) -> None:
        n = self._requested
        symbols, at = self._plan.symbols, n % len(self.connections)
        client_buys = n // len(symbols) % 2
        body: list[tuple[int, str | int]] = [
            *((131, f"r{n}"), (146, 1), (55, symbols[n % len(symbols)]), (54, 1 + client_buys)),
            (38, self._plan.quantity),
        ]
        self.connections[at].sendall(encode(self._identities[at], "R", self._seq[at], sending_time(wall_ns()), body))
        self._seq[at] += 1
        self._requested += 1
        self._pending += 1

    def receive(self, at: int) -> None:
        """Read what session `at` has received."""
        data, arrived_ns = receive(self.connections[at])
        messages, self._rests[at] = split(self._rests[at] + data)
        for message in messages:
            match message["35"]:
                case "S":
                    self._pending -= 1
                    self.quotes += 1
                    self._open[message["117"]] = self._index[message["55"]]
                    heapq.heappush(self._deadlines, (deadline_ns(message["62"]), message["117"]))
                case "AG":
                    self._pending -= 1
                    self.refusals += 1
                    self.last_refusal = message.get("58", "")
                case "Z":
                    symbol = self._open.pop(message["117"], None)
                    if symbol is not None:
                        self.cancels.append((symbol, arrived_ns))


def receive(connection: socket.socket) -> tuple[bytes, int]:
    """What a connection has received, and when the last of it arrived (monotonic). ConnectionError if it is closed."""
    data, control, _, _ = connection.recvmsg(1 << 16, socket.CMSG_SPACE(_TIMESPEC.size))
    now_ns, now_wall_ns = mono_ns(), wall_ns()
    if not data:
        raise ConnectionError("the server closed the connection")
    for level, kind, content in control:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            s, ns = _TIMESPEC.unpack(content)
            return data, now_ns - (now_wall_ns - (s * NS_PER_S + ns))
    return data, now_ns


def deadline_ns(text: str) -> int:
    """Wall-clock time of a ValidUntilTime; ValueError if it is none."""
    found = int(parse_utc_timestamp(np.frombuffer(bytearray(text.encode()), np.uint8), 0, len(text)))
    if found == INVALID:
        raise ValueError(text)
    return found


def run(plan: OpenQuotesPlan) -> Cancels:
    """Log on, open the quotes, note the QuoteCancels."""
    client = Client(plan)
    index = {connection: n for n, connection in enumerate(client.connections)}
    began_ns = mono_ns() + int(plan.fill_s * NS_PER_S)
    ended_ns = began_ns + int(plan.seconds * NS_PER_S)
    period_ns, next_ns = int(NS_PER_S / _MOST_REQUESTS_PER_S), 0
    counts = []
    while (now_ns := mono_ns()) < ended_ns:
        n_open = client.expire(wall_ns())
        if now_ns >= began_ns:
            counts.append(n_open)
        if client.missing() and now_ns >= next_ns:
            client.request_quote()
            next_ns = now_ns + period_ns
        for connection in wait(client.connections, seconds=period_ns / NS_PER_S):
            client.receive(index[connection])
    for connection in client.connections:
        connection.close()
    return Cancels(
        received=[(symbol, at_ns) for symbol, at_ns in client.cancels if at_ns >= began_ns],
        began_ns=began_ns,
        ended_ns=ended_ns,
        open_quotes=sum(counts) / max(len(counts), 1),
        quotes=client.quotes,
        refusals=client.refusals,
        last_refusal=client.last_refusal,
    )


def main() -> int:
    request_scheduler_slice(_SLICE_US)
    request_exact_timers()
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=OpenQuotesPlan)
    sys.stdout.buffer.write(msgspec.json.encode(run(plan)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
