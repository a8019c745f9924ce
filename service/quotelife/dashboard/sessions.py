"""The sessions of clients: up or not, since when, and whether their absence is an alarm.

A session is expected while any quotable instrument trades, once it has logged on since the start of the quoting
process: one that never came is taken to be meant to be away, one that left is not. `expected = false` of its client
says that it may come and go.
"""

from collections.abc import Callable

from quotelife.config import Config
from quotelife.decision.trading_phases import TradingPhases
from quotelife.runtime.clock import NS_PER_MS
from quotelife_models.enums import PHASE_CLOSED

Figure = Callable[[str, str], float]  # of a metric family without its prefix, and a session


class SessionStates:
    """Remembers when each session has changed, as far as `read` has seen it."""

    def __init__(self, config: Config) -> None:
        self._sessions = [(session, client) for client in config.client for session in client.sessions]
        self._phases = [TradingPhases(i.session) for i in config.instrument if i.quotable]
        self._up: dict[str, bool] = {}
        self._since_ms: dict[str, float | None] = {}

    def read(self, figure: Figure, wall_ns: int) -> list[dict[str, object]]:
        """Every session in the order of the configuration; `since_ms` is null until a change was seen."""
        trading = any(phases.at(wall_ns).code != PHASE_CLOSED for phases in self._phases)
        found: list[dict[str, object]] = []
        for session, client in self._sessions:
            up = figure("session_up", session) > 0
            known = self._up.get(session)
            if known != up:
                self._since_ms[session] = None if known is None else wall_ns / NS_PER_MS
                self._up[session] = up
            came = up or figure("logons_total", session) > 0
            found.append(
                {
                    "name": session,
                    "client": client.name,
                    "up": up,
                    "expected": client.expected and trading and came,
                    "since_ms": self._since_ms[session],
                }
            )
        return found
