"""A multileg as one instrument: its features, its context and its decision, computed into a journal record.

    observe_legs            board rows -> features and top of the book of every leg, as of now
    price_legs              the default pricing of every leg (or a desk's own from outside)
    decide_multileg_quote   net prices, context and decision

`decide_multileg_from_board` does all three, from the addresses of the arrays. Everything of the multileg is in its own
ticks and lots. Of each leg: `sides` is +1.0 where a client that buys the multileg buys the leg, -1.0 where it sells the
leg; `weights` is the multileg's ticks per tick of the leg, times its ratio; `units` is the leg's lots per lot of the
multileg. A sold leg is reversed: its offers count towards the multileg's bids. The legs' features combine as follows:

    weighted, with the side   micro-price and VWAP deviations; imbalances and flows as a mean by weight
    weighted                  spread; volatilities as the root of the summed squares
    summed                    counts and rates
    worst of the legs         depth, pressure and average trade in multilegs (the smallest), correlated velocity and
                              return, volatility index and sentiment (the largest), ages and size ratios (the
                              smallest), market state, shock
"""

import math

import numpy as np
from numba import njit

from quotelife.controls.layout import DERIVED
from quotelife.decision.kernel import (
    IN_CLIENT,
    IN_HEADER,
    IN_N_ROWS,
    IN_N_RULES,
    IN_N_TABLE,
    IN_POLICIES,
    IN_RECORD,
    IN_REQUEST,
    IN_ROWS,
    IN_RULES,
    IN_SNAP,
    IN_TABLE,
    IN_TERMS,
    IN_VENUES,
    IN_WORK,
    INPUT_WORDS,
    NO_LIMIT,
    REQUEST_LEGS,
    REQUEST_MODEL,
    REQUEST_NOW_NS,
    REQUEST_PHASE,
    REQUEST_POSITION_LOTS,
    REQUEST_SIDE,
    REQUEST_WORDS,
    TERM_HALF_SPREAD,
    TERM_LIMITS,
    TERM_MARGIN,
    TERM_MAX_POSITION,
    TERM_SKEW,
    TERM_WORDS,
    fill_bounds,
    fill_context,
    inventory,
    price,
)
from quotelife.decision.model_selection import RULE_WORDS, THRESHOLDS, market_state, select
from quotelife.decision.request import MAX_LEGS
from quotelife.journal import layout as J
from quotelife.market.board import layout as L
from quotelife.market.features.evaluate import evaluate
from quotelife.shm.arrays import float_array, float_array2, word_array, word_array2
from quotelife_models import decide as D
from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.enums import BUY, MODELS, SELL
from quotelife_models.multileg.decision import WORK_WORDS, decide_multileg, prepare_legs
from quotelife_models.multileg.legs import STATE_WORDS

_DIRECTED = (S.MICRO_DEVIATION, S.VWAP_DEVIATION_100MS, S.VWAP_DEVIATION_500MS)
_MEAN = (S.IMBALANCE_1, S.IMBALANCE_5, S.ORDER_FLOW_IMBALANCE, S.TRADE_FLOW_IMBALANCE)
_VOLATILE = (
    S.SPREAD_VOLATILITY,
    S.REALISED_VOLATILITY_1S,
    S.REALISED_VOLATILITY_10S,
    S.REALISED_VOLATILITY_300S,
)
_RATES = (
    (S.BID_ADD_RATE, S.ASK_ADD_RATE),
    (S.BID_CANCEL_RATE, S.ASK_CANCEL_RATE),
    (S.BUY_INTENSITY, S.SELL_INTENSITY),
)
_SIZES = (
    (S.BID_PRESSURE, S.ASK_PRESSURE),
    (S.BID_DEPTH_1, S.ASK_DEPTH_1),
    (S.BID_DEPTH_3, S.ASK_DEPTH_3),
    (S.BID_DEPTH_5, S.ASK_DEPTH_5),
    (S.BID_DEPTH_10, S.ASK_DEPTH_10),
)
_LOUDEST = (S.CORRELATED_VELOCITY, S.CORRELATED_RETURN_5S, S.NEWS_SENTIMENT)  # with the side
_LEAST = (S.NEWS_AGE, S.TOP_AGE)
_LEAST_OF_SIDE = ((S.BID_SIZE_RATIO, S.ASK_SIZE_RATIO), (S.BID_PRICE_AGE, S.ASK_PRICE_AGE))
_USUAL_SPREAD = H.USUAL + H.MARKET_FEATURES.index("spread")
_USUAL_VOLATILITY = H.USUAL + H.MARKET_FEATURES.index("realised_volatility_1s")

# The legs of one request, int64[LEG_WORDS, legs]; the last three, filled for each request, are next to each other.
(
    LEG_ROW,
    LEG_PARAMETERS,
    LEG_PLACE,  # 0, 1 ..: row of the leg in the tables of features and states
    LEG_LOTS,
    LEG_POSITION_LOTS,
    LEG_MARKET,  # market state set by the desk, or DERIVED
) = range(6)
LEG_WORDS = 6
# Composition of a multileg, float64[3, legs]: sides, weights and units as above.
SHAPE_SIDE, SHAPE_WEIGHT, SHAPE_UNIT = range(3)
SHAPE_WORDS = 3

# Inputs of `decide_multileg_from_board` for the legs, int64[LEG_INPUT_WORDS]: their number, and addresses of arrays.
(
    IN_N_LEGS,
    IN_LEGS,
    IN_SHAPE,
    IN_LEG_TERMS,
    IN_XS,
    IN_SNAPS,
    IN_PRICES,
    IN_STATES,
    IN_LEG_WORK,  # float64[LEG_WORK_WORDS]
) = range(9)
LEG_INPUT_WORDS = 9
_AT_SIDES = WORK_WORDS  # words of the legs' workspace: that of the models, and the legs' sides in a side of the quote
LEG_WORK_WORDS = _AT_SIDES + MAX_LEGS

_INTS, _ROW, _TABLE, _INT_TABLE = "int64[::1]", "float64[::1]", "float64[:,::1]", "int64[:,::1]"


@njit(f"void({_TABLE}, {_ROW}, {_ROW}, {_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def combine(xs, sides, weights, units, x):
    """Features of the multileg, float64[N_FEATURES], from those of its legs, float64[legs, N_FEATURES]."""
    x[:] = 0.0
    total = 0.0
    for weight in weights:
        total += weight
    for i in range(len(weights)):
        leg, side, weight = xs[i], sides[i], weights[i]
        x[S.SPREAD] += weight * leg[S.SPREAD]
        x[S.TOP_UPDATE_COUNT] += leg[S.TOP_UPDATE_COUNT]
        for f in _DIRECTED:
            x[f] += side * weight * leg[f]
        for f in _MEAN:
            x[f] += side * weight * leg[f] / total
        for f in _VOLATILE:
            x[f] = math.hypot(x[f], weight * leg[f])
        for bid, ask in _RATES:
            x[bid] += leg[bid if side > 0.0 else ask]
            x[ask] += leg[ask if side > 0.0 else bid]
        for bid, ask in _SIZES:
            here, there = leg[bid if side > 0.0 else ask] / units[i], leg[ask if side > 0.0 else bid] / units[i]
            x[bid] = here if i == 0 else min(x[bid], here)
            x[ask] = there if i == 0 else min(x[ask], there)
        for bid, ask in _LEAST_OF_SIDE:
            here, there = leg[bid if side > 0.0 else ask], leg[ask if side > 0.0 else bid]
            x[bid] = here if i == 0 else min(x[bid], here)
            x[ask] = there if i == 0 else min(x[ask], there)
        for f in _LOUDEST:
            x[f] = side * leg[f] if abs(leg[f]) > abs(x[f]) else x[f]
        for f in _LEAST:
            x[f] = leg[f] if i == 0 else min(x[f], leg[f])
        traded = leg[S.AVERAGE_TRADE] / units[i]
        x[S.AVERAGE_TRADE] = traded if i == 0 else min(x[S.AVERAGE_TRADE], traded)
        x[S.VOLATILITY_INDEX] = max(x[S.VOLATILITY_INDEX], leg[S.VOLATILITY_INDEX])
        change = leg[S.VOLATILITY_INDEX_CHANGE]
        x[S.VOLATILITY_INDEX_CHANGE] = max(x[S.VOLATILITY_INDEX_CHANGE], change) if i > 0 else change


@njit(
    f"UniTuple(int64, 2)({_INTS}, {_INT_TABLE}, {_INT_TABLE}, {_INTS}, {_INT_TABLE}, {_TABLE}, {_INT_TABLE})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def observe_legs(header, venues, rows, request, legs, xs, snaps):
    """Fill xs float64[legs, N_FEATURES] and snaps int64[legs, SNAP_WORDS]. Returns the first status that is not OK and
    the number of its leg, or (STATUS_OK, 0)."""
    for i in range(legs.shape[1]):
        status = evaluate(header, venues, rows, legs[LEG_ROW, i], request[REQUEST_NOW_NS], xs[i], snaps[i])
        if status != L.STATUS_OK:
            return status, i
    return L.STATUS_OK, 0


@njit(f"void({_INT_TABLE}, {_TABLE}, {_TABLE}, {_INT_TABLE}, {_INT_TABLE})", cache=True, nogil=True, _nrt=False)
def price_legs(legs, leg_terms, xs, snaps, prices):
    """Bid and offer of each leg in its ticks, into prices int64[legs, 2]; leg_terms float64[legs, TERM_WORDS]."""
    for i in range(legs.shape[1]):
        terms = leg_terms[i]
        shift = -terms[TERM_SKEW] * inventory(terms, legs[LEG_POSITION_LOTS, i])
        price(snaps[i], xs[i], legs[LEG_LOTS, i], terms[TERM_HALF_SPREAD], terms[TERM_MARGIN], shift, prices[i])


@njit(f"UniTuple(int64, 2)({_TABLE}, {_INT_TABLE}, int64, int64)", cache=True, nogil=True, _nrt=False)
def net_price(shape, prices, bid, offer):
    """(bid, offer) of the multileg in its ticks from those of its legs in columns `bid` and `offer` of prices."""
    net_bid = net_offer = 0
    for i in range(shape.shape[1]):
        weight, low, high = np.int64(shape[SHAPE_WEIGHT, i]), prices[i, bid], prices[i, offer]
        if shape[SHAPE_SIDE, i] > 0.0:
            net_bid, net_offer = net_bid + weight * low, net_offer + weight * high
        else:
            net_bid, net_offer = net_bid - weight * high, net_offer - weight * low
    return net_bid, net_offer


@njit(f"void({_INTS}, {_INT_TABLE}, {_TABLE}, {_TABLE}, {_ROW})", cache=True, nogil=True, _nrt=False)
def _fill_inventory(request, legs, shape, leg_terms, terms):
    """The multileg's position is that of the leg nearest to its position limit."""
    nearest = -1.0
    for i in range(legs.shape[1]):
        position, most = legs[LEG_POSITION_LOTS, i], leg_terms[i, TERM_MAX_POSITION]
        if abs(position) / most > nearest:
            nearest = abs(position) / most
            request[REQUEST_POSITION_LOTS] = position if shape[SHAPE_SIDE, i] > 0.0 else -position
            terms[TERM_MAX_POSITION] = most


@njit(f"int64({_INTS}, {_INT_TABLE}, {_ROW}, {_TABLE}, {_TABLE})", cache=True, nogil=True, _nrt=False)
def _worst_state(request, legs, terms, table, xs):
    """The market state of the multileg: the most alarming one of its legs."""
    limits, worst = terms[TERM_LIMITS : TERM_LIMITS + THRESHOLDS], 0
    for i in range(legs.shape[1]):
        state = legs[LEG_MARKET, i]
        if state == DERIVED:
            usual = table[legs[LEG_PARAMETERS, i]]
            state = market_state(xs[i], request[REQUEST_PHASE], usual[_USUAL_VOLATILITY], usual[_USUAL_SPREAD], limits)
        worst = max(worst, state)
    return worst


@njit(
    f"void({_INTS}, {_INT_TABLE}, {_TABLE}, {_TABLE}, {_ROW}, {_ROW}, {_TABLE}, {_TABLE}, {_TABLE}, {_TABLE}, "
    f"{_INT_TABLE}, {_INT_TABLE}, {_INTS}, {_INTS}, {_TABLE}, {_ROW}, {_ROW})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def decide_multileg_quote(
    request, legs, shape, leg_terms, terms, client, rules, table, policies, xs, snaps, prices, snap, record, states,
    leg_work, work,
):  # fmt: skip
    """Decide on the net of the legs' prices, as `quotelife.decision.kernel.decide_quote` does for an instrument.

    `snap` int64[SNAP_WORDS] receives the best net bid and offer of the market. `request` and `terms` are the
    multileg's; the position and its limit are filled in here. states float64[legs, STATE_WORDS], leg_work
    float64[LEG_WORK_WORDS] and work float64[OUT_WORDS + N_BOUNDS] are overwritten.
    """
    _fill_inventory(request, legs, shape, leg_terms, terms)
    record[J.BID_PX], record[J.OFFER_PX] = net_price(shape, prices, 0, 1)
    record[J.BOARD_VERSION : J.INDEX_VERSION + 1] = 0  # the records of the legs hold theirs
    snap[L.SNAP_BID_PX], snap[L.SNAP_ASK_PX] = net_price(shape, snaps, L.SNAP_BID_PX, L.SNAP_ASK_PX)
    parameters, places, weights = legs[LEG_PARAMETERS], legs[LEG_PLACE], shape[SHAPE_WEIGHT]
    n, floats, sides = len(weights), record.view(np.float64), leg_work[_AT_SIDES : _AT_SIDES + len(weights)]
    x = floats[J.FEATURES : J.FEATURES + S.N_FEATURES]
    combine(xs, shape[SHAPE_SIDE], weights, shape[SHAPE_UNIT], x)
    market = _worst_state(request, legs, terms, table, xs)
    out, bounds = work[: D.OUT_WORDS], work[D.OUT_WORDS :]
    fill_bounds(request, terms, client, bounds)
    prepare_legs(table, parameters, places, xs, states)
    model, lifetime_ns = request[REQUEST_MODEL], np.int64(NO_LIMIT)
    for side in (1, -1):
        at_context = J.OFFER_CONTEXT if side > 0 else J.BID_CONTEXT
        at_decision = J.OFFER_DECISION if side > 0 else J.BID_DECISION
        ctx = floats[at_context : at_context + S.N_CONTEXT]
        decision = floats[at_decision : at_decision + D.OUT_RECORD]
        if request[REQUEST_SIDE] == (SELL if side > 0 else BUY):
            ctx[:] = 0.0
            decision[:] = 0.0
            record[J.OFFER_PX if side > 0 else J.BID_PX] = 0
            continue
        fill_context(request, terms, client, snap, record, np.float64(side), ctx)
        if model < 0:
            model = select(rules, request[REQUEST_LEGS], ctx[S.SIZE_AGAINST_TRADE], request[REQUEST_PHASE], market)
        for i in range(n):
            sides[i] = side * shape[SHAPE_SIDE, i]
        side_ns = decide_multileg(
            table, parameters, places, sides, weights, xs, states, model, policies[model], x, ctx, bounds, leg_work, out
        )
        lifetime_ns = min(lifetime_ns, side_ns)
        for i in range(D.OUT_RECORD):
            decision[i] = out[i]
    record[J.MODEL] = model
    record[J.MARKET_STATE] = market
    record[J.LIFETIME_NS] = lifetime_ns


@njit("UniTuple(int64, 2)(int64, int64)", cache=True, nogil=True, _nrt=False)
def decide_multileg_from_board(address, legs_address):
    """`observe_legs`, `price_legs` and `decide_multileg_quote` in one call; the last two run only on STATUS_OK.

    `address` is that of the inputs int64[INPUT_WORDS], `legs_address` that of int64[LEG_INPUT_WORDS]. Returns what
    `observe_legs` returns: the first status that is not OK, and the number of its leg.
    """
    inputs, of_legs = word_array(address, INPUT_WORDS), word_array(legs_address, LEG_INPUT_WORDS)
    n = of_legs[IN_N_LEGS]
    header = word_array(inputs[IN_HEADER], L.HEADER_WORDS)
    venues = word_array2(inputs[IN_VENUES], L.MAX_VENUES, L.VENUE_WORDS)
    rows = word_array2(inputs[IN_ROWS], inputs[IN_N_ROWS], L.ROW_WORDS)
    request = word_array(inputs[IN_REQUEST], REQUEST_WORDS)
    legs = word_array2(of_legs[IN_LEGS], LEG_WORDS, n)
    xs, snaps = float_array2(of_legs[IN_XS], n, S.N_FEATURES), word_array2(of_legs[IN_SNAPS], n, L.SNAP_WORDS)
    status, leg = observe_legs(header, venues, rows, request, legs, xs, snaps)
    if status == L.STATUS_OK:
        leg_terms, prices = float_array2(of_legs[IN_LEG_TERMS], n, TERM_WORDS), word_array2(of_legs[IN_PRICES], n, 2)
        price_legs(legs, leg_terms, xs, snaps, prices)
        decide_multileg_quote(
            request, legs, float_array2(of_legs[IN_SHAPE], SHAPE_WORDS, n), leg_terms,
            float_array(inputs[IN_TERMS], TERM_WORDS), float_array(inputs[IN_CLIENT], S.N_CONTEXT),
            float_array2(inputs[IN_RULES], inputs[IN_N_RULES], RULE_WORDS),
            float_array2(inputs[IN_TABLE], inputs[IN_N_TABLE], H.N_PARAMETERS),
            float_array2(inputs[IN_POLICIES], len(MODELS), P.N_POLICY), xs, snaps, prices,
            word_array(inputs[IN_SNAP], L.SNAP_WORDS), word_array(inputs[IN_RECORD], J.RECORD_WORDS),
            float_array2(of_legs[IN_STATES], n, STATE_WORDS), float_array(of_legs[IN_LEG_WORK], LEG_WORK_WORDS),
            float_array(inputs[IN_WORK], D.OUT_WORDS + D.N_BOUNDS),
        )  # fmt: skip
    return status, leg
