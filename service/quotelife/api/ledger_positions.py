"""The positions of the desk and those with each client, read from the ledger's file."""

from pathlib import Path

from quotelife.config import Config
from quotelife.decision.exposure import Exposure
from quotelife.ledger.position_reader import PositionReader


class LedgerPositions:
    """Keeps the positions of `exposure` equal to the ledger's; the file need not exist yet."""

    def __init__(self, path: Path, config: Config, exposure: Exposure) -> None:
        self._reader, self._exposure = PositionReader(path), exposure
        self._rows = {instrument.symbol: row for row, instrument in enumerate(config.instrument)}
        self._clients = {client.name: index for index, client in enumerate(config.client)}

    def poll(self) -> None:
        """Apply changes since the last call. If the ledger cannot be read, the positions stay as they are."""
        if not self._reader.poll():
            return
        exposure = self._exposure
        for symbol, position in self._reader.desk.items():
            row = self._rows.get(symbol)
            if row is not None:
                exposure.move(row, position.lots - exposure.lots[row])
        for (name, symbol), position in self._reader.clients.items():
            row, client = self._rows.get(symbol), self._clients.get(name)
            if row is not None and client is not None:
                exposure.client_lots[client][row] = position.lots

    def close(self) -> None:
        self._reader.close()
