"""Multilegs: calendar spreads, call spreads and other combinations of listed instruments.

The client that buys a multileg buys its legs of side 1 at our offers and sells its legs of side 2 at our bids. Each leg
is priced like the instrument alone, on its own book and in its own size, and rounded to its own tick away from the
client. The net price is the sum by ratio, so that the legs add up to it exactly and it is never rounded in the client's
favour. Prices are counted in the largest step that divides every leg's tick, sizes in the smallest step that every lot
divides. Limits of size and position, halts and staleness are those of each leg. For the lifetime see
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
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.decision.refusal import Refusal
from quotelife.decision.request import Leg
from quotelife.market.grid import Grid
from quotelife_models.enums import BUY, SELL

MAX_CACHED = 10_000  # multilegs, and their terms; above it the cache is emptied


class QuotedLeg(Struct, frozen=True):
    """A leg of a multileg. `weight` is the number of the multileg's ticks by which one tick of the leg moves the net
    price, `unit_lots` the number of the leg's lots in one lot of the multileg."""

    instrument: QuotedInstrument
    side: int  # BUY where the client that buys the multileg buys the leg, SELL where it sells the leg
    ratio: int
    weight: int
    unit_lots: int


class Multileg(Struct, frozen=True):
    """What two requests for the same legs have in common. `rows` are those of the legs on the board, `units` their
    `unit_lots`; `scheduled` are the instruments that do not trade all day. `shape` float64[3, legs] is laid out in
    `quotelife.decision.multileg.kernel`, `watched` int64[LEG_WORDS, legs] in `quotelife.rfq.quote_margin`."""

    legs: tuple[QuotedLeg, ...]
    rows: tuple[int, ...]
    units: tuple[int, ...]
    scheduled: tuple[QuotedInstrument, ...]
    prices: Grid
    sizes: Grid
    shape: NDArray[np.float64]
    watched: NDArray[np.int64]

    def position_changes(self, client_buys: bool, lots: int) -> tuple[tuple[int, int], ...]:
        """(row, lots added to the desk's position) of each leg: what the client buys, the desk is short of."""
        return tuple(
            (leg.instrument.row, (-lots if (leg.side == BUY) == client_buys else lots) * leg.unit_lots)
            for leg in self.legs
        )


class MultilegCache:
    """The multilegs that have been requested, each made once."""

    def __init__(self, instruments: dict[str, QuotedInstrument]) -> None:
        self._instruments = instruments
        self._made: dict[tuple[tuple[str, int, int], ...], Multileg] = {}
        self._requested: dict[tuple[Leg, ...], Multileg] = {}  # by legs as requested, with their quantities

    def of(self, legs: tuple[Leg, ...]) -> Multileg:
        """The multileg of these legs; refused if one of them is not quoted or occurs twice."""
        if any(leg.stated for leg in legs):  # what is stated cannot be hashed
            return self._of(legs)
        made = self._requested.get(legs)
        if made is None:
            if len(self._requested) >= MAX_CACHED:
                self._requested.clear()
            made = self._requested[legs] = self._of(legs)
        return made

    def _of(self, legs: tuple[Leg, ...]) -> Multileg:
        key = tuple((leg.symbol, leg.side, leg.ratio) for leg in legs)
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= MAX_CACHED:
                self._made.clear()
            made = self._made[key] = self._make(key)
        return made

    def _make(self, legs: tuple[tuple[str, int, int], ...]) -> Multileg:
        symbols = [symbol for symbol, _, _ in legs]
        for symbol in symbols:
            if symbol not in self._instruments:
                raise Refusal(refusal.UNKNOWN_SYMBOL, f"unknown LegSymbol (600) {symbol}")
        for symbol in symbols:
            if symbols.count(symbol) > 1:
                raise Refusal(refusal.MALFORMED, f"duplicate LegSymbol (600) {symbol}; allowed: each instrument once")
        return make_multileg([(self._instruments[symbol], side, ratio) for symbol, side, ratio in legs])


def make_multileg(legs: Sequence[tuple[QuotedInstrument, int, int]]) -> Multileg:
    """The multileg of legs (instrument, side, ratio)."""
    ticks = [Fraction(instrument.prices.step) for instrument, _, _ in legs]
    lots = [Fraction(instrument.sizes.step) for instrument, _, _ in legs]
    tick, lot = _common_divisor(ticks), _common_multiple(lots)
    made = tuple(
        QuotedLeg(instrument, side, ratio, int(ratio * ticks[n] / tick), int(ratio * lot / lots[n]))
        for n, (instrument, side, ratio) in enumerate(legs)
    )
    return Multileg(
        made,
        tuple(leg.instrument.row for leg in made),
        tuple(leg.unit_lots for leg in made),
        tuple(leg.instrument for leg in made if leg.instrument.phases),
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
                [leg.instrument.row for leg in made],
                [leg.instrument.parameters for leg in made],
                [leg.weight if leg.side == BUY else -leg.weight for leg in made],
            ]
        ),
    )


def opposite(side: int) -> int:
    """BUY for SELL and SELL for BUY; TWO_WAY stays TWO_WAY."""
    return {BUY: SELL, SELL: BUY}.get(side, side)


def _common_divisor(steps: list[Fraction]) -> Fraction:
    return Fraction(math.gcd(*(s.numerator for s in steps)), math.lcm(*(s.denominator for s in steps)))


def _common_multiple(steps: list[Fraction]) -> Fraction:
    return Fraction(math.lcm(*(s.numerator for s in steps)), math.gcd(*(s.denominator for s in steps)))


def _decimal(step: Fraction) -> str:
    """The step as decimal text; exact, because every step is a decimal number."""
    return format(Decimal(step.numerator) / Decimal(step.denominator), "f")
