"""Instruments of two real venues in the market-data process: one venue is killed, falls silent, and comes back."""

import os
import signal
from pathlib import Path

import numpy as np

from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.market.capture import layout as C
from quotelife.market.capture.ring import CaptureReader
from quotelife.market.features.evaluate import evaluate
from quotelife.runtime.clock import mono_ns
from quotelife_models.schema import N_FEATURES
from tests.acceptance.marketdata.test_process import process
from tests.acceptance.marketdata_client import Venue, eventually, increment, level

CONFIG = """
[paths]
run = "run"

[[venue]]
name = "ONE"
port = {one}
sender_comp_id = "QUOTELIFE"
target_comp_id = "VENUE"

[[venue]]
name = "TWO"
port = {two}
sender_comp_id = "QUOTELIFE"
target_comp_id = "VENUE"

[[instrument]]
symbol = "SUM"
venue = ["ONE", "TWO"]
combine = "consolidated"
tick = "1"
lot = "1"

[[instrument]]
symbol = "FIRST"
venue = ["ONE", "TWO"]
venue_symbol = {{ TWO = "SECOND" }}
tick = "1"
lot = "1"

[[client]]
name = "Client"
sessions = ["CLIENT"]
"""
SUM, FIRST = 0, 1


class Market:
    """What the board says of both instruments."""

    def __init__(self, run: Path) -> None:
        self.board = Board.attach(run / "board", 2)

    def top(self, row: int) -> tuple[int, int, int, int] | str:
        """Best bid, its size, best offer, its size, if the row may be quoted from; else why not."""
        board, snap = self.board, np.zeros(L.SNAP_WORDS, np.int64)
        status = evaluate(board.header, board.venues, board.rows, row, mono_ns(), np.zeros(N_FEATURES), snap)
        if status != L.STATUS_OK:
            return L.STATUS_NAMES[status]
        return tuple(int(snap[at]) for at in (L.SNAP_BID_PX, L.SNAP_BID_SZ, L.SNAP_ASK_PX, L.SNAP_ASK_SZ))

    async def becomes(self, total: object, first: object) -> None:
        await eventually(lambda: (self.top(SUM), self.top(FIRST)) == (total, first))


async def answer(venue: Venue, symbol: str, size: int) -> None:
    """Answer the subscription of a symbol: 99 at 101, as much on each side."""
    request = await venue.subscription(symbol)
    venue.send("W", (55, symbol), (262, request), entries=[level(0, "99", size), level(1, "101", size)])


async def answer_both(venue: Venue, name: str, size: int) -> None:
    await answer(venue, "SUM", size)
    await answer(venue, name, size)


def of(size: int) -> tuple[int, int, int, int]:
    return 99, size, 101, size


async def test_a_venue_that_dies_is_no_part_until_it_is_back(tmp_path):
    folders = [tmp_path / name for name in ("one", "two", "again")]
    for folder in folders:
        folder.mkdir()
    config = tmp_path / "quotelife.toml"
    async with Venue.running(folders[1]) as two, Venue.running(folders[0]) as one:
        config.write_text(CONFIG.format(one=one.port, two=two.port))
        async with process(config, **os.environ) as service:
            assert service.stdout is not None
            assert await service.stdout.readline() == b"READY marketdata\n"
            market = Market(tmp_path / "run")
            await answer_both(one, "FIRST", 5)
            await market.becomes(of(5), of(5))
            await answer_both(two, "SECOND", 3)
            await market.becomes(of(8), of(5))
            one.send("X", entries=[increment(1, 0, "SUM", (270, "99"), (271, 6))])
            await eventually(lambda: market.top(SUM) == (99, 9, 101, 8))

            one.signal(signal.SIGSTOP)  # silent, though connected
            await market.becomes(of(3), of(3))
            one.signal(signal.SIGCONT)
            await market.becomes((99, 9, 101, 8), of(5))

            one.signal(signal.SIGKILL)
            await market.becomes(of(3), of(3))
            async with Venue.running(folders[2], port=one.port) as again:
                await answer_both(again, "FIRST", 7)
                await market.becomes(of(10), of(7))
                two.signal(signal.SIGKILL)
                await market.becomes(of(7), of(7))
                again.signal(signal.SIGKILL)
                await market.becomes("disconnected", "disconnected")
            check_capture(tmp_path / "run")


def check_capture(run: Path) -> None:
    """Each event of the instruments that a venue caused has its venue; the venues' own books are beside them."""
    block = CaptureReader(run / "capture", from_start=True).read()
    of_instruments = (block.row <= FIRST) & np.isin(block.kind, (C.LEVEL, C.BOOK))
    assert set(block.source[of_instruments & (block.row == SUM)]) == {1, 2}
    assert set(block.source[of_instruments & (block.row == FIRST)]) == {1, 2}
    assert set(block.row) == {0, 1, 2, 3, 4, 5}
