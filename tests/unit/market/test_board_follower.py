"""A reader that follows the board: none, one, another one, one of another configuration."""

from quotelife.market.board.board import Board
from quotelife.market.board.follower import Followed


def test_it_follows_the_newest_board(tmp_path):
    path = tmp_path / "board"
    followed = Followed(path, 2)
    assert followed.look() is None
    Board.create(path, 2, 1)
    first = followed.look()
    assert first is not None and followed.look() is first
    Board.create(path, 2, 2)
    second = followed.look()
    assert second is not None and second.inode != first.inode
    path.unlink()
    assert followed.look() is None


def test_a_board_of_another_configuration_is_none(tmp_path):
    path = tmp_path / "board"
    Board.create(path, 3, 1)
    assert Followed(path, 2).look() is None
    found = Followed(path).look()
    assert found is not None and len(found.rows) == 3


def test_what_is_no_board_is_none(tmp_path):
    path = tmp_path / "board"
    path.write_bytes(b"something else")
    assert Followed(path).look() is None
