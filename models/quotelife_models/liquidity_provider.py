"""Liquidity Provider: the lifetime that maximises expected value.

A request is informed with the probability q, otherwise uninformed.

- An uninformed client hits with its fill rate, at its response time, whatever the price does. A hit is worth
  u = h + gamma sigma^2 (side * inventory) - toxicity, with h the edge against the micro-price and sigma^2 the variance
  over 1 s. The micro-price is the expected mid; a regression of the later mid on every directional covariate was tried
  in its place (on AIG) and was no better out of sample.
- An informed client hits as soon as it is in the money, which is the first passage of the pick-off barrier. It costs
  half the spread and the overshoot.

    V(T) = (1 - q) * fill rate * u * F(T)  -  q * loss * p(T + latency; pick-off)

with F the distribution of the response time. V is evaluated at two nodes in each bin; beside the best node the zero of
the derivative gives the maximum. The result is the maximum itself: stopping at 99 % of it, so that no quote lives on
for a small gain, was tried and cost more than the whole advantage over the best fixed lifetime.
"""

import math
from itertools import pairwise

import numpy as np
from numba import njit

from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.response import responded

_STEPS_A_BIN = 2  # its middle and its end
_ENDS = np.array(S.BIN_ENDS_MS, np.float64)
_LOG_ENDS = np.log(_ENDS)
_EDGES = np.concatenate((np.zeros(1), _ENDS))
NODES_MS = np.concatenate([a + (b - a) * np.arange(1, _STEPS_A_BIN + 1) / _STEPS_A_BIN for a, b in pairwise(_EDGES)])
N_NODES = len(NODES_MS)
_NEWTON_STEPS = 3
_ROOT_2_PI = math.sqrt(2.0 * math.pi)
_LATE = 1.25  # standard deviations of the logarithm, by which most clients have responded
_LEAST_FILL_RATE = 0.02  # a client without a hit so far may still hit
MIN_OVERSHOOT_MS = 25.0

OVERSHOOT_STEPS = (1.0, 3.0)


@njit("float64(float64)", cache=True, nogil=True, _nrt=False)
def overshoot_ms(latency_ms):
    """The horizon in ms over which the overshoot is measured."""
    return max(latency_ms, MIN_OVERSHOOT_MS)


@njit("float64(float64, float64, float64)", cache=True, nogil=True, _nrt=False)
def overshoot(passed, one_beyond, three_beyond):
    """Expected ticks by which the market jumps past a barrier within `overshoot_ms`.

    The arguments are p within that time of the barrier itself and of 1 and 3 ticks beyond it (OVERSHOOT_STEPS), of
    which a geometric series is made.
    """
    if passed <= 0.0:
        return 0.0
    first = min(one_beyond / passed, 1.0)
    third = min(three_beyond / passed, first)
    if first <= 0.0:
        return 0.0
    ratio = min(math.sqrt(third / first), 0.95)
    return first / (1.0 - ratio)


@njit("float64(float64[::1], float64[::1], float64[::1])", cache=True, nogil=True, _nrt=False)
def edge_of_uninformed(policy, x, ctx):
    """u: the edge after inventory skew and the client's measured toxicity, in ticks."""
    variance_1s = min(x[S.REALISED_VOLATILITY_10S] ** 2, 1e9) / 10.0
    skew = policy[P.RISK_AVERSION] * variance_1s * ctx[S.SIDE] * ctx[S.INVENTORY]
    u = ctx[S.EDGE] + skew - ctx[S.CLIENT_TOXICITY]
    return u if math.isfinite(u) else -1e9


@njit("float64(UniTuple(float64, 4), float64)", cache=True, nogil=True, _nrt=False)
def _log_won(terms, log_t):
    """Logarithm of the gain per ms from uninformed hits at time t."""
    gain, _, mu, sigma = terms
    z = (log_t - mu) / sigma
    return math.log(gain / (sigma * _ROOT_2_PI)) - log_t - 0.5 * z * z


@njit(
    "UniTuple(float64, 2)(UniTuple(float64, 4), UniTuple(float64, 3), float64, float64, float64)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _summit(terms, start, hazard, low_ms, high_ms):
    """(T, V there) at the maximum of V between low and high, where the hazard per ms is constant.

    `start` is a T between them, the logarithm there of gain over loss per ms, and log S at T + latency. That logarithm
    falls through 0 at the maximum, which Newton's method finds inside a bracket.
    """
    gain, at_risk, mu, sigma = terms
    start_ms, grows, log_alive = start
    log_start, per_variance = math.log(start_ms), 1.0 / (sigma * sigma)
    t, log_t, ratio = start_ms, log_start, grows
    for _ in range(_NEWTON_STEPS):
        if ratio > 0.0:
            low_ms = t
        else:
            high_ms = t
        slope = hazard - (1.0 + (log_t - mu) * per_variance) / t
        further = t - ratio / slope if slope < 0.0 else high_ms
        t = further if low_ms <= further <= high_ms else 0.5 * (low_ms + high_ms)
        log_t = math.log(t)
        rise = log_t - log_start
        ratio = grows - rise * (1.0 + (0.5 * rise + log_start - mu) * per_variance) + hazard * (t - start_ms)
    alive = math.exp(log_alive - hazard * (t - start_ms))
    return t, gain * responded(mu, sigma, log_t) - at_risk * (1.0 - alive)


@njit("float64(float64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _hazard(pick_off, k):
    """Hazard per ms in bin k of a survival curve."""
    before = pick_off[k - 1] if k > 0 else 1.0
    return math.log(before / pick_off[k]) / (_EDGES[k + 1] - _EDGES[k])


@njit(
    "UniTuple(float64, 2)(UniTuple(float64, 4), float64[::1], float64, int64, float64)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _refined(terms, pick_off, latency_ms, at, value):
    """(T, V there) at the maximum of V beside the best node, whose V is `value`."""
    k, in_middle, t = at // _STEPS_A_BIN, at % _STEPS_A_BIN == 0, NODES_MS[at] - latency_ms
    best, top = value, t
    if terms[0] <= 0.0 or terms[1] <= 0.0:
        return top, best
    hazard = _hazard(pick_off, k)
    log_alive = math.log(pick_off[k]) + (0.5 * hazard * (_EDGES[k + 1] - _EDGES[k]) if in_middle else 0.0)
    won = _log_won(terms, math.log(t)) - math.log(terms[1]) - log_alive
    if hazard > 0.0:
        grows = won - math.log(hazard)
        if grows < 0.0:
            before = max(NODES_MS[at - 1] - latency_ms, 0.0) if at > 0 else 0.0
            top, best = _summit(terms, (t, grows, log_alive), hazard, before, t)
    if not in_middle:  # after the bin's end the hazard is that of the next bin, or unknown
        hazard = _hazard(pick_off, k + 1) if k + 1 < H.N_BINS else 0.0
    if hazard > 0.0:
        grows = won - math.log(hazard)
        if grows > 0.0:
            after = NODES_MS[at + 1] - latency_ms
            further, value_there = _summit(terms, (t, grows, log_alive), hazard, t, after)
            if value_there > best:
                top, best = further, value_there
    return (top, best) if best > value else (t, value)


@njit("UniTuple(float64, 2)(UniTuple(float64, 4), float64[::1], float64)", cache=True, nogil=True, _nrt=False)
def _first_step(terms, pick_off, latency_ms):
    """(node, V there) of the first of `NODES_MS` that is later than the latency; (-1, 0) if none is."""
    gain, at_risk, mu, sigma = terms
    for i in range(N_NODES):
        t = NODES_MS[i] - latency_ms
        if t > 0.0:
            k = i // _STEPS_A_BIN
            alive = pick_off[k]
            if i % _STEPS_A_BIN == 0:
                alive = math.sqrt(alive * (pick_off[k - 1] if k > 0 else 1.0))
            return float(i), gain * responded(mu, sigma, math.log(t)) - at_risk * (1.0 - alive)
    return -1.0, 0.0


@njit(
    "UniTuple(float64, 2)(UniTuple(float64, 4), float64[::1], float64, float64[::1])",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _best_end(terms, pick_off, latency_ms, shares):
    """`_best_step` over the ends of the bins. Fills `shares` with F at each end, or a bound where F cannot matter."""
    gain, at_risk, mu, sigma = terms
    best, at, first = 0.0, -1, 0
    while first < H.N_BINS - 1 and _LOG_ENDS[first] < mu + _LATE * sigma:
        first += 1
    for k in range(first, H.N_BINS):
        shares[k] = 1.0
    for k in range(first, H.N_BINS):
        t, risk = _EDGES[k + 1] - latency_ms, at_risk * (1.0 - pick_off[k])
        if at >= 0 and gain - risk <= best:
            break
        if t > 0.0:
            shares[k] = responded(mu, sigma, math.log(t))
            value = gain * shares[k] - risk
            if at < 0 or value > best:
                best, at = value, 2 * k + 1
    share = shares[first]
    for k in range(first - 1, -1, -1):
        t, risk = _EDGES[k + 1] - latency_ms, at_risk * (1.0 - pick_off[k])
        if t > 0.0 and gain * share - risk >= best:
            share = responded(mu, sigma, math.log(t))
            value = gain * share - risk
            if value >= best:
                best, at = value, 2 * k + 1
        shares[k] = share
    return float(at), best


@njit(
    "UniTuple(float64, 2)(UniTuple(float64, 4), float64[::1], float64, float64[::1])",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _best_step(terms, pick_off, latency_ms, shares):
    """(node of `NODES_MS`, V there), the earliest of the best; (-1, 0) if none is later than the latency.

    F and p only rise: a node whose V could not be the best even with the F of a later node needs no F of its own. First
    the ends of the bins are evaluated, from the time by which most clients have responded, then the middles.
    shares float64[N_BINS] is overwritten.
    """
    gain, at_risk, mu, sigma = terms
    if gain <= 0.0:  # V only falls
        return _first_step(terms, pick_off, latency_ms)
    step, best = _best_end(terms, pick_off, latency_ms, shares)
    at, alive_before = int(step), 1.0
    for k in range(H.N_BINS):
        t, most = NODES_MS[2 * k] - latency_ms, gain * shares[k]
        if t > 0.0 and most - at_risk * (1.0 - alive_before) >= best:
            risk = at_risk * (1.0 - math.sqrt(alive_before * pick_off[k]))
            if most - risk >= best:
                value = gain * responded(mu, sigma, math.log(t)) - risk
                if value > best or (value == best and 2 * k < at):
                    best, at = value, 2 * k
        alive_before = pick_off[k]
    return float(at), best


@njit(
    "UniTuple(float64, 2)(float64[::1], float64[::1], float64[::1], float64[::1], float64, float64, float64, float64, "
    "float64[::1])",
    cache=True,
    nogil=True,
    _nrt=False,
    forceinline=True,
)
def best_lifetime(policy, x, ctx, pick_off, informed_share, loss_ticks, mu, sigma, work):
    """(lifetime in ms, expected value in ticks); (0, the maximum of V) if no lifetime has a positive value.

    `pick_off` float64[N_BINS] is the survival curve of the pick-off barrier, (mu, sigma) the client's `log_moments`;
    work float64[N_BINS] is overwritten.
    """
    fill_rate = ctx[S.CLIENT_FILL_RATE]
    fill_rate = min(max(fill_rate, _LEAST_FILL_RATE), 1.0) if fill_rate == fill_rate else _LEAST_FILL_RATE
    gain = (1.0 - informed_share) * fill_rate * edge_of_uninformed(policy, x, ctx)
    terms, latency = (gain, informed_share * loss_ticks, mu, sigma), policy[P.LATENCY_MS]
    step, best = _best_step(terms, pick_off, latency, work)
    at = int(step)
    if at < 0:
        return 0.0, 0.0
    ms, best = _refined(terms, pick_off, latency, at, best)
    return (ms, best) if best > 0.0 else (0.0, best)
