"""Amounts of the term currency and lots of the base currency, converted at a price, in integers: no binary fraction.

An amount is read as (digits, decimals): "1000.25" is (100025, 2). The price is a number of ticks.
"""

from enum import Enum

from quotelife.market.grid import Grid

MAX_DIGITS = 18
_MAX_ROUNDING, _CENT = 10_000, 100  # as the n of one n-th: a hundredth of a percent, and a cent


class Rounding(Enum):
    """To whole lots."""

    DOWN = "down"
    UP = "up"


class Amount:
    """A positive decimal amount of money, as the client has written it; a minimum may be 0."""

    __slots__ = ("decimals", "digits", "text")

    def __init__(self, text: str, may_be_zero: bool = False) -> None:
        """ValueError, with a text for the client, if it is not a positive number of at most 18 digits."""
        whole, point, fraction = text.partition(".")
        digits = whole + fraction
        if not (digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS and (not point or fraction)):
            raise ValueError(f"'{text}' is not an amount; allowed: up to {MAX_DIGITS} digits with one point")
        self.text, self.digits, self.decimals = text, int(digits), len(fraction)
        if not self.digits and not may_be_zero:
            raise ValueError(f"'{text}' is not an amount; allowed: above 0")

    def __le__(self, other: "Amount") -> bool:
        """Whether this amount is not larger than the other."""
        return self.digits * 10**other.decimals <= other.digits * 10**self.decimals


def lots_for(amount: Amount, ticks: int, prices: Grid, sizes: Grid, rounding: Rounding) -> int:
    """The lots that `amount` of the term currency buys at a price of `ticks`, which is above 0."""
    numerator = amount.digits * 10 ** (prices.decimals + sizes.decimals)
    divisor = ticks * prices.unit * sizes.unit * 10**amount.decimals
    if rounding is Rounding.UP:
        return -(-numerator // divisor)
    return numerator // divisor


def dealt_lots(amount: Amount, ticks: int, client_buys: bool, prices: Grid, sizes: Grid) -> int:
    """The lots that are dealt for `amount` of the term currency, rounded in the desk's favour: down where the client
    buys the base currency, up where it sells; 0 if the amount is less than one lot.

    ValueError, with a text for the client, if the rounding is worth more than `_MAX_ROUNDING` of the amount, and more
    than `_CENT` of the base currency: the amount and the lots of a fill would not agree with its price.
    """
    numerator = amount.digits * 10 ** (prices.decimals + sizes.decimals)
    divisor = ticks * prices.unit * sizes.unit * 10**amount.decimals  # of the amount of one lot
    lots = numerator // divisor
    if not lots:
        return 0
    if not client_buys:
        lots = -(-numerator // divisor)
    rounded = abs(lots * divisor - numerator)
    is_small = rounded * _MAX_ROUNDING <= numerator or rounded * sizes.unit * _CENT <= divisor * 10**sizes.decimals
    if not is_small:
        raise ValueError(f"'{amount.text}' is not an amount of whole lots of {sizes.step} at the price")
    return lots


def amount_of(lots: int, ticks: int, prices: Grid, sizes: Grid) -> str:
    """The amount of the term currency that `lots` cost at a price of `ticks`, exactly, without trailing zeros."""
    decimals = prices.decimals + sizes.decimals
    digits = lots * sizes.unit * ticks * prices.unit
    sign = "-" if digits < 0 else ""
    whole, rest = divmod(abs(digits), 10**decimals)
    fraction = f"{rest:0{decimals}d}".rstrip("0") if decimals else ""
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
