"""A burst through a real socket and session, many times what the feed's buffer holds: nothing lost, every book right.

What is not read yet waits in the venue's socket: the feed's own memory stays what it is.
"""

import asyncio
import re
from pathlib import Path

import numpy as np
import pytest

from quotelife.config.paths import RunPaths
from quotelife.config.venues.venue_sessions import venue_sessions
from quotelife.market.board import layout as L
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import SharedArrays
from quotelife.marketdata.feed import BUFFER_BYTES, VenueFeed
from quotelife.marketdata.metrics import MarketDataMetrics
from quotelife.marketdata.process import make_board, make_feed
from quotelife.marketdata.transport import VenueConnection
from quotelife_bench import configuration
from quotelife_bench.load.market import VenueSession, split

INSTRUMENTS, MESSAGES = 5, 40_000
ENTRY = re.compile(rb"279=(\d)\x01269=(\d)\x0155=([^\x01]+)\x01270=([^\x01]+)\x01271=(\d+)")
SNAPSHOT_ENTRY = re.compile(rb"269=(\d)\x01270=([^\x01]+)\x01271=(\d+)")

Book = dict[tuple[int, int], int]  # (side, ticks) -> lots


class Venue:
    """Accepts one session, answers subscriptions, and keeps the books it has told of in dictionaries."""

    def __init__(self) -> None:
        self.side, self.books = VenueSession(), dict[str, Book]()
        self.subscribed = asyncio.Event()
        self.writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer, rest = writer, b""
        while received := await reader.read(1 << 16):
            messages, rest = split(rest + received)
            for message in messages:
                if message["35"] == "A":
                    writer.write(self.side.message("A", [(98, 0), (108, message["108"]), (141, "Y")]))
                elif message["35"] == "V":
                    data = self.side.snapshot(message["262"], message["55"])
                    self.books[message["55"]] = {
                        (int(side), ticks(price)): int(size) for side, price, size in SNAPSHOT_ENTRY.findall(data)
                    }
                    writer.write(data)
                    if len(self.books) == INSTRUMENTS:
                        self.subscribed.set()

    def burst(self, messages: int) -> int:
        """Write them all at once; their bytes."""
        data = self.side.increments(messages)
        for action, side, symbol, price, size in ENTRY.findall(data):
            book, key = self.books[symbol.decode()], (int(side), ticks(price))
            if action == b"2":
                book.pop(key, None)
            else:
                book[key] = int(size)
        assert self.writer is not None
        self.writer.write(data)
        return len(data)


def ticks(price: bytes) -> int:
    return int(price.replace(b".", b""))


def shown(row: np.ndarray, side: int) -> list[tuple[int, int]]:
    """(ticks, lots) of the levels on the board, best first."""
    at_px, at_sz = ((L.BID_PX, L.BID_SZ), (L.ASK_PX, L.ASK_SZ))[side]
    return [(int(row[at_px + i]), int(row[at_sz + i])) for i in range(int(row[L.N_BID + side]))]


async def until(feed: VenueFeed, word: int, count: int) -> None:
    async with asyncio.timeout(60):
        while feed.control[word] < count:
            await asyncio.sleep(0.001)


@pytest.mark.slow
async def test_market_data_burst_loses_nothing(tmp_path: Path) -> None:
    config = configuration.write(tmp_path, 0, INSTRUMENTS)
    board = make_board(config, tmp_path / "board")
    (session,) = venue_sessions(config)
    feed = make_feed(config, session, SharedArrays(board), MarketDataMetrics(RunPaths(tmp_path), [session.name]))
    venue = Venue()
    server = await asyncio.start_server(venue.serve, "127.0.0.1", 0)
    connection = VenueConnection(feed, "127.0.0.1", server.sockets[0].getsockname()[1], (100.0, 1_000.0))
    running = asyncio.create_task(connection.run())
    await asyncio.wait_for(venue.subscribed.wait(), 30)
    sent = venue.burst(MESSAGES)
    assert sent > 2 * BUFFER_BYTES
    await until(feed, M.MESSAGES, INSTRUMENTS + MESSAGES)
    assert [int(feed.control[word]) for word in (M.GARBLED, M.DROPPED, M.BOOK_GAPS)] == [0, 0, 0]
    assert len(feed.free_buffer()) <= BUFFER_BYTES
    for row, instrument in enumerate(config.instrument):
        book = venue.books[instrument.symbol]
        for side in (0, 1):
            prices = sorted((price for s, price in book if s == side), reverse=side == 0)
            assert shown(board.rows[row], side) == [(p, book[side, p]) for p in prices[: L.DEPTH]]
    connection.stop()
    server.close()
    assert venue.writer is not None
    venue.writer.close()
    await asyncio.wait_for(running, 30)
