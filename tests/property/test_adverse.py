"""What is adverse never lengthens a lifetime: the shipped parameters over random states of the market."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.config.expiry import Models
from quotelife_models import decide as D
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.enums import MODELS
from quotelife_models.parameters import Parameters
from tests.property.test_hazard import sane_row

SHIPPED = Parameters.load()
LIMITS = np.array([math.inf, math.inf, math.inf, 0.0])
FACTORS = st.floats(1.0, 50.0)
VOLATILITIES = (
    "spread_volatility",
    "top_update_count",
    "realised_volatility_1s",
    "realised_volatility_10s",
    "realised_volatility_300s",
)
SHARES = ("imbalance_1", "imbalance_5", "trade_flow_imbalance")  # in [-1, 1]
SIGNED = (
    "micro_deviation",
    "order_flow_imbalance",
    "correlated_velocity",
    "correlated_return_5s",
    "vwap_deviation_100ms",
)
RATES = ("add", "cancel")
CHANGES = (*VOLATILITIES, *SHARES, *SIGNED, *RATES, "pressure", "intensity", "far size", "all volatilities", "velocity")


def more_adverse(x: np.ndarray, side: float, change: str, factor: float) -> np.ndarray:
    """The row with one thing worse for a quote's side (+1 offer): towards it by `factor` times a usual size, or as many
    times as volatile."""
    y = x.copy()
    near, far = ("bid", "ask") if side > 0 else ("ask", "bid")
    if change in SHARES:
        at = S.INDEX[change]
        y[at] += (side - y[at]) * (1.0 - 1.0 / factor)
    elif change in SIGNED:
        y[S.INDEX[change]] += side * factor * (0.1 if change.startswith("correlated") else 1.0)
        if change == "correlated_velocity":  # from standstill or from an adverse velocity: its speed rises, too
            y[S.CORRELATED_VELOCITY] = side * max(side * y[S.CORRELATED_VELOCITY], abs(x[S.CORRELATED_VELOCITY]))
    elif change in RATES:  # additions near, cancellations far
        y[S.INDEX[f"{near if change == 'add' else far}_{change}_rate"]] *= factor
    elif change == "pressure":
        y[S.INDEX[f"{near}_pressure"]] *= factor
    elif change == "intensity":  # of buyers, for an offer
        y[S.INDEX["buy_intensity" if side > 0 else "sell_intensity"]] *= factor
    elif change == "far size":
        y[S.INDEX[f"{far}_size_ratio"]] /= factor
    elif change == "velocity":
        y[S.CORRELATED_VELOCITY] = side * factor * abs(x[S.CORRELATED_VELOCITY])
    else:
        for name in VOLATILITIES if change == "all volatilities" else (change,):
            y[S.INDEX[name]] *= factor
    return y


def decide(number: int, x: np.ndarray, side: float, barrier: float, of: str) -> np.ndarray:
    ctx = np.array([{"side": side, "edge": 1.0, "legs": 1.0}.get(name, 0.3) for name in S.CONTEXT_NAMES])
    ctx[S.PICK_OFF_BARRIER], ctx[S.CLIENT_RESPONSE] = barrier, 1e9
    policy = P.pack(msgspec.structs.asdict(Models().risk_averse) | {"barrier": of})
    out = np.zeros(D.OUT_WORDS)
    D.decide(SHIPPED.table, number, MODELS.index("risk_averse"), policy, x, ctx, LIMITS, out)
    return out


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", SHIPPED.names)
@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    FACTORS,
    st.sampled_from([1.0, -1.0]),
    st.sampled_from([1.0, 2.0, 4.0, 13.0, 200.0]),
    st.sampled_from(["pick_off", "one_tick", "touch"]),
)
def test_adversity_never_lengthens_risk_averse(
    name: str, change: str, seed: int, factor: float, side: float, barrier: float, of: str
) -> None:
    x, number = sane_row(seed), SHIPPED.names.index(name)
    before = decide(number, x, side, barrier, of)
    after = decide(number, more_adverse(x, side, change, factor), side, barrier, of)
    assert after[D.OUT_MODEL_MS] <= before[D.OUT_MODEL_MS] * (1 + 1e-12)
    for at in (D.AT_ONE_TICK, D.AT_PICK_OFF, D.AT_UPPER):
        survival = slice(at, at + S.N_BINS)
        assert (after[survival] <= before[survival] * (1 + 1e-12)).all(), (at, change)
