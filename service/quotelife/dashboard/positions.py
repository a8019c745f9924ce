"""Positions as the page, the HTTP API and the metrics show them: of the ledger, marked at the board's mids."""

import threading
from pathlib import Path
from typing import NamedTuple

from quotelife.config import Config
from quotelife.config.paths import RunPaths, data_paths
from quotelife.ledger.position import NANO, Position
from quotelife.ledger.position_reader import PositionReader
from quotelife.ledger.position_units import PositionUnits
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.market.board.follower import BoardReader


class MarkedPosition(NamedTuple):
    """A position at the last mid of its market: `mark` and what follows from it are None without one. `client` is empty
    for the position of the desk. Results are in the currency of the price; `notional` has the sign of the position.
    `limit` is that of the position, in units of the instrument; None without one."""

    symbol: str
    client: str
    position: str
    average_price: float | None
    realised: float
    mark: float | None
    marked: float | None
    notional: float | None
    limit: float | None

    @property
    def quantity(self) -> float:
        return float(self.position)

    def document(self) -> dict[str, object]:
        """As the HTTP API reports it; without a client for the desk's."""
        known = self._asdict()
        if not self.client:
            del known["client"]
        return known


class Positions(NamedTuple):
    """Of the desk by instrument, and with each client; gross and net notional of what has a mark."""

    desk: list[MarkedPosition]
    clients: list[MarkedPosition]
    gross_notional: float
    net_notional: float

    def document(self) -> dict[str, object]:
        return {
            "positions": [position.document() for position in self.desk],
            "clients": [position.document() for position in self.clients],
            "gross_notional": self.gross_notional,
            "net_notional": self.net_notional,
        }


class PositionView:
    """Reads the ledger and the board of a service, neither of which need exist yet. Thread-safe. Instruments and
    clients that are not configured any more are left out."""

    def __init__(self, config: Config, run: RunPaths, ledger: Path | None = None) -> None:
        self._rows = {instrument.symbol: row for row, instrument in enumerate(config.instrument)}
        self._units = [PositionUnits(instrument) for instrument in config.instrument]
        self.configure(config)
        self._reader = PositionReader(ledger or data_paths(config).ledger)
        self._boards = BoardReader(run.board, len(config.instrument))
        self._lock = threading.Lock()

    def configure(self, config: Config) -> None:
        """Show the clients of a configuration with the same instruments."""
        self._clients = {client.name: index for index, client in enumerate(config.client)}
        self._limits = [instrument.max_position for instrument in config.instrument]
        self._client_limits = {client.name: client.max_position for client in config.client}

    def read(self) -> Positions:
        """All positions that have ever been moved, as of now, in the order of the configuration."""
        with self._lock:
            self._reader.poll()
            board = self._boards.poll()
            desk = [
                self._marked(board, row, "", self._reader.desk[symbol])
                for symbol, row in self._rows.items()
                if symbol in self._reader.desk
            ]
            keys = [key for key in self._reader.clients if key[0] in self._clients and key[1] in self._rows]
            keys.sort(key=lambda key: (self._clients[key[0]], self._rows[key[1]]))
            clients = [self._marked(board, self._rows[key[1]], key[0], self._reader.clients[key]) for key in keys]
        worth = [position.notional or 0.0 for position in desk]
        return Positions(desk, clients, sum(map(abs, worth)), sum(worth))

    def close(self) -> None:
        self._reader.close()

    def _marked(self, board: Board | None, row: int, client: str, position: Position) -> MarkedPosition:
        units = self._units[row]
        mid2 = 0 if board is None or row >= len(board.rows) else int(board.rows[row, L.MID2])
        mark = marked = notional = None
        if mid2:
            nano = mid2 * (NANO // 2)
            mark, marked = units.price_of(mid2 / 2), units.amount(position.marked(nano))
            notional = units.amount(position.lots * nano)
        average = position.average
        return MarkedPosition(
            units.symbol,
            client,
            units.quantity(position.lots),
            None if average is None else units.price_of(average / NANO),
            units.amount(position.realised),
            mark,
            marked,
            notional,
            self._client_limits.get(client) if client else self._limits[row],
        )
