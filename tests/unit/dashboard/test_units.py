"""Units of a trader: base and currency of an instrument, sizes among the features, prices between ticks, mids."""

import numpy as np
import pytest

from quotelife.config import Instrument
from quotelife.dashboard.mids import PERIOD_S, WINDOW_S, MidHistory
from quotelife.dashboard.units import trading_units
from quotelife_models import schema as S


@pytest.mark.parametrize(
    ("symbol", "keys", "base", "currency"),
    [
        ("BTC-USD", {}, "BTC", "USD"),
        ("EUR/USD", {}, "EUR", "USD"),
        ("XBTUSD", {"base_currency": "BTC", "currency": "USD"}, "BTC", "USD"),
        ("ESZ6", {"security_type": "FUT", "currency": "USD"}, "contracts", "USD"),
        ("AAPL", {"security_type": ["CS"]}, "shares", ""),
        ("BTC-USD-PERP", {}, "", ""),
    ],
)
def test_base_and_currency_are_configured_or_those_of_a_pair(symbol, keys, base, currency):
    units = trading_units(Instrument(symbol=symbol, tick="0.5", lot="0.001", venue="V", **keys))
    assert (units.base, units.currency) == (base, currency)


def test_features_that_are_sizes_are_in_the_base_unit():
    units = trading_units(Instrument(symbol="BTC-USD", tick="1", lot="0.00000001", venue="V"))
    x = np.full(S.N_FEATURES, 84_020_000.0)
    shown = dict(zip(S.NAMES, units.features(x), strict=True))
    assert shown["bid_depth_1"] == pytest.approx(0.8402) and shown["spread"] == 84_020_000.0
    named = dict(zip(S.NAMES, units.feature_units, strict=True))
    assert (named["average_trade"], named["spread"]) == ("BTC", "ticks")


def test_a_price_between_two_ticks_has_the_decimals_that_it_needs():
    units = trading_units(Instrument(symbol="A", tick="0.25", lot="1", venue="V"))
    assert (units.half_ticks(400), units.half_ticks(401)) == ("50.00", "50.125")
    whole = trading_units(Instrument(symbol="A", tick="1", lot="1", venue="V"))
    assert (whole.half_ticks(200), whole.half_ticks(201)) == ("100", "100.5")


def test_mids_of_the_last_minutes_have_gaps_where_there_was_no_book():
    mids = MidHistory(["A", "B"])
    mids.add(1_000_000_000, [(10.0, 1.0), None])
    mids.add(1_500_000_000, [None, (5.5, 0.5)])
    assert mids.read("B") == {"at_ms": [1_000.0, 1_500.0], "mid": [None, 5.5], "spread": [None, 0.5]}
    for n in range(1_000):
        mids.add(n, [None, None])
    assert len(mids.read("A")["at_ms"]) == WINDOW_S / PERIOD_S
    with pytest.raises(KeyError):
        mids.read("C")
