"""A market as the venue plays it: the book it opens with, then events with the time at which each is due.

Prices are in ticks, sizes in lots of the configured instrument, `due_ns` counts from the start of play.
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
    """What the venue needs of a market."""

    symbols: tuple[str, ...]
    repeats: bool  # begins again when its events are used up

    def opening(self) -> np.ndarray:
        """Events (EVENT) that make the books of the start; `due_ns` is without meaning."""

    def chunks(self) -> Iterator[np.ndarray]:
        """Events (EVENT) in ascending `due_ns`, a chunk at a time."""

    def describe(self) -> str:
        """One line for people: where this market comes from."""


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
        """A price in ticks; prices of the service are multiples of the tick, others are not rounded here."""
        return float(Decimal(price) / self.tick)
