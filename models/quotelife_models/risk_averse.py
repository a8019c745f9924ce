"""Risk Averse: the longest lifetime whose chance of a pick-off stays below epsilon, with confidence.

T is the largest time at which the *upper* curve (see `quotelife_models.hazard`) times the probability that the race
against the withdrawal is lost is at most epsilon. In a shock the
curve alone is not relied on: T is divided by 1 + weight * shock, where

    shock  = sum of log(1 + excess) over spread volatility, top updates, correlated speed, + news_shock * |sentiment|
    excess = max(0, (value - high) / (high - median))

with the instrument's fitted median and 95 % quantile: an ordinary market, however busy, has a shock of 0.

However calm the market is, T is at most what the client needs for a target share of its hits: a longer quote is a free
option for others (with the bound alone, quotes in a market with one-tick spreads lived for seconds and were picked off
more often than those of the other models).
"""

import math

from numba import njit

from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S

MAX_LIFETIME_MS = 3_600_000.0
# (feature, its position in MARKET_FEATURES, smallest distance between median and high quantile in the feature's unit)
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
    """Size of the shock, as above; 0 in an ordinary market."""
    total = 0.0
    for feature, at, least in _SHOCKS:
        total += math.log1p(_excess(table_row, at, abs(x[feature]), least))
    sentiment = abs(x[S.NEWS_SENTIMENT])
    return total + policy[P.NEWS_SHOCK] * (min(sentiment, 1.0) if sentiment == sentiment else 0.0)


@njit("float64(float64[::1], float64[::1], float64, float64)", cache=True, nogil=True, _nrt=False)
def risk_averse_lifetime(policy, upper, shock_size, race_lost):
    """Lifetime in ms from the upper curve, the size of the shock and the probability that a pick-off succeeds."""
    bound = H.longest(upper, policy[P.EPSILON] / max(race_lost, policy[P.EPSILON]), MAX_LIFETIME_MS)
    return bound / (1.0 + policy[P.SHOCK_WEIGHT] * shock_size)
