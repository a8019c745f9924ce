"""The marketdata process's metrics: counters copied from the feeds, and the time of each read."""

from collections.abc import Callable
from pathlib import Path

from quotelife.config.paths import RunPaths
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import decode
from quotelife.marketdata.decoder_state import Array
from quotelife.marketdata.feed import Feed
from quotelife.marketdata.transport import Connection
from quotelife.metrics import catalog
from quotelife.metrics.histogram import observe
from quotelife.metrics.region import MetricsRegion
from quotelife.runtime.clock import mono_ns, wall_ns

_PREFIX = "quotelife_marketdata_"
_COUNTERS = {
    "messages_total": M.MESSAGES,
    "entries_total": M.ENTRIES,
    "garbled_total": M.GARBLED,
    "off_tick_total": M.OFF_TICK,
    "unknown_symbol_total": M.UNKNOWN_SYMBOLS,
}


class Meters:
    """Owns the region of this process."""

    def __init__(self, run_directory: Path, venues: list[str]) -> None:
        path = RunPaths(run_directory).metrics("marketdata")
        self._region = MetricsRegion.create(path, catalog.MARKETDATA, process=["marketdata"], venue=venues)
        self._values = self._region.values
        self._heartbeat = self._region.gauge(catalog.HEARTBEAT.name, process="marketdata")

    def timed_decode(self, venue: str) -> Callable[[Array, int], int]:
        """`decode` that notes how long the kernel took, and how long after the read the rows were on the board."""
        values = self._values
        kernel = self._region.histogram("quotelife_decode_seconds", venue=venue)
        board = self._region.histogram("quotelife_tick_to_board_seconds", venue=venue)

        def timed(tables: Array, now_ns: int) -> int:
            before = mono_ns()
            found = decode(tables, now_ns)
            after = mono_ns()
            observe(values, kernel, after - before)
            observe(values, board, after - now_ns)
            return found

        return timed

    def copy(self, connections: list[Connection]) -> None:
        """Bring the counters up to date; call it a few times per second."""
        values = self._values
        values[self._heartbeat] = wall_ns()
        for connection in connections:
            feed = connection.feed
            for name, word in _COUNTERS.items():
                values[self._counter(name, feed)] = feed.control[word]
            values[self._counter("gaps_total", feed)] = feed.session_gaps + feed.control[M.BOOK_GAPS]
            values[self._counter("resend_requests_total", feed)] = feed.session.resend_requests
            values[self._counter("sequence_resets_total", feed)] = feed.session.sequence_resets
            values[self._counter("reconnects_total", feed)] = max(connection.attempts - 1, 0)
            values[self._region.gauge(f"{_PREFIX}session_up", venue=feed.name)] = feed.up

    def _counter(self, name: str, feed: Feed) -> int:
        return self._region.counter(_PREFIX + name, venue=feed.name)
