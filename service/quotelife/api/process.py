"""The API process: `python -m quotelife.api.process --config FILE`.

Serves the expiry API of the configuration's [api] on TCP and/or a Unix socket. It reads what the others write: the
board, the parameters in force, the desk's orders, the clients' statistics, the ledger. Nobody waits for it, and it
shares no interpreter with the FIX side: a burst here costs no quote there.
"""

import argparse
import asyncio
import gc
import signal
import sys
import threading

import uvloop

from quotelife.api.app import api_application
from quotelife.api.expiry_calculator import ExpiryCalculator, LedgerPositions
from quotelife.api.expiry_handler import ExpiryHandler
from quotelife.api.metrics import ApiMetrics
from quotelife.config import Config, ConfigError, resolve, token
from quotelife.config.paths import RunPaths, data_paths, run_paths
from quotelife.config.sections import Api
from quotelife.controls.region import ControlsError, find_controls
from quotelife.decision import pricing
from quotelife.decision.board_follower import BoardFollower
from quotelife.decision.client_follower import ClientFollower
from quotelife.decision.parameters_follower import ParametersFollower
from quotelife.http.server import HttpServer
from quotelife.metrics import catalog
from quotelife.metrics.region import MetricsRegion
from quotelife.parameters.versions import load_configured
from quotelife.runtime.clock import NS_PER_S, mono_ns, wall_ns
from quotelife.runtime.process import EXIT_CONFIG, EXIT_FAILED, announce_ready, end_with_parent, read_configuration

NAME = "api"
_LOOK_S = 0.1
_BEAT_NS = NS_PER_S


class SharedStateFollower:
    """Keeps a calculator on the newest of what the other processes write."""

    def __init__(
        self, config: Config, calculator: ExpiryCalculator, run: RunPaths, in_force: ParametersFollower
    ) -> None:
        self._calculator, self._in_force = calculator, in_force
        self._board = BoardFollower(run.board, len(config.instrument), calculator.quoter, NAME)
        states = {state.index: state for state in calculator.clients.values()}
        self._clients = ClientFollower(run.clients, config, states, NAME)
        symbols = [i.symbol for i in config.instrument]
        ledger = data_paths(config).ledger
        self._positions = LedgerPositions(ledger, symbols, calculator.positions)
        self._lock = threading.Lock()  # nobody else is there: one loop decides and looks

    def look(self) -> None:
        self._board.poll()
        self._in_force.poll(self._calculator)
        self._clients.poll(self._lock)
        self._positions.look()

    def close(self) -> None:
        self._positions.close()


def make_calculator(config: Config, run: RunPaths) -> tuple[ExpiryCalculator, SharedStateFollower]:
    """The calculator of a configuration, on what there is now."""
    parameters = load_configured(config)
    calculator = ExpiryCalculator(config, parameters, pricing.load(config))
    calculator.quoter.controls = find_controls(config, run.directory)
    in_force = ParametersFollower(config, parameters, run.directory, NAME)
    in_force.start(calculator)
    watches = SharedStateFollower(config, calculator, run, in_force)
    watches.look()
    return calculator, watches


async def serve(config: Config, api: Api) -> int:
    """Until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopping.set)
    run = run_paths(config)
    run.directory.mkdir(parents=True, exist_ok=True)
    region = MetricsRegion.create(run.metrics(NAME), catalog.API, process=[NAME])
    metrics = ApiMetrics(region)
    calculator, watches = make_calculator(config, run)
    server = HttpServer(
        api_application(api, token(config, "api"), ExpiryHandler(calculator, metrics, api.max_batch), metrics)
    )
    try:
        where = await _listen(server, config, api)
    except OSError as error:
        print(f"api: cannot listen: {error}", file=sys.stderr, flush=True)
        return EXIT_FAILED
    gc.collect()
    gc.freeze()
    announce_ready(f"api on {where}")
    beaten_ns = 0
    while not stopping.is_set():
        watches.look()
        if mono_ns() - beaten_ns > _BEAT_NS:
            beaten_ns = mono_ns()
            metrics.values[metrics.heartbeat] = wall_ns()
        try:
            await asyncio.wait_for(stopping.wait(), _LOOK_S)
        except TimeoutError:
            continue
    await server.close()
    watches.close()
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


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m quotelife.api.process",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="What can be asked: GET /v1/openapi.json, and README.md in service/quotelife/api with a worked example.",
    )
    parser.add_argument("--config", required=True, help="the configuration file (TOML), with a section [api]")
    options = parser.parse_args(arguments)
    end_with_parent()
    config = read_configuration(options.config)
    if config.api is None:
        print(f"{config.file}: api: missing; allowed: a section [api]", file=sys.stderr)
        return EXIT_CONFIG
    try:
        return uvloop.run(serve(config, config.api))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    except ControlsError as error:
        print(f"api: {error}", file=sys.stderr, flush=True)
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
