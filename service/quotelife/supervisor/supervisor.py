"""The supervisor: runs the other processes and serves HTTP.

    supervisor --+-- marketdata    writes the board
                 +-- recorder      reads the journal, writes the history and the clients' statistics
                 +-- quoting       reads the board and the statistics, answers the clients, writes the journal
                 +-- tls           with [acceptor.tls]: between the clients and quoting
                 +-- api           where [api] is configured: reads the same, answers an EMS that prices by itself
                 +-- fork-server   creates the others

All start at the same time: without a board, quoting refuses requests. They are stopped in reverse order. A process that
dies is restarted after a pause, which doubles while it keeps dying. A process that dies before it was ever ready ends
the service, and so does one that rejects the configuration.
"""

import asyncio
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from quotelife.admin import checks, health
from quotelife.admin.app import admin_application, listen_for_commands
from quotelife.admin.collectors import BooksCollector, PositionsCollector, ProcessesCollector
from quotelife.admin.configuration import ConfigurationRoutes, Refused, describe_version
from quotelife.admin.controls import ControlsRoutes
from quotelife.admin.dashboard import DashboardRoutes
from quotelife.admin.exporter import Exporter
from quotelife.admin.health import CheckResult, Health, HealthChecks
from quotelife.admin.machine import BuildCollector, ClockCollector, DisksCollector
from quotelife.admin.metrics import MetricsRoutes
from quotelife.admin.positions import PositionsRoutes
from quotelife.admin.signals import SignalsRoutes
from quotelife.admin.status import StatusRoutes
from quotelife.config import Config, ConfigError, token
from quotelife.config.paths import RunPaths, data_paths
from quotelife.config.venues.venue_sessions import session_names
from quotelife.controls.store import ControlsStore
from quotelife.dashboard.positions import PositionView
from quotelife.http.server import HttpServer
from quotelife.logs import LogEvent, event_logger
from quotelife.metrics import family
from quotelife.metrics.region import MetricsRegion
from quotelife.runtime.clock import NS_PER_S, mono_ns, wall_ns
from quotelife.runtime.fork_server import ForkServer
from quotelife.runtime.ports import port_error
from quotelife.runtime.process import EXIT_FAILED, StartupTimer, announce_ready, stop_event
from quotelife.runtime.systemd import SystemdNotifier
from quotelife.supervisor.child import SupervisedProcess
from quotelife.supervisor.reload import Reloader, ReloadRefused

logger = event_logger(__name__)
BEAT_S = 1.0
STALE_BEAT_S = 5.0


class Supervisor:
    """The loop of the supervisor process."""

    def __init__(
        self,
        config: Config,
        run: RunPaths,
        region: MetricsRegion,
        controls: ControlsStore,
        reloader: Reloader,
        fork_server: ForkServer,
        children: list[SupervisedProcess],
        timer: StartupTimer,
    ) -> None:
        self._config = config
        self._run = run
        self._region, self._controls, self._reloader = region, controls, reloader
        self._fork_server, self._children, self._timer = fork_server, children, timer
        self._exporter = Exporter(self._run)
        self._positions = PositionView(config, run)
        self._beat_ns = mono_ns()
        self._clock = checks.ClockCheck()
        self._stop = asyncio.Event()
        self._reloading = set[asyncio.Task[list[str]]]()
        self._notifier = SystemdNotifier()

    async def serve(self) -> int:
        """Run until a signal or until a process cannot be started, then stop all in order. Returns the exit code."""
        loop = asyncio.get_running_loop()
        self._stop = stop_event()
        self._fork_server.watch(loop)
        admin, page, ready = self._config.admin, MetricsRoutes(self._exporter, self._registry()), self._checks()
        desk = DashboardRoutes(self._config, self._run, self._controls, self._positions)
        status = StatusRoutes(
            self._config, self._run, self._controls, self._positions, ready.run,
            lambda: describe_version(self._reloader.version), self._describe_processes, Exporter(self._run).regions,
        )  # fmt: skip
        tables = [
            page.routes(),
            health.routes(self._alive, ready.run),
            ControlsRoutes(self._controls).routes(),
            SignalsRoutes(self._run).routes(),
            PositionsRoutes(self._positions, self._run).routes(),
            ConfigurationRoutes(lambda: self._reloader.version, self._reload).routes(),
            status.routes(),
            desk.routes(),
        ]
        self._reloader.users += [
            self._controls.configure, self._positions.configure, desk.configure, status.configure,
        ]  # fmt: skip
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        app = admin_application(admin.host, token(self._config, "admin"), tables)
        app.on_shutdown.append(desk.end_streams)
        http = HttpServer(app)
        try:
            await http.listen(admin.host, admin.port)
        except OSError as error:
            raise port_error(self._config, "admin.port", admin.host, admin.port, error) from None
        commands = await self._listen_for_commands(http, tables)
        beating = asyncio.create_task(self._beat())
        try:
            return await self._serve(http)
        finally:
            beating.cancel()
            await commands.close()
            await http.close()
            page.close()
            desk.close()
            self._positions.close()
            ready.close()
            self._notifier.close()

    async def _listen_for_commands(
        self, http: HttpServer, tables: Iterable[Iterable[web.AbstractRouteDef]]
    ) -> HttpServer:
        """The socket over which the desk can stop the service whatever else is configured: no service without it."""
        path = self._run.control_socket
        try:
            return await listen_for_commands(path, tables)
        except OSError as error:
            await http.close()
            allowed = f"{path}: {error.strerror}; allowed: a folder in which a Unix socket can be made"
            raise ConfigError(Path(self._config.file), "paths.run", self._config.paths.run, allowed) from None

    async def _serve(self, http: HttpServer) -> int:
        stopped = asyncio.create_task(self._stop.wait())
        running = [asyncio.create_task(child.keep_running(), name=child.name) for child in self._children]
        ready = asyncio.create_task(self._all_ready())
        first: list[asyncio.Future[Any]] = [stopped, ready, *running]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            a, m = self._config.acceptor, self._config.admin
            self._timer.mark("processes")
            self._timer.log()
            serving = f"FIX on {a.host}:{a.port}, metrics on http://{m.host}:{http.port}/metrics"
            announce_ready(f"quotelife: {serving}")
            logger.info(LogEvent.SERVICE_READY, "%s", serving, acceptor_port=a.port, admin_port=http.port)
            self._notifier.ready(serving)
            await asyncio.wait([stopped, *running], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        self._stop.set()
        self._notifier.stopping()
        logger.info(LogEvent.SERVICE_STOPPING, "the service stops: %s", self._why(running))
        self._fork_server.close()
        codes = [task.result() for task in running if task.done()]
        stopped.cancel()
        in_time = [await child.stop() for child in reversed(self._children)]
        await asyncio.gather(*running)
        return max(codes, default=0) or (0 if all(in_time) else EXIT_FAILED)

    def _why(self, running: list[asyncio.Task[int]]) -> str:
        ended = ", ".join(task.get_name() for task in running if task.done())
        return f"{ended} cannot be started" if ended else "signal received"

    def _on_hangup(self) -> None:
        """SIGHUP: the log tells what has become of it."""
        task = asyncio.get_running_loop().create_task(self._reload(False))
        self._reloading.add(task)
        task.add_done_callback(self._reloaded)

    def _reloaded(self, task: asyncio.Task[list[str]]) -> None:
        self._reloading.discard(task)
        if not task.cancelled() and not isinstance(error := task.exception(), Refused | None):
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while reloading", error=error)

    async def _reload(self, check_only: bool) -> list[str]:
        try:
            changes = await self._reloader.reload(self._processes_ready(), check_only=check_only)
        except ReloadRefused as error:
            raise Refused(str(error), error.restart, busy=error.busy) from None
        return [str(change) for change in changes]

    async def _all_ready(self) -> None:
        for child in self._children:
            await child.ready.wait()

    async def _beat(self) -> None:
        period_s = min(BEAT_S, (self._notifier.watchdog_s or BEAT_S) / 2)
        while True:
            self._beat_ns = mono_ns()
            self._clock.sample()
            self._notifier.alive()
            self._measure()
            await asyncio.sleep(period_s)

    def _measure(self) -> None:
        region, values = self._region, self._region.values
        values[region.gauge(family.HEARTBEAT.name, process="supervisor")] = wall_ns()
        for scope, stopped in self._controls.counts().items():
            values[region.gauge("quotelife_stopped", scope=scope)] = stopped
        values[region.gauge("quotelife_configuration_version")] = self._reloader.version.number
        for result, count in self._reloader.counts.items():
            values[region.counter("quotelife_reloads_total", result=result)] = count
        values[region.gauge("quotelife_markets_held")] = len(self._controls.stored.market_states)

    def _registry(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        registry.register(ProcessesCollector(self._pids))
        symbols = [i.symbol for i in self._config.instrument]
        books = BooksCollector(self._run.board, symbols, session_names(self._config))
        registry.register(books)
        registry.register(ClockCollector(books))
        registry.register(DisksCollector({"run": self._run.directory, "data": data_paths(self._config).directory}))
        registry.register(PositionsCollector(self._positions))
        registry.register(BuildCollector())
        return registry

    def _pids(self) -> dict[str, int]:
        return {process: region.pid for process, region in self._exporter.regions().items()}

    async def _alive(self) -> Health:
        age = (mono_ns() - self._beat_ns) / NS_PER_S
        return Health({"supervisor": CheckResult(age < STALE_BEAT_S, {"heartbeat_age_seconds": round(age, 3)})})

    def _checks(self) -> HealthChecks:
        """The checks of /readyz."""
        config = self._config
        rows = {i.symbol: row for row, i in enumerate(config.instrument) if i.quotable}
        books = checks.BooksCheck(self._run.board, rows, len(config.instrument), config.admin.ready_share)
        return HealthChecks(
            {
                "service": self._serving,
                "processes": checks.ProcessesCheck(self._processes_ready, Exporter(self._run).regions).check,
                "acceptor": checks.AcceptorCheck(config.acceptor.port).check,
                "books": books.check,
                "disk": checks.DiskCheck(data_paths(config).directory, config.admin.min_free_mb).check,
                "clock": self._clock.check,
            }
        )

    def _serving(self) -> CheckResult:
        return CheckResult(not self._stop.is_set(), {"stopping": self._stop.is_set()})

    def _describe_processes(self) -> list[dict[str, object]]:
        return [child.document() for child in self._children]

    def _processes_ready(self) -> dict[str, bool]:
        return {child.name: child.ready.is_set() for child in self._children}
