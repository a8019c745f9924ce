"""Packages: calendar and call spreads and whatever else a client puts together from listed legs.

The client that buys a package gets its legs of side 1 at our offers and gives its legs of side 2 at our bids. Each leg
is priced like the instrument alone, on its own book and in its own size, and rounded to its own tick away from the
client; the net price is their sum by ratio, so the legs add up to it exactly and it is never rounded in the client's
favour. Prices are counted in the greatest step that divides every leg's tick, sizes in the least that every lot
divides. Limits of size and position, halts and staleness are each leg's own. For the lifetime see
`quotelife_models.multileg`.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.decision import refusal
from quotelife.decision.quoted_instrument import Traded
from quotelife.decision.refusal import Refused
from quotelife.decision.request import BUY, SELL, Leg
from quotelife.market.grid import Grid

KEPT = 10_000  # packages, of which each is made anew if there are more


class PackageLeg(Struct, frozen=True):
    """A leg of one package. `weight` is how many of the package's ticks one tick of the leg moves the net price,
    `unit_lots` how many lots of the leg are in one lot of the package."""

    traded: Traded
    side: int  # BUY where the client that buys the package gets the leg, SELL where it gives it
    ratio: int
    weight: int
    unit_lots: int


class Package(Struct, frozen=True):
    """What does not change from one request for it to the next. `shape` float64[SHAPE_WORDS, legs] as in
    `quotelife.decision.multileg_kernel`, `watched` int64[LEG_WORDS, legs] as in `quotelife.rfq.monitor`."""

    legs: tuple[PackageLeg, ...]
    prices: Grid
    sizes: Grid
    shape: NDArray[np.float64]
    watched: NDArray[np.int64]

    def position_changes(self, client_buys: bool, lots: int) -> tuple[tuple[int, int], ...]:
        """(row, lots that are added to the desk's position) of each leg: what the client gets, the desk is short of."""
        return tuple(
            (leg.traded.row, (-lots if (leg.side == BUY) == client_buys else lots) * leg.unit_lots) for leg in self.legs
        )


class Packages:
    """Makes packages of the instruments that are traded, and keeps them."""

    def __init__(self, traded: dict[str, Traded]) -> None:
        self._traded = traded
        self._made: dict[tuple[tuple[str, int, int], ...], Package] = {}

    def of(self, legs: Sequence[Leg]) -> Package:
        """The package of these legs; `Refused` if one of them is not quoted here."""
        key = tuple((leg.symbol, leg.side, leg.ratio) for leg in legs)
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= KEPT:
                self._made.clear()
            made = self._made[key] = self._make(key)
        return made

    def _make(self, legs: tuple[tuple[str, int, int], ...]) -> Package:
        for symbol, _, _ in legs:
            if symbol not in self._traded:
                raise Refused(refusal.UNKNOWN_SYMBOL, f"unknown symbol {symbol} of a leg")
        if len({symbol for symbol, _, _ in legs}) < len(legs):
            raise Refused(refusal.MALFORMED, "a LegSymbol (600) is there twice; allowed: each instrument once")
        return make_package([(self._traded[symbol], side, ratio) for symbol, side, ratio in legs])


def make_package(legs: Sequence[tuple[Traded, int, int]]) -> Package:
    """The package of (instrument, side, ratio)."""
    ticks = [Fraction(traded.prices.step) for traded, _, _ in legs]
    lots = [Fraction(traded.sizes.step) for traded, _, _ in legs]
    tick, lot = _common_divisor(ticks), _common_multiple(lots)
    made = tuple(
        PackageLeg(traded, side, ratio, int(ratio * ticks[n] / tick), int(ratio * lot / lots[n]))
        for n, (traded, side, ratio) in enumerate(legs)
    )
    return Package(
        made,
        Grid(_decimal(tick)),
        Grid(_decimal(lot)),
        np.array(
            [
                [1.0 if leg.side == BUY else -1.0 for leg in made],
                [float(leg.weight) for leg in made],
                [float(leg.unit_lots) for leg in made],
            ]
        ),
        np.array(
            [
                [leg.traded.row for leg in made],
                [leg.traded.parameters for leg in made],
                [leg.weight if leg.side == BUY else -leg.weight for leg in made],
            ]
        ),
    )


def turned(side: int) -> int:
    """The other side; both stay both."""
    return {BUY: SELL, SELL: BUY}.get(side, side)


def _common_divisor(steps: list[Fraction]) -> Fraction:
    return Fraction(math.gcd(*(s.numerator for s in steps)), math.lcm(*(s.denominator for s in steps)))


def _common_multiple(steps: list[Fraction]) -> Fraction:
    return Fraction(math.lcm(*(s.numerator for s in steps)), math.gcd(*(s.denominator for s in steps)))


def _decimal(step: Fraction) -> str:
    """Steps are decimals, so this is exact."""
    return format(Decimal(step.numerator) / Decimal(step.denominator), "f")
