"""The load generator process: sends QuoteRequests and measures the time until they are answered.

    python -m quotelife_bench.load.generator

Reads a `Load` per line of its standard input, as JSON, and answers each with a `LoadResult` as a line. Ends with its
input. All requests of a load are encoded before the first one is sent.

Open loop: a request is sent when it is due, whether or not earlier ones were answered, and its latency starts at its
due time. A server that stalls is therefore charged for everything that waited behind the stall. Closed loop: one client
that waits for its answer and then pauses; latency starts when the request is sent.
"""

import gc
import socket
import struct
import sys
from collections.abc import Sequence

import msgspec
import numpy as np

from quotelife.fix.encode import Identity, encode, sending_time
from quotelife.runtime.clock import wall_ns
from quotelife.runtime.process_tuning import request_exact_timers, request_scheduler_slice
from quotelife_bench.load import exchange as x
from quotelife_bench.load.market import split
from quotelife_bench.processes import cpu_clock

_SPIN_NS = 80_000  # before a request is due; in a closed loop while its answer is due
_GRACE_NS = 2_000_000_000  # for the last answers
_LOGON_S = 10.0
_STUCK = struct.pack("ll", 5, 0)  # s and us after which a peer that does not read ends the load
_SLICE_US = 100  # a real client has its own machine and does not wait for a processor of this one
_BUFFER = 8_192  # bytes of a session's input; many times the longest message
_STATUS = {x.CLOSED: "the server closed the connection", x.NOT_FIX: "the server sent what is not FIX"}


class Load(msgspec.Struct, kw_only=True):
    """What to send: `rate` requests a second for `seconds`, after `warm_up_s` seconds at the same rate that are not
    measured. The sessions of `senders` take turns. With `pause_us` the loop is closed: a request is sent that long
    after the answer to the one before, and `rate` only says how many there are."""

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
    pause_us: float = 0.0

    @property
    def warm_up(self) -> int:
        """Number of requests that are not measured."""
        return int(self.rate * self.warm_up_s)

    @property
    def measured(self) -> int:
        """Number of requests that are."""
        return int(self.rate * self.seconds)


class LoadResult(msgspec.Struct, kw_only=True):
    """Latencies of the answers in ns, the generator's own worst delay in sending a request that was due, and the
    processor time of `cpu_pid` during the measurement, without Logons and warm-up. `monitor_ns` is the part of the
    monitor of open quotes, which `RunningSides` adds."""

    latencies_ns: list[int]
    sent: int
    quotes: int
    rejects: int
    unanswered: int
    latest_send_ns: int
    cpu_ns: int
    monitor_ns: int = 0

    @property
    def cpu_us(self) -> float:
        """Processor time per request in us."""
        return self.cpu_ns / max(self.sent, 1) / 1e3

    @property
    def answer_us(self) -> float:
        """The same without the monitor."""
        return (self.cpu_ns - self.monitor_ns) / max(self.sent, 1) / 1e3


class Exchange(msgspec.Struct):
    """What was exchanged: the number of sent requests, of each the latency (-1: no answer) and the MsgType of the
    answer; the rest as in `LoadResult`."""

    sent: int
    latencies_ns: list[int]
    kinds: list[str]
    latest_send_ns: int
    cpu_ns: int


def run(load: Load) -> LoadResult:
    """Log on, send, measure, log out. ConnectionError if the server refuses or closes the connection."""
    identities = [Identity(sender, load.target) for sender in load.senders]
    connections: list[socket.socket] = []
    try:
        for identity in identities:
            connections.append(log_on(load.port, identity))
        requests = _requests(load, identities, load.warm_up + load.measured)
        exchanged = exchange(connections, requests, load)
        for n, (connection, identity) in enumerate(zip(connections, identities, strict=True)):
            requested = len(range(n, exchanged.sent, len(connections)))
            connection.sendall(encode(identity, "5", requested + 2, sending_time(wall_ns())))
    finally:
        for connection in connections:
            connection.close()
    warm_up = load.warm_up
    latencies = [latency for latency in exchanged.latencies_ns[warm_up:] if latency >= 0]
    good = exchanged.kinds[warm_up:].count(load.answer)
    return LoadResult(
        latencies_ns=latencies,
        sent=load.measured,
        quotes=good,
        rejects=len(latencies) - good,
        unanswered=load.measured - len(latencies),
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
            connection.settimeout(None)  # with a timeout the descriptor would not block
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _STUCK)
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


def exchange(connections: Sequence[socket.socket], requests: Sequence[bytes], load: Load) -> Exchange:
    """Send each request when it is due, and read the answers. ConnectionError if a session ends meanwhile."""
    plan = np.zeros(x.PLAN_WORDS, np.int64)
    plan[x.PERIOD_NS], plan[x.PAUSE_NS] = 1e9 / load.rate, load.pause_us * 1e3
    plan[x.SPIN_NS], plan[x.GRACE_NS], plan[x.WARM_UP] = _SPIN_NS, _GRACE_NS, load.warm_up
    plan[x.CPU_CLOCK] = cpu_clock(load.cpu_pid) if load.cpu_pid else x.NO_CLOCK
    latencies, kinds = np.full(len(requests), x.NO_ANSWER), np.zeros(len(requests), np.int64)
    result = np.zeros(x.RESULT_WORDS, np.int64)
    gc.collect()
    x.exchange(
        np.array([connection.fileno() for connection in connections], np.int64),
        np.zeros((len(connections), _BUFFER), np.uint8),
        np.frombuffer(b"".join(requests), np.uint8).copy(),
        np.cumsum([len(request) for request in requests]),
        np.frombuffer(f"\x01131={load.prefix}".encode(), np.uint8).copy(),
        *(plan, latencies, kinds, result),
    )
    if result[x.STATUS] != x.DONE:
        raise ConnectionError(_STATUS[int(result[x.STATUS])])
    names = {int(kind): int(kind).to_bytes(8, "big").lstrip(b"\0").decode() for kind in np.unique(kinds)}
    return Exchange(
        sent=int(result[x.SENT]),
        latencies_ns=latencies.tolist(),
        kinds=[names[kind] for kind in kinds.tolist()],
        latest_send_ns=int(result[x.LATEST_SEND_NS]),
        cpu_ns=int(result[x.CPU_NS]),
    )


def main() -> int:
    request_exact_timers()
    if problem := request_scheduler_slice(_SLICE_US):
        print(problem, file=sys.stderr)
    gc.disable()
    for line in sys.stdin.buffer:
        try:
            result = run(msgspec.json.decode(line, type=Load))
        except (OSError, ConnectionError) as error:
            print(error, file=sys.stderr)
            return 1
        print(msgspec.json.encode(result).decode(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
