"""The features of a row's memory: free of their beginning, decayed to the moment of the decision."""

import math

import numpy as np
import pytest

from quotelife.market.board import layout as L
from quotelife.market.features.update import trade
from quotelife_models import schema as S
from tests.oracle.market import MS, SECOND
from tests.property.test_features import T0, Market

BUYER, SELLER = 1, -1


@pytest.fixture
def market(tmp_path):
    """A bid of 5 lots and an offer of 7; times are those since then."""
    found = Market(tmp_path)
    found.book(0, [(0, 10, 5), (1, 30, 7)])
    return found


def feature(market: Market, index: int, now: int) -> float:
    assert market.evaluate(0, now) == L.STATUS_OK
    return float(market.x[index])


def resize(market: Market, at: int, size: int) -> None:
    market.now = at
    market.book(0, [(0, 10, size)])


def test_size_ratio_is_one_at_the_start_and_while_nothing_changes(market):
    for seconds in (0, 1, 59, 3000):
        assert feature(market, S.BID_SIZE_RATIO, T0 + seconds * SECOND) == pytest.approx(1.0, rel=1e-12)


def test_size_ratio_is_meaningful_in_the_first_minute(market):
    resize(market, T0 + 2 * SECOND, 50)
    assert feature(market, S.BID_SIZE_RATIO, T0 + 2 * SECOND) == pytest.approx(10.0, rel=1e-9)
    mean = feature(market, S.BID_DEPTH_1, T0 + 4 * SECOND) / feature(market, S.BID_SIZE_RATIO, T0 + 4 * SECOND)
    assert mean == pytest.approx(27.5, rel=0.02)  # two seconds each
    assert feature(market, S.ASK_SIZE_RATIO, T0 + 4 * SECOND) == pytest.approx(1.0, rel=1e-12)


def test_size_ratio_returns_to_one_with_its_time_constant(market):
    resize(market, T0 + 3600 * SECOND, 10)
    share = math.exp(-1.0)  # of the old size, after 60 s
    found = feature(market, S.BID_SIZE_RATIO, T0 + 3660 * SECOND)
    assert found == pytest.approx(10.0 / (5.0 * share + 10.0 * (1.0 - share)), rel=1e-9)


def test_one_sided_time_leaves_the_mean_as_it_was(market):
    resize(market, T0 + 20 * SECOND, 0)
    resize(market, T0 + 80 * SECOND, 15)
    assert feature(market, S.BID_SIZE_RATIO, T0 + 80 * SECOND) == pytest.approx(3.0, rel=1e-9)


def test_intensity_of_a_steady_tape_is_its_rate(market):
    for n in range(1, 101):
        trade(market.board.rows, 0, T0 + n * 100 * MS, 110, 3, BUYER)
    last = T0 + 10 * SECOND
    found = np.mean([feature(market, S.BUY_INTENSITY, last + n * MS) for n in range(100)])
    assert found == pytest.approx(10.0, rel=0.01)
    assert feature(market, S.SELL_INTENSITY, last) == 0.0


def test_intensity_halves_every_half_second_without_trades(market):
    trade(market.board.rows, 0, T0 + SECOND, 110, 3, SELLER)
    at_once = feature(market, S.SELL_INTENSITY, T0 + SECOND)
    assert at_once == pytest.approx(2.0 * math.log(2.0))
    assert feature(market, S.SELL_INTENSITY, T0 + 1500 * MS) == pytest.approx(at_once / 2.0)
    assert feature(market, S.SELL_INTENSITY, T0 + 3 * SECOND) == pytest.approx(at_once / 16.0)


def test_an_aggressor_that_the_venue_does_not_name_is_inferred(market):
    trade(market.board.rows, 0, T0, 134, 1, 0)  # at the offer
    assert feature(market, S.BUY_INTENSITY, T0) > 0.0 == feature(market, S.SELL_INTENSITY, T0)


def test_price_age_ignores_sizes_and_ends_at_a_minute(market):
    resize(market, T0 + SECOND, 9)
    assert feature(market, S.BID_PRICE_AGE, T0 + SECOND) == 1000.0
    market.now = T0 + 2 * SECOND
    market.book(0, [(0, 9, 4)])
    assert feature(market, S.BID_PRICE_AGE, T0 + 2 * SECOND) == 0.0
    assert feature(market, S.ASK_PRICE_AGE, T0 + 2 * SECOND) == 2000.0
    assert feature(market, S.ASK_PRICE_AGE, T0 + 200 * SECOND) == 60_000.0


def test_slow_volatility_is_free_of_its_beginning(market):
    """A mid that moves a tick each second has moved 300 times in 300 s, after a minute as after an hour."""
    found = {}
    for n in range(1, 3601):
        market.now = T0 + n * SECOND
        market.book(0, [(0, 10, 0), (0, 8, 5)] if n % 2 else [(0, 8, 0), (0, 10, 5)])
        if n in (60, 3600):
            found[n] = feature(market, S.REALISED_VOLATILITY_300S, market.now)
    assert found[60] == pytest.approx(math.sqrt(300.0), rel=0.02)
    assert found[3600] == pytest.approx(math.sqrt(300.0), rel=0.01)


def test_first_change_counts_as_one_of_ten_seconds(market):
    market.now = T0 + MS
    market.book(0, [(0, 10, 0), (0, 8, 5)])
    found = feature(market, S.REALISED_VOLATILITY_300S, market.now)
    assert found == pytest.approx(math.sqrt(1.0 / -math.expm1(-10.0 / 300.0)), rel=1e-6)


def test_a_gap_empties_the_memory(market):
    trade(market.board.rows, 0, T0, 110, 3, BUYER)
    resize(market, T0 + 20 * SECOND, 50)
    market.step(0, "gap", SECOND, None)
    market.step(0, "snapshot", SECOND, None)
    assert feature(market, S.BID_SIZE_RATIO, market.now) == 1.0
    assert feature(market, S.BUY_INTENSITY, market.now) == 0.0
    assert feature(market, S.BID_PRICE_AGE, market.now) == 0.0
