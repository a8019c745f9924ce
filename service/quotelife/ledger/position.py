"""A position and its result, by the average price: a pure function of the trades.

Amounts are whole numbers: prices in billionths of a tick (`NANO`), amounts of money in billionths of a tick times a
lot. A trade that closes a part of a position takes its share of the cost, rounded to that unit; the realised result
gets the difference. So the result as a whole, realised and marked, is exact, and the average price is within half a
unit for each such trade.
"""

from fractions import Fraction

from msgspec import Struct

NANO = 1_000_000_000


class NoAveragePrice(ValueError):
    """A change without a price, where there is no average price that it could have."""


class Position(Struct, frozen=True):
    """`lots` are above 0 where the desk is long. `cost` is what they were dealt for, lots times the average price, so
    it has their sign as long as prices are positive. `realised` is the result of what has been closed."""

    lots: int = 0
    cost: int = 0
    realised: int = 0

    @property
    def average(self) -> Fraction | None:
        """The average price in billionths of a tick; None if there is no position."""
        return Fraction(self.cost, self.lots) if self.lots else None

    def marked(self, price: int) -> int:
        """The result of closing it at that price, without what has been realised."""
        return self.lots * price - self.cost

    def after_trade(self, lots: int, price: int) -> "Position":
        """After a trade at that price: `lots` above 0 were bought."""
        held = self.lots
        if not lots or held == 0 or (held > 0) == (lots > 0):
            return Position(held + lots, self.cost + lots * price, self.realised)
        closed = -lots if abs(lots) < abs(held) else held  # with the sign of what was held
        part = _share(self.cost, closed, held)
        rest = lots + closed
        return Position(held + lots, self.cost - part + rest * price, self.realised + closed * price - part)

    def after_move(self, lots: int) -> "Position":
        """After a change at the average price, which leaves average and result as they are. `NoAveragePrice` where
        there is no position, or where it would change its side."""
        after = self.lots + lots
        if not lots:
            return self
        if not self.lots or (after and (after > 0) != (self.lots > 0)):
            raise NoAveragePrice("price is missing; it is needed where a position begins or changes its side")
        return Position(after, _share(self.cost, after, self.lots), self.realised)

    def after_set(self, lots: int, price: int | None) -> "Position":
        """The position that the desk says it has, at that average price (None: the present one). The realised result
        stays. `NoAveragePrice` as for `after_move`."""
        if price is None:
            return self.after_move(lots - self.lots)
        return Position(lots, lots * price, self.realised)


def _share(cost: int, part: int, whole: int) -> int:
    return round(Fraction(cost * part, whole))
