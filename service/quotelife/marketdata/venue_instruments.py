"""The instruments of a venue session, and its names for them."""

from dataclasses import dataclass

import numpy as np

from quotelife.marketdata.decoder_state import SharedArrays
from quotelife.marketdata.subscription.request import InstrumentName
from quotelife.marketdata.symbol_table import SymbolTable


@dataclass(frozen=True, slots=True)
class VenueInstrument:
    """An instrument of the venue: its board row, the venue's symbol, tick and lot as unit and scale (`fix.fields`)."""

    row: int
    symbol: str
    tick: tuple[int, int]
    lot: tuple[int, int]
    security_id: str | None = None
    group: str | None = None  # that the venue's statuses name


class VenueInstruments:
    """They are found by the field that the venue addresses them with, `address`, or by the other one, `other`."""

    def __init__(self, subscribed: list[VenueInstrument], by_security_id: bool) -> None:
        self.rows = np.array([s.row for s in subscribed], np.int64)
        self.names = [InstrumentName(s.symbol, s.security_id) for s in subscribed]
        self.groups = [s.group for s in subscribed]
        self._subscribed = subscribed
        self._by_security_id = by_security_id
        self.symbols = SymbolTable({s.symbol: s.row for s in subscribed})
        ids = SymbolTable({s.security_id: s.row for s in subscribed if s.security_id is not None})
        self.address, self.other = (ids, self.symbols) if by_security_id else (self.symbols, ids)

    def reset(self, shared: SharedArrays) -> None:
        """None of them is subscribed."""
        for s in self._subscribed:
            shared.reset_instrument(s.row, s.tick, s.lot)

    def row_of(self, symbol: bytes | None, security_id: bytes | None) -> int:
        """Board row of an instrument, -1 if it is not configured. The other name counts where there is no address."""
        address, other = (security_id, symbol) if self._by_security_id else (symbol, security_id)
        if address:
            return self.address.row_of(address)
        return self.other.row_of(other) if other else -1
