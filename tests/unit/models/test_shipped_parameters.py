"""The shipped parameters: fitted, tested out of sample, and plausible for an unknown instrument."""

import json
import math

import msgspec
import numpy as np
import pytest

from quotelife.config.expiry import Models
from quotelife_models import decide as D
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.enums import MODELS
from quotelife_models.parameters import POOLED, SHIPPED, Parameters

CALM = {
    "spread": 4.0,
    "realised_volatility_10s": 1.0,
    "top_age": 500.0,
    "average_trade": 100.0,
    "news_age": 3600.0,
    "realised_volatility_300s": 5.0,
    **{f"{side}_size_ratio": 1.0 for side in ("bid", "ask")},
    **{f"{side}_price_age": 2000.0 for side in ("bid", "ask")},
    **{f"{side}_{what}": value for side in ("bid", "ask") for what, value in (("add_rate", 4.0), ("cancel_rate", 4.0))},
    **{f"{side}_depth_{levels}": 500.0 * levels for side in ("bid", "ask") for levels in (1, 3, 5, 10)},
    **{f"{side}_pressure": 1000.0 for side in ("bid", "ask")},
}
BURST = {
    "top_update_count": 6.0,
    "top_age": 10.0,
    **{f"{side}_price_age": 100.0 for side in ("bid", "ask")},
    "buy_intensity": 2.0,
    "sell_intensity": 15.0,
    **{f"{side}_{what}_rate": 30.0 for side in ("bid", "ask") for what in ("add", "cancel")},
}
WIDE = {
    "spread": 12.0,
    "spread_volatility": 4.0,
    "realised_volatility_1s": 4.0,
    "realised_volatility_10s": 6.0,
    "realised_volatility_300s": 8.0,
}
AWAY = {"correlated_velocity": -0.8, "correlated_return_5s": -0.4}
NEWS = {"news_sentiment": -1.0}
REQUEST = {
    "side": -1.0,
    "edge": 2.0,
    "pick_off_barrier": 6.0,
    "legs": 2.0,
    "client_tier": 1.0,
    "client_fill_rate": 0.3,
    "client_response": 300.0,
    "client_response_cv": 0.8,
    "client_informed_share": 0.2,
}


@pytest.fixture(scope="module")
def shipped() -> Parameters:
    return Parameters.load()


def decide(shipped: Parameters, symbol: str, model: str, *states: dict[str, float], **changes: object) -> np.ndarray:
    values = {key: value for state in (CALM, *states) for key, value in state.items()}
    x = np.array([values.get(name, 0.0) for name in S.NAMES])
    ctx = np.array([REQUEST.get(name, 0.0) for name in S.CONTEXT_NAMES])
    policy = P.pack(msgspec.structs.asdict(getattr(Models(), model)) | changes)
    out = np.zeros(D.OUT_WORDS)
    limits = np.array([math.inf, 10_000.0, math.inf, 5.0])
    D.decide(shipped.table, shipped.for_symbol(symbol), MODELS.index(model), policy, x, ctx, limits, out)
    return out


def test_every_instrument_was_tested_out_of_sample(shipped: Parameters) -> None:
    assert set(shipped.names) == {POOLED, "AIG", "BAC", "BTC-USD", "EURUSD", "IBM", "NZDUSD"}
    for document in shipped.documents[1:]:
        tested = document["tested"]
        assert tested["log_loss"] < 0.97 * tested["log_loss_base"], document["symbol"]
        assert 0.8 < tested["calibration_slope"] < 1.25, document["symbol"]
    report = json.loads((SHIPPED / "report.json").read_text())
    # what a plain model reached on this data before; IBM's was measured on another event, so it is not compared
    for symbol, floor in (("BAC", 0.859), ("AIG", 0.757), ("BTC-USD", 0.692)):
        assert report["symbols"][symbol]["auc"] > floor


@pytest.mark.parametrize("symbol", [POOLED, "AIG", "BAC", "BTC-USD", "EURUSD", "IBM", "NZDUSD"])
def test_each_sign_of_stress_raises_the_probability(shipped: Parameters, symbol: str) -> None:
    def p(*states: dict[str, float]) -> float:
        return float(decide(shipped, symbol, "risk_averse", *states)[D.OUT_P_ONE_TICK])

    assert p() < p(BURST) < p(BURST, WIDE) < p(BURST, WIDE, NEWS)
    assert p(BURST, WIDE) > 2 * p()
    assert p() < p(AWAY)  # a bid, and the correlated instrument falls


def test_a_shock_shortens_the_lifetime_of_a_new_instrument(shipped: Parameters) -> None:
    steps = [(0.02, 750.0), (0.10, 250.0), (1.0, 150.0)]
    shock = decide(shipped, "never seen", "risk_averse", BURST, WIDE, AWAY, NEWS, tolerance_curve=steps)
    assert shock[D.OUT_LIFETIME_NS] == 150e6
    assert shock[D.OUT_P_ONE_TICK] > 0.3
    calm = decide(shipped, "never seen", "risk_averse", tolerance_curve=steps)
    assert calm[D.OUT_LIFETIME_NS] >= 250e6
    assert decide(shipped, "never seen", "risk_averse", BURST, WIDE, AWAY, NEWS)[D.OUT_MODEL_MS] < 150
    # the fit of instruments it has not seen is less sure of itself
    assert decide(shipped, "never seen", "risk_averse")[D.OUT_MODEL_MS] < 5000


def test_in_shock_risk_averse_is_shortest_and_client_priority_longest(shipped: Parameters) -> None:
    ms = {m: decide(shipped, "never seen", m, BURST, WIDE, AWAY, NEWS)[D.OUT_MODEL_MS] for m in MODELS}
    assert ms["risk_averse"] < ms["liquidity_provider"] < ms["client_priority"]


def test_a_larger_move_is_less_likely(shipped: Parameters) -> None:
    for symbol in shipped.names:
        for states in ((), (BURST,), (BURST, WIDE), (WIDE, AWAY)):
            last = 1.0
            for barrier in (1, 2, 3, 5, 8, 13, 21):
                REQUEST["pick_off_barrier"] = float(barrier)
                out = decide(shipped, symbol, "risk_averse", *states)
                p = out[D.OUT_CURVE_PICK_OFF + S.BIN_ENDS_MS.index(500)]
                assert p < last, (symbol, states, barrier)
                last = p
    REQUEST["pick_off_barrier"] = 6.0
