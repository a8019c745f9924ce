"""The supervisor: makes the run directory, starts the other processes and keeps them running, answers HTTP.

    supervisor --+-- marketdata    writes the board
                 +-- recorder      reads the journal, writes the history and the clients' statistics
                 +-- quoting       reads the board and the statistics, answers the clients, writes the journal
                 +-- tls           with [acceptor.tls]: between the clients and quoting
                 +-- api           where [api] is configured: reads the same, answers an EMS that prices by itself

All are started at once: until there is a board, quoting refuses. They are stopped in reverse. A process that dies is
started again, after a pause that doubles while it keeps dying. One that dies before it was ever ready ends the whole
start, and so does one that refuses the configuration.
"""

import asyncio
import errno
import fcntl
import os
import signal
import socket
import sys
from pathlib import Path
from typing import IO, Any

import uvloop
from prometheus_client import CollectorRegistry

from service import preflight
from service.admin import checks, health
from service.admin.app import admin_application
from service.admin.collectors import Books, Processes
from service.admin.desk import DeskPage
from service.admin.exporter import Exporter
from service.admin.health import Check, Checks, Health
from service.admin.machine import Build, Clock, Disks
from service.admin.metrics import MetricsPage
from service.admin.orders import OrdersPage
from service.admin.signals import SignalsPage
from service.child import STOP_S, Child, say
from service.clock import NS_PER_S, mono_ns, wall_ns
from service.config import Config, ConfigError, resolve, token
from service.controls.orders import Orders
from service.http.server import HttpServer
from service.metrics import catalog
from service.metrics.region import FILE_PREFIX, MetricsRegion
from service.notify import Notifier
from service.process import EXIT_FAILED, engine_problem, say_ready

BEAT_S = 1.0
STALE_BEAT_S = 5.0
MS_PER_S = 1_000
_MODULES = {"recorder": "service.journal.process"}  # of processes that are not service.<name>.process


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT; the exit code. ConfigError if nothing could be started as configured."""
    missing = engine_problem()
    if missing is not None:
        print(missing, file=sys.stderr)
        return EXIT_FAILED
    preflight.check(config)
    _check_ports(config)
    run_directory = resolve(config, config.paths.run)
    with _locked(config, run_directory):
        for old in run_directory.glob(f"{FILE_PREFIX}*"):
            old.unlink()
        return uvloop.run(Supervisor(config, run_directory).serve())


class Supervisor:
    """The loop of the supervisor process."""

    def __init__(self, config: Config, run_directory: Path) -> None:
        self._config = config
        self._run = run_directory
        path = run_directory / f"{FILE_PREFIX}supervisor"
        self._names = _supervised(config)
        self._region = MetricsRegion.create(path, catalog.supervisor(self._names), process=["supervisor"])
        self._exporter = Exporter(run_directory)
        self._orders = Orders(config, run_directory, lambda text: say(f"desk: {text}"))
        self._children: list[Child] = []
        self._beat_ns = mono_ns()
        self._clock = checks.Clock()
        self._stop = asyncio.Event()
        self._notifier = Notifier()

    async def serve(self) -> int:
        """Start everything, wait for a signal or for a child that cannot be started, stop in order; the exit code."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._stop.set)
        self._children = [self._child(name) for name in self._names]
        admin, page, ready = self._config.admin, MetricsPage(self._exporter, self._registry()), self._checks()
        desk = DeskPage(self._config, self._run, self._orders)
        tables = [
            page.routes(),
            health.routes(self._alive, ready.ask),
            OrdersPage(self._orders).routes(),
            SignalsPage(self._run).routes(),
            desk.routes(),
        ]
        app = admin_application(admin.host, token(self._config, "admin"), tables)
        app.on_shutdown.append(desk.end_streams)
        http = HttpServer(app)
        try:
            await http.listen(admin.host, admin.port)
        except OSError as error:
            raise _port_error(self._config, "admin.port", admin.host, admin.port, error) from None
        beating = asyncio.create_task(self._beat())
        try:
            return await self._serve(http)
        finally:
            beating.cancel()
            await http.close()
            page.close()
            desk.close()
            ready.close()
            self._notifier.close()

    async def _serve(self, http: HttpServer) -> int:
        stopped = asyncio.create_task(self._stop.wait())
        running = [asyncio.create_task(child.keep_running(), name=child.name) for child in self._children]
        ready = asyncio.create_task(self._all_ready())
        first: list[asyncio.Future[Any]] = [stopped, ready, *running]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            a, m = self._config.acceptor, self._config.admin
            serving = f"FIX on {a.host}:{a.port}, metrics on http://{m.host}:{http.port}/metrics"
            say_ready(f"quotelife: {serving}")
            self._notifier.ready(serving)
            await asyncio.wait([stopped, *running], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        self._stop.set()
        self._notifier.stopping()
        codes = [task.result() for task in running if task.done()]
        stopped.cancel()
        in_time = [await child.stop() for child in reversed(self._children)]
        await asyncio.gather(*running)
        return max(codes, default=0) or (0 if all(in_time) else EXIT_FAILED)

    async def _all_ready(self) -> None:
        for child in self._children:
            await child.ready.wait()

    def _child(self, name: str) -> Child:
        shutdown = self._config.shutdown
        longer_s = shutdown.limit_ms / MS_PER_S if name == "quoting" and shutdown.open_quotes == "run_out" else 0.0
        cores = self._config.machine.pinned().get(name, frozenset())
        return Child(name, _command(name, self._config), self._region, STOP_S + longer_s, cores)

    async def _beat(self) -> None:
        period_s = min(BEAT_S, (self._notifier.watchdog_s or BEAT_S) / 2)
        while True:
            self._beat_ns = mono_ns()
            self._clock.beat()
            self._notifier.alive()
            self._measure()
            await asyncio.sleep(period_s)

    def _measure(self) -> None:
        region, values = self._region, self._region.values
        values[region.gauge(catalog.HEARTBEAT.name, process="supervisor")] = wall_ns()
        for scope, stopped in self._orders.counts().items():
            values[region.gauge("quotelife_stopped", scope=scope)] = stopped
        values[region.gauge("quotelife_markets_held")] = len(self._orders.kept.market_states)

    def _registry(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        registry.register(Processes(self._pids))
        symbols = [i.symbol for i in self._config.instrument]
        books = Books(self._run / "board", symbols)
        registry.register(books)
        registry.register(Clock(books, [venue.name for venue in self._config.venue]))
        registry.register(Disks({"run": self._run, "data": resolve(self._config, self._config.paths.data)}))
        registry.register(Build())
        return registry

    def _pids(self) -> dict[str, int]:
        return {process: region.pid for process, region in self._exporter.regions().items()}

    async def _alive(self) -> Health:
        age = (mono_ns() - self._beat_ns) / NS_PER_S
        return Health({"supervisor": Check(age < STALE_BEAT_S, {"heartbeat_age_seconds": round(age, 3)})})

    def _checks(self) -> Checks:
        """What /readyz looks at."""
        config = self._config
        rows = {i.symbol: row for row, i in enumerate(config.instrument) if i.quotable}
        books = checks.Books(self._run / "board", rows, len(config.instrument), config.admin.ready_share)
        return Checks(
            {
                "service": self._serving,
                "processes": checks.Processes(self._processes_ready, Exporter(self._run).regions).check,
                "acceptor": checks.Acceptor(config.acceptor.port).check,
                "books": books.check,
                "disk": checks.Disk(resolve(config, config.paths.data), config.admin.min_free_mb).check,
                "clock": self._clock.check,
            }
        )

    def _serving(self) -> Check:
        return Check(not self._stop.is_set(), {"stopping": self._stop.is_set()})

    def _processes_ready(self) -> dict[str, bool]:
        return {child.name: child.ready.is_set() for child in self._children}


def _supervised(config: Config) -> tuple[str, ...]:
    """The processes in the order in which they are started, those that only some configurations have last."""
    tls = () if config.acceptor.tls is None else ("tls",)
    api = () if config.api is None else ("api",)
    return (*catalog.SUPERVISED, *tls, *api)


def _command(name: str, config: Config) -> tuple[str, ...]:
    return sys.executable, "-m", _MODULES.get(name, f"service.{name}.process"), "--config", config.file


def _locked(config: Config, directory: Path) -> IO[str]:
    """Make the run directory and hold it: two services in one directory would write each other's memory."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = open(directory / "lock", "a+")  # noqa: SIM115  closed by the caller, and the lock with it
    except OSError as error:
        raise ConfigError(
            Path(config.file), "paths.run", config.paths.run, f"{error.strerror}; allowed: a folder to write to"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise ConfigError(
            Path(config.file),
            "paths.run",
            config.paths.run,
            f"in use by the service with process id {holder}; allowed: a folder of its own for each service",
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _check_ports(config: Config) -> None:
    """ConfigError if the acceptor or the API could not listen: found before anything is started."""
    wanted = [("acceptor.port", config.acceptor.host, config.acceptor.port)]
    if config.api is not None and config.api.tcp:
        wanted.append(("api.port", config.api.host, config.api.port))
    for key, host, port in wanted:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                probe.listen()
            except OSError as error:
                raise _port_error(config, key, host, port, error) from None


def _port_error(config: Config, key: str, host: str, port: int, error: OSError) -> ConfigError:
    what = "in use" if error.errno == errno.EADDRINUSE else (error.strerror or str(error))
    allowed = f"{host}:{port} is {what}; allowed: a free port (end what listens there, or set another one)"
    return ConfigError(Path(config.file), key, port, allowed)
