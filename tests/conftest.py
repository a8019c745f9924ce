"""Coroutine tests run in a loop of their own; those marked slow are left out unless `--slow` is given."""

import gc
import inspect
import logging
import os
import sys
import threading
from collections.abc import Iterator

import pytest
import uvloop
from hypothesis import HealthCheck, Phase, settings

from tests.paths import ROOT

# Hypothesis reports a failure as it was found: the search for a smaller one may take longer than a test may, and all
# that one would see is the timeout. `--hypothesis-profile=shrink --timeout=0` searches, beginning with what local runs
# have found. In CI, examples are the same each time: CI says whether a change is at fault, and a rare fault that it
# found by chance would stop changes that have nothing to do with it. Local runs draw other examples each time.
AS_FOUND = tuple(phase for phase in Phase if phase not in (Phase.shrink, Phase.explain))
BUSY = [HealthCheck.too_slow]  # the machine may be
default = settings.get_profile("default")
settings.register_profile("shrink", default, deadline=None, print_blob=True, suppress_health_check=BUSY)
settings.register_profile("random", settings.get_profile("shrink"), phases=AS_FOUND)
settings.register_profile("ci", settings.get_profile("random"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "random")


def pytest_configure() -> None:
    """Processes that tests start can import `tests`, whatever their working directory."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")
    parser.addoption("--engine", choices=("quickfix", "native"), help="of the acceptor, where tests can run with each")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    slow = [item for item in items if "slow" in item.keywords]
    if slow:
        items[:] = [item for item in items if "slow" not in item.keywords]
        config.hook.pytest_deselected(items=slow)


def pytest_collection_finish() -> None:
    """What has been imported is permanent. The interpreter looks for unused cycles only when as many objects are new as
    a quarter of those that are not, and the files and sockets of many tests would stay open until then."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    uvloop.run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture
def log_restored() -> Iterator[None]:
    """The root logger and the hooks of the interpreter are as before."""
    handlers, level = logging.root.handlers[:], logging.root.level
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    yield
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
