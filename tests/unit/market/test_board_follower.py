"""A reader that follows the board: none, one, another one, one of another configuration."""

from quotelife.market.board.board import Board
from quotelife.market.board.follower import BoardReader


def test_it_follows_the_newest_board(tmp_path):
    path = tmp_path / "board"
    follower = BoardReader(path, 2)
    assert follower.poll() is None
    Board.create(path, 2, 1)
    first = follower.poll()
    assert first is not None and follower.poll() is first
    Board.create(path, 2, 2)
    second = follower.poll()
    assert second is not None and second.inode != first.inode
    path.unlink()
    assert follower.poll() is None


def test_a_board_of_another_configuration_is_ignored(tmp_path):
    path = tmp_path / "board"
    Board.create(path, 3, 1)
    assert BoardReader(path, 2).poll() is None
    found = BoardReader(path).poll()
    assert found is not None and len(found.rows) == 3


def test_a_file_that_is_not_a_board_is_ignored(tmp_path):
    path = tmp_path / "board"
    path.write_bytes(b"something else")
    assert BoardReader(path).poll() is None
