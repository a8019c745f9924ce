"""`quotelife simulate`: prepares a run and refuses, in one line, what cannot be run."""

import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import msgspec
from rich.console import Console

from quotelife.config import ConfigError
from quotelife.runtime.console import file_problem
from quotelife.runtime.process import EXIT_CONFIG, engine_problem
from quotelife_research.data import l3
from quotelife_sim.configuration import configuration_file, with_data
from quotelife_sim.options import Options
from quotelife_sim.plan import Plan
from quotelife_sim.ports import PortInUse, check_ports
from quotelife_sim.run_data import claim, clear_run

_MEMORY = Path("/dev/shm")
_WIDTH = 140  # where the output is no terminal
_NO_SAMPLE = (
    "the BTC/USD order-book sample is not installed: pip install --no-deps --require-hashes "
    "-r deploy/requirements/sample.txt, or play --market synthetic"
)


def simulate(options: Options) -> int:
    """Run one simulation. 0 if quotes were exchanged over FIX, 1 if not, 2 if it could not be started as told."""
    problem = engine_problem() or _contradiction(options)
    if problem is not None:
        return _refuse(problem)
    if options.json is not None and (problem := file_problem(options.json)):
        return _refuse(f"--json {options.json}: {problem}")
    if options.scenario is None and options.market != "synthetic" and l3.find_sample() is None:
        return _refuse(_NO_SAMPLE)
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="quotelife-sim-", dir=_MEMORY if _MEMORY.is_dir() else None))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        try:
            plan = make_plan(options, directory)
            check_ports(plan.configuration())
        except (ConfigError, PortInUse) as error:
            return _refuse(str(error))
        kept = claim(plan.configuration())
        if kept is not None:
            stack.enter_context(kept)
        else:  # a service's own data are there: neither use nor touch them
            copy = with_data(Path(plan.config), directory / "data", directory / "simulation.toml")
            plan = msgspec.structs.replace(plan, config=str(copy))
        stack.callback(clear_run, plan.configuration())
        from quotelife_sim.run import Run

        return Run(options, plan, make_console(), data_kept=kept is not None).go()


def _contradiction(options: Options) -> str | None:
    """What cannot be asked for together."""
    if options.scenario is not None and options.market is not None:
        return f"--scenario {options.scenario} brings its own market; allowed: --market or --scenario, not both"
    if options.instruments is not None and options.market != "synthetic":
        wanted = f"--instruments {options.instruments}"
        return f"{wanted}: only a generated market has as many as told; allowed with: --market synthetic"
    return None


def make_plan(options: Options, directory: Path) -> Plan:
    """ConfigError if the configuration cannot be used."""
    return Plan(
        market=options.scenario or options.market or "sample",
        config=str(configuration_file(options, directory)),
        directory=str(directory),
        seed=options.seed,
        duration_s=options.duration,
        instruments=options.instruments or 1,
    )


def make_console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


def _refuse(why: str) -> int:
    print(why, file=sys.stderr)
    return EXIT_CONFIG
