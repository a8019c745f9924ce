"""The shared-memory files that the market-data process creates."""

import resource

import msgspec
import pytest

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.marketdata import process


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
