"""Everything that can be seen of a running service, for the page and the terminal. Not for two threads at once."""

from pathlib import Path

from quotelife.config import Config, resolve
from quotelife.controls.region import Controls
from quotelife.dashboard.counts import Counts
from quotelife.dashboard.market import MarketView, described
from quotelife.dashboard.quote_tape import Batch, Tape
from quotelife.parameters.active import TableInForce
from quotelife.runtime.clock import mono_ns


class Sight:
    """Made once; processes that come and go are followed."""

    def __init__(self, config: Config, run_directory: Path, controls: Controls) -> None:
        self.described = described(config)
        self._market = MarketView(config, run_directory, TableInForce(config, run_directory), controls)
        self._tape = Tape(config, resolve(config, config.paths.data) / "journal")
        self._counts = Counts(config, run_directory)
        self._status: dict[str, object] = {}
        self._counted_ns = 0

    def tape(self, most_quotes: int | None = None) -> Batch:
        return self._tape.read(most_quotes)

    def market(self, symbol: str, now_ns: int) -> dict[str, object]:
        return self._market.look(symbol, now_ns)

    def status(self) -> dict[str, object]:
        """Counts as of now; those of the last look where that was a moment ago: rates need a second."""
        now_ns = mono_ns()
        if now_ns - self._counted_ns > 900_000_000:
            self._status, self._counted_ns = self._counts.look(now_ns), now_ns
        return self._status | {"journal_lost": self._tape.lost}
