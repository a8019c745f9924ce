"""Liquidity Provider: the lifetime that maximises expected value, which `quotelife_models.stopping` defines.

The micro-price is the expected mid; a regression of the later mid on every directional covariate was tried in its place
(on AIG) and was no better out of sample. W is evaluated at the ends of the bins; beside the best end the zero of the
derivative gives the maximum. The result is the maximum itself: stopping at 99 % of it, so that no quote lives on for a
small gain, was tried and cost more than the whole advantage over the best fixed lifetime.
"""

import math

from numba import njit

from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.client_priority import tier_of
from quotelife_models.hazard import ENDS_MS, STARTS_MS
from quotelife_models.response import responded
from quotelife_models.stopping import edge_shift, fill_rate_of, mean_alive, open_share, surprise_of

_ROOT_2_PI = math.sqrt(2.0 * math.pi)
# (gain of an uninformed hit, loss to an informed one, cost of a withdrawal, informed share, fill rate, mu, sigma)
_TERMS = "UniTuple(float64, 7)"
_ROW, _TABLE = "float64[::1]", "float64[:,::1]"
_STEPS = 4  # of the fixed point for the survival at the maximum


@njit(f"float64({_TERMS}, float64)", cache=True, nogil=True, _nrt=False)
def _at_stake(terms, share):
    """What a passage of the barrier costs once `share` of the clients have responded, in ticks."""
    _, at_risk, cost, informed, fill_rate, _, _ = terms
    return at_risk + cost * open_share(informed, fill_rate, share)


@njit("float64(float64, float64, float64, float64, float64)", cache=True, nogil=True, _nrt=False)
def _peak(log_ratio, mu, sigma, low, high):
    """The t in [low, high] at which the log-normal density of the response falls through exp(-log_ratio): `high` if it
    is above everywhere, `low` if below.

    With y = log t - mu the equation is quadratic: y^2 / (2 sigma^2) + y + mu + log(sigma root(2 pi)) - log_ratio = 0.
    """
    variance = sigma * sigma
    rest = variance * variance - 2.0 * variance * (mu + math.log(sigma * _ROOT_2_PI) - log_ratio)
    if rest <= 0.0:
        return low
    log_t = mu - variance + math.sqrt(rest)
    if log_t >= math.log(high):
        return high
    return math.exp(log_t) if low <= 0.0 or log_t > math.log(low) else low


@njit(f"int64({_TERMS}, boolean, {_ROW}, float64, {_TABLE})", cache=True, nogil=True, _nrt=False)
def _fill_ends(terms, withdrawn, pick_off, latency_ms, work):
    """Fill work[0] with W and work[1] with F, both at the ends of the bins less the latency; returns the bin of the
    highest W, or -1 if all of them end within the latency."""
    gain, mu, sigma = terms[0], terms[5], terms[6]
    value, best, at, before, share_before = 0.0, -1e300, -1, 1.0, 0.0
    for k in range(H.N_BINS):
        t, after = ENDS_MS[k] - latency_ms, pick_off[k]
        share = responded(mu, sigma, math.log(t)) if t > 0.0 else 0.0
        alive = mean_alive(before, after) if withdrawn else 1.0
        value += gain * alive * (share - share_before) - (before - after) * _at_stake(terms, share)
        work[0, k], work[1, k] = value, share
        if t > 0.0 and value > best:
            best, at = value, k
        before, share_before = after, share
    return at


@njit(f"UniTuple(float64, 2)({_TERMS}, boolean, {_ROW}, float64, {_TABLE}, int64)", cache=True, nogil=True, _nrt=False)
def _best_inside(terms, withdrawn, pick_off, latency_ms, work, k):
    """(T, W there) of the highest W inside bin k, where the hazard per ms is constant; (0, 0) if there is none."""
    gain, mu, sigma = terms[0], terms[5], terms[6]
    before, value_before, share_before = 1.0, 0.0, 0.0
    if k > 0:
        before, value_before, share_before = pick_off[k - 1], work[0, k - 1], work[1, k - 1]
    low, high = max(STARTS_MS[k] - latency_ms, 0.0), ENDS_MS[k] - latency_ms
    hazard = math.log(before / pick_off[k]) / (ENDS_MS[k] - STARTS_MS[k])
    risk = hazard * _at_stake(terms, share_before)
    if gain <= 0.0 or risk <= 0.0 or high <= 0.0:
        return 0.0, 0.0
    log_ratio, log_alive = math.log(gain / risk), 0.0
    t = low
    for _ in range(1 if withdrawn else _STEPS):  # with withdrawal S cuts gain and loss alike, otherwise the loss alone
        t = _peak(log_ratio - log_alive, mu, sigma, low, high)
        log_alive = math.log(before) - hazard * (t + latency_ms - STARTS_MS[k])
    if t <= low or t >= high:
        return 0.0, 0.0
    after, share = before * math.exp(-hazard * (t + latency_ms - STARTS_MS[k])), responded(mu, sigma, math.log(t))
    gained = gain * (mean_alive(before, after) if withdrawn else 1.0) * (share - share_before)
    return t, value_before + gained - (before - after) * _at_stake(terms, share)


@njit(
    f"UniTuple(float64, 2)({_ROW}, {_ROW}, {_ROW}, {_ROW}, float64, float64, float64, float64, {_TABLE})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def best_lifetime(policy, x, ctx, pick_off, informed_share, loss_ticks, mu, sigma, work):
    """(lifetime in ms, expected value in ticks); (0, the maximum of W) if no lifetime has a positive value.

    `pick_off` float64[N_BINS] is the survival curve of the pick-off barrier, (mu, sigma) the client's `log_moments`;
    work float64[2, N_BINS] is overwritten.
    """
    withdrawn, fill_rate = policy[P.WITHDRAWAL] > 0.0, fill_rate_of(ctx)
    cost = policy[P.WITHDRAWAL_COST + tier_of(ctx[S.CLIENT_TIER])] if withdrawn else 0.0
    edge = ctx[S.EDGE] + edge_shift(policy, x, ctx)
    gain = (1.0 - informed_share) * fill_rate * (edge if math.isfinite(edge) else -1e9)
    at_risk = informed_share * surprise_of(policy, ctx) * loss_ticks
    terms, latency_ms = (gain, at_risk, cost, informed_share, fill_rate, mu, sigma), policy[P.LATENCY_MS]
    at = _fill_ends(terms, withdrawn, pick_off, latency_ms, work)
    if at < 0:
        return 0.0, 0.0
    ms, best = ENDS_MS[at] - latency_ms, work[0, at]
    value_before, share_before = 0.0, 0.0
    for k in range(H.N_BINS):
        if value_before + gain * (work[1, k] - share_before) > best:  # what the bin could reach without any risk
            t, value = _best_inside(terms, withdrawn, pick_off, latency_ms, work, k)
            if t > 0.0 and value > best:
                ms, best = t, value
        value_before, share_before = work[0, k], work[1, k]
    return (ms, best) if best > 0.0 else (0.0, best)
