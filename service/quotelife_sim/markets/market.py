"""A market for the venue to play: opening books, then events with due times.

Prices are in ticks, sizes in lots of the configured instrument, `due_ns` in nanoseconds from the start of play.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

import numpy as np

# Kinds 0 to 3 are those of the order-by-order sample. News carries its sentiment, in thousandths, as the price.
ADD, CHANGE, DELETE, TRADE, NEWS = range(5)
BID, ASK = 0, 1
EVENT = np.dtype(
    [
        ("due_ns", np.int64),
        ("instrument", np.int32),
        ("kind", np.int8),
        ("side", np.int8),  # of the order; of a trade: the aggressor's
        ("id", np.int64),
        ("px_ticks", np.int64),
        ("size_lots", np.int64),
    ]
)


class Market(Protocol):
    """The interface between the venue and a market."""

    symbols: tuple[str, ...]
    repeats: bool  # whether it starts again after its last event

    def opening(self) -> np.ndarray:
        """Events (EVENT) that build the opening books; their `due_ns` is ignored."""

    def chunks(self) -> Iterator[np.ndarray]:
        """Events (EVENT) in chunks, in ascending order of `due_ns`."""

    def describe(self) -> str:
        """One line for the report: the source of this market."""


@dataclass
class Scale:
    """Ticks and lots of one instrument as decimal text."""

    tick: Decimal
    lot: Decimal
    _prices: dict[int, str] = field(default_factory=dict)

    def price(self, ticks: int) -> str:
        text = self._prices.get(ticks)
        if text is None:
            text = self._prices[ticks] = format(ticks * self.tick, "f")
        return text

    def size(self, lots: int) -> str:
        return format(lots * self.lot, "f")

    def ticks(self, price: str) -> float:
        """A price in ticks, not rounded."""
        return float(Decimal(price) / self.tick)
