"""`quotelife serve`: what must be right before anything is started, the first processes, and the supervisor.

In the order that takes least time: what all need is imported once and forked (quotelife.runtime.fork_server), the
processes are asked for, and while they start the supervisor imports what it alone needs.
"""

import fcntl
import os
import sys
from pathlib import Path
from typing import IO

from quotelife.config import Config, ConfigError
from quotelife.config.paths import RunPaths, run_paths
from quotelife.metrics import catalog, labels
from quotelife.runtime.fork_server import FIRST, ForkServer, ProcessSpec
from quotelife.runtime.ports import check_ports
from quotelife.runtime.process import EXIT_FAILED, StartupTimer, engine_problem, say

_MS_PER_S = 1_000
_MODULES = {  # of processes that are not quotelife.<name>.process
    "quoting": "quotelife.acceptor.process",
    "tls": "quotelife.acceptor.tls.process",
}


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT; the exit code. ConfigError if nothing could be started as configured."""
    timer = StartupTimer("supervisor")
    missing = engine_problem()
    if missing is not None:
        print(missing, file=sys.stderr)
        return EXIT_FAILED
    specs = [_spec(name, config) for name in supervised(config)]
    fork_server = ForkServer([spec.module for spec in specs])
    fork_server.fork()
    timer.mark("imports")
    try:
        _check(config)
        run = run_paths(config)
        with _locked(config, run):
            return _serve(config, run, fork_server, specs, timer)
    finally:
        fork_server.close()


def supervised(config: Config) -> tuple[str, ...]:
    """The processes in the reverse of the order in which they are stopped, those that only some configurations have
    last."""
    tls = () if config.acceptor.tls is None else ("tls",)
    api = () if config.api is None else ("api",)
    return (*labels.SUPERVISED, *tls, *api)


def _check(config: Config) -> None:
    from quotelife.supervisor import preflight  # what it looks at was imported before the fork

    preflight.check(config)
    check_ports(config)


def _serve(
    config: Config, run: RunPaths, fork_server: ForkServer, specs: list[ProcessSpec], timer: StartupTimer
) -> int:
    from quotelife.controls.store import ControlsStore
    from quotelife.metrics.region import MetricsRegion
    from quotelife.supervisor.child import STOP_S, SupervisedProcess

    for old in run.all_metrics().values():
        old.unlink()
    families = catalog.supervisor(tuple(spec.name for spec in specs))
    region = MetricsRegion.create(run.metrics("supervisor"), families, process=["supervisor"])
    controls = ControlsStore(config, run.directory, lambda text: say(f"desk: {text}"))  # before its readers
    children = [SupervisedProcess(spec, region, fork_server, STOP_S + _longer_s(spec, config)) for spec in specs]
    for child in sorted(children, key=lambda child: child.module != FIRST):
        child.begin()
    timer.mark("checks")
    import uvloop

    from quotelife.supervisor.supervisor import Supervisor  # and the pages

    timer.mark("pages")
    return uvloop.run(Supervisor(config, run, region, controls, fork_server, children, timer).serve())


def _longer_s(spec: ProcessSpec, config: Config) -> float:
    """For quotes that run out, before it is killed."""
    shutdown = config.shutdown
    return shutdown.limit_ms / _MS_PER_S if spec.name == "quoting" and shutdown.open_quotes == "run_out" else 0.0


def _spec(name: str, config: Config) -> ProcessSpec:
    module = _MODULES.get(name, f"quotelife.{name}.process")
    return ProcessSpec(name, module, ("--config", config.file), config.machine.pinned().get(name, frozenset()))


def _locked(config: Config, run: RunPaths) -> IO[str]:
    """Make the run directory and hold it: two services in one directory would write each other's memory."""
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
