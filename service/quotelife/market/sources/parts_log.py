"""Logs when instruments of several venues change over to others."""

from quotelife.config import Config
from quotelife.logs import LogEvent, event_logger
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.market.sources.combine import is_usable
from quotelife.market.sources.sources import Sources

logger = event_logger(__name__)

_NAMED = 3  # instruments in a line


class PartsLog:
    """Reads the board a few times a second: one line for what has changed, however many instruments."""

    def __init__(self, config: Config, board: Board, sources: Sources) -> None:
        self._board, self._rows = board, sources.instruments.tolist()
        self._instruments = config.instrument
        self._known = dict.fromkeys(self._rows, "no usable venue")

    def poll(self, now_ns: int) -> None:
        changed = []
        for row in self._rows:
            venues = self._venues(row, now_ns)
            if venues != self._known[row]:
                self._known[row] = venues
                changed.append(f"{self._instruments[row].symbol}: {venues}")
        if changed:
            more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
            logger.info(LogEvent.BOOK_SOURCES_CHANGED, "books are now of: %s%s", "; ".join(changed[:_NAMED]), more)

    def _venues(self, row: int, now_ns: int) -> str:
        """The venues that the book is made of."""
        board, r = self._board, self._board.rows[row]
        parts, first = int(r[L.PARTS]), int(r[L.FIRST_SOURCE])
        usable = [
            name
            for i, name in enumerate(self._instruments[row].venues)
            if parts >> i & 1 and is_usable(board.venues, board.all_rows[first + i], now_ns)
        ]
        return " + ".join(usable) or "no usable venue"
