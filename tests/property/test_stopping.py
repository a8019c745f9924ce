"""The value of keeping an open quote, against every way to keep it, on a fine grid of times."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models import stopping as V
from quotelife_models.enums import CLIENT_PRIORITY, LIQUIDITY_PROVIDER, RISK_AVERSE
from quotelife_models.response import log_moments, responded

_EDGES = np.array((0.0, *S.BIN_ENDS_MS))


def stake_of(**values: float) -> np.ndarray:
    stake = np.zeros(V.STAKE_WORDS)
    for name, value in values.items():
        stake[getattr(V, f"STAKE_{name.upper()}")] = value
    return stake


@given(
    log_hazards=st.lists(st.floats(-9.0, -1.0), min_size=H.N_BINS, max_size=H.N_BINS),
    edge=st.floats(-1.0, 2.0),
    informed=st.floats(0.0, 0.9),
    race=st.floats(0.0, 1.0),
    cost=st.floats(0.0, 0.3),
    elapsed_ms=st.floats(0.0, 3_000.0),
    remaining_ms=st.floats(1.0, 9_000.0),
)
def test_keep_value_is_that_of_the_best_way_to_keep_the_quote(
    log_hazards, edge, informed, race, cost, elapsed_ms, remaining_ms
):
    mu, sigma = log_moments(1500.0, 0.7)
    stake = stake_of(informed=informed, fill_rate=0.5, mu=mu, sigma=sigma, lost=race, limit=cost)
    survival = np.exp(-np.cumsum(np.exp(log_hazards)))
    value, weight = V.keep_value(stake, edge, 1.0, survival, elapsed_ms, remaining_ms)

    def open_at(t: float) -> float:
        share = responded(mu, sigma, math.log(elapsed_ms + t)) if elapsed_ms + t > 0 else 0.0
        return (1.0 - informed) * (1.0 - 0.5 * share) + informed

    assert weight == pytest.approx(open_at(0.0))
    ends = [t for t in _EDGES[1:] if t < remaining_ms] + [remaining_ms]
    fine = np.concatenate([np.linspace(a, b, 200)[1:] for a, b in zip([0.0, *ends[:-1]], ends, strict=True)])
    alive = np.exp(np.interp(fine, _EDGES, np.concatenate(([0.0], np.log(survival)))))
    opens = np.array([open_at(t) for t in fine])
    before, opens_before = np.concatenate(([1.0], alive[:-1])), np.concatenate(([weight], opens[:-1]))
    gained = edge * (opens_before - opens) * 0.5 * (before + alive)
    kept = np.cumsum(gained - (before - alive) * (informed * race + cost * opens))
    ways = [kept[199 * (i + 1) - 1] - cost * (alive * opens)[199 * (i + 1) - 1] for i in range(len(ends) - 1)]
    assert value == pytest.approx(max([*ways, kept[-1]]), abs=0.05 * (abs(edge) + race + cost))


@pytest.mark.parametrize("model", [CLIENT_PRIORITY, RISK_AVERSE, LIQUIDITY_PROVIDER])
def test_more_risk_never_widens_the_margin(model):
    mu, sigma = log_moments(300.0, 1.0)
    stake = stake_of(informed=0.5, fill_rate=0.3, mu=mu, sigma=sigma, lost=0.2, limit=0.02)
    x = np.zeros(S.N_FEATURES)
    x[S.SPREAD] = 2.0
    margins = [
        V.margin(model, stake, x, 0.5, np.exp(-np.cumsum(np.full(H.N_BINS, risk))), 20.0, 1_000.0)
        for risk in (0.0, 0.001, 0.01, 0.1, 1.0, 10.0)
    ]
    assert margins == sorted(margins, reverse=True) and margins[0] > 0.0 > margins[-1]


def test_a_withdrawal_that_costs_more_is_chosen_later():
    mu, sigma = log_moments(300.0, 1.0)
    x, survival = np.zeros(S.N_FEATURES), np.exp(-np.cumsum(np.full(H.N_BINS, 0.02)))
    margins = []
    for cost in (0.0, 0.01, 0.05, 0.2):
        stake = stake_of(informed=0.5, fill_rate=0.3, mu=mu, sigma=sigma, lost=0.5, limit=cost)
        margins.append(V.margin(LIQUIDITY_PROVIDER, stake, x, 0.02, survival, 1_000.0, 1_000.0))
    assert margins == sorted(margins) and margins[0] < 0.0 < margins[-1]


def test_a_quote_past_its_deadline_is_not_withdrawn():
    survival = np.full(H.N_BINS, H.FLOOR)
    for model in (CLIENT_PRIORITY, RISK_AVERSE, LIQUIDITY_PROVIDER):
        assert V.margin(model, stake_of(lost=1.0), np.zeros(S.N_FEATURES), 0.5, survival, 10.0, 0.0) == 0.0


@pytest.mark.parametrize("model", [CLIENT_PRIORITY, RISK_AVERSE, LIQUIDITY_PROVIDER])
def test_under_a_tolerance_curve_only_the_price_withdraws(model):
    policy, x, ctx = P.pack({"tolerance_curve": [(1.0, 150.0)]}), np.zeros(S.N_FEATURES), np.zeros(S.N_CONTEXT)
    ctx[S.CLIENT_INFORMED_SHARE], ctx[S.CLIENT_RACE_LOST] = 0.9, 1.0
    stake = np.zeros(V.STAKE_WORDS)
    V.fill_stake(model, policy, x, ctx, stake)
    assert V.margin(model, stake, x, -5.0, np.full(H.N_BINS, H.FLOOR), 10.0, 100.0) == math.inf


@pytest.mark.parametrize("model", [CLIENT_PRIORITY, RISK_AVERSE, LIQUIDITY_PROVIDER])
def test_in_doubt_a_quote_is_withdrawn(model):
    mu, sigma = log_moments(300.0, 1.0)
    stake = stake_of(informed=0.5, fill_rate=0.3, mu=mu, sigma=sigma, lost=0.2, limit=0.02)
    assert not V.margin(model, stake, np.zeros(S.N_FEATURES), math.nan, np.full(H.N_BINS, math.nan), 10.0, 100.0) >= 0.0


def test_a_deadline_far_beyond_the_last_bin_has_a_value():
    mu, sigma = log_moments(300.0, 1.0)
    stake = stake_of(informed=0.5, fill_rate=0.3, mu=mu, sigma=sigma, lost=0.2, limit=0.02)
    survival = np.maximum(np.exp(-np.cumsum(np.full(H.N_BINS, 60.0))), H.FLOOR)
    value, _ = V.keep_value(stake, 0.5, 1.0, survival, 10.0, 3_600_000.0)
    assert math.isfinite(value)
