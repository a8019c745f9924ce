"""The API process: `python -m quotelife.api.process --config FILE`.

Serves the expiry API as configured in [api], on TCP, a Unix socket or both. It only reads what other processes write:
the board, the active parameters, the desk's controls, the client statistics and the ledger. No other process waits
for it, and it shares no interpreter with the FIX acceptor, so a burst of API requests delays no quote.

Reference: GET /v1/openapi.json, in a browser /docs. A worked example: README.md in service/quotelife/api.
"""

import asyncio
import gc
import sys
import threading
from pathlib import Path

import uvloop

from quotelife.api.app import api_application
from quotelife.api.expiry_calculator import ExpiryCalculator
from quotelife.api.expiry_handler import ExpiryHandler
from quotelife.api.ledger_positions import LedgerPositions
from quotelife.api.metrics import ApiMetrics
from quotelife.config import Config, ConfigError, resolve, token
from quotelife.config.paths import RunPaths, data_paths, run_paths
from quotelife.config.sections import Api
from quotelife.config.toml_file import ABSENT
from quotelife.config.versions.agreement import VersionFollower
from quotelife.config.versions.version import Version
from quotelife.controls.region import find_controls
from quotelife.decision import pricing
from quotelife.decision.board_follower import BoardFollower
from quotelife.decision.client_follower import ClientFollower
from quotelife.decision.parameters_follower import ParametersFollower
from quotelife.decision.refusal import REFUSALS
from quotelife.decision.settings import DecisionSettings
from quotelife.http.server import HttpServer
from quotelife.logs import LogEvent, event_logger
from quotelife.metrics import catalog
from quotelife.metrics.region import MetricsRegion
from quotelife.parameters.versions import load_configured
from quotelife.runtime.clock import NS_PER_S, mono_ns, wall_ns
from quotelife.runtime.process import EXIT_FAILED, announce_ready, run_process, stop_event
from quotelife.shm.region import RegionError

logger = event_logger(__name__)
NAME = "api"
_POLL_S = 0.1
_HEARTBEAT_NS = NS_PER_S


class SharedStateFollower:
    """Updates a calculator with what the other processes write."""

    def __init__(
        self, config: Config, calculator: ExpiryCalculator, run: RunPaths, parameters_follower: ParametersFollower
    ) -> None:
        self._calculator, self._parameters, self._run = calculator, parameters_follower, run
        self._board = BoardFollower(run.board, len(config.instrument), calculator.quoter)
        self._follow_clients(config)
        self._lock = threading.Lock()  # required by ClientFollower; uncontended, because one loop decides and polls

    def _follow_clients(self, config: Config) -> None:
        states = {state.index: state for state in self._calculator.clients.values()}
        self._clients = ClientFollower(self._run.clients, config, states)
        self._positions = LedgerPositions(data_paths(config).ledger, config, self._calculator.quoter.exposure)

    def prepare(self, version: Version) -> DecisionSettings:
        """ConfigError for a setting that the kernels do not know."""
        return DecisionSettings.of(version.config)

    def put_in_force(self, prepared: DecisionSettings) -> None:
        """From the next decision on."""
        self._calculator.configure(prepared)
        self._calculator.quoter.controls = find_controls(prepared.config, self._run)
        self._positions.close()
        self._follow_clients(prepared.config)

    def discard(self, prepared: DecisionSettings) -> None:
        """Nothing was opened."""

    def poll(self) -> None:
        self._board.poll()
        self._parameters.poll(self._calculator)
        self._clients.poll(self._lock)
        self._positions.poll()
        quoter = self._calculator.quoter
        if quoter.exposure.has_notional:
            quoter.exposure.mark_to(quoter.board)

    def close(self) -> None:
        self._positions.close()


def make_calculator(config: Config, run: RunPaths) -> tuple[ExpiryCalculator, SharedStateFollower]:
    """A calculator with the current state, and the follower that keeps it current."""
    parameters = load_configured(config)
    calculator = ExpiryCalculator(config, parameters, pricing.load(config))
    calculator.quoter.controls = find_controls(config, run)
    parameters_follower = ParametersFollower(config, parameters, run)
    parameters_follower.start(calculator)
    follower = SharedStateFollower(config, calculator, run, parameters_follower)
    follower.poll()
    return calculator, follower


async def serve(config: Config, api: Api) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    stopping = stop_event()
    run = run_paths(config)
    run.directory.mkdir(parents=True, exist_ok=True)
    region = MetricsRegion.create(run.metrics(NAME), catalog.API, process=[NAME], reason=REFUSALS)
    metrics = ApiMetrics(region)
    calculator, follower = make_calculator(config, run)
    handler = ExpiryHandler(calculator, metrics, api.max_batch)
    server = HttpServer(api_application(config, api, token(config, "api"), handler, metrics))
    try:
        where = await _listen(server, config, api)
    except OSError as error:
        logger.error(LogEvent.LISTEN_FAILED, "cannot listen: %s", error)
        return EXIT_FAILED
    gc.collect()
    gc.freeze()
    announce_ready(f"api on {where}")
    versions, heartbeat_ns = VersionFollower(run, NAME, config, follower), 0
    while not stopping.is_set():
        versions.poll()
        follower.poll()
        if mono_ns() - heartbeat_ns > _HEARTBEAT_NS:
            heartbeat_ns = mono_ns()
            metrics.values[metrics.heartbeat] = wall_ns()
        try:
            await asyncio.wait_for(stopping.wait(), _POLL_S)
        except TimeoutError:
            continue
    await server.close()
    follower.close()
    return 0


async def _listen(server: HttpServer, config: Config, api: Api) -> str:
    where = []
    if api.tcp:
        await server.listen(api.host, api.port)
        where.append(f"http://{api.host}:{server.port}")
    if api.socket is not None:
        path = resolve(config, api.socket)
        await server.listen_unix(path, int(api.socket_mode, 8))
        where.append(f"unix:{path}")
    return " and ".join(where)


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    if config.api is None:
        raise ConfigError(Path(config.file), "api", ABSENT, "missing; allowed: a section [api]")
    return uvloop.run(serve(config, config.api))


def main(arguments: list[str] | None = None) -> int:
    return run_process(run, arguments, NAME, RegionError)


if __name__ == "__main__":
    sys.exit(main())
