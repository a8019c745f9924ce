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
# survival at BIN_ENDS_MS
AT_ONE_TICK = OUT_RECORD
AT_PICK_OFF = AT_ONE_TICK + H.N_BINS
AT_UPPER = AT_PICK_OFF + H.N_BINS
AT_BEYOND = AT_UPPER + H.N_BINS
_RAW = AT_BEYOND + len(OVERSHOOT_STEPS) * H.N_BINS
_Z = _RAW + N_COVARIATES
OUT_WORDS = _Z + N_COVARIATES

_ROW = "float64[::1]"
_N = H.N_BINS
_NS_PER_MS = 1e6


@njit("float64(float64, float64, float64, float64)", cache=True, nogil=True)
def _within(value, low, high, otherwise):
    """The value inside [low, high]; `otherwise` if it is no number."""
    return min(max(value, low), high) if value == value else otherwise


@njit(f"float64({_ROW}, {_ROW})", cache=True, nogil=True)
def news_shift(policy, x):
    """What the news adds to the predictor."""
    return policy[P.NEWS_LOG_ODDS] * _within(abs(x[S.NEWS_SENTIMENT]), 0.0, 1.0, 0.0)


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


@njit(f"float64({_ROW}, float64, {_ROW})", cache=True, nogil=True)
def _loss_ticks(x, latency_ms, out):
    """What a pick-off costs against the mid: half the spread and the jump past the barrier."""
    jump = overshoot(
        out[AT_PICK_OFF : AT_PICK_OFF + _N],
        out[AT_BEYOND : AT_BEYOND + _N],
        out[AT_BEYOND + _N : AT_BEYOND + 2 * _N],
        latency_ms,
    )
    return 0.5 * _within(x[S.SPREAD], 1.0, 1e9, 1.0) + jump


@njit(f"UniTuple(float64, 2)({_ROW}, float64)", cache=True, nogil=True)
def risk_barrier(policy, pick_off):
    """(barrier in ticks, event) that Risk Averse keeps from."""
    event = TOUCH if policy[P.BARRIER] == P.TOUCH else THROUGH
    return pick_off if policy[P.BARRIER] == P.PICK_OFF else 1.0, float(event)


@njit(f"void({_ROW}, {_ROW}, float64, float64, float64, {_ROW})", cache=True, nogil=True)
def _upper(table_row, policy, pick_off, level, tilt, out):
    """The upper curve of Risk Averse's barrier."""
    barrier, event = risk_barrier(policy, pick_off)
    whole, whole_tilt = _curve(table_row, level, tilt, barrier, event, AT_UPPER, out)
    if barrier > 0.0:
        raised = policy[P.CONFIDENCE_Z] * H.standard_error(table_row, out[_Z : _Z + N_COVARIATES])
        H.fill_curve(table_row, whole + raised, whole_tilt, out[AT_UPPER : AT_UPPER + _N])


@njit(f"UniTuple(float64, 2)({_ROW}, {_ROW}, float64, {_ROW})", cache=True, nogil=True)
def _client_priority(policy, ctx, informed, out):
    target = target_lifetime(policy, ctx)
    budget = budget_lifetime(policy, ctx, out[AT_PICK_OFF : AT_PICK_OFF + _N], informed, out[OUT_LOSS])
    if budget < target:
        return budget, float(R.LOSS_BUDGET)
    return target, float(R.FILL_TARGET)


@njit(f"UniTuple(float64, 2)({_ROW}, {_ROW}, {_ROW}, float64, {_ROW})", cache=True, nogil=True)
def _liquidity_provider(policy, x, ctx, informed, out):
    ms, value = best_lifetime(policy, x, ctx, out[AT_PICK_OFF : AT_PICK_OFF + _N], informed, out[OUT_LOSS])
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
    out[OUT_P_PICK_OFF] = H.p_at(out[AT_PICK_OFF : AT_PICK_OFF + _N], ms)
    out[OUT_EXPECTED_LOSS] = informed * out[OUT_P_PICK_OFF] * out[OUT_LOSS]
    out[OUT_FILL] = 0.0
    if ms > 0.0:
        mu, sigma = log_moments(ctx[S.CLIENT_RESPONSE], ctx[S.CLIENT_RESPONSE_CV])
        out[OUT_FILL] = responded(mu, sigma, math.log(ms))
    for k in range(_N):
        out[OUT_CURVE_ONE_TICK + k] = 1.0 - out[AT_ONE_TICK + k]
        out[OUT_CURVE_PICK_OFF + k] = 1.0 - out[AT_PICK_OFF + k]


@njit(f"int64(int64, {_ROW}, {_ROW}, {_ROW}, {_ROW}, float64, {_ROW})", cache=True, nogil=True)
def conclude(model, policy, x, ctx, bounds, shock_size, out):
    """From the curves to the lifetime in ns: survival in `out` at AT_ONE_TICK, AT_PICK_OFF, AT_BEYOND (the pick-off's
    barrier and OVERSHOOT_STEPS) and, for Risk Averse, AT_UPPER. The rest as for `decide`."""
    informed = _within(ctx[S.CLIENT_INFORMED_SHARE], 0.0, 1.0, 1.0)
    out[OUT_LOSS] = _loss_ticks(x, policy[P.LATENCY_MS], out)
    out[OUT_P_ONE_TICK] = H.p_at(out[AT_ONE_TICK : AT_ONE_TICK + _N], S.REFERENCE_HORIZON_MS)
    out[OUT_P_UPPER] = 0.0
    out[OUT_SHOCK] = 0.0
    out[OUT_VALUE] = 0.0
    if policy[P.TOLERANCE_STEPS] > 0.0:
        ms, reason = step_lifetime(policy, out[OUT_P_ONE_TICK]), float(R.TOLERANCE_CURVE)
    elif model == RISK_AVERSE:
        out[OUT_SHOCK] = shock_size
        ms = risk_averse_lifetime(policy, out[AT_UPPER : AT_UPPER + _N], shock_size)
        reason = float(R.RISK_BOUND_IN_SHOCK if shock_size > 0.0 else R.RISK_BOUND)
        if policy[P.TARGET_FILL] > 0.0 and target_lifetime(policy, ctx) < ms:
            ms, reason = target_lifetime(policy, ctx), float(R.FILL_TARGET)
    elif model == CLIENT_PRIORITY:
        ms, reason = _client_priority(policy, ctx, informed, out)
    else:
        ms, reason = _liquidity_provider(policy, x, ctx, informed, out)
    out[OUT_MODEL_MS] = ms
    out[OUT_MODEL_REASON] = reason
    ms, reason = _bounded(ms, reason, bounds)
    if model == RISK_AVERSE and policy[P.TOLERANCE_STEPS] == 0.0:
        out[OUT_P_UPPER] = H.p_at(out[AT_UPPER : AT_UPPER + _N], ms)
    _report(ctx, ms, informed, out)
    lifetime_ns = int(ms * _NS_PER_MS)
    out[OUT_LIFETIME_NS] = float(lifetime_ns)
    out[OUT_REASON] = reason
    return lifetime_ns


@njit(f"int64(float64[:,::1], int64, int64, {_ROW}, {_ROW}, {_ROW}, {_ROW}, {_ROW})", cache=True, nogil=True)
def decide(table, parameters, model, policy, x, ctx, bounds, out):
    """Decide one side of a quote. Returns the lifetime in ns, 0 for a refusal; the rest is in `out`.

    `table` float64[n, N_PARAMETERS] and `parameters`, a row of it, come from `Parameters`; `model` is one of
    CLIENT_PRIORITY, RISK_AVERSE, LIQUIDITY_PROVIDER; `policy` float64[N_POLICY] is from `models.policy.pack`; x and ctx
    are as in `models.schema`; bounds float64[N_BOUNDS] in ms; out float64[OUT_WORDS].
    """
    table_row = table[parameters]
    side = 1.0 if ctx[S.SIDE] > 0 else -1.0
    barrier = _within(ctx[S.PICK_OFF_BARRIER], -1e9, 1e9, 1.0)
    level, tilt = _base(table_row, x, side, news_shift(policy, x), out)
    _curve(table_row, level, tilt, 1.0, THROUGH, AT_ONE_TICK, out)
    _curve(table_row, level, tilt, barrier, THROUGH, AT_PICK_OFF, out)
    for j in range(len(OVERSHOOT_STEPS)):
        _curve(table_row, level, tilt, max(barrier, 0.0) + OVERSHOOT_STEPS[j], THROUGH, AT_BEYOND + j * _N, out)
    shock_size = 0.0
    if model == RISK_AVERSE and policy[P.TOLERANCE_STEPS] == 0.0:
        shock_size = shock(table_row, policy, x)
        _upper(table_row, policy, barrier, level, tilt, out)
    return conclude(model, policy, x, ctx, bounds, shock_size, out)
