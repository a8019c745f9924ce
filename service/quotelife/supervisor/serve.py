"""`quotelife serve`: checks, the first processes, and the supervisor.

In the order that is fastest: common modules are imported and the fork server is forked (quotelife.runtime.fork_server),
the processes are requested, and while they start the supervisor imports its own modules.
"""

import fcntl
import os
from pathlib import Path
from typing import IO

from quotelife.acceptor.engine_choice import engine_module, missing_engine
from quotelife.config import Config, ConfigError
from quotelife.config.paths import RunPaths, run_paths
from quotelife.config.value_types import LogFormat
from quotelife.logs import LogEvent, event_logger
from quotelife.metrics import catalog, labels
from quotelife.runtime.fork_server import FIRST, ForkServer, ProcessSpec
from quotelife.runtime.ports import check_ports
from quotelife.runtime.process import EXIT_FAILED, StartupTimer

logger = event_logger(__name__)
_MS_PER_S = 1_000
_MODULES = {  # of processes that do not run quotelife.<name>.process
    "quoting": "quotelife.acceptor.process",
    "tls": "quotelife.acceptor.tls.process",
}


def run(config: Config, log_format: LogFormat | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code. ConfigError if the configuration cannot be served."""
    timer = StartupTimer()
    missing = missing_engine(config)
    if missing is not None:
        logger.error(LogEvent.PACKAGE_MISSING, "%s", missing)
        return EXIT_FAILED
    specs = [_spec(name, config, log_format) for name in supervised(config)]
    fork_server = ForkServer([spec.module for spec in specs], config.log, engine_module(config))
    fork_server.fork()
    timer.mark("imports")
    try:
        _check(config)
        run = run_paths(config)
        with _locked(config, run):
            return _serve(config, run, fork_server, specs, timer, log_format)
    finally:
        fork_server.close()


def supervised(config: Config) -> tuple[str, ...]:
    """The processes, in the reverse of the order in which they are stopped; optional ones last."""
    tls = () if config.acceptor.tls is None else ("tls",)
    api = () if config.api is None else ("api",)
    return (*labels.SUPERVISED, *tls, *api)


def _check(config: Config) -> None:
    from quotelife.supervisor import preflight  # its imports were done before the fork

    preflight.check(config)
    check_ports(config)


def _serve(
    config: Config,
    run: RunPaths,
    fork_server: ForkServer,
    specs: list[ProcessSpec],
    timer: StartupTimer,
    log_format: LogFormat | None,
) -> int:
    from quotelife.controls.store import ControlsStore
    from quotelife.metrics.region import MetricsRegion
    from quotelife.supervisor.child import STOP_S, SupervisedProcess
    from quotelife.supervisor.reload import Reloader

    for old in run.all_metrics().values():
        old.unlink()
    reloader = Reloader(config, run, log_format)  # before its readers, as the controls
    families = catalog.supervisor(tuple(spec.name for spec in specs))
    region = MetricsRegion.create(run.metrics("supervisor"), families, process=["supervisor"])
    controls = ControlsStore(
        config, run, lambda text: logger.warning(LogEvent.CONTROL_CHANGED, "desk: %s", text)
    )  # before its readers
    children = [SupervisedProcess(spec, region, fork_server, STOP_S + _longer_s(spec, config)) for spec in specs]
    for child in sorted(children, key=lambda child: child.module != FIRST):
        child.begin()
    timer.mark("checks")
    import uvloop

    from quotelife.supervisor.supervisor import Supervisor  # and the pages

    timer.mark("pages")
    return uvloop.run(Supervisor(config, run, region, controls, reloader, fork_server, children, timer).serve())


def _log_control(text: str) -> None:
    logger.warning(LogEvent.CONTROL_CHANGED, "desk: %s", text)


def _longer_s(spec: ProcessSpec, config: Config) -> float:
    """Additional time for open quotes to expire before the process is killed."""
    shutdown = config.shutdown
    return shutdown.limit_ms / _MS_PER_S if spec.name == "quoting" and shutdown.open_quotes == "run_out" else 0.0


def _spec(name: str, config: Config, log_format: LogFormat | None) -> ProcessSpec:
    module = _MODULES.get(name, f"quotelife.{name}.process")
    arguments = ["--config", config.file, "--in-force", str(run_paths(config).in_force)]
    if log_format is not None:
        arguments += ["--log-format", log_format]
    return ProcessSpec(name, module, tuple(arguments), config.machine.pinned().get(name, frozenset()))


def _locked(config: Config, run: RunPaths) -> IO[str]:
    """Create and lock the run directory: two services in one directory would write to each other's memory."""
    try:
        run.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = open(run.lock, "a+")  # noqa: SIM115  closed by the caller, and the lock with it
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
