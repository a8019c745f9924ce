"""Moves of the legs of a multileg: the probability that a leg moves by a number of its ticks, up or down.

What a leg's curves share is computed once (`prepare`), each curve once for all barriers and both sides of a quote. One
leg's state, float64[STATE_WORDS], is laid out below.
"""

import math

from numba import njit

from quotelife_models import hazard as H
from quotelife_models.covariates import AT_EVENT, N_BASE, N_COVARIATES, THROUGH, fill_base, fill_event, reverse_base
from quotelife_models.multileg.barrier import TERM_WORDS, fill_terms, predict_moves
from quotelife_models.multileg.exponential import exponentials

UP, DOWN = 0, 1  # ways of a leg's price
KNOWN_TICKS = 64  # moves of a leg, in its ticks, whose curves are kept
# words of a way
(
    LEVEL,  # of the base covariates, with TILT
    TILT,
    RAW,  # raw covariates float64[N_COVARIATES]; those of barrier and event are workspace
) = range(3)
_TERMS = RAW + N_COVARIATES  # of the barrier
_IS_KNOWN = _TERMS + TERM_WORDS  # 1.0 for each move whose curve is kept
_CURVES = _IS_KNOWN + KNOWN_TICKS  # p at the ends of the bins, float64[KNOWN_TICKS, N_BINS]
_WAY_WORDS = _CURVES + KNOWN_TICKS * H.N_BINS
# words of a leg
(
    IS_MIXED,  # 1.0 where the mixture below takes the place of the leg's parameters
    EVENT_LEVEL,  # what THROUGH adds, with EVENT_TILT
    EVENT_TILT,
    SHIFT,  # of the log-odds, in the curves that are kept
) = range(4)
_WAYS = 4
_Z = _WAYS + 2 * _WAY_WORDS
_MIXTURE = _Z + N_COVARIATES
STATE_WORDS = _MIXTURE + H.N_PARAMETERS

_N = H.N_BINS
_SLACK = 1e-9  # ticks: a step this near to a whole tick counts as one
_ROW, _TABLE = "float64[::1]", "float64[:,::1]"


@njit("int64(int64)", cache=True, nogil=True, _nrt=False)
def _at(way):
    """Position of a way's words in the state of a leg."""
    return _WAYS + way * _WAY_WORDS


@njit(f"void({_ROW}, float64)", cache=True, nogil=True, _nrt=False)
def set_shift(state, shift):
    """Raise the predictors of a leg by `shift`; the curves that are kept are those of one shift."""
    state[SHIFT] = shift
    for way in range(2):
        known = state[_at(way) + _IS_KNOWN : _at(way) + _CURVES]
        for i in range(KNOWN_TICKS):
            known[i] = 0.0


@njit(f"void({_ROW}, {_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def prepare(table_row, x, state):
    """Fill the state of a leg with these parameters at a market row x float64[N_FEATURES]; no curve is known yet."""
    row, mixture, z = table_row, state[_MIXTURE : _MIXTURE + H.N_PARAMETERS], state[_Z : _Z + N_COVARIATES]
    state[IS_MIXED] = 0.0
    if H.mixed(table_row, x, mixture):
        state[IS_MIXED], row = 1.0, mixture
    up, down = state[_at(UP) : _at(DOWN)], state[_at(DOWN) : _Z]
    raw, reverse = up[RAW : RAW + N_COVARIATES], down[RAW : RAW + N_COVARIATES]
    fill_base(x, 1.0, raw)
    for i in range(N_BASE):
        reverse[i] = raw[i]
    reverse_base(reverse)
    fill_event(THROUGH, raw)
    state[EVENT_LEVEL], state[EVENT_TILT] = H.predict(row, raw, z, AT_EVENT, N_COVARIATES)
    up[LEVEL], up[TILT] = H.base_predictor(row, raw, z)
    down[LEVEL], down[TILT] = H.base_predictor(row, reverse, z)
    fill_terms(row, raw, up[_TERMS : _TERMS + TERM_WORDS])
    fill_terms(row, reverse, down[_TERMS : _TERMS + TERM_WORDS])
    set_shift(state, 0.0)


@njit(f"void(float64, float64, {_ROW})", cache=True, nogil=True, _nrt=False)
def fill_barriers(weight, step, barriers):
    """Fill barriers float64[steps] with the whole ticks by which a leg has to move to move the net price by 1, 2 ..
    steps. One tick of the leg moves the net price by `weight`, a step is `step` of the net price's ticks."""
    for j in range(len(barriers)):
        barriers[j] = max(math.ceil((j + 1) * step / weight - _SLACK), 1.0)


@njit(
    f"int64({_ROW}, {_ROW}, float64, float64, {_ROW}, {_ROW}, {_TABLE}, {_ROW})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _predict_missing(row, this, level, tilt, barriers, known, moves, work):
    """Fill the first rows of moves with the log-odds of the moves whose curves are not known; returns their number.
    work float64[4 * steps] is overwritten."""
    last, missing, steps = 0.0, 0, moves.shape[0]
    for j in range(steps):
        ticks = barriers[j]
        if ticks != last and (ticks > len(known) or known[int(ticks) - 1] == 0.0):
            work[missing] = ticks
            missing += 1
        last = ticks
    levels, tilts = work[2 * steps : 2 * steps + missing], work[3 * steps : 3 * steps + missing]
    raw, terms = this[RAW : RAW + N_COVARIATES], this[_TERMS : _TERMS + TERM_WORDS]
    predict_moves(row, raw, terms, work[:missing], work[steps : steps + missing], levels, tilts)
    for j in range(missing):
        eta, slope = level + levels[j], tilt + tilts[j]
        for k in range(_N):
            moves[j, k] = row[H.ALPHA + k] + eta + H.TAU[k] * slope
    return missing


@njit(f"void({_TABLE}, int64)", cache=True, nogil=True, _nrt=False)
def _survive(odds, rows):
    """Turn the odds of the bins' hazards into p at the ends of the bins, as `hazard.fill_curve` does."""
    for j in range(rows):
        grown = 1.0
        for k in range(_N):
            grown *= 1.0 + odds[j, k]
            odds[j, k] = grown
    for j in range(rows):
        for k in range(_N):
            odds[j, k] = 1.0 - 1.0 / min(odds[j, k], 1.0 / H.FLOOR)


@njit(f"void({_ROW}, {_ROW}, {_ROW}, int64, {_TABLE})", cache=True, nogil=True, _nrt=False)
def _place(known, curves, barriers, missing, moves):
    """Move the first `missing` rows, the new curves, and the known ones to their places, the last row first, and keep
    the new ones; then let p fall in the steps."""
    steps = moves.shape[0]
    for j in range(steps - 1, -1, -1):
        ticks = barriers[j]
        number, may_keep = int(ticks) - 1, ticks <= len(known)
        if may_keep and known[number] > 0.0:
            for k in range(_N):
                moves[j, k] = curves[number * _N + k]
            continue
        for k in range(_N):
            moves[j, k] = moves[missing - 1, k]
        if j == 0 or barriers[j - 1] != ticks:
            missing -= 1
            if may_keep:
                known[number] = 1.0
                for k in range(_N):
                    curves[number * _N + k] = moves[j, k]
    for j in range(steps - 2, -1, -1):
        for k in range(_N):
            moves[j, k] = max(moves[j, k], moves[j + 1, k])


@njit(f"void({_ROW}, {_ROW}, int64, {_ROW}, {_TABLE}, {_ROW})", cache=True, nogil=True, _nrt=False)
def fill_moves(table_row, state, way, barriers, moves, scales):
    """Fill moves float64[steps, N_BINS]: p that a leg alone moves the net price by each number of steps, of which
    `fill_barriers` has made ticks. scales float64[steps * N_BINS] is overwritten.
    """
    row, this, words = table_row, state[_at(way) : _at(way + 1)], moves.shape[0] * _N
    if state[IS_MIXED] > 0.0:
        row = state[_MIXTURE : _MIXTURE + H.N_PARAMETERS]
    known, curves = this[_IS_KNOWN:_CURVES], this[_CURVES:]
    level, tilt = this[LEVEL] + state[EVENT_LEVEL] + state[SHIFT], this[TILT] + state[EVENT_TILT]
    missing = _predict_missing(row, this, level, tilt, barriers, known, moves, scales)
    exponentials(moves.reshape(words)[: missing * _N], scales)
    _survive(moves, missing)
    _place(known, curves, barriers, missing, moves)


@njit(
    f"void({_ROW}, {_ROW}, int64, {_ROW}, float64, float64, {_TABLE}, {_ROW})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def fill_upper_moves(table_row, state, way, barriers, event, confidence_z, moves, scales):
    """`fill_moves` for an event, with the predictor raised by `confidence_z` standard errors; no curve is kept."""
    row, this, words = table_row, state[_at(way) : _at(way + 1)], moves.shape[0] * _N
    if state[IS_MIXED] > 0.0:
        row = state[_MIXTURE : _MIXTURE + H.N_PARAMETERS]
    raw, z = this[RAW : RAW + N_COVARIATES], state[_Z : _Z + N_COVARIATES]
    fill_event(event, raw)
    event_level, event_tilt = H.predict(row, raw, z, AT_EVENT, N_COVARIATES)
    level = this[LEVEL] + event_level + state[SHIFT] + confidence_z * row[H.ERROR]
    tilt = this[TILT] + event_tilt
    missing = _predict_missing(row, this, level, tilt, barriers, this[:0], moves, scales)
    exponentials(moves.reshape(words)[: missing * _N], scales)
    _survive(moves, missing)
    _place(this[:0], this[:0], barriers, missing, moves)
