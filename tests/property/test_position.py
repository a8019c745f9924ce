"""Positions against a naive oracle that counts with fractions, one trade at a time."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from quotelife.ledger.position import NANO, Position

TRADES = st.lists(
    st.tuples(
        st.integers(-50, 50) | st.integers(-(10**12), 10**12),
        st.integers(-3 * NANO, 200_000 * NANO) | st.integers(1, 20).map(lambda ticks: ticks * NANO),
    ),
    max_size=40,
)


class NaivePosition:
    """One lot after the other would take too long, so: what closes first, then what opens."""

    def __init__(self) -> None:
        self.lots, self.average, self.realised = 0, Fraction(0), Fraction(0)

    def trade(self, lots: int, price: int) -> None:
        opposite = (self.lots > 0 > lots) or (self.lots < 0 < lots)
        if opposite:
            n = min(abs(lots), abs(self.lots))
            self.realised += n * (price - self.average) * (1 if self.lots > 0 else -1)
            step = n if lots > 0 else -n
            self.lots += step
            lots -= step
        if lots:
            self.average = (self.average * abs(self.lots) + price * abs(lots)) / (abs(self.lots) + abs(lots))
            self.lots += lots


@given(TRADES)
def test_average_and_realised_are_those_of_the_oracle(trades):
    position, naive, partial = Position(), NaivePosition(), 0
    for lots, price in trades:
        partial += 0 < abs(lots) < abs(position.lots) and (lots > 0) != (position.lots > 0)
        position = position.after_trade(lots, price)
        naive.trade(lots, price)
        assert position.lots == naive.lots
        assert abs(position.cost - naive.lots * naive.average) <= Fraction(partial, 2)
        assert abs(position.realised - naive.realised) <= Fraction(partial, 2)


@given(TRADES, st.integers(0, 200_000 * NANO))
def test_realised_and_marked_result_add_up_to_the_cash_exactly(trades, mark):
    position = Position()
    for lots, price in trades:
        position = position.after_trade(lots, price)
    cash = -sum(lots * price for lots, price in trades)
    assert position.realised + position.marked(mark) == cash + position.lots * mark
    if not position.lots:
        assert position.cost == 0 and position.realised == cash


@given(TRADES, st.integers(-100, 100))
def test_a_move_at_the_average_price_has_no_result(trades, to):
    position = Position()
    for lots, price in trades:
        position = position.after_trade(lots, price)
    if not position.lots:
        return
    to = abs(to) if position.lots > 0 else -abs(to)
    moved = position.after_set(to, None)
    assert (moved.lots, moved.realised) == (to, position.realised)
    if to:
        assert abs(moved.average - position.average) <= Fraction(1, 2 * abs(to))
    else:
        assert moved.cost == 0
