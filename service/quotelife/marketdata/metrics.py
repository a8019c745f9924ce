"""The market-data process's metrics: counters copied from the feeds, and decode times per read."""

from collections.abc import Callable

from quotelife.config.paths import RunPaths
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import decode
from quotelife.marketdata.decoder_state import Array
from quotelife.marketdata.feed import VenueFeed
from quotelife.marketdata.transport import VenueConnection
from quotelife.metrics import catalog, family
from quotelife.metrics.histogram import observe
from quotelife.metrics.labels import INVALIDATIONS
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


class MarketDataMetrics:
    """Owner of this process's metrics region."""

    def __init__(self, run: RunPaths, venues: list[str]) -> None:
        path = run.metrics("marketdata")
        self._region = MetricsRegion.create(path, catalog.MARKETDATA, process=["marketdata"], venue=venues)
        self._values = self._region.values
        self._heartbeat = self._region.gauge(family.HEARTBEAT.name, process="marketdata")

    def timed_decode(self, venue: str) -> Callable[[Array, int], int]:
        """`decode` with histograms of the kernel's duration and of the time from read to board."""
        values = self._values
        kernel = self._region.histogram("quotelife_decode_seconds", venue=venue)
        board = self._region.histogram("quotelife_tick_to_board_seconds", venue=venue)

        def timed(addresses: Array, now_ns: int) -> int:
            before = mono_ns()
            found = decode(addresses, now_ns)
            after = mono_ns()
            observe(values, kernel, after - before)
            observe(values, board, after - now_ns)
            return found

        return timed

    def update(self, connections: list[VenueConnection]) -> None:
        """Copy the feeds' counters; call it a few times per second."""
        values = self._values
        values[self._heartbeat] = wall_ns()
        for connection in connections:
            feed = connection.feed
            for name, word in _COUNTERS.items():
                values[self._counter(name, feed)] = feed.control[word]
            book_gaps = feed.control[M.INVALIDATED + M.R_RPT_SEQ_GAP]
            values[self._counter("gaps_total", feed)] = feed.session_gaps + book_gaps
            for reason, name in enumerate(INVALIDATIONS):
                counter = self._region.counter(f"{_PREFIX}books_invalidated_total", venue=feed.name, reason=name)
                values[counter] = feed.control[M.INVALIDATED + reason]
            values[self._counter("resend_requests_total", feed)] = feed.session.resend_requests
            values[self._counter("rejections_withheld_total", feed)] = feed.session.rejections.withheld
            values[self._counter("sequence_resets_total", feed)] = feed.session.sequence_resets
            values[self._counter("reconnects_total", feed)] = max(connection.attempts - 1, 0)
            values[self._region.gauge(f"{_PREFIX}session_up", venue=feed.name)] = feed.up

    def _counter(self, name: str, feed: VenueFeed) -> int:
        return self._region.counter(_PREFIX + name, venue=feed.name)
