"""Orderly end of quoting, before the sessions are logged out: what becomes of open quotes."""

from collections.abc import Callable
from time import sleep

from quotelife.config.sections import Shutdown
from quotelife.rfq.handler import RfqHandler
from quotelife.runtime.clock import NS_PER_MS, mono_ns, wall_ns

_POLL_S = 0.005


def shut_down(handler: RfqHandler, drain_cancels: Callable[[], None], shutdown: Shutdown) -> None:
    """Stop quoting, let open quotes run out if so configured, withdraw the rest. `drain_cancels` sends QuoteCancels."""
    with handler.lock:
        handler.stop_quoting()
    if shutdown.open_quotes == "run_out":
        limit_ns = mono_ns() + int(shutdown.limit_ms * NS_PER_MS)
        while mono_ns() < limit_ns and _any_open(handler):
            drain_cancels()
            sleep(_POLL_S)
    with handler.lock:
        handler.withdraw_all(wall_ns(), mono_ns())
    drain_cancels()


def _any_open(handler: RfqHandler) -> bool:
    now_ns = mono_ns()
    with handler.lock:
        handler.expire(now_ns)
        return handler.any_open(now_ns)
