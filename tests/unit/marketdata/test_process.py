"""The shared-memory files that the market-data process creates."""

import resource

import msgspec
import pytest

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.config.venues.venue_sessions import venue_sessions
from quotelife.fix.encode import Identity, encode
from quotelife.market.board import layout as L
from quotelife.marketdata import process
from quotelife.marketdata.decoder_state import SharedArrays
from quotelife.marketdata.metrics import MarketDataMetrics


@pytest.fixture
def config(tmp_path):
    raw = {
        "venue": [{"name": "SIM", "port": 1, "sender_comp_id": "Q", "target_comp_id": "V"}],
        "instrument": [{"venue": "SIM", "symbol": "X", "tick": "1", "lot": "1"}],
        "client": [{"name": "C", "sessions": ["C"]}],
    }
    return msgspec.structs.replace(msgspec.convert(raw, Config), file=str(tmp_path / "q.toml"))


def test_all_memory_is_taken_at_the_start(config, tmp_path):
    process._create_shared(config, RunPaths(tmp_path))
    for name in ("board", "capture"):
        status = (tmp_path / name).stat()
        assert status.st_blocks * 512 >= status.st_size, "no page is missing that a later write would need"


@pytest.mark.parametrize("room", [4_096, 1 << 20])
def test_insufficient_space_is_reported_and_leaves_no_files(config, tmp_path, room):
    """Room for nothing, and for the board alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(process.InsufficientSpace, match=r"allowed: \d+ MB free \(paths.run\)"):
            process._create_shared(config, RunPaths(tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.glob("*.*"))


def test_a_venue_of_two_sessions(tmp_path):
    """Each has a block of the board, a SenderCompID and metrics of its own, and its part of the instruments."""
    profile = tmp_path / "p.toml"
    profile.write_text('title = "t"\ntried = "here"\n[pacing]\nsymbols_per_session = 2\n')
    raw = {
        "venue": [{"name": "V", "port": 1, "sender_comp_id": "Q", "target_comp_id": "V", "profile": str(profile)}],
        "instrument": [{"venue": "V", "symbol": symbol, "tick": "1", "lot": "1"} for symbol in "ABC"],
        "client": [{"name": "C", "sessions": ["C"]}],
    }
    config = msgspec.structs.replace(msgspec.convert(raw, Config), file=str(tmp_path / "q.toml"))
    sessions = venue_sessions(config)
    board = process.make_board(config, tmp_path / "board")
    assert board.rows[:, L.VENUE].tolist() == [0, 0, 1]
    assert board.venues[:3, L.V_STATE].tolist() == [L.VENUE_DOWN, L.VENUE_DOWN, L.VENUE_UP]  # the last of signals
    shared, metrics = SharedArrays(board), MarketDataMetrics(RunPaths(tmp_path), [s.name for s in sessions])
    feeds = [process.make_feed(config, session, shared, metrics) for session in sessions]
    for feed, name, comp_id, symbols in zip(feeds, ("V", "V#2"), ("Q", "Q2"), ("AB", "C"), strict=True):
        assert feed.name == name
        feed.connected(10**9, 10**18)
        assert f"\x0149={comp_id}\x01".encode() in feed.drain()
        logon = encode(Identity("V", comp_id), "A", 1, "20260101-00:00:00.000", ((98, 0), (108, 1), (141, "Y")))
        feed.free_buffer()[: len(logon)] = logon
        feed.received(len(logon), 10**9, 10**18)
        sent = feed.drain()
        assert [symbol for symbol in "ABC" if f"\x0155={symbol}\x01".encode() in sent] == list(symbols)
    assert board.venues[:2, L.V_STATE].tolist() == [L.VENUE_UP] * 2
    feeds[0].disconnected(2 * 10**9)
    assert board.rows[:, L.STATE].tolist() == [L.BOOK_DISCONNECTED] * 2 + [L.BOOK_EMPTY]
