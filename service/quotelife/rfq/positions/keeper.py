"""Applies changes of positions: on disk first, then to what the limits and the prices of the next quote see.

The quoting process is the only one that changes a position, so a change cannot cross a fill: both go through its
ledger, and both move the same numbers in memory.
"""

import threading

from quotelife.config import Config
from quotelife.decision.exposure import Exposure
from quotelife.ledger.position_tables import PositionChange, RecordedChange
from quotelife.ledger.position_units import PositionUnits
from quotelife.ledger.store import Ledger


class PositionKeeper:
    """`units` by symbol. Thread-safe; `lock` is the handler's, not held by the caller."""

    def __init__(self, config: Config, ledger: Ledger | None, exposure: Exposure, lock: threading.Lock) -> None:
        self.units = {instrument.symbol: PositionUnits(instrument) for instrument in config.instrument}
        self.configure(config)
        self._rows = {instrument.symbol: row for row, instrument in enumerate(config.instrument)}
        self._ledger, self._exposure, self._lock = ledger, exposure, lock

    def configure(self, config: Config) -> None:
        """Know the clients of a configuration with the same instruments."""
        self.clients = {client.name: index for index, client in enumerate(config.client)}

    def apply(self, change: PositionChange) -> RecordedChange:
        """Apply a change once; it is on disk when this returns. Errors as of `Ledger.record_change`."""
        assert self._ledger is not None, "a handler without a ledger changes no positions"
        recorded = self._ledger.record_change(change)
        if recorded.is_new:
            row = self._rows[change.symbol]
            with self._lock:
                if change.client:
                    self._exposure.move_client(self.clients[change.client], row, recorded.lots)
                else:
                    self._exposure.move(row, recorded.lots)
        return recorded
