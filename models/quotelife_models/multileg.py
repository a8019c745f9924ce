"""Several legs as one instrument: the survival curve of their net price, and the decision on it.

One tick of a leg moves the net price by the leg's weight: its ratio times its tick, over the multileg's tick. The leg's
own curves give the probability that it alone moves the net price against the quote by j steps or more by T, p(j, T),
and by as much in favour, q(j, T). A net move of m ticks is m steps of a tick, or the maximum number of equal steps;
moves of a leg are considered up to half as far again.

    net       the legs move independently. By the reflection principle a leg that has reached j is at j or beyond with
              probability one half: its displacement is Y >= j with p(j)/2 and Y <= -j with q(j)/2, placed in the middle
              between two steps if it lies between them. The net displacement is the sum, a convolution, and
              P(net >= m by T) = 2 P(Y_1 + .. + Y_n >= m). This is exact for Brownian motions and where one leg makes
              the move alone; two rare jumps at once are counted at one half.
    together  the legs whose adverse direction is the same move as one: the largest p at which the quantiles of their
              moves add up to m. Moves of related legs are correlated, and then they add up. Partial cancellation of
              opposite legs is not relied on, so the spread of two futures lives shorter than it could.

p is the larger one, never falling in T. One leg of weight 1 gets its own curve.
"""

import math

import numpy as np
from numba import njit

from quotelife_models import decide as D
from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.covariates import N_COVARIATES, THROUGH, fill_base
from quotelife_models.enums import RISK_AVERSE
from quotelife_models.remaining import THROUGH_PRICE
from quotelife_models.risk_averse import shock
from quotelife_models.stopping import margin

MAX_STEPS, SHARED_STEPS, MIN_STEPS = 16, 32, 6  # of a net move; SHARED_STEPS over the number of legs, to limit time
_BEYOND = 1.5  # farthest move of a leg that is considered, over m
KNOWN_TICKS = 32  # moves of a leg, in its ticks, whose curves are computed once for all barriers of a decision
_N = H.N_BINS
_FLOOR = 1e-100
_SLACK = 1e-9  # ticks: a step this near to a whole tick counts as one

_ROW, _TABLE, _CUBE = "float64[::1]", "float64[:,::1]", "float64[:,:,::1]"


@njit(f"void({_TABLE}, {_TABLE}, int64, {_ROW})", cache=True, nogil=True)
def _displacement(adverse, favourable, k, mass):
    """Distribution of a leg's displacement by the end of bin k, in half steps: mass float64[4 * reach + 1], with a
    displacement of 0 in the middle."""
    reach = adverse.shape[0]
    zero = 2 * reach
    mass[:] = 0.0
    mass[zero] = 1.0 - 0.5 * adverse[0, k] - 0.5 * favourable[0, k]
    for j in range(reach):
        last = j == reach - 1
        at = 2 * (j + 1) + (0 if last else 1)
        mass[zero + at] += 0.5 * (adverse[j, k] - (0.0 if last else adverse[j + 1, k]))
        mass[zero - at] += 0.5 * (favourable[j, k] - (0.0 if last else favourable[j + 1, k]))


@njit(f"int64({_CUBE}, {_CUBE}, int64, int64, int64, {_ROW}, {_ROW})", cache=True, nogil=True)
def _summed(adverse, favourable, first, end, k, total, work):
    """Distribution of the summed displacement of legs [first, end) into the first words of total; returns the position
    of displacement 0. work is as long as total."""
    reach = 2 * adverse.shape[1]
    mass, middle = np.empty(2 * reach + 1), 0
    total[0] = 1.0
    for i in range(first, end):
        _displacement(adverse[i], favourable[i], k, mass)
        work[: 2 * (middle + reach) + 1] = 0.0
        for at in range(2 * middle + 1):
            here = total[at]
            if here > 0.0:
                for j in range(2 * reach + 1):
                    work[at + j] += here * mass[j]
        middle += reach
        total[: 2 * middle + 1] = work[: 2 * middle + 1]
    return middle


@njit(f"float64({_CUBE}, {_CUBE}, int64, int64)", cache=True, nogil=True)
def _independent(adverse, favourable, steps, k):
    """P(net >= steps) by the end of bin k, of legs that move independently.

    The legs are summed in two halves, and only the tail of their sum is computed: that avoids the largest convolution.
    """
    n = adverse.shape[0]
    half = n // 2
    words = 4 * (n - half) * adverse.shape[1] + 1
    some, others, work = np.empty(words), np.empty(words), np.empty(words)
    some_middle = _summed(adverse, favourable, 0, half, k, some, work)
    middle = _summed(adverse, favourable, half, n, k, others, work)
    for at in range(2 * middle - 1, -1, -1):  # from here on: the probability of at least this displacement
        others[at] += others[at + 1]
    p = 0.0
    for at in range(2 * some_middle + 1):
        least = middle + 2 * steps - (at - some_middle)
        if least <= 2 * middle:
            p += some[at] * others[max(least, 0)]
    return min(2.0 * p, 1.0)


@njit(f"float64({_CUBE}, {_ROW}, float64, int64, int64)", cache=True, nogil=True)
def _together(adverse, sides, side, steps, k):
    """The largest p at which the moves of the legs of one side add up to `steps`."""
    n, reach, best = adverse.shape[0], adverse.shape[1], 0.0
    for leg in range(n):
        for step in range(reach):
            p = adverse[leg, step, k]
            if sides[leg] != side or p <= best:
                continue
            moved = 0
            for i in range(n):
                if sides[i] == side:
                    j = 0
                    while j < reach and adverse[i, j, k] >= p:
                        j += 1
                    moved += j
            if moved >= steps:
                best = p
    return best


@njit(f"void({_CUBE}, {_CUBE}, {_ROW}, int64, {_ROW})", cache=True, nogil=True)
def joint_survival(adverse, favourable, sides, steps, survival):
    """Fill survival float64[N_BINS] of a net move of `steps`.

    adverse, favourable float64[legs, reach, N_BINS]: p that the leg alone moves the net by 1, 2 .. reach steps, falling
    in the steps; sides float64[legs]: +1 where the leg's bid rising is adverse, -1 where its offer falling is.
    """
    p = 0.0
    for k in range(survival.shape[0]):
        p = max(p, _independent(adverse, favourable, steps, k))
        p = max(p, _together(adverse, sides, 1.0, steps, k), _together(adverse, sides, -1.0, steps, k))
        survival[k] = max(1.0 - p, _FLOOR)


@njit(f"void({_ROW}, {_TABLE}, {_ROW}, float64, float64, float64, float64, {_TABLE}, {_TABLE})", cache=True, nogil=True)
def _leg_moves(table_row, work, predictor, weight, step, event, confidence_z, known, moves):
    """Fill moves float64[steps, N_BINS]: p that a leg alone moves the net price by each number of steps.

    The predictor is raised by `confidence_z` standard errors. work float64[2, N_COVARIATES]: the leg's raw and
    standardised covariates; predictor: (level, tilt) of the base ones; known float64[KNOWN_TICKS, N_BINS]: p of moves
    by 1, 2 .. of the leg's ticks that were computed before, else negative.
    """
    raw, z = work[0], work[1]
    survival, last = np.empty(_N), 0.0
    plain, steps = event == THROUGH and confidence_z == 0.0, moves.shape[0]
    for j in range(steps):
        barrier = max(math.ceil((j + 1) * step / weight - _SLACK), 1.0)
        cached = plain and barrier <= KNOWN_TICKS
        if cached and known[int(barrier) - 1, 0] >= 0.0:
            moves[j] = known[int(barrier) - 1]
            continue
        if barrier != last:
            level, tilt = H.barrier_curve(table_row, raw, predictor[0], predictor[1], barrier, event, z, survival)
            if confidence_z != 0.0:
                H.fill_curve(table_row, level + confidence_z * table_row[H.ERROR], tilt, survival)
            last = barrier
        moves[j] = 1.0 - survival
        if cached:
            known[int(barrier) - 1] = moves[j]
    for j in range(steps - 2, -1, -1):
        for k in range(_N):
            moves[j, k] = max(moves[j, k], moves[j + 1, k])


@njit(
    f"void({_TABLE}, {_ROW}, {_ROW}, {_CUBE}, {_TABLE}, {_CUBE}, float64, float64, float64, {_ROW})",
    cache=True,
    nogil=True,
)
def _net_curve(fits, sides, weights, work, predictors, known, barrier, event, confidence_z, survival):
    """Fill survival of a net move of `barrier` ticks against the quote. `fits` holds the parameters in use for each
    leg; work, predictors and known hold the adverse sides of all legs, then the favourable ones."""
    if barrier <= 0.0 and event == THROUGH:
        survival[:] = _FLOOR
        return
    n, barrier = len(weights), max(barrier, 1.0)
    most = min(max(SHARED_STEPS // n, MIN_STEPS), MAX_STEPS)
    steps = int(min(math.ceil(barrier - _SLACK), most))
    reach = math.ceil(_BEYOND * steps) if n > 1 else steps
    step = barrier / steps
    adverse, favourable = np.empty((n, reach, _N)), np.empty((n, reach, _N))
    for i in range(n):
        row, j = fits[i], n + i
        _leg_moves(row, work[i], predictors[i], weights[i], step, event, confidence_z, known[i], adverse[i])
        _leg_moves(row, work[j], predictors[j], weights[i], step, THROUGH, 0.0, known[j], favourable[i])
    joint_survival(adverse, favourable, sides, steps, survival)


@njit(
    f"void({_TABLE}, int64[::1], {_ROW}, {_TABLE}, {_ROW}, {_TABLE}, {_CUBE}, {_TABLE}, {_CUBE})",
    cache=True,
    nogil=True,
)
def _predict(table, parameters, sides, xs, policy, fits, work, predictors, known):
    """Fill what all barriers share: the parameters in use for each leg; work, predictors and known of the adverse sides
    of all legs, then of the favourable ones."""
    n = len(sides)
    for i in range(n):
        shift = D.news_shift(policy, xs[i])
        if not H.mixed(table[parameters[i]], xs[i], fits[i]):
            fits[i] = table[parameters[i]]
        for way in range(2):
            at = i + way * n
            fill_base(xs[i], sides[i] * (1.0 - 2.0 * way), work[at, 0])
            level, tilt = H.base_predictor(fits[i], work[at, 0], work[at, 1])
            predictors[at, 0], predictors[at, 1] = level + shift, tilt
            known[at, :, 0] = -1.0


@njit(
    f"float64({_TABLE}, int64[::1], {_ROW}, {_ROW}, {_TABLE}, int64, {_ROW}, {_ROW}, {_ROW}, float64, float64, "
    "float64, float64)",
    cache=True,
    nogil=True,
)
def remaining_multileg_margin(
    table, parameters, sides, weights, xs, model, policy, stake, x, barrier_ticks, edge_ticks, elapsed_ms, remaining_ms
):
    """`quotelife_models.remaining.remaining_margin` of one side of a multileg's open quote, from its net curve.

    Arrays as for `decide_multileg`; of x only the spread is read. Both distances are those of the net price.
    """
    if barrier_ticks <= 0.0:
        return THROUGH_PRICE
    n, survival = len(weights), np.empty(_N)
    work, predictors = np.empty((2 * n, 2, N_COVARIATES)), np.empty((2 * n, 2))
    known, fits = np.empty((2 * n, KNOWN_TICKS, _N)), np.empty((n, H.N_PARAMETERS))
    _predict(table, parameters, sides, xs, policy, fits, work, predictors, known)
    z = policy[P.CONFIDENCE_Z] if model == RISK_AVERSE else 0.0
    _net_curve(fits, sides, weights, work, predictors, known, barrier_ticks, float(THROUGH), z, survival)
    return margin(model, stake, x, edge_ticks, survival, elapsed_ms, remaining_ms)


@njit(
    f"int64({_TABLE}, int64[::1], {_ROW}, {_ROW}, {_TABLE}, int64, {_ROW}, {_ROW}, {_ROW}, {_ROW}, {_ROW})",
    cache=True,
    nogil=True,
)
def decide_multileg(table, parameters, sides, weights, xs, model, policy, x, ctx, bounds, out):
    """Decide one side of a multileg's quote; returns and fills what `quotelife_models.decide.decide` does.

    For each leg: `parameters` is its row of the table, `sides` +1.0 where the client buys it and -1.0 where it sells
    it, `weights` the multileg's ticks by which one of its ticks moves the net price, `xs` float64[legs, N_FEATURES] its
    features. x and ctx are the multileg's, in its ticks.
    """
    n = len(weights)
    work, predictors = np.empty((2 * n, 2, N_COVARIATES)), np.empty((2 * n, 2))
    known, fits = np.empty((2 * n, KNOWN_TICKS, _N)), np.empty((n, H.N_PARAMETERS))
    _predict(table, parameters, sides, xs, policy, fits, work, predictors, known)
    barrier = min(max(ctx[S.PICK_OFF_BARRIER], -1e9), 1e9)
    curves = ((D.AT_ONE_TICK, 1.0), (D.AT_PICK_OFF, barrier))
    for at, m in curves:
        _net_curve(fits, sides, weights, work, predictors, known, m, THROUGH, 0.0, out[at : at + _N])
    shock_size = 0.0
    if model == RISK_AVERSE and policy[P.TOLERANCE_STEPS] == 0.0:
        for i in range(n):
            shock_size = max(shock_size, shock(table[parameters[i]], policy, xs[i]))
        m, event = D.risk_barrier(policy, barrier)
        upper = out[D.AT_UPPER : D.AT_UPPER + _N]
        z = policy[P.CONFIDENCE_Z]
        _net_curve(fits, sides, weights, work, predictors, known, m, event, z, upper)
    return D.conclude(model, policy, x, ctx, bounds, shock_size, out)
