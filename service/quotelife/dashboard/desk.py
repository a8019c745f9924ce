"""The desk's side of the page: positions, results, clients with the worst first, limits in use."""

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.dashboard.clients import ClientFigures
from quotelife.dashboard.limits import CLIENT, LimitsInUse
from quotelife.dashboard.positions import Positions, PositionView
from quotelife.dashboard.service_view import MIN_INTERVAL_NS
from quotelife.runtime.clock import mono_ns


class DeskView:
    """Joins what the ledger, the recorder and the metrics say. One thread at a time."""

    def __init__(self, config: Config, run: RunPaths, positions: PositionView) -> None:
        self._positions = positions
        self._clients, self._limits = ClientFigures(config, run), LimitsInUse(config)
        self._names = [client.name for client in config.client]
        self._last: tuple[int, dict[str, object]] | None = None

    def read(self, sessions: list[dict[str, object]]) -> dict[str, object]:
        """At most about a second old, however many pages are open; `sessions` are those of the status."""
        now_ns = mono_ns()
        if self._last is None or now_ns - self._last[0] > MIN_INTERVAL_NS:
            self._last = now_ns, self._read(sessions, now_ns)
        return self._last[1]

    def _read(self, sessions: list[dict[str, object]], now_ns: int) -> dict[str, object]:
        positions: Positions = self._positions.read()
        counts = self._clients.counts
        rates = {name: counts.requests_per_second(name) for name in self._names}
        limits = self._limits.read(positions, rates)
        of_clients = [limit for limit in limits if limit["scope"] == CLIENT]
        return {
            "positions": positions.document(),
            "clients": self._clients.read(now_ns, positions.clients, sessions, of_clients),
            "limits": limits,
            "desk": self._clients.desk(positions.desk),
        }
