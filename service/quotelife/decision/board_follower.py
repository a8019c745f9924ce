"""Keeps a quoter on the newest board."""

import sys
from pathlib import Path

from quotelife.decision.quoter import Quoter
from quotelife.market.board.board import Board, BoardError


class BoardWatch:
    """Keeps the quoter on the newest board: the writer makes a new file when it starts."""

    def __init__(self, path: Path, n_rows: int, quoter: Quoter, process: str = "quoting") -> None:
        self._path, self._n_rows, self._quoter = path, n_rows, quoter
        self._process = process  # that speaks
        self._said = ""

    def look(self) -> None:
        """Attach if there is a board that is not the one in use."""
        try:
            inode = self._path.stat().st_ino
            current = self._quoter.board
            if current is not None and current.inode == inode:
                return
            board = Board.attach(self._path)
            if len(board.rows) != self._n_rows:
                raise BoardError(f"{self._path}: {len(board.rows)} rows for {self._n_rows} configured instruments")
        except (OSError, BoardError) as error:
            self._say(f"no board: {error}")
            return
        self._quoter.board = board
        self._say(f"attached to board {self._path}")

    def _say(self, what: str) -> None:
        if what != self._said:
            self._said = what
            print(f"{self._process}: {what}", file=sys.stderr, flush=True)
