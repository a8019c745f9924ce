"""Amounts of the term currency against fractions: exact, and rounded to whole lots as stated."""

from fractions import Fraction
from math import ceil, floor

from hypothesis import given
from hypothesis import strategies as st

from quotelife.market.grid import Grid
from quotelife.rfq.terms.amounts import Amount, Rounding, amount_of, dealt_lots, lots_for

STEPS = st.sampled_from(["0.00001", "0.005", "0.01", "0.25", "1", "3", "1000", "0.00000001"])
TICKS = st.integers(1, 10**9)


@st.composite
def amounts(draw: st.DrawFn) -> str:
    decimals = draw(st.integers(0, 8))
    digits = str(draw(st.integers(1, 10**18 - 1))).rjust(decimals + 1, "0")[-18:]
    text = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
    return text if text.strip("0.") else "1"


@given(amounts(), TICKS, STEPS, STEPS)
def test_lots_are_the_quotient_of_fractions(text, ticks, tick, lot):
    exact = Fraction(text) / (ticks * Fraction(tick) * Fraction(lot))
    amount, prices, sizes = Amount(text), Grid(tick), Grid(lot)
    assert lots_for(amount, ticks, prices, sizes, Rounding.DOWN) == floor(exact)
    assert lots_for(amount, ticks, prices, sizes, Rounding.UP) == ceil(exact)


@given(amounts(), TICKS, STEPS, STEPS, st.booleans())
def test_dealt_lots_are_rounded_for_the_desk_and_agree_with_the_price(text, ticks, tick, lot, client_buys):
    price = ticks * Fraction(tick)
    exact = Fraction(text) / (price * Fraction(lot))
    rounded = 0 if exact < 1 else floor(exact) if client_buys else ceil(exact)
    error = abs(rounded - exact) * Fraction(lot)  # of the base currency
    agrees = not rounded or error * price <= Fraction(text) / 10_000 or error <= Fraction(1, 100)
    try:
        lots = dealt_lots(Amount(text), ticks, client_buys, Grid(tick), Grid(lot))
    except ValueError as refused:
        assert not agrees and str(refused).startswith(f"'{text}' is not an amount of whole lots")
    else:
        assert agrees and lots == rounded


@given(st.integers(-(10**12), 10**12), TICKS, STEPS, STEPS)
def test_the_amount_of_lots_is_the_product_of_fractions(lots, ticks, tick, lot):
    text = amount_of(lots, ticks, Grid(tick), Grid(lot))
    assert Fraction(text) == lots * Fraction(lot) * ticks * Fraction(tick)
    assert "e" not in text
    assert not ("." in text and text.endswith(("0", ".")))


@given(st.integers(1, 10**9), st.integers(1, 10**6), STEPS, STEPS)
def test_an_amount_of_whole_lots_comes_back(lots, ticks, tick, lot):
    prices, sizes = Grid(tick), Grid(lot)
    text = amount_of(lots, ticks, prices, sizes)
    if len(text.replace(".", "")) <= 18:
        assert {lots_for(Amount(text), ticks, prices, sizes, each) for each in Rounding} == {lots}


@given(amounts(), amounts())
def test_amounts_compare_as_fractions(one, other):
    assert (Amount(one) <= Amount(other)) == (Fraction(one) <= Fraction(other))
