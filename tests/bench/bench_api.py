"""Latency of the expiry API against a bare aiohttp server that returns a constant body of the same size.

    python -m tests.bench.bench_api

Both run on uvloop in separate processes, without access log, and read the request's body. One client with a connection
to each sends requests alternately, so that other load of the machine affects both.
"""

import argparse
import asyncio
import json
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from aiohttp import web

from quotelife.runtime.process import announce_ready, end_with_parent
from tests.acceptance.conftest import Market, Process, Service, free_port

BODY = json.dumps({"symbol": "BTC-USD", "client": "Fund", "side": "buy", "quantity": "1.5"}).encode()
WARM_UP = 500


class _MarketOnly(Service):
    """The market without a quoting process."""

    def start_quoting(self) -> None:
        self.quoting = self.market


class Connection:
    """A persistent connection; `ask` makes one round trip."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"POST /v1/expiry HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(BODY)}\r\n"
        self._request = f"{head}Content-Type: application/json\r\n\r\n".encode() + BODY

    def ask(self) -> bytes:
        """The body of the response, which must have status 200."""
        self._socket.sendall(self._request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._socket.recv(1 << 16)
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), received
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        while len(body) < length:
            body += self._socket.recv(1 << 16)
        return body

    def timed(self) -> int:
        started = time.perf_counter_ns()
        self.ask()
        return time.perf_counter_ns() - started


def measure(requests: int) -> tuple[list[int], list[int], int]:
    """Round trips in ns of the API and of the bare server, and the size of a response."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        section = f"[api]\nport = {port}\nrequests_per_second = 1000000.0\n"
        with _MarketOnly(Path(folder), before=section) as service:
            assert isinstance(service.market, Market)
            api = Process("quotelife.api.process", "--config", str(service.config))
            try:
                ours = Connection(port)
                return _alternate(ours, requests, Path(folder))
            finally:
                api.stop()


def _alternate(ours: Connection, requests: int, folder: Path) -> tuple[list[int], list[int], int]:
    answer = ours.ask()
    (folder / "answer").write_bytes(answer)
    bare_port = free_port()
    bare = Process("tests.bench.bench_api", "--bare", str(folder / "answer"), "--port", str(bare_port))
    try:
        theirs = Connection(bare_port)
        for _ in range(WARM_UP):
            ours.ask()
            theirs.ask()
        pairs = [(ours.timed(), theirs.timed()) for _ in range(requests)]
    finally:
        bare.kill()
    return [a for a, _ in pairs], [b for _, b in pairs], len(answer)


async def _serve_constant(answer: bytes, port: int) -> None:
    """Serve until the process is killed."""

    async def constant(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=answer, content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/expiry", constant)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    announce_ready("bare")
    await asyncio.Event().wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare is not None:
        end_with_parent()
        uvloop.run(_serve_constant(options.bare.read_bytes(), options.port))
        return 0
    for _ in range(options.repeats):
        ours, theirs, size = measure(options.requests)
        for name, times in (("api", ours), ("bare", theirs)):
            cuts = statistics.quantiles(times, n=100)
            print(f"{name:5} p50 {cuts[49] / 1e3:7.1f} us   p99 {cuts[98] / 1e3:7.1f} us   ({size} bytes)")
        print(f"ratio p50 {statistics.median(ours) / statistics.median(theirs):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
