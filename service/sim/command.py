"""`quotelife simulate`: prepares a run and refuses, in one line, what cannot be run."""

import importlib.util
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from models.fit import l3
from service.config import ConfigError
from service.process import EXIT_CONFIG
from service.sim.configuration import NoConfiguration, configuration_file
from service.sim.options import Options
from service.sim.plan import Plan
from service.sim.ports import PortInUse, check_ports

_MEMORY = Path("/dev/shm")
_WIDTH = 140  # where the output is no terminal
_NO_ENGINE = "the FIX engine is not installed: pip install 'quotelife[binary]' (or 'quotelife[source]')"
_NO_SAMPLE = (
    "the BTC/USD order-book sample is not installed: pip install --no-deps --require-hashes "
    "-r deploy/requirements/sample.txt, or play --market synthetic"
)


def simulate(options: Options) -> int:
    """Run one simulation. 0 if quotes were exchanged over FIX, 1 if not, 2 if it could not be started as told."""
    if importlib.util.find_spec("quickfix") is None:
        return _refuse(_NO_ENGINE)
    if options.scenario is None and options.market == "sample" and l3.find_sample() is None:
        return _refuse(_NO_SAMPLE)
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="quotelife-sim-", dir=_MEMORY if _MEMORY.is_dir() else None))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        try:
            plan = make_plan(options, directory)
            check_ports(plan.configuration())
        except (ConfigError, NoConfiguration, PortInUse) as error:
            return _refuse(str(error))
        from service.sim.run import Run

        return Run(options, plan, make_console()).go()


def make_plan(options: Options, directory: Path) -> Plan:
    """ConfigError or NoConfiguration if there is no usable configuration."""
    return Plan(
        market=options.scenario or options.market,
        config=str(configuration_file(options, directory)),
        directory=str(directory),
        seed=options.seed,
        duration_s=options.duration,
        instruments=options.instruments,
    )


def make_console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


def _refuse(why: str) -> int:
    print(why, file=sys.stderr)
    return EXIT_CONFIG
