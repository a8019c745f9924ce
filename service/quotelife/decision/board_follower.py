"""Follows the board's file for a quoter: the writer makes a new one whenever it starts."""

from functools import partial
from pathlib import Path

from quotelife.decision.quoter import Quoter
from quotelife.logs import LogEvent, event_logger
from quotelife.market.board.board import Board
from quotelife.shm.region import Follower, RegionError

logger = event_logger(__name__)


class BoardFollower:
    """Gives the quoter the newest board at `path`."""

    def __init__(self, path: Path, n_rows: int, quoter: Quoter) -> None:
        self._path, self._quoter = path, quoter
        self._follower = Follower(path, partial(Board.attach, n_rows=n_rows))
        self._logged = ""

    def poll(self) -> None:
        """Attach the board unless it is the one in use. Without a usable board the quoter's stays."""
        try:
            board = self._follower.poll()
        except RegionError as error:
            self._log(LogEvent.BOARD_MISSING, f"no board: {error}")
            return
        if board is None:
            self._log(LogEvent.BOARD_MISSING, f"no board: {self._path}: no such file")
        elif board is not self._quoter.board:
            self._quoter.board = board
            self._log(LogEvent.BOARD_ATTACHED, f"attached to board {self._path}")

    def _log(self, event: LogEvent, text: str) -> None:
        """Log a message unless it repeats the last one."""
        if text != self._logged:
            self._logged = text
            logger.info(event, "%s", text)
