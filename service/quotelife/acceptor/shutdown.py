"""The end: what becomes of open quotes when the process is told to stop. Its sessions are logged out after this."""

from time import sleep

from quotelife.acceptor.quickfix.acceptor import Application
from quotelife.config.sections import Shutdown
from quotelife.rfq.handler import Desk
from quotelife.runtime.clock import NS_PER_MS, mono_ns, wall_ns

_LOOK_S = 0.005


def close_down(application: Application, shutdown: Shutdown) -> None:
    """Give no new quotes, let those that are open run out if so configured, withdraw the rest."""
    desk = application.desk
    with desk.lock:
        desk.stop_quoting()
    if shutdown.open_quotes == "run_out":
        limit_ns = mono_ns() + int(shutdown.limit_ms * NS_PER_MS)
        while mono_ns() < limit_ns and _any_open(desk):
            application.recall()
            sleep(_LOOK_S)
    with desk.lock:
        desk.withdraw_all(wall_ns(), mono_ns())
    application.recall()


def _any_open(desk: Desk) -> bool:
    now_ns = mono_ns()
    with desk.lock:
        desk.expire(now_ns)
        return desk.any_open(now_ns)
