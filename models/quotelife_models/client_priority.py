"""Client Priority: the shortest lifetime that gives this client the target fill probability.

The lifetime is the quantile of the client's response time at the target share of its hits. A valued client gets a
share closer to one: 1 - (1 - target) * (1 - value), where its value is its fill rate (half of it for an ordinary
client, 0 for a restricted one). Large sizes and further legs lengthen a client's response time.

Volatility shortens this lifetime only through the loss budget of the tier: informed share * p(pick-off by T) * p(race
lost) * loss when picked off may not exceed it.
"""

import math

from numba import njit

from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.enums import ORDINARY, RESTRICTED, STRATEGIC
from quotelife_models.response import log_moments, response_quantile
from quotelife_models.risk_averse import MAX_LIFETIME_MS

_VALUE_OF_TIER = (1.0, 0.5, 0.0)  # in the order of TIERS


@njit("int64(float64)", cache=True, nogil=True, _nrt=False)
def tier_of(client_tier):
    """Index of the tier in a context; any other value counts as restricted."""
    if client_tier == STRATEGIC:
        return STRATEGIC
    return ORDINARY if client_tier == ORDINARY else RESTRICTED


@njit("float64(float64[::1], float64[::1])", cache=True, nogil=True, _nrt=False)
def response_stretch(policy, ctx):
    """Factor on the mean response time, for the size and the number of legs of the request; at least 1."""
    size, legs = ctx[S.SIZE_AGAINST_TRADE], ctx[S.LEGS]
    size = min(max(size, 0.0), 1e6) if size == size else 0.0
    legs = min(max(legs, 1.0), 100.0) if legs == legs else 1.0
    return 1.0 + policy[P.SIZE_STRETCH] * math.log1p(size) + policy[P.LEG_STRETCH] * (legs - 1.0)


@njit("float64(float64[::1], float64[::1])", cache=True, nogil=True, _nrt=False)
def target_share(policy, ctx):
    """Share of the client's hits that the lifetime has to allow, in [0, 1]."""
    fill_rate = ctx[S.CLIENT_FILL_RATE]
    fill_rate = min(max(fill_rate, 0.0), 1.0) if fill_rate == fill_rate else 0.0
    value = _VALUE_OF_TIER[tier_of(ctx[S.CLIENT_TIER])] * fill_rate
    return 1.0 - (1.0 - policy[P.TARGET_FILL]) * (1.0 - value)


@njit("float64(float64[::1], float64[::1])", cache=True, nogil=True, _nrt=False)
def target_lifetime(policy, ctx):
    """Lifetime in ms that reaches the target share, at most MAX_LIFETIME_MS."""
    mu, sigma = log_moments(ctx[S.CLIENT_RESPONSE] * response_stretch(policy, ctx), ctx[S.CLIENT_RESPONSE_CV])
    return min(response_quantile(mu, sigma, target_share(policy, ctx)), MAX_LIFETIME_MS)


@njit("float64(float64[::1], float64[::1])", cache=True, nogil=True, _nrt=False)
def loss_budget(policy, ctx):
    """The loss in ticks that a quote to this client's tier may be expected to make."""
    return policy[P.MAX_EXPECTED_LOSS] * policy[P.TIER_FACTOR + tier_of(ctx[S.CLIENT_TIER])]


@njit("float64(float64[::1], float64[::1], float64[::1], float64)", cache=True, nogil=True, _nrt=False)
def budget_lifetime(policy, ctx, pick_off, at_risk_ticks):
    """Longest lifetime in ms whose expected loss is within the tier's budget.

    `pick_off` float64[N_BINS] is the survival curve of the pick-off barrier; `at_risk_ticks` the expected loss if the
    market passes it: informed share * p(race lost) * loss when picked off.
    """
    budget = loss_budget(policy, ctx)
    if at_risk_ticks <= budget:
        return MAX_LIFETIME_MS
    return H.longest(pick_off, budget / at_risk_ticks, MAX_LIFETIME_MS)
