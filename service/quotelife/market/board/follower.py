"""The board for whoever only looks: attached when there is one, and anew when its writer has made another."""

from pathlib import Path

from quotelife.market.board.board import Board, BoardError


class Followed:
    """Follows the file at `path`. With `n_rows`, a board of another number of instruments is none."""

    def __init__(self, path: Path, n_rows: int | None = None) -> None:
        self._path, self._n_rows = path, n_rows
        self._board: Board | None = None

    def look(self) -> Board | None:
        """The newest board; None if there is none that can be used."""
        try:
            if self._board is None or self._board.inode != self._path.stat().st_ino:
                self._board = Board.attach(self._path)
        except (OSError, BoardError):
            self._board = None
        if self._board is not None and self._n_rows is not None and len(self._board.rows) != self._n_rows:
            return None  # made for another configuration
        return self._board
