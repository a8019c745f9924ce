"""The view of a running service that the desk page and the terminal show."""

from quotelife.config import Config
from quotelife.config.paths import RunPaths, data_paths
from quotelife.controls.region import Controls
from quotelife.dashboard.market import MarketView, description
from quotelife.dashboard.mids import Top
from quotelife.dashboard.quote_events import Batch, QuoteEventReader
from quotelife.dashboard.service_status import StatusReader
from quotelife.parameters.active import ActiveTable
from quotelife.runtime.clock import mono_ns

MIN_INTERVAL_NS = 900_000_000  # between readings of the status


class ServiceView:
    """Reads the service's shared memory and journal, across restarts of its processes. Not thread-safe."""

    def __init__(self, config: Config, run: RunPaths, controls: Controls) -> None:
        self._config = config
        self._market = MarketView(config, run, ActiveTable(config, run), controls)
        self._quote_events = QuoteEventReader(config, data_paths(config).journal)
        self._status_reader = StatusReader(config, run)
        self._status: dict[str, object] = {}
        self._read_ns = 0

    def description(self, symbol: str) -> dict[str, object]:
        """What does not change while the service runs, for a page that shows the market of `symbol`."""
        return description(self._config, symbol)

    def quote_events(self, max_quotes: int | None = None) -> Batch:
        return self._quote_events.read(max_quotes)

    def market(self, symbol: str, now_ns: int) -> dict[str, object]:
        return self._market.read(symbol, now_ns)

    def tops(self, now_ns: int) -> list[Top]:
        """Mid and spread of every instrument."""
        return self._market.tops(now_ns)

    def status(self) -> dict[str, object]:
        """The current status; read at most about once a second, because rates need an interval."""
        now_ns = mono_ns()
        if now_ns - self._read_ns > MIN_INTERVAL_NS:
            self._status, self._read_ns = self._status_reader.read(now_ns), now_ns
        return self._status | {"journal_lost": self._quote_events.lost}
