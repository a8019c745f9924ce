"""Survival curve of a quote: p(T) that the market moves against it by `m` ticks or more within T.

Discrete-time hazard over the bins of `schema.BIN_ENDS_MS` (Allison, 1982):

    h_k = logistic(alpha_k + beta . z + tau_k * gamma . z),    S(t_k) = prod over i <= k of (1 - h_i),    p = 1 - S

z are the standardised covariates of (market row, side, barrier). tau_k is the logarithm of the bin's middle over that
of the bin that ends at the reference horizon: some covariates, for example an imbalance, say more about the next 50 ms
than about the next 10 s. Where trees of the base covariates predicted better out of sample, their sum is added to the
predictor (the same shift of the log-odds in every bin). Inside a bin, and beyond the last, the hazard per unit of time
is constant, so p rises in T by construction whatever the parameters. A curve is `survival` float64[N_BINS], S at the
ends of the bins.

The upper curve is the same curve with the predictor raised by a number of its standard errors. The error is one figure
per instrument: one that depended on the covariates could fall where the market turns adverse.

Another regime: where a feature of the state is far from all that the fit has seen (another broker's spread), the pooled
fit is used in its place, gradually (`mixed`), with the error of an instrument that it has not seen.
"""

import math

import numpy as np
from numba import njit

from quotelife_models import schema as S
from quotelife_models.covariates import N_BASE, N_COVARIATES, THROUGH, fill_barrier, moves

N_BINS = S.N_BINS
ENDS_MS = np.array(S.BIN_ENDS_MS, np.float64)  # of the bins
STARTS_MS = np.concatenate((np.zeros(1), ENDS_MS[:-1]))
REFERENCE_BIN = S.BIN_ENDS_MS.index(S.REFERENCE_HORIZON_MS)
_MIDDLES = 0.5 * (STARTS_MS + ENDS_MS)
TAU = np.log(_MIDDLES / _MIDDLES[REFERENCE_BIN]) / math.log(20.0)

# Parameters of one instrument: a row of float64, standardisation included.
ALPHA = 0
BETA = ALPHA + N_BINS
GAMMA = BETA + N_COVARIATES
CENTRE = GAMMA + N_COVARIATES
SCALE = CENTRE + N_COVARIATES
# standard error of the log-odds, of this fit and of the pooled one for an instrument that it has not seen
ERROR = SCALE + N_COVARIATES
POOLED_ERROR = ERROR + 1
POOLED = POOLED_ERROR + 1  # alpha, beta and gamma of the pooled fit, for the same standardisation
N_THETA = N_BINS + 2 * N_COVARIATES
# range of these features that the fit has seen
REGIME_FEATURES: tuple[str, ...] = ("spread",)
N_REGIME = len(REGIME_FEATURES)
REGIME_LOW = POOLED + N_THETA
REGIME_HIGH = REGIME_LOW + N_REGIME
USUAL = REGIME_HIGH + N_REGIME
# usual state of the instrument: the median (USUAL) and a high quantile (HIGH) of these features
MARKET_FEATURES: tuple[str, ...] = (
    "spread",
    "spread_volatility",
    "top_update_count",
    "realised_volatility_1s",
    "realised_volatility_10s",
    "correlated_velocity",  # its absolute value
)
N_MARKET = len(MARKET_FEATURES)
HIGH = USUAL + N_MARKET
HIGH_QUANTILE = 0.95
TREE_SHARE = HIGH + N_MARKET  # factor on the trees
# number of trees, then each as a complete binary tree: (covariate, threshold) of its inner nodes, values of its leaves
BOOST = TREE_SHARE + 1
TREE_DEPTH = 4
TREE_NODES = 2**TREE_DEPTH - 1
TREE_WORDS = 2 * TREE_NODES + 2**TREE_DEPTH
MAX_TREES = 40
N_PARAMETERS = BOOST + 1 + MAX_TREES * TREE_WORDS

Z_LIMIT = 6.0  # standard deviations; the fit has seen nothing beyond
_ETA_LIMIT = 30.0
STRANGE = 3.0  # times the end of the range of a regime
_LOG_STRANGE = math.log(STRANGE)
_REGIME = tuple(S.INDEX[name] for name in REGIME_FEATURES)
FLOOR = 1e-100  # lower bound of S, so that ratios stay defined
_FASTMATH = {"reassoc", "contract"}  # sums in any order, so that they are vectorised


@njit(
    "UniTuple(float64, 2)(float64[::1], float64[::1], float64[::1], int64, int64)",
    cache=True,
    nogil=True,
    _nrt=False,
    fastmath=_FASTMATH,
)
def predict(table_row, raw, z, start, end):
    """(beta . z, gamma . z) over [start, end); z[start:end] receives raw[start:end] centred, scaled and bounded."""
    level, tilt = 0.0, 0.0
    for i in range(start, end):
        value = (raw[i] - table_row[CENTRE + i]) * table_row[SCALE + i]
        value = min(max(value, -Z_LIMIT), Z_LIMIT)
        z[i] = value
        level += table_row[BETA + i] * value
        tilt += table_row[GAMMA + i] * value
    return level, tilt


@njit("float64(float64[::1], float64[::1])", cache=True, nogil=True, _nrt=False)
def pooled_share(table_row, x):
    """Share of the pooled fit at a market row x float64[N_FEATURES]: 0 inside the range that the fit has seen, 1 from
    `STRANGE` times its end on, linear in the logarithm between."""
    farthest = 1.0
    for i in range(N_REGIME):
        value, low, high = x[_REGIME[i]], table_row[REGIME_LOW + i], table_row[REGIME_HIGH + i]
        if 0.0 < high < value:
            farthest = max(farthest, value / high)
        elif 0.0 < value < low:
            farthest = max(farthest, low / value)
    return min(math.log(farthest) / _LOG_STRANGE, 1.0) if farthest > 1.0 else 0.0


@njit("boolean(float64[::1], float64[::1], float64[::1])", cache=True, nogil=True, _nrt=False)
def mixed(table_row, x, mixture):
    """Whether the row to predict with at a market row is not `table_row`, but its mixture with the pooled fit, which is
    then filled into mixture float64[N_PARAMETERS]. Every log-odds is the mixture of both."""
    share = pooled_share(table_row, x)
    if share == 0.0:
        return False
    for i in range(N_PARAMETERS):
        mixture[i] = table_row[i]
    for i in range(N_BINS + 2 * N_COVARIATES):
        mixture[ALPHA + i] += share * (table_row[POOLED + i] - table_row[ALPHA + i])
    mixture[ERROR] += share * (table_row[POOLED_ERROR] - table_row[ERROR])
    mixture[TREE_SHARE] = (1.0 - share) * table_row[TREE_SHARE]
    return True


@njit("UniTuple(float64, 2)(float64[::1], float64[::1], float64)", cache=True, nogil=True, fastmath=_FASTMATH)
def predict_move(table_row, raw, barrier_ticks):
    """(level, tilt) that a barrier adds to the predictor; raw is read only and no covariates are stored."""
    values, level, tilt = moves(barrier_ticks, raw), 0.0, 0.0
    for i in range(len(values)):
        at = N_BASE + i
        value = (values[i] - table_row[CENTRE + at]) * table_row[SCALE + at]
        value = min(max(value, -Z_LIMIT), Z_LIMIT)
        level += table_row[BETA + at] * value
        tilt += table_row[GAMMA + at] * value
    return level, tilt


@njit("float64(float64[::1], float64[::1])", cache=True, nogil=True, _nrt=False)
def boosted(table_row, z):
    """Sum of the trees, times their share, at standardised base covariates; a value up to the threshold goes left."""
    total = 0.0
    for tree in range(int(table_row[BOOST])):
        at, node = BOOST + 1 + tree * TREE_WORDS, 0
        for _ in range(TREE_DEPTH):
            right = z[int(table_row[at + 2 * node])] > table_row[at + 2 * node + 1]
            node = 2 * node + (2 if right else 1)
        total += table_row[at + TREE_NODES + node]
    return total * table_row[TREE_SHARE]


@njit("UniTuple(float64, 2)(float64[::1], float64[::1], float64[::1])", cache=True, nogil=True, _nrt=False)
def base_predictor(table_row, raw, z):
    """(level, tilt) of the base covariates, trees included; z[:N_BASE] receives them standardised."""
    level, tilt = predict(table_row, raw, z, 0, N_BASE)
    return level + boosted(table_row, z), tilt


@njit("float64(float64[::1], float64, float64, int64)", cache=True, nogil=True, _nrt=False)
def _growth(table_row, level, tilt, k):
    """1 / (1 - h) of bin k."""
    eta = table_row[ALPHA + k] + level + TAU[k] * tilt
    return 1.0 + math.exp(min(max(eta, -_ETA_LIMIT), _ETA_LIMIT))


@njit("float64(float64, float64, int64, float64)", cache=True, nogil=True, _nrt=False)
def _p_inside(before, after, k, t_ms):
    """p(T) for a T in bin k, or beyond the last, with S at the bin's start and end."""
    if t_ms == ENDS_MS[k]:
        return 1.0 - after
    share = (t_ms - STARTS_MS[k]) / (ENDS_MS[k] - STARTS_MS[k])
    alive = min(before * (after / before) ** share, before)
    return 1.0 - (max(alive, after) if share < 1.0 else min(alive, after))


@njit("void(float64[::1], float64, float64, float64[::1])", cache=True, nogil=True, _nrt=False)
def fill_curve(table_row, level, tilt, survival):
    """S at the ends of the bins for a predictor (level, tilt)."""
    grown = 1.0  # 1 / S: a chain of products has a shorter latency than one of quotients
    for k in range(N_BINS):
        grown = min(grown * _growth(table_row, level, tilt, k), 1.0 / FLOOR)
        survival[k] = 1.0 / grown


@njit("float64(float64[::1], float64, float64, float64)", cache=True, nogil=True, _nrt=False)
def p_of(table_row, level, tilt, t_ms):
    """p(T) of a predictor (level, tilt), as `p_at` gives it for the whole curve."""
    if not t_ms > 0.0:
        return 0.0
    grown, k = 1.0, 0
    while k < N_BINS - 1 and t_ms > ENDS_MS[k]:
        grown = min(grown * _growth(table_row, level, tilt, k), 1.0 / FLOOR)
        k += 1
    last = min(grown * _growth(table_row, level, tilt, k), 1.0 / FLOOR)
    return _p_inside(1.0 / grown, 1.0 / last, k, t_ms)


@njit(
    "UniTuple(float64, 2)(float64[::1], float64[::1], float64, float64, float64, float64, float64[::1], float64[::1])",
    cache=True,
    nogil=True,
    _nrt=False,
)
def barrier_curve(table_row, raw, level, tilt, barrier_ticks, event, z, survival):
    """Fill the curve for one barrier and event, and return the whole predictor (level, tilt).

    `raw` are the covariates of `fill_base`, (level, tilt) their part of the predictor plus any shift; raw[N_BASE:],
    z[N_BASE:] and survival are written. A THROUGH barrier of 0 or less has been passed: p is 1 from the start.
    """
    fill_barrier(barrier_ticks, event, raw)
    more_level, more_tilt = predict(table_row, raw, z, N_BASE, N_COVARIATES)
    level += more_level
    tilt += more_tilt
    if barrier_ticks <= 0.0 and event == THROUGH:
        survival[:N_BINS] = FLOOR
    else:
        fill_curve(table_row, level, tilt, survival)
    return level, tilt


@njit("float64(float64[::1], float64)", cache=True, nogil=True, _nrt=False)
def p_at(survival, t_ms):
    """p(T): in [0, 1], never falling in T; 0 for T <= 0. Constant hazard inside a bin and beyond the last."""
    if not t_ms > 0.0:
        return 0.0
    k = 0
    while k < N_BINS - 1 and t_ms > ENDS_MS[k]:
        k += 1
    return _p_inside(survival[k - 1] if k > 0 else 1.0, survival[k], k, t_ms)


@njit("float64(float64[::1], float64, float64)", cache=True, nogil=True, _nrt=False)
def longest(survival, epsilon, limit_ms):
    """The largest T <= limit_ms with p(T) <= epsilon, in ms; `limit_ms` if p never reaches epsilon."""
    goal = 1.0 - max(epsilon, 0.0)
    if goal <= 0.0:
        return limit_ms
    before = 1.0
    for k in range(N_BINS):
        after = survival[k]
        if after < goal or k == N_BINS - 1:
            if after >= before:
                return limit_ms
            share = math.log(goal / before) / math.log(after / before)
            return min(STARTS_MS[k] + share * (ENDS_MS[k] - STARTS_MS[k]), limit_ms)
        before = after
    return limit_ms
