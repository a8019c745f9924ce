"""Market data without a socket: bytes through the feed, including session and board, one read at a time."""

import tempfile
from pathlib import Path

from quotelife.config import Config
from quotelife.config.paths import RunPaths, run_paths
from quotelife.config.venues.venue_sessions import venue_sessions
from quotelife.market.board.board import Board
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import SharedArrays
from quotelife.marketdata.feed import VenueFeed
from quotelife.marketdata.metrics import MarketDataMetrics
from quotelife.marketdata.process import make_board, make_capture, make_feed
from quotelife.runtime.clock import NS_PER_S, mono_ns, wall_ns
from quotelife_bench import configuration
from quotelife_bench.load.market import VenueSession, split

READ_BYTES = 1 << 16  # of one read of the socket


def marketdata_rates(messages: int, instruments: int, repeats: int) -> list[float]:
    """Two-entry X messages per second from bytes to board, one value per repeat. RuntimeError if an entry is lost."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="quotelife-bench-") as name:
        config = configuration.write(Path(name), 0, instruments)
        feed, venue, _board = logged_on(config, run_paths(config))
        rates = []
        for repeat in range(repeats + 1):
            data = venue.increments(messages)
            before = int(feed.control[M.ENTRIES])
            start = mono_ns()
            for at in range(0, len(data), READ_BYTES):
                receive(feed, data[at : at + READ_BYTES])
            elapsed = mono_ns() - start
            applied = int(feed.control[M.ENTRIES]) - before
            if applied != 2 * messages:
                raise RuntimeError(f"{applied} of {2 * messages} market-data entries were applied")
            if repeat > 0:  # the first repeat warms up
                rates.append(messages * NS_PER_S / elapsed)
        return rates


def logged_on(config: Config, run: RunPaths) -> tuple[VenueFeed, VenueSession, Board]:
    """A logged-on feed with live books, its venue, and the board that it writes in `run`."""
    run.directory.mkdir(exist_ok=True)
    board = make_board(config, run.board)
    shared = SharedArrays(board, make_capture(config, run.capture))
    feed = make_feed(config, venue_sessions(config)[0], shared, MarketDataMetrics(run, [config.venue[0].name]))
    venue = VenueSession()
    feed.connected(mono_ns(), wall_ns())
    feed.drain()
    receive(feed, venue.message("A", [(98, 0), (108, config.venue[0].heartbeat_s or 1), (141, "Y")]))
    subscriptions, _ = split(feed.drain())
    for message in subscriptions:
        receive(feed, venue.snapshot(message["262"], message["55"]))
    return feed, venue, board


def receive(feed: VenueFeed, data: bytes) -> None:
    """Pass `data` to the feed as the transport does after a read."""
    feed.free_buffer()[: len(data)] = data
    feed.received(len(data), mono_ns(), wall_ns())
