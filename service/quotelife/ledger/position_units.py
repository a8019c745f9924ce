"""Positions in units of the instrument and the currency of its price, as people and other programs write them."""

from decimal import Decimal
from fractions import Fraction

from quotelife.config import Instrument
from quotelife.ledger.position import NANO, Position
from quotelife.market.grid import Grid

MAX_LOTS = MAX_TICKS = 2**52  # as in market data: any number of lots is exact in a binary fraction


class PositionUnits:
    """Of one instrument."""

    def __init__(self, instrument: Instrument) -> None:
        self.symbol = instrument.symbol
        self._sizes = Grid(instrument.lot)
        self._tick, self._lot = Fraction(instrument.tick), Fraction(instrument.lot)

    def lots(self, quantity: str) -> int:
        """Lots of a quantity; ValueError, with a text for whoever sent it, if they are none."""
        lots = self._sizes.units(quantity)
        if abs(lots) > MAX_LOTS:
            raise ValueError(f"{quantity} is too large")
        return lots

    def price(self, price: str) -> int:
        """A price in billionths of a tick: hedges may be dealt between ticks. ValueError if it is none."""
        if not Decimal(price).is_finite():
            raise ValueError(f"{price} is not a number")
        ticks = Fraction(price) / self._tick
        if abs(ticks) > MAX_TICKS:
            raise ValueError(f"{price} is too large")
        return round(ticks * NANO)

    def quantity(self, lots: int) -> str:
        return self._sizes.short(lots)

    def price_of(self, ticks: Fraction | float) -> float:
        """The price of a number of ticks."""
        return float(Fraction(ticks) * self._tick)

    def amount(self, amount: int) -> float:
        """Money, from billionths of a tick times a lot."""
        return float(Fraction(amount, NANO) * self._tick * self._lot)

    def document(self, position: Position) -> dict[str, object]:
        """A position as the HTTP API reports it."""
        average = position.average
        return {
            "position": self.quantity(position.lots),
            "average_price": None if average is None else self.price_of(average / NANO),
            "realised": self.amount(position.realised),
        }
