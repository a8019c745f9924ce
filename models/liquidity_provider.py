"""Liquidity Provider: the lifetime that maximises expected value.

A request comes from an informed client with the share q, from an uninformed one otherwise.

- The uninformed client hits with its fill rate, at its response time, whatever the price does: worth
  u = h + gamma sigma^2 (side * inventory) - toxicity, with h the edge against the micro-price and sigma^2 the variance
  of 1 s. The micro-price is where the mid is expected to be; a regression of the later mid on every directional
  covariate was tried in its place (AIG), and was worth nothing more on a day it had not seen.
- The informed client hits at the moment it is in the money, which is the first passage of the pick-off barrier. It
  costs half the spread and the overshoot.

    V(T) = (1 - q) * fill rate * u * F(T)  -  q * loss * p(T + latency; pick-off)

with F the distribution of the response time. V is looked at in two steps a bin, then between the neighbours of the best
one. The answer is the maximum itself: stopping at 99 % of it, so that no quote lives on for little, was tried and cost
more than the whole advantage over the best fixed lifetime.
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
_HALVINGS = 2  # of the distance between steps, around the best of them
_LEAST_FILL_RATE = 0.02  # a client that has not hit yet may still do so
MIN_OVERSHOOT_MS = 25.0

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


@njit("float64(float64[::1], float64[::1], float64[::1])", cache=True, nogil=True)
def edge_of_uninformed(policy, x, ctx):
    """u: edge after inventory skew and the client's measured toxicity, in ticks."""
    variance_1s = min(x[S.REALISED_VOLATILITY_10S] ** 2, 1e9) / 10.0
    skew = policy[P.RISK_AVERSION] * variance_1s * ctx[S.SIDE] * ctx[S.INVENTORY]
    u = ctx[S.EDGE] + skew - ctx[S.CLIENT_TOXICITY]
    return u if math.isfinite(u) else -1e9


@njit("float64(float64, float64, float64, float64, float64[::1], float64, float64)", cache=True, nogil=True)
def _value(gain, at_risk, mu, sigma, pick_off, latency_ms, t_ms):
    """V at one lifetime."""
    share = responded(mu, sigma, math.log(t_ms)) if t_ms > 0.0 else 0.0
    return gain * share - at_risk * H.p_at(pick_off, t_ms + latency_ms)


@njit(
    "UniTuple(float64, 2)(float64[::1], float64[::1], float64[::1], float64[::1], float64, float64)",
    cache=True,
    nogil=True,
)
def best_lifetime(policy, x, ctx, pick_off, informed_share, loss_ticks):
    """(lifetime in ms, expected value in ticks there); (0, V's maximum) where no lifetime has a positive value.

    `pick_off` float64[N_BINS] is the survival curve of the pick-off barrier.
    """
    mu, sigma = log_moments(ctx[S.CLIENT_RESPONSE], ctx[S.CLIENT_RESPONSE_CV])
    fill_rate = ctx[S.CLIENT_FILL_RATE]
    fill_rate = min(max(fill_rate, _LEAST_FILL_RATE), 1.0) if fill_rate == fill_rate else _LEAST_FILL_RATE
    gain = (1.0 - informed_share) * fill_rate * edge_of_uninformed(policy, x, ctx)
    at_risk = informed_share * loss_ticks
    latency = policy[P.LATENCY_MS]
    best, ms, at = 0.0, 0.0, -1
    alive_before = 1.0
    for k in range(H.N_BINS):
        alive, step = alive_before, (pick_off[k] / alive_before) ** (1.0 / _STEPS_A_BIN)
        for i in range(k * _STEPS_A_BIN, (k + 1) * _STEPS_A_BIN):
            alive *= step
            t = NODES_MS[i] - latency
            if t > 0.0:
                value = gain * responded(mu, sigma, math.log(t)) - at_risk * (1.0 - alive)
                if at < 0 or value > best:
                    best, ms, at = value, t, i
        alive_before = pick_off[k]
    if at < 0:
        return 0.0, 0.0
    before = ms - (NODES_MS[at - 1] - latency if at > 0 else 0.0)
    after = NODES_MS[min(at + 1, N_NODES - 1)] - NODES_MS[at]
    for _ in range(_HALVINGS):
        before, after = 0.5 * before, 0.5 * after
        centre = ms
        for t in (centre - before, centre + after):
            value = _value(gain, at_risk, mu, sigma, pick_off, latency, t)
            if value > best:
                best, ms = value, t
    lower = best - _value(gain, at_risk, mu, sigma, pick_off, latency, ms - before)
    upper = best - _value(gain, at_risk, mu, sigma, pick_off, latency, ms + after)
    curvature = lower * after + upper * before
    if curvature > 0.0:  # the top of the parabola through the three
        ms += 0.5 * (lower * after * after - upper * before * before) / curvature
    return (ms, best) if best > 0.0 else (0.0, best)
