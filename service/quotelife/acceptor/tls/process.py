"""The TLS process: `python -m quotelife.acceptor.tls.process --config FILE`, if [acceptor.tls] is configured.

Listens on the port that clients connect to, terminates TLS, requests the client's certificate and relays the bytes to
the quoting process's logon gateway over a Unix socket in the run directory.

Engine defect: QuickFIX's own TLS checks no address, holds a lock while it waits for the rest of a record, and lets any
peer reach a session's sequence numbers. Here a handshake costs the quoting process nothing, and a client without a
certificate never reaches it.
"""

import asyncio
import gc
import socket
import ssl
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import uvloop

from quotelife.acceptor.tls.relay import RelaySide, certificate_names, classify, handshake, join
from quotelife.config import Config, ConfigError, server_context
from quotelife.config.addresses import Addresses
from quotelife.config.paths import run_paths
from quotelife.config.toml_file import ABSENT
from quotelife.config.versions.agreement import VersionFollower
from quotelife.config.versions.version import Version
from quotelife.logs import LogEvent, event_logger
from quotelife.metrics import catalog, family, labels
from quotelife.metrics.region import MetricsRegion
from quotelife.runtime.clock import wall_ns
from quotelife.runtime.process import EXIT_FAILED, announce_ready, run_process, stop_event, unix_path
from quotelife.runtime.rate_limited_log import RateLimitedLog

logger = event_logger(__name__)
_BACKLOG = 128
_PAUSE_S = 0.1  # after a failed accept, since descriptors have run out
_HEARTBEAT_S = 1.0
_FOLLOW_S = 0.1


class Prepared(NamedTuple):
    """What another version of the configuration changes."""

    context: ssl.SSLContext
    allowed: Addresses


class TlsFrontend:
    """Accepts connections and relays each to the logon gateway."""

    def __init__(self, config: Config, context: ssl.SSLContext, region: MetricsRegion, gateway: Path) -> None:
        acceptor = config.acceptor
        self._context, self._gateway = context, gateway
        self._allowed = Addresses(acceptor.allowed_addresses)
        self._timeout_s = acceptor.logon_timeout_s
        self._max_handshakes = acceptor.max_pending
        self._max_handshakes_per_address = max(1, acceptor.max_pending // 4)
        self._handshakes = Counter[str]()  # under way, by address
        self._tasks = set[asyncio.Task[None]]()
        self._values = region.values
        self._refused = {r: region.counter("quotelife_tls_refused_total", reason=r) for r in labels.TLS_REFUSALS}
        self._open = region.gauge("quotelife_tls_connections")
        self._limited_log = RateLimitedLog(logger)

    def prepare(self, version: Version) -> Prepared:
        """Read the certificates of another version. ConfigError for a file that cannot be used."""
        context, acceptor = server_context(version.config), version.config.acceptor
        if context is None:
            raise ConfigError(Path(version.config.file), "acceptor.tls", ABSENT, "cannot end without a restart")
        return Prepared(context, Addresses(acceptor.allowed_addresses))

    def put_in_force(self, prepared: Prepared) -> None:
        """For the connections that follow."""
        self._context, self._allowed = prepared

    def discard(self, prepared: Prepared) -> None:
        """Nothing was opened."""

    async def accept(self, listener: socket.socket) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, (address, _) = await loop.sock_accept(listener)
            except OSError as error:
                text = f"accept failed: {error.strerror}"
                self._limited_log.warning(LogEvent.ACCEPT_FAILED, "system", text)
                await asyncio.sleep(_PAUSE_S)
                continue
            if not self._refuse_on_accept(address):
                self._handshakes[address] += 1
                task = loop.create_task(self._serve(sock, address))
                self._tasks.add(task)
                task.add_done_callback(self._ended)
            else:
                sock.close()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception in a connection", error=error)

    def _refuse_on_accept(self, address: str) -> bool:
        if address not in self._allowed:
            self._refuse("address", address, "address not allowed")
            return True
        if (
            self._handshakes.total() >= self._max_handshakes
            or self._handshakes[address] >= self._max_handshakes_per_address
        ):
            self._refuse("too_many", address, "too many handshakes under way")
            return True
        return False

    async def _serve(self, sock: socket.socket, address: str) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            client = await handshake(sock, self._context, self._timeout_s)
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            reason, detail = classify(error)
            self._refuse(reason, address, detail)
            sock.close()
            return
        finally:
            self._handshakes[address] -= 1
            self._handshakes += Counter()  # removes zeros
        await self._join(client, address)

    async def _join(self, client: RelaySide, address: str) -> None:
        assert client.transport is not None
        certificate = client.transport.get_extra_info("peercert")
        line = f"{address} {','.join(certificate_names(certificate))}\n".encode()
        try:
            _, service = await asyncio.get_running_loop().create_unix_connection(RelaySide, str(self._gateway))
        except OSError as error:
            self._refuse("no_service", address, f"quoting process not listening: {error.strerror}")
            client.transport.abort()
            return
        self._values[self._open] += 1
        join(client, service, line)
        await asyncio.wait((client.closed, service.closed))
        self._values[self._open] -= 1

    def _refuse(self, reason: str, address: str, detail: str) -> None:
        self._values[self._refused[reason]] += 1
        text = f"connection from {address} refused ({reason}): {detail}"
        self._limited_log.warning(LogEvent.CONNECTION_REFUSED, reason, text, address=address)


async def serve(config: Config, context: ssl.SSLContext, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    run = run_paths(config)
    region = MetricsRegion.create(run.metrics("tls"), catalog.TLS, process=["tls"])
    frontend = TlsFrontend(config, context, region, unix_path(run.gateway_socket))
    stopping, loop = stop_event(), asyncio.get_running_loop()
    accepting = loop.create_task(frontend.accept(listener))
    heartbeat = loop.create_task(_heartbeat(region))
    following = loop.create_task(_follow(VersionFollower(run, "tls", config, frontend)))
    stopped = loop.create_task(stopping.wait())
    gc.freeze()
    announce_ready(f"tls on port {config.acceptor.port}")
    done, _ = await asyncio.wait((accepting, heartbeat, following, stopped), return_when=asyncio.FIRST_COMPLETED)
    for task in done - {stopped}:
        task.result()


async def _follow(versions: VersionFollower[Prepared]) -> None:
    while True:
        versions.poll()
        await asyncio.sleep(_FOLLOW_S)


async def _heartbeat(region: MetricsRegion) -> None:
    word = region.gauge(family.HEARTBEAT.name, process="tls")
    while True:
        region.values[word] = wall_ns()
        await asyncio.sleep(_HEARTBEAT_S)


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT."""
    context, acceptor = server_context(config), config.acceptor
    if context is None:
        raise ConfigError(
            Path(config.file), "acceptor.tls", ABSENT, "missing; allowed: a table with certificate and key"
        )
    try:
        listener = socket.create_server((acceptor.host, acceptor.port), backlog=_BACKLOG)
    except OSError as error:
        host, port = acceptor.host, acceptor.port
        logger.error(LogEvent.LISTEN_FAILED, "cannot listen on %s:%d: %s", host, port, error.strerror, port=port)
        return EXIT_FAILED
    listener.setblocking(False)
    uvloop.run(serve(config, context, listener))
    return 0


def main(arguments: list[str] | None = None) -> int:
    return run_process(run, arguments, "tls")


if __name__ == "__main__":
    sys.exit(main())
