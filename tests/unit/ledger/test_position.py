"""Examples of a position, in whole ticks, and what has no average price."""

import pytest

from quotelife.ledger.position import NANO, NoAveragePrice, Position


def after(*trades: tuple[int, int]) -> Position:
    position = Position()
    for lots, ticks in trades:
        position = position.after_trade(lots, ticks * NANO)
    return position


@pytest.mark.parametrize(
    ("trades", "lots", "average", "realised"),
    [
        (((10, 100), (10, 110)), 20, 105, 0),
        (((10, 100), (-4, 120)), 6, 100, 80),
        (((-10, 100), (4, 90)), -6, 100, 40),
        (((10, 100), (-10, 90)), 0, None, -100),
        (((10, 100), (-15, 90)), -5, 90, -100),
        (((-10, 100), (15, 90)), 5, 90, 100),
    ],
)
def test_trades(trades, lots, average, realised):
    position = after(*trades)
    assert position.lots == lots and position.realised == realised * NANO
    assert position.average == (None if average is None else average * NANO)


def test_marked_result():
    assert after((10, 100)).marked(103 * NANO) == 30 * NANO
    assert after((-10, 100)).marked(103 * NANO) == -30 * NANO
    assert after((10, 100), (-10, 120)).marked(103 * NANO) == 0


def test_a_third_that_is_closed_takes_its_rounded_share():
    position = Position(3, 100, 0).after_trade(-1, 50)
    assert position == Position(2, 67, 17)


def test_what_the_desk_says_it_has_keeps_the_realised_result():
    held = after((10, 100), (-4, 120))
    assert held.after_set(-3, 99 * NANO) == Position(-3, -3 * 99 * NANO, 80 * NANO)
    assert held.after_set(0, None) == Position(0, 0, 80 * NANO)
    assert held.after_set(12, None).average == 100 * NANO


@pytest.mark.parametrize("move", [lambda: Position().after_move(1), lambda: after((5, 100)).after_move(-6)])
def test_without_an_average_price_a_price_is_needed(move):
    with pytest.raises(NoAveragePrice, match="price is missing"):
        move()
    assert after((5, 100)).after_move(-5) == Position()
    assert Position().after_move(0) == Position()
