"""Risk Averse: the longest lifetime whose chance of an adverse move stays below epsilon, with confidence.

T is the largest time at which the *upper* curve (see `quotelife_models.hazard`) is still at most epsilon. In a shock
the curve is not trusted alone: T is divided by 1 + weight * shock, where

    shock  = sum of log(1 + excess) over spread volatility, top updates, correlated speed, + news_shock * |sentiment|
    excess = max(0, (value - high) / (high - median))

with the instrument's fitted median and 95 % quantile: nothing is subtracted from an ordinary market, busy as it may be.

However calm the market is, T is no longer than the client needs for a target share of its hits: beyond, a quote is a
free option for somebody else (the bound alone gave quotes in a market of one-tick spreads that lived for seconds, and
were picked off more often than those of the other models).
"""

import math

from numba import njit

from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S

MAX_LIFETIME_MS = 3_600_000.0
# least distance between median and high quantile: a tenth of a tick, one update, a thousandth of a per cent a second
_SHOCKS = (
    (S.SPREAD_VOLATILITY, H.MARKET_FEATURES.index("spread_volatility"), 0.1),
    (S.TOP_UPDATE_COUNT, H.MARKET_FEATURES.index("top_update_count"), 1.0),
    (S.CORRELATED_VELOCITY, H.MARKET_FEATURES.index("correlated_velocity"), 0.001),
)


@njit("float64(float64[::1], int64, float64, float64)", cache=True, nogil=True, _nrt=False)
def _excess(table_row, at, value, least):
    high = table_row[H.HIGH + at]
    reach = max(high - table_row[H.USUAL + at], least)
    value = min(value, 1e15) if value == value else 0.0
    return max(value - high, 0.0) / reach


@njit("float64(float64[::1], float64[::1], float64[::1])", cache=True, nogil=True, _nrt=False)
def shock(table_row, policy, x):
    """How far the market is beyond its usual state; 0 in an ordinary one."""
    total = 0.0
    for feature, at, least in _SHOCKS:
        total += math.log1p(_excess(table_row, at, abs(x[feature]), least))
    sentiment = abs(x[S.NEWS_SENTIMENT])
    return total + policy[P.NEWS_SHOCK] * (min(sentiment, 1.0) if sentiment == sentiment else 0.0)


@njit("float64(float64[::1], float64[::1], float64)", cache=True, nogil=True, _nrt=False)
def risk_averse_lifetime(policy, upper, shock_size):
    """Lifetime in ms from the upper curve and the size of the shock."""
    bound = H.longest(upper, policy[P.EPSILON], MAX_LIFETIME_MS)
    return bound / (1.0 + policy[P.SHOCK_WEIGHT] * shock_size)
