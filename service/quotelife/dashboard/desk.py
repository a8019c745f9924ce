"""The desk's side of the page: positions, results, clients with the worst first, limits in use."""

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.dashboard.clients import ClientFigures
from quotelife.dashboard.limits import LimitsInUse
from quotelife.dashboard.positions import Positions, PositionView
from quotelife.runtime.clock import mono_ns


class DeskView:
    """Joins what the ledger, the recorder and the metrics say. One thread at a time."""

    def __init__(self, config: Config, run: RunPaths, positions: PositionView) -> None:
        self._positions = positions
        self._clients, self._limits = ClientFigures(config, run), LimitsInUse(config)
        self._names = [client.name for client in config.client]

    def read(self, sessions: list[dict[str, object]]) -> dict[str, object]:
        """As of now; `sessions` are those of the status."""
        positions: Positions = self._positions.read()
        counts = self._clients.counts
        rates = {name: counts.requests_per_second(name) for name in self._names}
        limits = self._limits.read(positions, rates)
        of_clients = [limit for limit in limits if limit["scope"] == "client"]
        return {
            "positions": positions.document(),
            "clients": self._clients.read(mono_ns(), positions.clients, sessions, of_clients),
            "limits": limits,
            "desk": self._clients.desk(positions.desk),
        }
