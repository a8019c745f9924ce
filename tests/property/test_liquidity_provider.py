"""The lifetime of most value, against a fine grid of lifetimes, with and without withdrawal."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotelife_models import hazard as H
from quotelife_models import liquidity_provider as LP
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.response import log_moments, responded

_EDGES = np.array((0.0, *S.BIN_ENDS_MS))
_log_hazards = st.lists(st.floats(-9.0, 0.0), min_size=H.N_BINS, max_size=H.N_BINS)


def _survival(log_hazards: list[float]) -> np.ndarray:
    return np.cumprod(1.0 - np.minimum(1.0 - np.exp(-np.exp(log_hazards)), 0.999))


def _case(withdrawal: bool, latency_ms: float, fill_rate: float, edge: float, race: float, cost: float) -> tuple:
    policy, x, ctx = np.zeros(P.N_POLICY), np.zeros(S.N_FEATURES), np.zeros(S.N_CONTEXT)
    policy[P.LATENCY_MS], policy[P.WITHDRAWAL], policy[P.SURPRISE_SHARE] = latency_ms, withdrawal, 1.0
    policy[P.WITHDRAWAL_COST : P.WITHDRAWAL_COST + 3] = cost
    ctx[S.CLIENT_FILL_RATE], ctx[S.EDGE], ctx[S.CLIENT_RACE_LOST] = fill_rate, edge, race
    return policy, x, ctx


@given(
    log_hazards=_log_hazards,
    mean_ms=st.floats(30.0, 5_000.0),
    cv=st.floats(0.1, 3.0),
    fill_rate=st.floats(0.05, 1.0),
    informed=st.floats(0.0, 0.9),
    edge=st.floats(0.1, 5.0),
    loss=st.floats(0.5, 30.0),
    latency_ms=st.sampled_from([0.5, 5.0, 20.0]),
)
def test_chosen_lifetime_has_the_highest_value(log_hazards, mean_ms, cv, fill_rate, informed, edge, loss, latency_ms):
    survival = _survival(log_hazards)
    policy, x, ctx = _case(False, latency_ms, fill_rate, edge, 0.3, 0.1)
    mu, sigma = log_moments(mean_ms, cv)
    ms, value = LP.best_lifetime(policy, x, ctx, survival, informed, loss, mu, sigma, np.zeros((2, H.N_BINS)))
    log_alive = np.concatenate(([0.0], np.log(survival)))

    def worth(t_ms: float) -> float:
        p = 1.0 - math.exp(np.interp(t_ms + latency_ms, _EDGES, log_alive))
        return (1.0 - informed) * fill_rate * edge * responded(mu, sigma, math.log(t_ms)) - informed * loss * p

    times = np.concatenate([np.linspace(a, b, 40)[1:] for a, b in pairwise(_EDGES)]) - latency_ms
    best = max(worth(t) for t in times if t > 0)
    if ms == 0.0:
        assert best <= 1e-9 and value <= 0.0
        return
    assert abs(worth(ms) - value) <= 1e-9 * (1.0 + abs(value)), "what it says is what it is worth"
    assert value >= best - 2e-3 * abs(best) - 1e-9


@given(
    log_hazards=_log_hazards,
    mean_ms=st.floats(100.0, 5_000.0),
    cv=st.floats(0.3, 2.0),
    fill_rate=st.floats(0.05, 1.0),
    informed=st.floats(0.0, 0.9),
    edge=st.floats(0.1, 5.0),
    loss=st.floats(0.5, 30.0),
    race=st.floats(0.0, 1.0),
    cost=st.floats(0.0, 0.5),
)
def test_with_withdrawal_too(log_hazards, mean_ms, cv, fill_rate, informed, edge, loss, race, cost):
    survival = _survival(log_hazards)
    policy, x, ctx = _case(True, 0.0, fill_rate, edge, race, cost)
    mu, sigma = log_moments(mean_ms, cv)
    ms, value = LP.best_lifetime(policy, x, ctx, survival, informed, loss, mu, sigma, np.zeros((2, H.N_BINS)))
    times = np.concatenate([np.linspace(a, b, 60)[1:] for a, b in pairwise(_EDGES)])
    alive = np.exp(np.interp(times, _EDGES, np.concatenate(([0.0], np.log(survival)))))
    share = np.array([responded(mu, sigma, math.log(t)) for t in times])
    before, middle = np.concatenate(([1.0], alive[:-1])), np.diff(share, prepend=0.0)
    still_open = (1.0 - informed) * (1.0 - fill_rate * share) + informed
    gained = (1.0 - informed) * fill_rate * edge * middle * 0.5 * (before + alive)
    worth = np.cumsum(gained - (before - alive) * (informed * race * loss + cost * still_open))
    most = (1.0 - informed) * fill_rate * edge + informed * race * loss + cost  # scale of what a sum over bins loses
    assert value == pytest.approx(max(worth.max(), 0.0) if value > 0.0 else value, abs=0.12 * most)
    if ms:
        assert np.interp(ms, times, worth) >= worth.max() - 0.12 * most
    else:
        assert worth.max() <= 0.12 * most


@given(
    log_hazards=_log_hazards,
    mean_ms=st.floats(100.0, 5_000.0),
    informed=st.floats(0.05, 0.9),
    edge=st.floats(0.1, 5.0),
    raised=st.floats(0.0, 2.0),
    cost=st.floats(0.0, 0.5),
)
def test_with_withdrawal_more_risk_never_lengthens_a_lifetime(log_hazards, mean_ms, informed, edge, raised, cost):
    mu, sigma = log_moments(mean_ms, 0.8)
    args = _case(True, 0.0, 0.5, edge, 0.3, cost)
    calm, risky = (
        LP.best_lifetime(*args, _survival(h), informed, 1.0, mu, sigma, np.zeros((2, H.N_BINS)))
        for h in (log_hazards, [h + raised for h in log_hazards])
    )
    assert risky[0] <= calm[0] * (1.0 + 1e-6) and risky[1] <= calm[1] + 1e-9
