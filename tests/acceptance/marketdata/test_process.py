"""The market-data process as the supervisor runs it, with a real venue and the board."""

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.market.features.evaluate import evaluate
from quotelife.metrics.region import MetricsRegion
from quotelife.runtime.clock import mono_ns
from quotelife_models.schema import N_FEATURES
from tests.acceptance.marketdata_client import Venue, eventually, increment, level
from tests.paths import ROOT

CONFIG = """
[paths]
run = "run"

[[venue]]
name = "ONE"
port = {port}
sender_comp_id = "QUOTELIFE"
target_comp_id = "VENUE"
username = "desk"
password_env = "QUOTELIFE_TEST_PASSWORD"

[[venue]]
name = "TWO"
port = {other}
sender_comp_id = "QUOTELIFE"
target_comp_id = "VENUE"
book = "order"

[[instrument]]
symbol = "BTC"
venue = "ONE"
venue_symbol = "BTC-USD"
tick = "{tick}"
lot = "0.1"
correlated = "ETH"

[[instrument]]
symbol = "ETH"
venue = "TWO"
tick = "0.01"
lot = "1"

[[client]]
name = "Client"
sessions = ["CLIENT"]
"""


def write_config(folder: Path, port: int = 1, other: int = 2, tick: str = "0.5") -> Path:
    path = folder / "quotelife.toml"
    path.write_text(CONFIG.format(port=port, other=other, tick=tick))
    return path


@contextlib.asynccontextmanager
async def process(config: Path, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    command = (sys.executable, "-m", "quotelife.marketdata.process", "--config", str(config))
    started = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=PIPE, env=environment)
    try:
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            started.kill()
        await started.wait()


async def test_two_venues_share_a_board(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with Venue.running(tmp_path / "one", "secret") as one, Venue.running(tmp_path / "two") as two:
        config = write_config(tmp_path, one.port, two.port)
        async with process(config, QUOTELIFE_TEST_PASSWORD="secret") as service:
            assert service.stdout is not None
            assert await service.stdout.readline() == b"READY marketdata\n"
            board = Board.attach(tmp_path / "run" / "board")
            rows = board.rows
            entries = [level(0, "100", "0.5"), level(1, "100.5", "1.5")]
            one.send("W", (55, "BTC-USD"), (262, await one.subscription("BTC-USD")), entries=entries)
            entries = [level(0, "10", 3, (278, "a")), level(1, "10.02", 4, (278, "b"))]
            two.send("W", (55, "ETH"), (262, await two.subscription("ETH")), entries=entries)
            await eventually(lambda: (rows[:2, L.STATE] == L.BOOK_LIVE).all())
            one.send("X", entries=[increment(0, 0, "BTC-USD", (270, "100"), (271, "0.7"))])
            await eventually(lambda: rows[0, L.BID_SZ] == 7)
            assert (rows[0, L.BID_PX], rows[0, L.ASK_PX], rows[0, L.ASK_SZ]) == (200, 201, 15)
            assert (rows[1, L.BID_PX], rows[1, L.ASK_PX]) == (1000, 1002)
            assert (rows[0, L.VENUE], rows[1, L.VENUE], rows[0, L.CORRELATED]) == (0, 1, 1)
            x, snap = np.zeros(N_FEATURES), np.zeros(L.SNAP_WORDS, np.int64)
            assert evaluate(board.header, board.venues, rows, 0, mono_ns(), x, snap) == L.STATUS_OK
            await check_metrics(tmp_path / "run")
            two.tell("disconnect")
            await eventually(lambda: rows[1, L.STATE] == L.BOOK_DISCONNECTED)
            assert rows[0, L.STATE] == L.BOOK_LIVE
            service.send_signal(signal.SIGTERM)
            await one.expect("5")
            assert await asyncio.wait_for(service.wait(), 10) == 0
            assert rows[0, L.STATE] == L.BOOK_DISCONNECTED


async def check_metrics(run: Path) -> None:
    region = MetricsRegion.attach(run / "metrics-marketdata")

    def value(name: str) -> int:
        return int(region.values[region.counter(f"quotelife_marketdata_{name}", venue="ONE")])

    await eventually(lambda: value("messages_total") == 2)
    assert value("entries_total") == 3
    up = region.gauge("quotelife_marketdata_session_up", venue="ONE")
    await eventually(lambda: region.values[up] == 1)
    kernel = region.histogram("quotelife_decode_seconds", venue="ONE")
    assert region.values[kernel] > 0


async def test_missing_password_is_reported(tmp_path):
    async with process(write_config(tmp_path)) as service:
        out, error = await asyncio.wait_for(service.communicate(), 30)
        assert service.returncode == 2
        assert out == b""
        assert b"QUOTELIFE_TEST_PASSWORD" in error
        assert b"venue[0].password_env" in error


async def test_tick_out_of_range_is_reported(tmp_path):
    config = write_config(tmp_path, tick="1.2345678901")
    async with process(config, QUOTELIFE_TEST_PASSWORD="x") as service:
        _, error = await asyncio.wait_for(service.communicate(), 30)
        assert service.returncode == 2
        assert b"instrument[0].tick" in error


async def test_unreachable_venue_is_retried(tmp_path):
    (tmp_path / "venue").mkdir()
    async with Venue.running(tmp_path / "venue") as venue:
        config = write_config(tmp_path, venue.port, venue.port)
    async with process(config, QUOTELIFE_TEST_PASSWORD="x") as service:
        assert service.stdout is not None
        assert await service.stdout.readline() == b"READY marketdata\n"
        region = MetricsRegion.attach(tmp_path / "run" / "metrics-marketdata")
        tries = region.counter("quotelife_marketdata_reconnects_total", venue="ONE")
        await eventually(lambda: region.values[tries] >= 2)
        service.terminate()
        assert await asyncio.wait_for(service.wait(), 10) == 0
