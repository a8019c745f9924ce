"""Covariates of the hazard: a market row seen from one side of a quote, for one barrier and one of two events.

The events: THROUGH, the near side's best price moves by the barrier towards the quote (a bid rises towards our offer;
at the pick-off barrier, what was bought at our offer can be sold on); TOUCH, the far side's best price moves away by a
tick (the best offer beside our offer rises). With a spread of one tick they are the same.

`fill_base` writes the covariates that depend on neither, `moves` gives those of the barrier and `fill_event` those of
the event, so that further curves of the same quote cost little; `reverse_base` turns an offer's covariates into a
bid's. Directional features are multiplied by the side (positive is adverse); features of scale become logarithms or
bounded ratios, so that a covariate means much the same for a share, a currency pair and a coin. Every covariate is
finite whatever the row holds.

"Near" is the side of the book whose best price moves towards the quote (the bids, for an offer), "far" the other side
(the offers).
"""

import math

from numba import njit

from quotelife_models import schema as S

BASE: tuple[str, ...] = (
    "imbalance_1",
    "imbalance_5",
    "pressure",
    "micro_deviation",
    "order_flow",
    "trade_flow",
    "vwap_deviation_100ms",
    "vwap_deviation_500ms",
    "correlated_velocity",
    "addition_flow",
    "cancellation_flow",
    "news_sentiment",
    "correlated_return_5s",
    "log_spread",
    "one_tick_spread",
    "spread_volatility",
    "top_updates",
    "log_volatility_1s",
    "log_volatility_10s",
    "additions",
    "cancellations",
    "correlated_speed",
    "top_age",
    "far_depth",
    "near_depth",
    "far_thinness",
    "near_thinness",
    "volatility_index_change",
    "far_size_ratio",
    "near_size_ratio",
    "adverse_intensity",
    "favourable_intensity",
    "far_price_age",
    "near_price_age",
    "log_volatility_300s",
    "just_changed",
)
# Knots of max(log(barrier / volatility of 10 s) - knot, 0).
VOLATILITY_KNOTS = (-1.0, 0.0, 1.0, 2.0)
N_KNOTS = len(VOLATILITY_KNOTS)
BARRIER: tuple[str, ...] = (
    "log_barrier",
    "inverse_barrier",
    "beyond_spread",
    *(f"beyond_volatility_{i}" for i in range(N_KNOTS)),
    "imbalance_1_near_barrier",
    "micro_deviation_near_barrier",
    "order_flow_near_barrier",
    "far_depth_near_barrier",
    "spread_near_barrier",
    "far_size_ratio_near_barrier",
    "adverse_intensity_near_barrier",
    "just_changed_near_barrier",
)
TOUCH_OF: tuple[str, ...] = (  # covariates whose weight differs between TOUCH and THROUGH
    "imbalance_1",
    "micro_deviation",
    "order_flow",
    "addition_flow",
    "cancellation_flow",
    "log_spread",
    "one_tick_spread",
    "top_updates",
    "log_volatility_1s",
    "far_depth",
    "near_depth",
    "far_size_ratio",
    "near_size_ratio",
    "just_changed",
)
EVENT: tuple[str, ...] = ("touch", *(f"{name}_touch" for name in TOUCH_OF))
COVARIATES: tuple[str, ...] = BASE + BARRIER + EVENT
# Covariates that never lower a hazard, at any horizon and barrier (of 1 tick or more) and for either event, and those
# that never raise it: the fit bounds the sum of a covariate and its products with the barrier and the event.
RAISING: tuple[str, ...] = (
    "imbalance_1",
    "imbalance_5",
    "pressure",
    "micro_deviation",
    "order_flow",
    "trade_flow",
    "vwap_deviation_100ms",
    "vwap_deviation_500ms",
    "correlated_velocity",
    "correlated_return_5s",
    "addition_flow",
    "cancellation_flow",
    "additions",
    "cancellations",
    "spread_volatility",
    "top_updates",
    "log_volatility_1s",
    "log_volatility_10s",
    "log_volatility_300s",
    "correlated_speed",
    "adverse_intensity",
)
LOWERING: tuple[str, ...] = ("far_size_ratio",)
# Bounds of those with products. They lie within the standard deviations that a fit distinguishes, so that a covariate
# and its products are never bounded at different values.
MAX_SIGNED, MAX_LOG = 4.0, 7.0
REACH: dict[str, tuple[float, float]] = {
    "imbalance_1": (-1.0, 1.0),
    "micro_deviation": (-MAX_SIGNED, MAX_SIGNED),
    "order_flow": (-MAX_SIGNED, MAX_SIGNED),
    "addition_flow": (-1.0, 1.0),
    "cancellation_flow": (-1.0, 1.0),
    "top_updates": (0.0, MAX_LOG),
    "log_volatility_1s": (math.log(0.25), MAX_LOG),
    "log_volatility_10s": (math.log(0.25), MAX_LOG),
    "adverse_intensity": (0.0, MAX_LOG),
    "far_size_ratio": (math.log(0.05), MAX_SIGNED),
    **{f"beyond_volatility_{i}": (0.0, MAX_LOG - knot) for i, knot in enumerate(VOLATILITY_KNOTS)},
}
THROUGH, TOUCH = 0.0, 1.0
N_BASE = len(BASE)
N_COVARIATES = len(COVARIATES)
AT_EVENT = N_BASE + len(BARRIER)
_TOUCH_OF = tuple(BASE.index(name) for name in TOUCH_OF)

_QUARTER_TICK = 0.25  # keeps the logarithm of a volatility finite in a market that does not move
_VELOCITY_UNIT = 0.01  # %/s
_JUST_MS = 5.0  # a change of the top so long ago is forgotten to 1/e: changes come in bursts
_RETURN_UNIT = 0.01  # %
_HUGE = 1e15
_DIRECTED = 13  # so many first ones of BASE change sign with the side
# each of these is followed by the same of the other side
_PAIRED = tuple(
    BASE.index(name) for name in ("far_depth", "far_thinness", "far_size_ratio", "adverse_intensity", "far_price_age")
)


@njit("float64(float64)", cache=True, nogil=True, _nrt=False)
def _signed(value):
    """The value, bounded so that products stay finite; 0 for NaN."""
    if math.isnan(value):
        return 0.0
    return min(max(value, -_HUGE), _HUGE)


@njit("float64(float64)", cache=True, nogil=True, _nrt=False)
def _positive(value):
    return max(_signed(value), 0.0)


@njit("float64(float64, float64)", cache=True, nogil=True, _nrt=False)
def _contrast(a, b):
    """(a - b) / (a + b) of two sizes; 0 where both are 0."""
    total = a + b
    return (a - b) / total if total > 0.0 else 0.0


@njit("float64(float64)", cache=True, nogil=True, _nrt=False)
def _unit(value):
    return min(max(_signed(value), -1.0), 1.0)


@njit("float64(float64)", cache=True, nogil=True, _nrt=False)
def _asinh(value):
    """asinh, with a shortcut for 0: most features that a market lacks are 0."""
    return math.asinh(value) if value != 0.0 else 0.0


@njit("float64(float64)", cache=True, nogil=True, _nrt=False)
def _signed_log(value):
    return min(max(_asinh(value), -MAX_SIGNED), MAX_SIGNED)


@njit("float64(float64)", cache=True, nogil=True, _nrt=False)
def _log_volatility(value):
    return min(math.log(_QUARTER_TICK + _positive(value)), MAX_LOG)


@njit("void(float64[::1], float64[::1])", cache=True, nogil=True, _nrt=False)
def _fill_directional(x, z):
    bid_1, ask_1 = _positive(x[S.BID_DEPTH_1]), _positive(x[S.ASK_DEPTH_1])
    z[0] = _unit(x[S.IMBALANCE_1])
    z[1] = _unit(x[S.IMBALANCE_5])
    z[2] = _contrast(_positive(x[S.BID_PRESSURE]), _positive(x[S.ASK_PRESSURE]))
    z[3] = _signed_log(_signed(x[S.MICRO_DEVIATION]))
    z[4] = _signed_log(_signed(x[S.ORDER_FLOW_IMBALANCE]) / (1.0 + 0.5 * (bid_1 + ask_1)))
    z[5] = _unit(x[S.TRADE_FLOW_IMBALANCE])
    z[6] = _asinh(_signed(x[S.VWAP_DEVIATION_100MS]))
    z[7] = _asinh(_signed(x[S.VWAP_DEVIATION_500MS]))
    z[8] = _asinh(_signed(x[S.CORRELATED_VELOCITY]) / _VELOCITY_UNIT)
    bid_adds, ask_adds = _positive(x[S.BID_ADD_RATE]), _positive(x[S.ASK_ADD_RATE])
    bid_cancels, ask_cancels = _positive(x[S.BID_CANCEL_RATE]), _positive(x[S.ASK_CANCEL_RATE])
    z[9] = (bid_adds - ask_adds) / (bid_adds + ask_adds + 1.0)
    z[10] = (ask_cancels - bid_cancels) / (bid_cancels + ask_cancels + 1.0)
    z[11] = _unit(x[S.NEWS_SENTIMENT])
    z[12] = _asinh(_signed(x[S.CORRELATED_RETURN_5S]) / _RETURN_UNIT)
    z[19] = math.log1p(bid_adds + ask_adds)
    z[20] = math.log1p(bid_cancels + ask_cancels)


@njit("void(float64[::1], float64[::1])", cache=True, nogil=True, _nrt=False)
def _fill_scales(x, z):
    spread = max(_positive(x[S.SPREAD]), 1.0)
    z[13] = math.log(spread)
    z[14] = 1.0 if spread <= 1.0 else 0.0
    z[15] = math.log1p(_positive(x[S.SPREAD_VOLATILITY]) / _QUARTER_TICK)
    z[16] = min(math.log1p(_positive(x[S.TOP_UPDATE_COUNT])), MAX_LOG)
    z[17] = _log_volatility(x[S.REALISED_VOLATILITY_1S])
    z[18] = _log_volatility(x[S.REALISED_VOLATILITY_10S])
    z[21] = _asinh(abs(_signed(x[S.CORRELATED_VELOCITY])) / _VELOCITY_UNIT)
    z[22] = math.log1p(_positive(x[S.TOP_AGE]))
    z[27] = _asinh(_signed(x[S.VOLATILITY_INDEX_CHANGE]))


@njit("void(float64[::1], float64[::1])", cache=True, nogil=True, _nrt=False)
def _fill_depths(x, z):
    """Depth at the best price over the average trade (over the mean of both bests without trades), and its share of 5
    levels."""
    bid_1, ask_1 = _positive(x[S.BID_DEPTH_1]), _positive(x[S.ASK_DEPTH_1])
    bid_5, ask_5 = max(_positive(x[S.BID_DEPTH_5]), bid_1), max(_positive(x[S.ASK_DEPTH_5]), ask_1)
    unit = _positive(x[S.AVERAGE_TRADE])
    if unit == 0.0:
        unit = 0.5 * (bid_1 + ask_1)
    unit = max(unit, 1e-3)
    z[23], z[24] = math.log(0.05 + ask_1 / unit), math.log(0.05 + bid_1 / unit)
    z[25], z[26] = ask_1 / max(ask_5, 1e-3), bid_1 / max(bid_5, 1e-3)


@njit("void(float64[::1], float64[::1])", cache=True, nogil=True, _nrt=False)
def _fill_memory(x, z):
    """Sizes against their usual ones, intensity of the trades that move the price towards the quote (those of buyers,
    for an offer) and of the others, ages of the best prices, and the slow volatility."""
    z[28] = min(math.log(0.05 + _positive(x[S.ASK_SIZE_RATIO])), MAX_SIGNED)
    z[29] = min(math.log(0.05 + _positive(x[S.BID_SIZE_RATIO])), MAX_SIGNED)
    z[30] = min(math.log1p(_positive(x[S.BUY_INTENSITY])), MAX_LOG)
    z[31] = min(math.log1p(_positive(x[S.SELL_INTENSITY])), MAX_LOG)
    z[32], z[33] = math.log1p(_positive(x[S.ASK_PRICE_AGE])), math.log1p(_positive(x[S.BID_PRICE_AGE]))
    z[34] = _log_volatility(x[S.REALISED_VOLATILITY_300S])
    z[35] = math.exp(-_positive(x[S.TOP_AGE]) / _JUST_MS)


@njit("void(float64[::1])", cache=True, nogil=True, _nrt=False)
def reverse_base(z):
    """Turn z[:N_BASE] of one side of a quote into those of the other side."""
    for i in range(_DIRECTED):
        z[i] = -z[i]
    for far in _PAIRED:
        z[far], z[far + 1] = z[far + 1], z[far]


@njit("void(float64[::1], float64, float64[::1])", cache=True, nogil=True, _nrt=False)
def fill_base(x, side, z):
    """Write z[:N_BASE] from a market row x float64[N_FEATURES], for a quote's `side` (+1 offer, -1 bid)."""
    _fill_directional(x, z)
    _fill_scales(x, z)
    _fill_depths(x, z)
    _fill_memory(x, z)
    if side < 0.0:
        reverse_base(z)


@njit(f"UniTuple(float64, {len(BARRIER)})(float64, float64[::1])", cache=True, nogil=True, _nrt=False)
def moves(barrier_ticks, z):
    """The covariates of a barrier, an adverse move of `barrier_ticks` (at least 1 is used); z of `fill_base`."""
    barrier = max(_positive(barrier_ticks), 1.0)
    log_barrier = math.log(barrier)
    inverse = 1.0 / barrier
    distance = min(log_barrier - z[18], MAX_LOG)
    return (
        log_barrier,
        inverse,
        max(log_barrier - z[13], 0.0),
        max(distance - VOLATILITY_KNOTS[0], 0.0),
        max(distance - VOLATILITY_KNOTS[1], 0.0),
        max(distance - VOLATILITY_KNOTS[2], 0.0),
        max(distance - VOLATILITY_KNOTS[3], 0.0),
        z[0] * inverse,
        z[3] * inverse,
        z[4] * inverse,
        z[23] * inverse,
        z[13] * inverse,
        z[28] * inverse,
        z[30] * inverse,
        z[35] * inverse,
    )


@njit("void(float64, float64[::1])", cache=True, nogil=True, _nrt=False)
def fill_event(event, z):
    """Write z[AT_EVENT:] for THROUGH or TOUCH, after `fill_base`."""
    z[AT_EVENT] = event
    for i in range(len(_TOUCH_OF)):
        z[AT_EVENT + 1 + i] = event * z[_TOUCH_OF[i]]


@njit("void(float64, float64, float64[::1])", cache=True, nogil=True, _nrt=False)
def fill_barrier(barrier_ticks, event, z):
    """Write z[N_BASE:] for a barrier and an event, after `fill_base`."""
    values = moves(barrier_ticks, z)
    for i in range(len(values)):
        z[N_BASE + i] = values[i]
    fill_event(event, z)
