"""Runs the tests of a folder with each engine of the acceptor: its conftest.py imports `pytest_generate_tests`.

All of them run with QuickFIX, the reference. With the native engine those of IN_BOTH run always, the others with
`--slow`. `--engine` runs all of them with one engine. Tests of one engine alone say so:

    pytestmark = pytest.mark.engine("quickfix")
"""

import pytest

ENGINES = ("quickfix", "native")
IN_BOTH = ("test_quote_request", "test_hits", "test_resend", "test_logon", "test_versions")  # modules


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test the engines that it runs with."""
    option, module = metafunc.config.getoption, metafunc.module.__name__.rpartition(".")[2]
    engines = ENGINES if option("--slow") or module in IN_BOTH else ENGINES[:1]
    if (chosen := option("--engine")) is not None:
        engines = (chosen,)
    for mark in metafunc.definition.iter_markers("engine"):
        engines = tuple(engine for engine in engines if engine in mark.args)
    metafunc.parametrize("engine", engines, indirect=True, scope="module")
