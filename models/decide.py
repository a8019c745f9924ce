"""The decision: parameters, market row and request in, lifetime and reason out. One kernel, no allocation.

Bounds come last, the tightest wins and gives its name to the reason: the client's own limit, the instrument's and the
session's maximum; below the minimum useful lifetime the quote is refused, not sent.
"""

import math

from numba import njit

from models import hazard as H
from models import policy as P
from models import reasons as R
from models import schema as S
from models.client_priority import budget_lifetime, target_lifetime
from models.covariates import N_COVARIATES, THROUGH, TOUCH, fill_base
from models.liquidity_provider import OVERSHOOT_STEPS, best_lifetime, overshoot
from models.parameters import Parameters
from models.policy import CLIENT_PRIORITY, LIQUIDITY_PROVIDER, MODELS, RISK_AVERSE
from models.response import log_moments, responded
from models.risk_averse import risk_averse_lifetime, shock
from models.tolerance import step_lifetime

__all__ = [
    "CLIENT_PRIORITY",
    "LIQUIDITY_PROVIDER",
    "MODELS",
    "RISK_AVERSE",
    "Parameters",
    "decide",
]

# bounds float64[N_BOUNDS], in ms; infinite where there is none
BOUND_CLIENT, BOUND_INSTRUMENT, BOUND_SESSION, BOUND_MINIMUM = range(4)
N_BOUNDS = 4

# out float64[OUT_WORDS]
(
    OUT_LIFETIME_NS,  # 0: no quote
    OUT_REASON,  # of `models.reasons`
    OUT_P_ONE_TICK,  # of an adverse move of one tick within the reference horizon
    OUT_P_PICK_OFF,  # of the pick-off within the lifetime
    OUT_EXPECTED_LOSS,  # ticks: informed share * p(pick-off within the lifetime) * loss when picked off
    OUT_MODEL_MS,  # the model's lifetime before bounds
    OUT_MODEL_REASON,
    OUT_P_UPPER,  # Risk Averse: upper bound of the chance of its barrier's move within the lifetime
    OUT_SHOCK,  # Risk Averse: size of the shock
    OUT_FILL,  # share of the client's responses that the lifetime allows
    OUT_VALUE,  # Liquidity Provider: expected value of the quote in ticks
    OUT_LOSS,  # ticks lost when picked off
) = range(12)
OUT_CURVE_ONE_TICK = 12  # p at BIN_ENDS_MS
OUT_CURVE_PICK_OFF = OUT_CURVE_ONE_TICK + H.N_BINS
OUT_RECORD = OUT_CURVE_PICK_OFF + H.N_BINS  # words worth keeping; workspace from here on
_ONE_TICK = OUT_RECORD
_PICK_OFF = _ONE_TICK + H.N_BINS
_UPPER = _PICK_OFF + H.N_BINS
_BEYOND = _UPPER + H.N_BINS
_RAW = _BEYOND + len(OVERSHOOT_STEPS) * H.N_BINS
_Z = _RAW + N_COVARIATES
OUT_WORDS = _Z + N_COVARIATES

_ROW = "float64[::1]"
_N = H.N_BINS
_NS_PER_MS = 1e6


@njit("float64(float64, float64, float64, float64)", cache=True, nogil=True)
def _within(value, low, high, otherwise):
    """The value inside [low, high]; `otherwise` if it is no number."""
    return min(max(value, low), high) if value == value else otherwise


@njit(f"UniTuple(float64, 2)({_ROW}, {_ROW}, float64, float64, {_ROW})", cache=True, nogil=True)
def _base(table_row, x, side, shift, out):
    """Part of the predictor of the covariates that need no barrier, plus the shift."""
    raw, z = out[_RAW : _RAW + N_COVARIATES], out[_Z : _Z + N_COVARIATES]
    fill_base(x, side, raw)
    level, tilt = H.base_predictor(table_row, raw, z)
    return level + shift, tilt


@njit(f"UniTuple(float64, 2)({_ROW}, float64, float64, float64, float64, int64, {_ROW})", cache=True, nogil=True)
def _curve(table_row, level, tilt, barrier, event, at, out):
    """Curve of one barrier and event into out[at:]. Returns the whole predictor."""
    raw, z = out[_RAW : _RAW + N_COVARIATES], out[_Z : _Z + N_COVARIATES]
    return H.barrier_curve(table_row, raw, level, tilt, barrier, event, z, out[at : at + _N])


@njit(f"float64({_ROW}, {_ROW}, float64, float64, float64, float64, {_ROW})", cache=True, nogil=True)
def _loss_ticks(table_row, x, barrier, level, tilt, latency_ms, out):
    """What a pick-off costs against the mid: half the spread and the jump past the barrier."""
    for j in range(len(OVERSHOOT_STEPS)):
        _curve(table_row, level, tilt, max(barrier, 0.0) + OVERSHOOT_STEPS[j], THROUGH, _BEYOND + j * _N, out)
    jump = overshoot(
        out[_PICK_OFF : _PICK_OFF + _N], out[_BEYOND : _BEYOND + _N], out[_BEYOND + _N : _BEYOND + 2 * _N], latency_ms
    )
    return 0.5 * _within(x[S.SPREAD], 1.0, 1e9, 1.0) + jump


@njit(f"UniTuple(float64, 2)({_ROW}, {_ROW}, {_ROW}, float64, float64, float64, {_ROW})", cache=True, nogil=True)
def _risk_averse(table_row, policy, x, barrier, level, tilt, out):
    """(lifetime in ms, reason)."""
    event = TOUCH if policy[P.BARRIER] == P.TOUCH else THROUGH
    if policy[P.BARRIER] != P.PICK_OFF:
        barrier = 1.0
    whole, whole_tilt = _curve(table_row, level, tilt, barrier, event, _UPPER, out)
    upper = out[_UPPER : _UPPER + _N]
    if barrier > 0.0:
        raised = policy[P.CONFIDENCE_Z] * H.standard_error(table_row, out[_Z : _Z + N_COVARIATES])
        H.fill_curve(table_row, whole + raised, whole_tilt, upper)
    size = shock(table_row, policy, x)
    out[OUT_SHOCK] = size
    return risk_averse_lifetime(policy, upper, size), float(R.RISK_BOUND_IN_SHOCK if size > 0.0 else R.RISK_BOUND)


@njit(f"UniTuple(float64, 2)({_ROW}, {_ROW}, float64, {_ROW})", cache=True, nogil=True)
def _client_priority(policy, ctx, informed, out):
    target = target_lifetime(policy, ctx)
    budget = budget_lifetime(policy, ctx, out[_PICK_OFF : _PICK_OFF + _N], informed, out[OUT_LOSS])
    if budget < target:
        return budget, float(R.LOSS_BUDGET)
    return target, float(R.FILL_TARGET)


@njit(f"UniTuple(float64, 2)({_ROW}, {_ROW}, {_ROW}, float64, {_ROW})", cache=True, nogil=True)
def _liquidity_provider(policy, x, ctx, informed, out):
    ms, value = best_lifetime(policy, x, ctx, out[_PICK_OFF : _PICK_OFF + _N], informed, out[OUT_LOSS])
    out[OUT_VALUE] = value
    return ms, float(R.VALUE_PEAK if ms > 0.0 else R.NO_VALUE)


@njit(f"UniTuple(float64, 2)(float64, float64, {_ROW})", cache=True, nogil=True)
def _bounded(ms, reason, bounds):
    """The tightest maximum, then the minimum; (0, reason) is a refusal."""
    if ms > bounds[BOUND_INSTRUMENT]:
        ms, reason = bounds[BOUND_INSTRUMENT], float(R.INSTRUMENT_MAXIMUM)
    if ms > bounds[BOUND_SESSION]:
        ms, reason = bounds[BOUND_SESSION], float(R.SESSION_MAXIMUM)
    if ms > bounds[BOUND_CLIENT]:
        ms, reason = bounds[BOUND_CLIENT], float(R.CLIENT_LIMIT)
    if reason != R.NO_VALUE and (not ms > 0.0 or ms < bounds[BOUND_MINIMUM]):
        return 0.0, float(R.BELOW_MINIMUM)
    return ms, reason


@njit(f"void({_ROW}, float64, float64, {_ROW})", cache=True, nogil=True)
def _report(ctx, ms, informed, out):
    """The figures that belong to the lifetime given."""
    out[OUT_P_PICK_OFF] = H.p_at(out[_PICK_OFF : _PICK_OFF + _N], ms)
    out[OUT_EXPECTED_LOSS] = informed * out[OUT_P_PICK_OFF] * out[OUT_LOSS]
    out[OUT_FILL] = 0.0
    if ms > 0.0:
        mu, sigma = log_moments(ctx[S.CLIENT_RESPONSE], ctx[S.CLIENT_RESPONSE_CV])
        out[OUT_FILL] = responded(mu, sigma, math.log(ms))
    for k in range(_N):
        out[OUT_CURVE_ONE_TICK + k] = 1.0 - out[_ONE_TICK + k]
        out[OUT_CURVE_PICK_OFF + k] = 1.0 - out[_PICK_OFF + k]


@njit(f"int64(float64[:,::1], int64, int64, {_ROW}, {_ROW}, {_ROW}, {_ROW}, {_ROW})", cache=True, nogil=True)
def decide(table, parameters, model, policy, x, ctx, bounds, out):
    """Decide one side of a quote. Returns the lifetime in ns, 0 for a refusal; the rest is in `out`.

    `table` float64[n, N_PARAMETERS] and `parameters`, a row of it, come from `Parameters`; `model` is one of
    CLIENT_PRIORITY, RISK_AVERSE, LIQUIDITY_PROVIDER; `policy` float64[N_POLICY] is from `models.policy.pack`; x and ctx
    are as in `models.schema`; bounds float64[N_BOUNDS] in ms; out float64[OUT_WORDS].
    """
    table_row = table[parameters]
    side = 1.0 if ctx[S.SIDE] > 0 else -1.0
    informed = _within(ctx[S.CLIENT_INFORMED_SHARE], 0.0, 1.0, 1.0)
    barrier = _within(ctx[S.PICK_OFF_BARRIER], -1e9, 1e9, 1.0)
    shift = policy[P.NEWS_LOG_ODDS] * _within(abs(x[S.NEWS_SENTIMENT]), 0.0, 1.0, 0.0)
    level, tilt = _base(table_row, x, side, shift, out)
    _curve(table_row, level, tilt, 1.0, THROUGH, _ONE_TICK, out)
    _curve(table_row, level, tilt, barrier, THROUGH, _PICK_OFF, out)
    out[OUT_LOSS] = _loss_ticks(table_row, x, barrier, level, tilt, policy[P.LATENCY_MS], out)
    out[OUT_P_ONE_TICK] = H.p_at(out[_ONE_TICK : _ONE_TICK + _N], S.REFERENCE_HORIZON_MS)
    out[OUT_P_UPPER] = 0.0
    out[OUT_SHOCK] = 0.0
    out[OUT_VALUE] = 0.0
    if policy[P.TOLERANCE_STEPS] > 0.0:
        ms, reason = step_lifetime(policy, out[OUT_P_ONE_TICK]), float(R.TOLERANCE_CURVE)
    elif model == RISK_AVERSE:
        ms, reason = _risk_averse(table_row, policy, x, barrier, level, tilt, out)
    elif model == CLIENT_PRIORITY:
        ms, reason = _client_priority(policy, ctx, informed, out)
    else:
        ms, reason = _liquidity_provider(policy, x, ctx, informed, out)
    out[OUT_MODEL_MS] = ms
    out[OUT_MODEL_REASON] = reason
    ms, reason = _bounded(ms, reason, bounds)
    if model == RISK_AVERSE and policy[P.TOLERANCE_STEPS] == 0.0:
        out[OUT_P_UPPER] = H.p_at(out[_UPPER : _UPPER + _N], ms)
    _report(ctx, ms, informed, out)
    lifetime_ns = int(ms * _NS_PER_MS)
    out[OUT_LIFETIME_NS] = float(lifetime_ns)
    out[OUT_REASON] = reason
    return lifetime_ns
