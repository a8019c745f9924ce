"""The TLS process: `python -m quotelife.acceptor.tls.process --config FILE`; there is one if the configuration has
[acceptor.tls].

It has the port that clients connect to, does TLS, asks for the client's certificate, and passes the bytes on to the
quoting process's gate over a Unix socket in the run directory. The engine can do TLS itself, but then it looks at no
address, holds a lock while it waits for the rest of a record, and lets whoever can connect as far as a session's
sequence numbers. Here a handshake costs the quoting process nothing, and a client without certificate never gets near.
"""

import argparse
import asyncio
import gc
import signal
import socket
import ssl
import sys
import traceback
from collections import Counter
from pathlib import Path

import uvloop

from quotelife.acceptor.tls.relay import Side, handshake, join, names, why
from quotelife.config import Config, ConfigError, server_context
from quotelife.config.addresses import Addresses
from quotelife.config.paths import run_paths
from quotelife.metrics import catalog, labels
from quotelife.metrics.region import MetricsRegion
from quotelife.runtime.clock import wall_ns
from quotelife.runtime.process import (
    EXIT_CONFIG,
    EXIT_FAILED,
    announce_ready,
    end_with_parent,
    read_configuration,
    unix_path,
)
from quotelife.runtime.rate_limited_log import RateLimitedLog

_BACKLOG = 128
_PAUSE_S = 0.1  # after an accept that failed: descriptors have run out
_BEAT_S = 1.0


class Front:
    """Accepts, and keeps two sides of each connection together."""

    def __init__(self, config: Config, context: ssl.SSLContext, region: MetricsRegion, gate: Path) -> None:
        acceptor = config.acceptor
        self._context, self._gate = context, gate
        self._allowed = Addresses(acceptor.allowed_addresses)
        self._timeout_s = acceptor.logon_timeout_s
        self._most = acceptor.max_pending
        self._most_of_one = max(1, acceptor.max_pending // 4)
        self._shaking = Counter[str]()  # connections in their handshake, by address
        self._tasks = set[asyncio.Task[None]]()
        self._values = region.values
        self._refused = {r: region.counter("quotelife_tls_refused_total", reason=r) for r in labels.TLS_REFUSALS}
        self._open = region.gauge("quotelife_tls_connections")
        self._limited_log = RateLimitedLog()

    async def accept(self, listener: socket.socket) -> None:
        """For ever."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, (address, _) = await loop.sock_accept(listener)
            except OSError as error:
                self._limited_log.log("accept", f"tls: cannot accept: {error.strerror}")
                await asyncio.sleep(_PAUSE_S)
                continue
            if not self._turned_away(address):
                self._shaking[address] += 1
                task = loop.create_task(self._serve(sock, address))
                self._tasks.add(task)
                task.add_done_callback(self._ended)
            else:
                sock.close()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            traceback.print_exception(error, file=sys.stderr)

    def _turned_away(self, address: str) -> bool:
        if address not in self._allowed:
            self._refuse("address", address, "may not connect")
            return True
        if self._shaking.total() >= self._most or self._shaking[address] >= self._most_of_one:
            self._refuse("too_many", address, "too many handshakes")
            return True
        return False

    async def _serve(self, sock: socket.socket, address: str) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            client = await handshake(sock, self._context, self._timeout_s)
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            self._refuse(*_of(address, why(error)))
            sock.close()
            return
        finally:
            self._shaking[address] -= 1
            self._shaking += Counter()  # forgets those at zero
        await self._join(client, address)

    async def _join(self, client: Side, address: str) -> None:
        assert client.transport is not None
        certificate = client.transport.get_extra_info("peercert")
        line = f"{address} {','.join(names(certificate))}\n".encode()
        try:
            _, service = await asyncio.get_running_loop().create_unix_connection(Side, str(self._gate))
        except OSError as error:
            self._refuse("no_service", address, f"the quoting process does not listen: {error.strerror}")
            client.transport.abort()
            return
        self._values[self._open] += 1
        join(client, service, line)
        await asyncio.wait((client.closed, service.closed))
        self._values[self._open] -= 1

    def _refuse(self, reason: str, address: str, said: str) -> None:
        self._values[self._refused[reason]] += 1
        self._limited_log.log(reason, f"tls: connection from {address} refused ({reason}): {said}")


def _of(address: str, reason: tuple[str, str]) -> tuple[str, str, str]:
    return reason[0], address, reason[1]


async def serve(config: Config, context: ssl.SSLContext, listener: socket.socket) -> None:
    """Until SIGTERM or SIGINT."""
    run = run_paths(config)
    region = MetricsRegion.create(run.metrics("tls"), catalog.TLS, process=["tls"])
    front = Front(config, context, region, unix_path(run.gateway_socket))
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stopping.set)
    accepting = loop.create_task(front.accept(listener))
    beating = loop.create_task(_beat(region))
    stopped = loop.create_task(stopping.wait())
    gc.freeze()
    announce_ready(f"tls on port {config.acceptor.port}")
    done, _ = await asyncio.wait((accepting, beating, stopped), return_when=asyncio.FIRST_COMPLETED)
    for task in done - {stopped}:
        task.result()


async def _beat(region: MetricsRegion) -> None:
    word = region.gauge(catalog.HEARTBEAT.name, process="tls")
    while True:
        region.values[word] = wall_ns()
        await asyncio.sleep(_BEAT_S)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m quotelife.acceptor.tls.process", description="The TLS process")
    parser.add_argument("--config", required=True, help="the configuration file (TOML)")
    options = parser.parse_args(arguments)
    end_with_parent()
    config = read_configuration(options.config)
    try:
        context = server_context(config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    if context is None:
        print(f"{config.file}: acceptor.tls: missing; allowed: a table of certificate and key", file=sys.stderr)
        return EXIT_CONFIG
    acceptor = config.acceptor
    try:
        listener = socket.create_server((acceptor.host, acceptor.port), backlog=_BACKLOG)
    except OSError as error:
        print(f"tls: cannot listen on {acceptor.host}:{acceptor.port}: {error.strerror}", file=sys.stderr)
        return EXIT_FAILED
    listener.setblocking(False)
    uvloop.run(serve(config, context, listener))
    return 0


if __name__ == "__main__":
    sys.exit(main())
