"""The predictor of a leg as a function of the barrier, for many barriers at once.

The covariates of a barrier b are log b, 1 / b times something that does not depend on b, and log b beyond some knots
(`quotelife_models.covariates.moves`). As long as none of them is bounded, at six standard deviations, their sum is

    constant + l log b + i / b + s max(log b - spread, 0) + sum of k_q max(min(log b - volatility, limit) - knot_q, 0)

whose coefficients are computed once (`fill_terms`). A barrier for which one is bounded goes to `hazard.predict_move`;
which of the two is taken depends on that barrier alone, so that its curve has the same bits in every company.
"""

import math

import numpy as np
from numba import njit

from quotelife_models import hazard as H
from quotelife_models.covariates import BARRIER, BASE, MAX_LOG, N_BASE, N_KNOTS, VOLATILITY_KNOTS, moves

_CONSTANT, _LOG, _INVERSE, _SPREAD, _KNOTS = range(5)
_N_TERMS = _KNOTS + N_KNOTS
_TILT = _N_TERMS  # the terms of the level come first, then those of the tilt
_LARGEST_LOG = 2 * _N_TERMS  # logarithm of the largest barrier for which no covariate is bounded
TERM_WORDS = _LARGEST_LOG + 1

_AT_INVERSE, _AT_SPREAD, _AT_KNOTS = (
    BARRIER.index(n) for n in ("inverse_barrier", "beyond_spread", "beyond_volatility_0")
)
_AT_PRODUCTS = _AT_KNOTS + N_KNOTS  # from here on: 1 / b times a covariate of the market
_LOG_SPREAD, _LOG_VOLATILITY = BASE.index("log_spread"), BASE.index("log_volatility_10s")
_LOGS = np.log(np.arange(1, 129))  # of the most frequent barriers
_ROW = "float64[::1]"


@njit(f"float64({_ROW}, {_ROW}, int64, float64)", cache=True, nogil=True, _nrt=False)
def _largest_log(row, raw, i, at_one):
    """The largest log b for which covariate i of the barrier is not bounded, -1 if it is bounded for b = 1 already;
    `at_one` is its value there."""
    centre, scale = row[H.CENTRE + N_BASE + i], row[H.SCALE + N_BASE + i]
    if abs((at_one - centre) * scale) > H.Z_LIMIT:
        return -1.0
    if i == _AT_INVERSE or i >= _AT_PRODUCTS:  # between at_one and 0
        return math.inf if abs(centre * scale) <= H.Z_LIMIT else -1.0
    if scale == 0.0:
        return math.inf
    high = centre + H.Z_LIMIT / scale
    if i == _AT_SPREAD:
        return raw[_LOG_SPREAD] + high
    if i >= _AT_KNOTS:
        knot = VOLATILITY_KNOTS[i - _AT_KNOTS]
        return raw[_LOG_VOLATILITY] + knot + high if high < MAX_LOG - knot else math.inf
    return high


@njit(f"void({_ROW}, {_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def fill_terms(row, raw, terms):
    """Fill terms float64[TERM_WORDS] from the parameters and the covariates of `fill_base`."""
    values = moves(1.0, raw)
    for i in range(_LARGEST_LOG):
        terms[i] = 0.0
    terms[_LARGEST_LOG] = math.inf
    for i in range(len(values)):
        at, slope, term = N_BASE + i, 1.0, _LOG
        if i == _AT_INVERSE or i >= _AT_PRODUCTS:
            slope, term = values[i], _INVERSE
        elif i == _AT_SPREAD:
            term = _SPREAD
        elif i >= _AT_KNOTS:
            term = _KNOTS + i - _AT_KNOTS
        level, tilt = row[H.BETA + at] * row[H.SCALE + at], row[H.GAMMA + at] * row[H.SCALE + at]
        terms[_CONSTANT] -= level * row[H.CENTRE + at]
        terms[_TILT + _CONSTANT] -= tilt * row[H.CENTRE + at]
        terms[term] += level * slope
        terms[_TILT + term] += tilt * slope
        terms[_LARGEST_LOG] = min(terms[_LARGEST_LOG], _largest_log(row, raw, i, values[i]))


@njit(f"void({_ROW}, {_ROW}, {_ROW}, {_ROW}, {_ROW}, {_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def predict_moves(row, raw, terms, barriers, logs, levels, tilts):
    """Fill levels and tilts with what `hazard.predict_move` returns for each of the barriers, in whole ticks from 1 on.
    All four are float64[n]; logs is overwritten."""
    n = len(barriers)
    spread, volatility = raw[_LOG_SPREAD], raw[_LOG_VOLATILITY]
    for j in range(n):
        ticks = barriers[j]
        logs[j] = _LOGS[int(ticks) - 1] if ticks <= len(_LOGS) else math.log(ticks)
    for j in range(n):
        log, inverse = logs[j], 1.0 / barriers[j]
        beyond, distance = max(log - spread, 0.0), min(log - volatility, MAX_LOG)
        level = terms[_CONSTANT] + terms[_LOG] * log + terms[_INVERSE] * inverse + terms[_SPREAD] * beyond
        tilt = terms[_TILT + _CONSTANT] + terms[_TILT + _LOG] * log
        tilt += terms[_TILT + _INVERSE] * inverse + terms[_TILT + _SPREAD] * beyond
        for q in range(N_KNOTS):
            value = max(distance - VOLATILITY_KNOTS[q], 0.0)
            level += terms[_KNOTS + q] * value
            tilt += terms[_TILT + _KNOTS + q] * value
        levels[j], tilts[j] = level, tilt
    for j in range(n):
        if logs[j] > terms[_LARGEST_LOG]:
            levels[j], tilts[j] = H.predict_move(row, raw, barriers[j])
