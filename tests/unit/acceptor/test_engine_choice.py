"""Which engine is imported, and what a process says that lacks it."""

import sys

import msgspec
import pytest

from quotelife.acceptor import engine_choice
from quotelife.config import Config, load
from quotelife.config.shipped import DEMO


def with_engine(engine: str) -> Config:
    config = load(DEMO)
    return msgspec.structs.replace(config, acceptor=msgspec.structs.replace(config.acceptor, engine=engine))


def test_only_quickfix_has_to_be_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "quickfix", None)
    assert "quickfix" in (engine_choice.missing_engine(with_engine("quickfix")) or "")
    assert engine_choice.missing_engine(with_engine("native")) is None
    engine_choice.check_settings(with_engine("native"))


@pytest.mark.parametrize("engine", ["quickfix", "native"])
def test_an_engine_has_a_module(engine):
    assert f"quotelife.acceptor.{engine}." in engine_choice.engine_module(with_engine(engine))
