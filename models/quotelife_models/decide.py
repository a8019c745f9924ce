"""The decision on one side of a quote: parameters, market row and context in, lifetime and reason out.

One kernel without allocation: survival curves, then the expiry model (`quotelife_models.expiry_models`), then bounds.
The tightest bound sets the reason: the client's own limit, the maximum of the instrument or of the session. Below the
minimum useful lifetime the quote is refused.
"""

import math

from numba import njit

from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import reasons as R
from quotelife_models import schema as S
from quotelife_models.covariates import (
    AT_EVENT,
    N_BASE,
    N_COVARIATES,
    THROUGH,
    TOUCH,
    fill_barrier,
    fill_base,
    fill_event,
)
from quotelife_models.enums import BARRIER_PICK_OFF, BARRIER_TOUCH, RISK_AVERSE
from quotelife_models.expiry_models import model_lifetime
from quotelife_models.response import log_moments, responded
from quotelife_models.risk_averse import shock
from quotelife_models.stopping import half_spread, probability, race_of

# bounds float64[N_BOUNDS], in ms; infinite without a bound
BOUND_CLIENT, BOUND_INSTRUMENT, BOUND_SESSION, BOUND_MINIMUM = range(4)
N_BOUNDS = 4

# out float64[OUT_WORDS]
(
    OUT_LIFETIME_NS,  # 0: no quote
    OUT_REASON,  # of `quotelife_models.reasons`
    OUT_P_ONE_TICK,  # of an adverse move of one tick within the reference horizon
    OUT_P_PICK_OFF,  # of the pick-off within the lifetime
    OUT_EXPECTED_LOSS,  # ticks: informed share * p(pick-off within the lifetime) * p(race lost) * loss
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
OUT_RECORD = OUT_CURVE_PICK_OFF + H.N_BINS  # words that are journalled; workspace from here on
# survival at BIN_ENDS_MS
AT_ONE_TICK = OUT_RECORD
AT_PICK_OFF = AT_ONE_TICK + H.N_BINS
AT_UPPER = AT_PICK_OFF + H.N_BINS
RAW = AT_UPPER + H.N_BINS  # raw covariates; `decide_filled` reads the base ones from here
_Z = RAW + N_COVARIATES  # standardised covariates
_SHARES = _Z + N_COVARIATES
_RESPONSE = _SHARES + 2 * H.N_BINS  # mean and cv of the last response time, and its `log_moments`
MIXTURE = _RESPONSE + 4  # of `hazard.mixed`
OUT_WORDS = MIXTURE + H.N_PARAMETERS

_ROW = "float64[::1]"
_N = H.N_BINS
_NS_PER_MS = 1e6


@njit("float64(float64, float64, float64, float64)", cache=True, nogil=True, _nrt=False)
def _within(value, low, high, otherwise):
    """The value bounded to [low, high]; `otherwise` for NaN."""
    return min(max(value, low), high) if value == value else otherwise


@njit(f"float64({_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def news_shift(policy, x):
    """What the news sentiment adds to the predictor, in log-odds."""
    return policy[P.NEWS_LOG_ODDS] * _within(abs(x[S.NEWS_SENTIMENT]), 0.0, 1.0, 0.0)


@njit(f"UniTuple(float64, 2)({_ROW}, float64, {_ROW})", cache=True, nogil=True, _nrt=False)
def predict_event(table_row, event, out):
    """(level, tilt) that an event adds to the predictor; for THROUGH it is the same for both sides of a quote."""
    raw, z = out[RAW : RAW + N_COVARIATES], out[_Z : _Z + N_COVARIATES]
    fill_event(event, raw)
    return H.predict(table_row, raw, z, AT_EVENT, N_COVARIATES)


@njit(f"UniTuple(float64, 2)({_ROW}, float64)", cache=True, nogil=True, _nrt=False)
def risk_barrier(policy, pick_off):
    """(barrier in ticks, event) whose chance Risk Averse bounds; `pick_off` is the pick-off barrier in ticks."""
    event = TOUCH if policy[P.BARRIER] == BARRIER_TOUCH else THROUGH
    return pick_off if policy[P.BARRIER] == BARRIER_PICK_OFF else 1.0, float(event)


@njit(f"void({_ROW}, {_ROW}, float64, float64, float64, {_ROW})", cache=True, nogil=True, _nrt=False)
def _upper(table_row, policy, pick_off, level, tilt, out):
    """Fill the upper curve of Risk Averse's barrier; (level, tilt) is the predictor without barrier and event."""
    barrier, event = risk_barrier(policy, pick_off)
    if barrier <= 0.0:
        out[AT_UPPER : AT_UPPER + _N] = H.FLOOR
        return
    raw, z = out[RAW : RAW + N_COVARIATES], out[_Z : _Z + N_COVARIATES]
    fill_barrier(barrier, event, raw)
    more_level, more_tilt = H.predict(table_row, raw, z, N_BASE, N_COVARIATES)
    level, tilt = level + more_level, tilt + more_tilt
    level += policy[P.CONFIDENCE_Z] * table_row[H.ERROR]
    H.fill_curve(table_row, level, tilt, out[AT_UPPER : AT_UPPER + _N])


@njit(f"UniTuple(float64, 2)(float64, float64, {_ROW})", cache=True, nogil=True, forceinline=True, _nrt=False)
def _bounded(ms, reason, bounds):
    """(lifetime in ms, reason) within the maxima; (0, reason) is a refusal, below the minimum or by the model."""
    if ms > bounds[BOUND_INSTRUMENT]:
        ms, reason = bounds[BOUND_INSTRUMENT], float(R.INSTRUMENT_MAXIMUM)
    if ms > bounds[BOUND_SESSION]:
        ms, reason = bounds[BOUND_SESSION], float(R.SESSION_MAXIMUM)
    if ms > bounds[BOUND_CLIENT]:
        ms, reason = bounds[BOUND_CLIENT], float(R.CLIENT_LIMIT)
    if reason != R.NO_VALUE and (not ms > 0.0 or ms < bounds[BOUND_MINIMUM]):
        return 0.0, float(R.BELOW_MINIMUM)
    return ms, reason


@njit(f"void(float64, float64, float64, float64, {_ROW})", cache=True, nogil=True, forceinline=True, _nrt=False)
def _report(ms, caught, mu, sigma, out):
    """Fill the figures in `out` that depend on the final lifetime, and both curves; `caught` is the share of requests
    that are informed and win their race."""
    out[OUT_P_PICK_OFF] = H.p_at(out[AT_PICK_OFF : AT_PICK_OFF + _N], ms)
    out[OUT_EXPECTED_LOSS] = caught * out[OUT_P_PICK_OFF] * out[OUT_LOSS]
    out[OUT_FILL] = responded(mu, sigma, math.log(ms)) if ms > 0.0 else 0.0
    for k in range(_N):
        out[OUT_CURVE_ONE_TICK + k] = 1.0 - out[AT_ONE_TICK + k]
        out[OUT_CURVE_PICK_OFF + k] = 1.0 - out[AT_PICK_OFF + k]


@njit(f"UniTuple(float64, 2)(float64, float64, {_ROW})", cache=True, nogil=True, _nrt=False)
def _response(mean_ms, cv, known):
    """`log_moments`, cached in known float64[4] because both sides of a quote have the same client."""
    if known[0] != mean_ms or known[1] != cv or known[3] == 0.0:
        known[0], known[1] = mean_ms, cv
        known[2], known[3] = log_moments(mean_ms, cv)
    return known[2], known[3]


@njit(
    f"int64(int64, {_ROW}, {_ROW}, {_ROW}, {_ROW}, float64, {_ROW})",
    cache=True,
    nogil=True,
    forceinline=True,
    _nrt=False,
)
def conclude(model, policy, x, ctx, bounds, shock_size, out):
    """The lifetime in ns from the curves in `out`: survival at AT_ONE_TICK, AT_PICK_OFF and, for Risk Averse, AT_UPPER.

    `shock_size` is 0 for other models. The rest as for `decide`.
    """
    informed = probability(ctx[S.CLIENT_INFORMED_SHARE])
    mu, sigma = _response(ctx[S.CLIENT_RESPONSE], ctx[S.CLIENT_RESPONSE_CV], out[_RESPONSE:])
    out[OUT_LOSS] = half_spread(x)
    out[OUT_P_ONE_TICK] = 1.0 - out[AT_ONE_TICK + H.REFERENCE_BIN]
    out[OUT_P_UPPER] = 0.0
    out[OUT_SHOCK] = shock_size
    pick_off, upper = out[AT_PICK_OFF : AT_PICK_OFF + _N], out[AT_UPPER : AT_UPPER + _N]
    figures = (out[OUT_P_ONE_TICK], informed, out[OUT_LOSS], shock_size, mu, sigma)
    shares = out[_SHARES : _SHARES + 2 * _N].reshape((2, _N))
    ms, reason, value = model_lifetime(model, policy, x, ctx, pick_off, upper, figures, shares)
    out[OUT_VALUE] = value
    out[OUT_MODEL_MS] = ms
    out[OUT_MODEL_REASON] = reason
    ms, reason = _bounded(ms, reason, bounds)
    if model == RISK_AVERSE and policy[P.TOLERANCE_STEPS] == 0.0:
        out[OUT_P_UPPER] = H.p_at(upper, ms)
    _report(ms, informed * race_of(policy, ctx), mu, sigma, out)
    lifetime_ns = int(ms * _NS_PER_MS)
    out[OUT_LIFETIME_NS] = float(lifetime_ns)
    out[OUT_REASON] = reason
    return lifetime_ns


@njit(
    f"int64({_ROW}, int64, {_ROW}, {_ROW}, {_ROW}, {_ROW}, float64, float64, {_ROW})",
    cache=True,
    nogil=True,
    _nrt=False,
    forceinline=True,
)
def decide_filled(table_row, model, policy, x, ctx, bounds, event_level, event_tilt, out):
    """`decide` where out[RAW:] holds the base covariates of this side already, which stay; `table_row` is the
    mixture if it is one (`hazard.mixed`), (event_level, event_tilt) is `predict_event` of THROUGH."""
    barrier = _within(ctx[S.PICK_OFF_BARRIER], -1e9, 1e9, 1.0)
    base, base_tilt = H.base_predictor(table_row, out[RAW : RAW + N_COVARIATES], out[_Z : _Z + N_COVARIATES])
    base += news_shift(policy, x)
    level, tilt = base + event_level, base_tilt + event_tilt
    one_level, one_tilt = H.predict_move(table_row, out[RAW:], 1.0)
    H.fill_curve(table_row, level + one_level, tilt + one_tilt, out[AT_ONE_TICK : AT_ONE_TICK + _N])
    if barrier <= 0.0:  # the market is through the price already
        out[AT_PICK_OFF : AT_PICK_OFF + _N] = H.FLOOR
    else:
        off_level, off_tilt = H.predict_move(table_row, out[RAW:], barrier)
        H.fill_curve(table_row, level + off_level, tilt + off_tilt, out[AT_PICK_OFF : AT_PICK_OFF + _N])
    shock_size = 0.0
    if model == RISK_AVERSE and policy[P.TOLERANCE_STEPS] == 0.0:
        shock_size = shock(table_row, policy, x)
        _upper(table_row, policy, barrier, base, base_tilt, out)
    return conclude(model, policy, x, ctx, bounds, shock_size, out)


@njit(
    f"int64(float64[:,::1], int64, int64, {_ROW}, {_ROW}, {_ROW}, {_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False
)
def decide(table, parameters, model, policy, x, ctx, bounds, out):
    """Decide one side of a quote. Returns the lifetime in ns, 0 for a refusal; the rest is in `out`.

    `table` float64[n, N_PARAMETERS] and `parameters`, the number of its row, are those of
    `quotelife_models.parameters.Parameters`; `model` is an index of MODELS; `policy` float64[N_POLICY] comes from
    `quotelife_models.policy.pack`; x float64[N_FEATURES] and ctx float64[N_CONTEXT] are as in
    `quotelife_models.schema`; bounds float64[N_BOUNDS] is in ms; out float64[OUT_WORDS] holds zeros at first.
    """
    fill_base(x, 1.0 if ctx[S.SIDE] > 0 else -1.0, out[RAW : RAW + N_COVARIATES])
    table_row, mixture = table[parameters], out[MIXTURE : MIXTURE + H.N_PARAMETERS]
    if H.mixed(table_row, x, mixture):
        table_row = mixture
    event_level, event_tilt = predict_event(table_row, THROUGH, out)
    return decide_filled(table_row, model, policy, x, ctx, bounds, event_level, event_tilt, out)
