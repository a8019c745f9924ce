"""`quotelife simulate`: checks the options, prepares a run and starts it."""

import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import msgspec
from rich.console import Console

from quotelife.config import ConfigError
from quotelife.runtime import kernel_compilation
from quotelife.runtime.console import file_problem
from quotelife.runtime.process import EXIT_CONFIG, EXIT_FAILED, engine_problem
from quotelife_research.data import l3
from quotelife_sim.configuration import (
    configuration_file,
    copy_with_capture,
    copy_with_data_folder,
    enables_capture,
    source_file,
)
from quotelife_sim.interruption import Interrupted, Interruption
from quotelife_sim.options import Options
from quotelife_sim.peer_checks import peer_problem
from quotelife_sim.plan import Plan
from quotelife_sim.ports import PortInUse, check_ports
from quotelife_sim.run_data import lock_data_folder, remove_run_directory
from quotelife_sim.steps import Steps

_MEMORY = Path("/dev/shm")
_WIDTH = 140  # columns where the output is no terminal
_NO_SAMPLE = (
    "the BTC/USD order-book sample is not installed: pip install --no-deps --require-hashes "
    "-r deploy/requirements/sample.txt, or play --market synthetic"
)


def simulate(options: Options) -> int:
    """Run one simulation. Exit code 0 if quotes were exchanged over FIX, 1 if not, 2 if the options cannot be run."""
    problem = engine_problem()  # before the signals: importing QuickFIX leaves SIGINT to its default, which kills
    if problem is not None:
        return _fail(problem)
    with Interruption() as interruption:
        try:
            return _simulate(options, interruption)
        except Interrupted:
            return _fail("interrupted before anything was played", EXIT_FAILED)


def _simulate(options: Options, interruption: Interruption) -> int:
    console = make_console()
    steps = Steps(console)
    problem = _option_conflict(options)
    if problem is not None:
        return _fail(problem)
    if options.json is not None and (problem := file_problem(options.json)):
        return _fail(f"--json {options.json}: {problem}")
    if options.record is not None and (problem := file_problem(options.record)):
        return _fail(f"--record {options.record}: {problem}")
    if options.scenario is None and options.market != "synthetic" and l3.find_sample() is None:
        return _fail(_NO_SAMPLE)
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="quotelife-sim-", dir=_MEMORY if _MEMORY.is_dir() else None))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        try:
            plan = make_plan(options, directory)
            if (problem := peer_problem(plan)) is not None:
                return _fail(f"{source_file(options)}: {problem}")
            check_ports(plan.configuration())
        except (ConfigError, PortInUse) as error:
            return _fail(str(error))
        lock = lock_data_folder(plan.configuration())
        source, copy = Path(plan.config), directory / "simulation.toml"
        if lock is None:  # the folder holds the data of a real service, which a run neither reads nor changes
            plan = msgspec.structs.replace(plan, config=str(copy_with_data_folder(source, directory / "data", copy)))
        else:
            stack.enter_context(lock)
            if enables_capture(options):
                plan = msgspec.structs.replace(plan, config=str(copy_with_capture(source, copy)))
        stack.callback(remove_run_directory, plan.configuration())
        recording = None
        if options.record is not None:
            from quotelife_sim.report.recording import Recording

            recording = Recording(options.record, f"quotelife simulate, {plan.market}")
            stack.callback(recording.close)
            steps.on_step = recording.text
        steps.done(f"configuration {source.name} checked")
        kernel_compilation.ensure(plan.configuration().acceptor.engine, steps.kernels)
        from quotelife_sim.run import SimulationRun

        persists = lock is not None
        return SimulationRun(options, plan, console, steps, interruption, persists, recording).execute()


def _option_conflict(options: Options) -> str | None:
    """Why these options cannot be combined; None if they can."""
    if options.scenario is not None and options.market is not None:
        return f"--scenario {options.scenario} brings its own market; allowed: --market or --scenario, not both"
    if options.instruments is not None and options.market != "synthetic":
        wanted = f"--instruments {options.instruments}"
        return f"{wanted}: only the generated market has a variable number; allowed with --market synthetic"
    if not options.news and options.scenario is None:
        return "--no-news: only a scenario has news that can be left out; allowed with --scenario"
    return None


def make_plan(options: Options, directory: Path) -> Plan:
    """The parameters of the run; ConfigError if the configuration cannot be used."""
    return Plan(
        market=options.scenario or options.market or "sample",
        config=str(configuration_file(options, directory)),
        directory=str(directory),
        seed=options.seed,
        duration_s=options.duration,
        instruments=options.instruments or 1,
        news=options.news,
    )


def make_console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


def _fail(reason: str, code: int = EXIT_CONFIG) -> int:
    print(reason, file=sys.stderr)
    return code
