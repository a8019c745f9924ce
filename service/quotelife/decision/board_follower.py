"""Follows the board's file for a quoter: the writer makes a new one whenever it starts."""

import sys
from pathlib import Path

from quotelife.decision.quoter import Quoter
from quotelife.market.board.board import Board, BoardError


class BoardFollower:
    """Gives the quoter the newest board at `path`; `process` names the process in messages."""

    def __init__(self, path: Path, n_rows: int, quoter: Quoter, process: str = "quoting") -> None:
        self._path, self._n_rows, self._quoter = path, n_rows, quoter
        self._process = process
        self._logged = ""

    def poll(self) -> None:
        """Attach the board unless it is the one in use. Without a usable board the quoter's stays."""
        try:
            inode = self._path.stat().st_ino
            current = self._quoter.board
            if current is not None and current.inode == inode:
                return
            board = Board.attach(self._path)
            if len(board.rows) != self._n_rows:
                raise BoardError(f"{self._path}: {len(board.rows)} rows for {self._n_rows} configured instruments")
        except (OSError, BoardError) as error:
            self._log(f"no board: {error}")
            return
        self._quoter.board = board
        self._log(f"attached to board {self._path}")

    def _log(self, text: str) -> None:
        """Print a message unless it repeats the last one."""
        if text != self._logged:
            self._logged = text
            print(f"{self._process}: {text}", file=sys.stderr, flush=True)
