"""Follows the newest board, for readers that work without one too."""

from functools import partial
from pathlib import Path

from quotelife.market.board.board import Board
from quotelife.shm.region import Follower, RegionError


class BoardReader:
    """Follows the board at `path`. With `n_rows`, boards with another number of rows are ignored."""

    def __init__(self, path: Path, n_rows: int | None = None) -> None:
        self._follower = Follower(path, partial(Board.attach, n_rows=n_rows))

    def poll(self) -> Board | None:
        """The newest board; None while no usable board exists."""
        try:
            return self._follower.poll()
        except RegionError:
            return None
