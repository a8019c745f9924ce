"""The decision on one side of a multileg's quote, and the margin of an open one, by the survival of the net price.

What both sides of a quote share is prepared first: `prepare_legs` fills the state float64[STATE_WORDS] of every leg.
The legs' features and states are rows of tables; `places` int64[legs] are the rows of the legs, so that all quotes on
an instrument can share its state. work float64[WORK_WORDS] is overwritten.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quotelife_models import decide as D
from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.covariates import THROUGH
from quotelife_models.enums import RISK_AVERSE
from quotelife_models.multileg.legs import (
    DOWN,
    SHIFT,
    STATE_WORDS,
    UP,
    fill_barriers,
    fill_moves,
    fill_upper_moves,
    prepare,
    set_shift,
)
from quotelife_models.multileg.net import NET_WORDS, joint_survival
from quotelife_models.multileg.steps import MOVE_WORDS, reach_of, steps_of
from quotelife_models.remaining import THROUGH_PRICE
from quotelife_models.risk_averse import shock
from quotelife_models.stopping import margin

_N = H.N_BINS
# words of work: moves of all legs against the quote and in its favour, what `fill_moves` and the net curve need
_ADVERSE, _FAVOURABLE, _SCALES, _BARRIERS = 0, MOVE_WORDS, 2 * MOVE_WORDS, 3 * MOVE_WORDS
_NET = _BARRIERS + MOVE_WORDS
_CURVE = _NET + NET_WORDS
WORK_WORDS = _CURVE + _N

_ROW, _TABLE = "float64[::1]", "float64[:,::1]"
_LEGS = f"{_TABLE}, int64[::1], int64[::1], {_ROW}, {_ROW}, {_TABLE}, {_TABLE}"


def leg_memory(n: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """(places, states, work) of n legs in a row."""
    return np.arange(n), np.zeros((n, STATE_WORDS)), np.zeros(WORK_WORDS)


@njit(f"void({_TABLE}, int64[::1], int64[::1], {_TABLE}, {_TABLE})", cache=True, nogil=True, _nrt=False)
def prepare_legs(table, parameters, places, xs, states):
    """Fill the states float64[.., STATE_WORDS] of legs from their features xs float64[.., N_FEATURES]; `parameters` are
    their rows of the table."""
    for i in range(len(parameters)):
        prepare(table[parameters[i]], xs[places[i]], states[places[i]])


@njit(f"void({_LEGS}, {_ROW}, float64, float64, float64, {_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def _net_curve(
    table, parameters, places, sides, weights, xs, states, policy, barrier, event, confidence_z, work, survival
):
    """Fill survival of a net move of `barrier` ticks against the quote, for Risk Averse its upper curve of an event."""
    if barrier <= 0.0 and event == THROUGH:
        for k in range(_N):
            survival[k] = H.FLOOR
        return
    n, barrier = len(weights), max(barrier, 1.0)
    steps = steps_of(n, barrier)
    reach = reach_of(n, steps)
    step, words, is_plain = barrier / steps, n * reach * _N, event == THROUGH and confidence_z == 0.0
    adverse = work[_ADVERSE : _ADVERSE + words].reshape((n, reach, _N))
    favourable = work[_FAVOURABLE : _FAVOURABLE + words].reshape((n, reach, _N))
    scales, barriers = work[_SCALES : _SCALES + reach * _N], work[_BARRIERS : _BARRIERS + reach]
    for i in range(n):
        row, state, towards = table[parameters[i]], states[places[i]], UP if sides[i] > 0.0 else DOWN
        shift = D.news_shift(policy, xs[places[i]])
        if state[SHIFT] != shift:
            set_shift(state, shift)
        fill_barriers(weights[i], step, barriers)
        if is_plain:
            fill_moves(row, state, towards, barriers, adverse[i], scales)
        else:
            fill_upper_moves(row, state, towards, barriers, event, confidence_z, adverse[i], scales)
        fill_moves(row, state, UP + DOWN - towards, barriers, favourable[i], scales)
    joint_survival(adverse, favourable, sides, steps, work[_NET : _NET + NET_WORDS], survival)


@njit(
    f"float64({_LEGS}, int64, {_ROW}, {_ROW}, {_ROW}, float64, float64, float64, float64, {_ROW})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def remaining_multileg_margin(
    table, parameters, places, sides, weights, xs, states, model, policy, stake, x, barrier_ticks, edge_ticks,
    elapsed_ms, remaining_ms, work,
):  # fmt: skip
    """`quotelife_models.remaining.remaining_margin` of one side of a multileg's open quote, from its net curve.

    Arguments as for `decide_multileg`; of x only the spread is read. Both distances are those of the net price.
    """
    if barrier_ticks <= 0.0:
        return THROUGH_PRICE
    survival = work[_CURVE : _CURVE + _N]
    z = policy[P.CONFIDENCE_Z] if model == RISK_AVERSE else 0.0
    _net_curve(table, parameters, places, sides, weights, xs, states, policy, barrier_ticks, THROUGH, z, work, survival)
    return margin(model, stake, x, edge_ticks, survival, elapsed_ms, remaining_ms)


@njit(f"int64({_LEGS}, int64, {_ROW}, {_ROW}, {_ROW}, {_ROW}, {_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def decide_multileg(table, parameters, places, sides, weights, xs, states, model, policy, x, ctx, bounds, work, out):
    """Decide one side of a multileg's quote; returns and fills what `quotelife_models.decide.decide` does.

    For each leg: `parameters` is its row of the table, `places` its row of xs and states (see above), `sides` +1.0
    where the client buys it and -1.0 where it sells it, `weights` the multileg's ticks by which one of its ticks moves
    the net price. The states are those of `prepare_legs`. x and ctx are the multileg's, in its ticks.
    """
    barrier = min(max(ctx[S.PICK_OFF_BARRIER], -1e9), 1e9)
    for at, m in ((D.AT_ONE_TICK, 1.0), (D.AT_PICK_OFF, barrier)):
        curve = out[at : at + _N]
        _net_curve(table, parameters, places, sides, weights, xs, states, policy, m, THROUGH, 0.0, work, curve)
    shock_size = 0.0
    if model == RISK_AVERSE and policy[P.TOLERANCE_STEPS] == 0.0:
        for i in range(len(weights)):
            shock_size = max(shock_size, shock(table[parameters[i]], policy, xs[places[i]]))
        m, event = D.risk_barrier(policy, barrier)
        z, curve = policy[P.CONFIDENCE_Z], out[D.AT_UPPER : D.AT_UPPER + _N]
        _net_curve(table, parameters, places, sides, weights, xs, states, policy, m, event, z, work, curve)
    return D.conclude(model, policy, x, ctx, bounds, shock_size, out)
