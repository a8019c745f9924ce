"""Runs the tests of a folder with each engine of the acceptor: its conftest.py imports `pytest_generate_tests`.

With `--engine` all of them run with that one. Otherwise they run with QuickFIX, the reference, and, unless `--slow` is
given, with the native engine those of the modules in BOTH alone. Tests of one engine say so:

    pytestmark = pytest.mark.engine("quickfix")
"""

import pytest

ENGINES = ("quickfix", "native")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test the engines that it runs with."""
    chosen = metafunc.config.getoption("--engine")
    engines = ENGINES if chosen is None else (chosen,)
    for mark in metafunc.definition.iter_markers("engine"):
        engines = tuple(engine for engine in engines if engine in mark.args)
    metafunc.parametrize("engine", engines, indirect=True, scope="module")
