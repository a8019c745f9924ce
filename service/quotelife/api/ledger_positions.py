"""The desk's positions, read from the ledger's file."""

import sqlite3
from pathlib import Path


class LedgerPositions:
    """Keeps `positions` (lots, by instrument row) equal to the ledger's; the file need not exist yet."""

    def __init__(self, path: Path, symbols: list[str], positions: list[int]) -> None:
        self._path, self._positions = path, positions
        self._rows = {symbol: row for row, symbol in enumerate(symbols)}
        self._db: sqlite3.Connection | None = None
        self._version = -1

    def poll(self) -> None:
        """Apply changes since the last call. If the ledger cannot be read, the positions stay as they are."""
        try:
            if self._db is None:
                if not self._path.exists():
                    return
                self._db = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, isolation_level=None)
            version = self._db.execute("PRAGMA data_version").fetchone()[0]
            if version == self._version:
                return
            rows = self._db.execute("SELECT symbol, lots FROM positions").fetchall()
        except sqlite3.Error:
            self.close()
            return
        self._version = version
        for symbol, lots in rows:
            row = self._rows.get(symbol)
            if row is not None:
                self._positions[row] = lots

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
