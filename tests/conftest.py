"""Coroutine tests run in a loop of their own; those marked slow are left out unless `--slow` is given."""

import gc
import inspect
import os

import pytest
import uvloop

from tests.paths import ROOT


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
