"""The end: what becomes of open quotes when the process is told to stop. Its sessions are logged out after this."""

from time import sleep

from quotelife.acceptor.quickfix.acceptor import Application
from quotelife.config.sections import Shutdown
from quotelife.rfq.handler import RfqHandler
from quotelife.runtime.clock import NS_PER_MS, mono_ns, wall_ns

_LOOK_S = 0.005


def close_down(application: Application, shutdown: Shutdown) -> None:
    """Give no new quotes, let those that are open run out if so configured, withdraw the rest."""
    handler = application.handler
    with handler.lock:
        handler.stop_quoting()
    if shutdown.open_quotes == "run_out":
        limit_ns = mono_ns() + int(shutdown.limit_ms * NS_PER_MS)
        while mono_ns() < limit_ns and _any_open(handler):
            application.drain_cancels()
            sleep(_LOOK_S)
    with handler.lock:
        handler.withdraw_all(wall_ns(), mono_ns())
    application.drain_cancels()


def _any_open(handler: RfqHandler) -> bool:
    now_ns = mono_ns()
    with handler.lock:
        handler.expire(now_ns)
        return handler.any_open(now_ns)
