"""The load generator process: sends QuoteRequests at their intended times and measures latency from those times.

    python -m quotelife_bench.load.generator < Load as JSON > LoadResult as JSON

Open loop: a request is sent when it is due, whether or not earlier ones were answered, and its latency starts at its
due time. A server that stalls is therefore charged for everything that waited behind the stall. All requests are
encoded before the first one is sent.
"""

import ctypes
import gc
import select
import socket
import sys
from typing import NamedTuple

import msgspec

from quotelife.fix.encode import Identity, encode, sending_time
from quotelife.runtime.clock import NS_PER_S, mono_ns, wall_ns
from quotelife.runtime.process_tuning import request_scheduler_slice
from quotelife_bench.load.market import split
from quotelife_bench.processes import cpu_ns

_SPIN_NS = 80_000  # busy-wait this long before a request is due
_GRACE_S = 2.0  # for the last answers
_LOGON_S = 10.0
_PR_SET_TIMERSLACK = 29
_SLICE_US = 100  # a real client has its own machine and does not wait for a processor of this one


class Load(msgspec.Struct, kw_only=True):
    """What to send: `rate` requests a second for `seconds`, after `warm_up_s` seconds at the same rate that are not
    measured. The sessions of `senders` take turns."""

    port: int
    senders: list[str]
    target: str
    symbols: list[str]
    quantity: int
    rate: float
    seconds: float
    warm_up_s: float
    prefix: str  # of the QuoteReqIDs
    answer: str = "S"  # MsgType of a good answer
    cpu_pid: int = 0  # process whose processor time is measured; 0 for none

    @property
    def warm_up(self) -> int:
        """Number of requests that are not measured."""
        return int(self.rate * self.warm_up_s)


class LoadResult(msgspec.Struct, kw_only=True):
    """Latencies of the answers in ns from the intended send time, the generator's own worst delay in sending, and the
    processor time of `cpu_pid` during the measurement, without Logons and warm-up."""

    latencies_ns: list[int]
    sent: int
    quotes: int
    rejects: int
    unanswered: int
    latest_send_ns: int
    cpu_ns: int


class ExchangeResult(NamedTuple):
    """The latency (-1: no answer) and the MsgType of the answer of each request; the rest as in `LoadResult`."""

    latencies_ns: list[int]
    kinds: list[str]
    latest_send_ns: int
    cpu_ns: int


def run(load: Load) -> LoadResult:
    """Log on, send, measure, log out. ConnectionError if the server refuses or closes the connection."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    identities = [Identity(sender, load.target) for sender in load.senders]
    connections = [log_on(load.port, identity) for identity in identities]
    try:
        warm_up, count = load.warm_up, int(load.rate * load.seconds)
        requests = _requests(load, identities, warm_up + count)
        gc.collect()
        gc.disable()
        exchanged = exchange(connections, requests, load)
        for connection, identity in zip(connections, identities, strict=True):
            connection.sendall(encode(identity, "5", len(requests) + 2, sending_time(wall_ns())))
    finally:
        for connection in connections:
            connection.close()
    measured = [latency for latency in exchanged.latencies_ns[warm_up:] if latency >= 0]
    good = exchanged.kinds[warm_up:].count(load.answer)
    return LoadResult(
        latencies_ns=measured,
        sent=count,
        quotes=good,
        rejects=len(measured) - good,
        unanswered=count - len(measured),
        latest_send_ns=exchanged.latest_send_ns,
        cpu_ns=exchanged.cpu_ns,
    )


def log_on(port: int, identity: Identity) -> socket.socket:
    """A logged-on connection; ConnectionError if the server closes it."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=_LOGON_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(encode(identity, "A", 1, sending_time(wall_ns()), [(98, 0), (108, 60), (141, "Y")]))
    data = b""
    while True:
        received = connection.recv(4096)
        if not received:
            raise ConnectionError("the server closed the connection instead of answering the Logon")
        messages, data = split(data + received)
        if any(m["35"] == "A" for m in messages):
            connection.settimeout(None)  # with a timeout, recv would wait despite MSG_DONTWAIT
            return connection


def _requests(load: Load, identities: list[Identity], count: int) -> list[bytes]:
    stamp = sending_time(wall_ns())
    n_sessions = len(identities)
    return [
        encode(
            identities[n % n_sessions],
            "R",
            n // n_sessions + 2,
            stamp,
            [(131, f"{load.prefix}{n}"), (146, 1), (55, load.symbols[n % len(load.symbols)]), (38, load.quantity)],
        )
        for n in range(count)
    ]


def exchange(connections: list[socket.socket], requests: list[bytes], load: Load) -> ExchangeResult:
    """Send each request when it is due, and read the answers."""
    period_ns = NS_PER_S / load.rate
    start_ns = mono_ns() + 20_000_000
    count, n_sessions, warm_up = len(requests), len(connections), load.warm_up
    end_ns = start_ns + int(count * period_ns + _GRACE_S * NS_PER_S)
    latencies, kinds = [-1] * count, [""] * count
    prefix = f"\x01131={load.prefix}".encode()
    next_request = answered = latest = 0
    due_ns, spent_ns = start_ns, 0
    buffers = dict.fromkeys(connections, b"")
    while answered < count:
        now = mono_ns()
        if now >= end_ns:
            break
        if next_request < count and now >= due_ns:
            if next_request == warm_up:
                spent_ns = _spent_ns(load)
            connections[next_request % n_sessions].sendall(requests[next_request])
            latest = max(latest, now - due_ns)
            next_request += 1
            due_ns = start_ns + int(next_request * period_ns)
            continue
        wait_ns = (due_ns if next_request < count else end_ns) - now - _SPIN_NS
        ready, _, _ = select.select(connections, [], [], max(wait_ns, 0) / NS_PER_S)
        for connection in ready:
            received = connection.recv(1 << 16)
            at_ns = mono_ns()
            if not received:
                raise ConnectionError("the server closed the connection")
            buffer = buffers[connection] + received
            while (trailer := buffer.find(b"\x0110=")) >= 0 and len(buffer) >= trailer + 8:
                message, buffer = buffer[: trailer + 8], buffer[trailer + 8 :]
                at = message.find(prefix)
                if at < 0:
                    continue
                n = int(message[at + len(prefix) : message.index(b"\x01", at + 1)])
                if kinds[n]:
                    continue  # the withdrawal of a quote that already counted as the answer
                kind = message.find(b"\x0135=") + 4
                kinds[n] = message[kind : message.index(b"\x01", kind)].decode()
                latencies[n] = at_ns - int(start_ns + n * period_ns)
                answered += 1
            buffers[connection] = buffer
    return ExchangeResult(latencies, kinds, latest, _spent_ns(load) - spent_ns)


def _spent_ns(load: Load) -> int:
    return cpu_ns(load.cpu_pid) if load.cpu_pid else 0


def main() -> int:
    request_scheduler_slice(_SLICE_US)
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    sys.stdout.buffer.write(msgspec.json.encode(run(load)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
