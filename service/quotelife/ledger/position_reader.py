"""Positions as another process reads them from the ledger's file."""

import sqlite3
from pathlib import Path

from quotelife.ledger.position import Position
from quotelife.ledger.position_tables import all_client_positions, all_positions


class PositionReader:
    """`desk` holds the desk's positions by symbol, `clients` those with each client by client and symbol, as of the
    last `poll`. The file need not exist yet. One call at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._version = -1
        self.desk: dict[str, Position] = {}
        self.clients: dict[tuple[str, str], Position] = {}

    def poll(self) -> bool:
        """Read again if the ledger has changed; returns whether it had. What cannot be read stays as it was."""
        try:
            if self._db is None:
                if not self._path.exists():
                    return False
                uri = f"{self._path.absolute().as_uri()}?mode=ro"
                self._db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            version = self._db.execute("PRAGMA data_version").fetchone()[0]
            if version == self._version:
                return False
            self._db.execute("BEGIN")  # both tables as of one moment
            try:
                desk, clients = all_positions(self._db), all_client_positions(self._db)
            finally:
                self._db.execute("COMMIT")
        except sqlite3.Error:
            self.close()
            return False
        self._version, self.desk, self.clients = version, desk, clients
        return True

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        self._version = -1
