"""The configured engine. Only that one is imported: its modules are named here and nowhere else."""

from typing import TYPE_CHECKING

from quotelife.config import Config
from quotelife.runtime.process import engine_problem

if TYPE_CHECKING:
    from quotelife.acceptor.common.acceptor import Acceptor
    from quotelife.rfq.handler import RfqHandler

_MODULES = {"quickfix": "quotelife.acceptor.quickfix.acceptor", "native": "quotelife.acceptor.native.acceptor"}


def engine_module(config: Config) -> str:
    """The name of the module with the engine's acceptor."""
    return _MODULES[config.acceptor.engine]


def make_acceptor(config: Config, handler: "RfqHandler") -> "Acceptor":
    """The acceptor, which does not listen yet. ConfigError for unusable settings, dictionaries or secrets."""
    if config.acceptor.engine == "native":
        from quotelife.acceptor.native.acceptor import NativeAcceptor

        return NativeAcceptor(config, handler)
    from quotelife.acceptor.quickfix.acceptor import QuickfixAcceptor

    return QuickfixAcceptor(config, handler)


def check_settings(config: Config) -> None:
    """ConfigError if the engine cannot use its settings."""
    if config.acceptor.engine == "native":
        from quotelife.acceptor.native.dictionaries import check_dictionaries

        check_dictionaries(config)
        return
    from quotelife.acceptor.quickfix.engine import check_settings

    check_settings(config)


def missing_engine(config: Config) -> str | None:
    """One line with what to install if the configured engine is missing; None if it is there."""
    return engine_problem() if config.acceptor.engine == "quickfix" else None
