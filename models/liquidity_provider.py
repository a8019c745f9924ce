"""Liquidity Provider: the lifetime that maximises expected value.

A request comes from an informed client with the share q, from an uninformed one otherwise.

- The uninformed client hits with its fill rate, at its response time, whatever the price does: worth
  u(t) = h + gamma sigma^2 (side * inventory) - toxicity - drift(t), with h the edge against the micro-price, sigma^2
  the variance of 1 s and drift the expected adverse move by t that the micro-price does not hold already.
- The informed client hits at the moment it is in the money, which is the first passage of the pick-off barrier. It
  costs half the spread and the overshoot.

    V(T) = (1 - q) * fill rate * integral of u dF  -  q * loss * p(T + latency; pick-off)

with F the distribution of the response time. V is summed over two steps a bin. The answer is the first T at which V
is within 1 % of its maximum: beyond, only the tail of the response times is gained, and a quote that lives on for that
is a free option.
"""

import math
from itertools import pairwise

import numpy as np
from numba import njit

from models import hazard as H
from models import policy as P
from models import schema as S
from models.response import log_moments, responded

_STEPS_A_BIN = 2
_EDGES = np.concatenate((np.zeros(1), np.array(S.BIN_ENDS_MS, np.float64)))
NODES_MS = np.concatenate([a + (b - a) * np.arange(1, _STEPS_A_BIN + 1) / _STEPS_A_BIN for a, b in pairwise(_EDGES)])
N_NODES = len(NODES_MS)
_NEAR_PEAK = 0.99
_LEAST_FILL_RATE = 0.02  # a client that has not hit yet may still do so
MIN_OVERSHOOT_MS = 25.0

# The expected size of a move from the passages of 1 and 3 ticks: sum over m of P(move >= m), 2 taken as the mean of its
# neighbours, beyond 3 nothing
DRIFT_BARRIERS = (1.0, 3.0)
_DRIFT_WEIGHTS = (1.5, 1.5)
OVERSHOOT_STEPS = (1.0, 3.0)


@njit("float64(float64[::1], float64[::1], float64[::1], float64)", cache=True, nogil=True)
def overshoot(at_barrier, one_beyond, three_beyond, latency_ms):
    """Expected ticks by which the market jumps past a barrier, seen one latency later.

    From the passages of 1 and 3 ticks beyond, relative to that of the barrier, as a geometric series.
    """
    t_ms = max(latency_ms, MIN_OVERSHOOT_MS)
    passed = H.p_at(at_barrier, t_ms)
    if passed <= 0.0:
        return 0.0
    first = min(H.p_at(one_beyond, t_ms) / passed, 1.0)
    third = min(H.p_at(three_beyond, t_ms) / passed, first)
    if first <= 0.0:
        return 0.0
    ratio = min(math.sqrt(third / first), 0.95)
    return first / (1.0 - ratio)


@njit("float64(float64[:,::1], float64[:,::1], int64)", cache=True, nogil=True)
def drift(adverse, favourable, k):
    """Expected adverse move in ticks by the end of bin k, from the curves of `DRIFT_BARRIERS` of both directions."""
    total = 0.0
    for j in range(len(_DRIFT_WEIGHTS)):
        total += _DRIFT_WEIGHTS[j] * (favourable[j, k] - adverse[j, k])
    return total


@njit("float64(float64[::1], float64[::1], float64[::1])", cache=True, nogil=True)
def edge_of_uninformed(policy, x, ctx):
    """u at t = 0: edge after inventory skew and the client's measured toxicity, in ticks."""
    variance_1s = min(x[S.REALISED_VOLATILITY_10S] ** 2, 1e9) / 10.0
    skew = policy[P.RISK_AVERSION] * variance_1s * ctx[S.SIDE] * ctx[S.INVENTORY]
    u = ctx[S.EDGE] + skew - ctx[S.CLIENT_TOXICITY]
    return u if math.isfinite(u) else -1e9


@njit("float64(float64[::1], float64, float64, float64)", cache=True, nogil=True)
def _first_near(value, start, goal, latency_ms):
    """Lifetime in ms at which V first reaches the goal, which it does."""
    t_before, before = latency_ms, start
    for i in range(N_NODES):
        if NODES_MS[i] <= latency_ms:
            continue
        if value[i] >= goal:
            share = max(goal - before, 0.0) / max(value[i] - before, 1e-300)
            return t_before + (NODES_MS[i] - t_before) * min(share, 1.0) - latency_ms
        t_before, before = NODES_MS[i], value[i]
    return NODES_MS[N_NODES - 1] - latency_ms


@njit(
    "UniTuple(float64, 2)(float64[::1], float64[::1], float64[::1], float64[::1], float64[:,::1], float64[:,::1], "
    "float64, float64, float64[::1])",
    cache=True,
    nogil=True,
)
def best_lifetime(policy, x, ctx, pick_off, adverse, favourable, informed_share, loss_ticks, value):
    """(lifetime in ms, expected value in ticks there); (0, V's maximum) where no lifetime has a positive value.

    Curves of the pick-off barrier float64[N_BINS] and of `DRIFT_BARRIERS` float64[2, N_BINS] in both directions.
    `value` float64[N_NODES] receives V for lifetimes of NODES_MS less the latency.
    """
    mu, sigma = log_moments(ctx[S.CLIENT_RESPONSE], ctx[S.CLIENT_RESPONSE_CV])
    fill_rate = ctx[S.CLIENT_FILL_RATE]
    fill_rate = min(max(fill_rate, _LEAST_FILL_RATE), 1.0) if fill_rate == fill_rate else _LEAST_FILL_RATE
    hits, at_risk = (1.0 - informed_share) * fill_rate, informed_share * loss_ticks
    edge = edge_of_uninformed(policy, x, ctx)
    micro = x[S.MICRO_DEVIATION] * ctx[S.SIDE]
    known = max(micro, 0.0) if micro == micro else 0.0
    latency = policy[P.LATENCY_MS]
    start = -at_risk * H.p_at(pick_off, latency)
    gained, share, peak, alive_before, excess_before = 0.0, 0.0, start, 1.0, 0.0
    for k in range(H.N_BINS):
        excess = max(drift(adverse, favourable, k) - known, 0.0)
        alive, step = alive_before, (pick_off[k] / alive_before) ** (1.0 / _STEPS_A_BIN)
        for i in range(_STEPS_A_BIN):
            node = k * _STEPS_A_BIN + i
            alive *= step
            now_share = share
            if NODES_MS[node] > latency:
                now_share = responded(mu, sigma, math.log(NODES_MS[node] - latency))
            worth = edge - excess_before - (excess - excess_before) * (i + 0.5) / _STEPS_A_BIN
            gained += hits * worth * (now_share - share)
            share = now_share
            value[node] = gained - at_risk * (1.0 - alive)
            if NODES_MS[node] > latency:
                peak = max(peak, value[node])
        alive_before, excess_before = pick_off[k], excess
    if peak <= 0.0:
        return 0.0, peak
    return _first_near(value, start, _NEAR_PEAK * peak, latency), _NEAR_PEAK * peak
