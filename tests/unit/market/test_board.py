"""The board as a file: versions, sizes, replacement."""

import numpy as np
import pytest

from quotelife.market.board import layout as L
from quotelife.market.board.board import Board, initialise_row
from quotelife.shm.region import RegionError


def test_a_reader_sees_what_the_writer_writes(tmp_path):
    writer = Board.create(tmp_path / "board", 3, 17)
    reader = Board.attach(tmp_path / "board")
    initialise_row(writer, 2, venue=1, tick_size=0.25, correlated=0)
    writer.beat(99)
    assert reader.rows.shape == (3, L.ROW_WORDS)
    assert (reader.header[L.H_STARTED_NS], reader.header[L.H_HEARTBEAT_NS]) == (17, 99)
    assert (reader.rows[2, L.VENUE], reader.rows[2, L.CORRELATED]) == (1, 0)
    assert reader.rows[2, L.TICK_SIZE : L.TICK_SIZE + 1].view(np.float64)[0] == 0.25


def test_a_new_board_replaces_the_old_one_completely(tmp_path):
    old = Board.create(tmp_path / "board", 1, 1)
    old.rows[0, L.STATE] = L.BOOK_LIVE
    new = Board.create(tmp_path / "board", 2, 2)
    assert Board.attach(tmp_path / "board").inode == new.inode != old.inode
    assert old.rows[0, L.STATE] == L.BOOK_LIVE, "a reader of the old board keeps it"
    assert new.rows[0, L.STATE] == L.BOOK_EMPTY
    assert [p.name for p in tmp_path.iterdir()] == ["board"]


@pytest.mark.parametrize("word", [L.H_MAGIC, L.H_LAYOUT_VERSION, L.H_SCHEMA_VERSION, L.H_ROW_WORDS])
def test_another_version_is_refused(tmp_path, word):
    Board.create(tmp_path / "board", 1, 1).header[word] += 1
    name = L.HEADER.fields[word].name
    with pytest.raises(RegionError, match=f"of this version: {name} is"):
        Board.attach(tmp_path / "board")


def test_a_file_that_is_not_a_board_is_refused(tmp_path):
    with pytest.raises(RegionError, match="No such file"):
        Board.attach(tmp_path / "board")
    (tmp_path / "board").write_bytes(b"short")
    with pytest.raises(RegionError, match="not a board: 5 bytes"):
        Board.attach(tmp_path / "board")
    Board.create(tmp_path / "board", 1, 1).header[L.H_ROWS] = 5
    with pytest.raises(RegionError, match=f"{8 * (L.HEADER_WORDS + L.MAX_VENUES * L.VENUE_WORDS + 5 * L.ROW_WORDS)}"):
        Board.attach(tmp_path / "board")


def test_words_of_a_row_do_not_overlap():
    assert L.ROW_WORDS % 8 == 0
    assert L.CHANNELS + L.N_CHANNELS == L.FAST
    assert L.FAST + L.RING * L.N_CHANNELS == L.SLOW
    assert L.RING & (L.RING - 1) == 0
    assert L.RING * L.FAST_NS > 1_000_000_000 + L.FAST_NS, "the fast ring must hold 1 s and a slice"
    assert L.RING * L.SLOW_NS > 10_000_000_000 + L.SLOW_NS
    assert len(L.STATUS_NAMES) == L.STATUS_MISMATCH + 1
