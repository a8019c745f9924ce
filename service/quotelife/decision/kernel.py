"""From the board to prices and a lifetime in one kernel call, computed straight into a journal record.

    observe        board row -> features and top of the book, as of now
    price          the default pricing, or a desk's own from outside (then the kernels are called one by one)
    decide_quote   market state -> model -> context and decision per requested side -> the shorter lifetime

`decide_from_board` does all three. The kernels read only their arguments, so the same inputs give the same words, bit
for bit.
"""

import math

import numpy as np
from numba import njit

from quotelife.controls.layout import DERIVED
from quotelife.decision.model_selection import RULE_WORDS, THRESHOLDS, market_state, select
from quotelife.journal import layout as J
from quotelife.market.board import layout as L
from quotelife.market.features.evaluate import evaluate
from quotelife.shm.arrays import float_array, float_array2, word_array, word_array2
from quotelife.shm.layout import WORD_BYTES
from quotelife_models import decide as D
from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.covariates import N_BASE, THROUGH, fill_base, reverse_base
from quotelife_models.enums import BUY, MODELS, SELL

# Terms of one client for one instrument, float64[TERM_WORDS]; in ticks, lots and milliseconds.
(
    TERM_HALF_SPREAD,
    TERM_MARGIN,
    TERM_SKEW,  # shift of both prices at a full position
    TERM_MAX_POSITION,
    TERM_MIN_LIFETIME_MS,
    TERM_MAX_LIFETIME_MS,
) = range(6)
TERM_LIMITS = 6  # float64[THRESHOLDS] of `quotelife.decision.model_selection`
TERM_WORDS = TERM_LIMITS + THRESHOLDS

# One request, int64[REQUEST_WORDS]: the requested quote, its row of the board, and the circumstances.
(
    REQUEST_NOW_NS,  # monotonic
    REQUEST_ROW,
    REQUEST_SIDE,  # BUY, SELL or TWO_WAY
    REQUEST_SIZE_LOTS,
    REQUEST_LEGS,
    REQUEST_PHASE,
    REQUEST_MODEL,  # index of a model, or BY_RULES
    REQUEST_POSITION_LOTS,
    REQUEST_PARAMETERS,  # row of the parameter table
    REQUEST_CLIENT_LIMIT_NS,  # longest lifetime that the request allows, or NO_LIMIT
    REQUEST_SESSION_LIMIT_NS,
    REQUEST_MARKET,  # market state set by the desk, or DERIVED
) = range(12)
REQUEST_WORDS = 12
NO_LIMIT = 2**62

# Inputs of `decide_from_board`, int64[INPUT_WORDS]: addresses of arrays, and the lengths that are not fixed.
(
    IN_HEADER,
    IN_VENUES,
    IN_ROWS,
    IN_N_ROWS,
    IN_TABLE,
    IN_N_TABLE,
    IN_POLICIES,
    IN_TERMS,
    IN_RULES,
    IN_N_RULES,
    IN_CLIENT,
    IN_REQUEST,
    IN_SNAP,
    IN_RECORD,
    IN_WORK,  # float64[OUT_WORDS + N_BOUNDS]
) = range(15)
INPUT_WORDS = 15

_USUAL_SPREAD = H.USUAL + H.MARKET_FEATURES.index("spread")
_USUAL_VOLATILITY = H.USUAL + H.MARKET_FEATURES.index("realised_volatility_1s")
_NS_PER_MS = 1e6
BID, OFFER = 0, 1
_ROUNDING = 1e-9  # ticks: a price this near to a tick counts as on it

_INTS, _FLOATS, _INT_TABLE, _TABLE = "int64[::1]", "float64[::1]", "int64[:,::1]", "float64[:,::1]"


@njit(f"float64({_FLOATS}, int64)", cache=True, nogil=True, _nrt=False)
def inventory(terms, position_lots):
    """Position over its limit, in [-1, 1], positive long."""
    return min(max(position_lots / terms[TERM_MAX_POSITION], -1.0), 1.0)


@njit(f"int64({_INTS}, {_INT_TABLE}, {_INT_TABLE}, {_INTS}, {_INTS}, {_INTS})", cache=True, nogil=True, _nrt=False)
def observe(header, venues, rows, request, snap, record):
    """Fill snap int64[SNAP_WORDS] and the features in record int64[RECORD_WORDS]; returns the board's status."""
    x = record.view(np.float64)[J.FEATURES : J.FEATURES + S.N_FEATURES]
    status = evaluate(header, venues, rows, request[REQUEST_ROW], request[REQUEST_NOW_NS], x, snap)
    for i in range(3):
        record[J.BOARD_VERSION + i] = snap[L.SNAP_VERSION + i]
    return status


@njit("float64(int64[::1], int64, int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def walk(snap, px, sz, levels, size_lots):
    """Average price in ticks of `size_lots` from the levels at `px` and `sz` of `snap`.

    Size beyond the known levels is priced as far behind the last level as that is from the first.
    """
    first, last = snap[px], snap[px + levels - 1]
    left, paid = size_lots, 0.0
    for i in range(levels):
        taken = min(left, snap[sz + i])
        paid += np.float64(taken) * snap[px + i]
        left -= taken
        if left <= 0:
            break
    if left > 0:
        outwards = 1 if px == L.SNAP_ASK_PX else -1
        paid += np.float64(left) * (last + outwards * max(abs(last - first), 1))
    return paid / size_lots


@njit(
    "void(int64[::1], float64[::1], int64, float64, float64, float64, int64[::1])", cache=True, nogil=True, _nrt=False
)
def price(snap, x, size_lots, half_spread, margin, shift, out):
    """The default prices; see `quotelife.decision.pricing`. The book must be two-sided and not crossed, `size_lots`
    positive."""
    best_bid, best_ask = snap[L.SNAP_BID_PX], snap[L.SNAP_ASK_PX]
    micro = (best_bid + best_ask) / 2.0 + x[S.MICRO_DEVIATION]
    up = walk(snap, L.SNAP_ASK_PX, L.SNAP_ASK_SZ, snap[L.SNAP_N_ASK], size_lots) - micro
    down = micro - walk(snap, L.SNAP_BID_PX, L.SNAP_BID_SZ, snap[L.SNAP_N_BID], size_lots)
    offer = math.ceil(micro + max(up, half_spread) + margin + shift - _ROUNDING)
    bid = math.floor(micro - max(down, half_spread) - margin + shift + _ROUNDING)
    # The skew of a full inventory or a negative margin must not make a price at which the market would trade.
    out[OFFER] = max(offer, best_bid + 1)
    out[BID] = min(bid, best_ask - 1)
    if out[BID] >= out[OFFER]:
        out[OFFER] = out[BID] + 1


@njit(f"void({_INTS}, {_FLOATS}, {_FLOATS}, {_INTS}, {_INTS}, float64, {_FLOATS})", cache=True, nogil=True, _nrt=False)
def fill_context(request, terms, client, snap, record, side, ctx):
    """Fill ctx float64[N_CONTEXT] for one side, +1.0 for the offer or -1.0 for the bid, at the prices in the record."""
    x = record.view(np.float64)[J.FEATURES : J.FEATURES + S.N_FEATURES]
    best_bid, best_ask = snap[L.SNAP_BID_PX], snap[L.SNAP_ASK_PX]
    micro = (best_bid + best_ask) / 2.0 + x[S.MICRO_DEVIATION]
    size = np.float64(request[REQUEST_SIZE_LOTS])
    for i in range(S.N_CONTEXT):
        ctx[i] = client[i]
    ctx[S.SIDE] = side
    if side > 0.0:
        ctx[S.EDGE] = record[J.OFFER_PX] - micro
        ctx[S.PICK_OFF_BARRIER] = record[J.OFFER_PX] - best_bid
        depth = x[S.ASK_DEPTH_5]
    else:
        ctx[S.EDGE] = micro - record[J.BID_PX]
        ctx[S.PICK_OFF_BARRIER] = best_ask - record[J.BID_PX]
        depth = x[S.BID_DEPTH_5]
    ctx[S.SIZE_AGAINST_TRADE] = size / x[S.AVERAGE_TRADE] if x[S.AVERAGE_TRADE] > 0.0 else 0.0
    ctx[S.SIZE_AGAINST_DEPTH] = size / depth if depth > 0.0 else 0.0
    ctx[S.LEGS] = request[REQUEST_LEGS]
    ctx[S.INVENTORY] = inventory(terms, request[REQUEST_POSITION_LOTS])
    ctx[S.SESSION_PHASE] = request[REQUEST_PHASE]


@njit(f"void({_INTS}, {_FLOATS}, {_FLOATS}, {_FLOATS})", cache=True, nogil=True, _nrt=False)
def fill_bounds(request, terms, client, bounds):
    """Fill bounds float64[N_BOUNDS] in ms, as in `quotelife_models.decide`."""
    bounds[D.BOUND_CLIENT] = request[REQUEST_CLIENT_LIMIT_NS] / _NS_PER_MS
    bounds[D.BOUND_SESSION] = request[REQUEST_SESSION_LIMIT_NS] / _NS_PER_MS
    bounds[D.BOUND_INSTRUMENT] = terms[TERM_MAX_LIFETIME_MS]
    # A quote that lives shorter than the round trip to the client cannot be hit in time.
    bounds[D.BOUND_MINIMUM] = max(terms[TERM_MIN_LIFETIME_MS], client[S.CLIENT_ROUND_TRIP])


@njit(
    f"void({_INTS}, {_FLOATS}, {_FLOATS}, {_TABLE}, {_TABLE}, {_TABLE}, {_INTS}, {_INTS}, {_FLOATS})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def decide_quote(request, terms, client, rules, table, policies, snap, record, work):
    """Decide on the prices in the record: fill its contexts, decisions, model, market state and lifetime.

    `client` float64[N_CONTEXT] holds the client's statistics; rules as in `model_selection.compile_rules`; table as in
    `quotelife_models.parameters`; policies float64[models, N_POLICY]; work float64[OUT_WORDS + N_BOUNDS] is
    overwritten. A lifetime of 0 is a refusal; a side that was not requested becomes 0 in the record.
    """
    floats = record.view(np.float64)
    x = floats[J.FEATURES : J.FEATURES + S.N_FEATURES]
    usual = table[request[REQUEST_PARAMETERS]]
    limits = terms[TERM_LIMITS : TERM_LIMITS + THRESHOLDS]
    market = request[REQUEST_MARKET]
    if market == DERIVED:
        market = market_state(x, request[REQUEST_PHASE], usual[_USUAL_VOLATILITY], usual[_USUAL_SPREAD], limits)
    size_against_trade = request[REQUEST_SIZE_LOTS] / x[S.AVERAGE_TRADE] if x[S.AVERAGE_TRADE] > 0.0 else 0.0
    model = request[REQUEST_MODEL]
    if model < 0:
        model = select(rules, request[REQUEST_LEGS], size_against_trade, request[REQUEST_PHASE], market)
    bounds, out, base = work[D.OUT_WORDS :], work[: D.OUT_WORDS], work[D.RAW : D.RAW + N_BASE]
    fill_bounds(request, terms, client, bounds)
    fill_base(x, 1.0, base)
    table_row, mixture = usual, work[D.MIXTURE : D.MIXTURE + H.N_PARAMETERS]
    if H.mixed(usual, x, mixture):
        table_row = mixture
    event_level, event_tilt = D.predict_event(table_row, THROUGH, out)
    lifetime_ns = np.int64(NO_LIMIT)
    for side in (1, -1):
        at_context = J.OFFER_CONTEXT if side > 0 else J.BID_CONTEXT
        at_decision = J.OFFER_DECISION if side > 0 else J.BID_DECISION
        ctx = floats[at_context : at_context + S.N_CONTEXT]
        decision = floats[at_decision : at_decision + D.OUT_RECORD]
        if request[REQUEST_SIDE] == (SELL if side > 0 else BUY):
            for i in range(D.OUT_RECORD):
                decision[i] = 0.0
            for i in range(S.N_CONTEXT):
                ctx[i] = 0.0
            record[J.OFFER_PX if side > 0 else J.BID_PX] = 0
            continue
        if side < 0:
            reverse_base(base)
        fill_context(request, terms, client, snap, record, np.float64(side), ctx)
        side_ns = D.decide_filled(table_row, model, policies[model], x, ctx, bounds, event_level, event_tilt, out)
        lifetime_ns = min(lifetime_ns, side_ns)
        for i in range(D.OUT_RECORD):
            decision[i] = out[i]
    record[J.MODEL] = model
    record[J.MARKET_STATE] = market
    record[J.LIFETIME_NS] = lifetime_ns


@njit("int64(int64)", cache=True, nogil=True, _nrt=False)
def decide_from_board(address):
    """`observe`, the default pricing and `decide_quote` in one call; the last two run only on STATUS_OK.

    `address` is that of the inputs int64[INPUT_WORDS]. Returns the board's status.
    """
    inputs = word_array(address, INPUT_WORDS)
    header = word_array(inputs[IN_HEADER], L.HEADER_WORDS)
    venues = word_array2(inputs[IN_VENUES], L.MAX_VENUES, L.VENUE_WORDS)
    rows = word_array2(inputs[IN_ROWS], inputs[IN_N_ROWS], L.ROW_WORDS)
    request = word_array(inputs[IN_REQUEST], REQUEST_WORDS)
    snap = word_array(inputs[IN_SNAP], L.SNAP_WORDS)
    record = word_array(inputs[IN_RECORD], J.RECORD_WORDS)
    x = float_array(inputs[IN_RECORD] + J.FEATURES * WORD_BYTES, S.N_FEATURES)
    status = observe(header, venues, rows, request, snap, record)
    if status == L.STATUS_OK:
        terms = float_array(inputs[IN_TERMS], TERM_WORDS)
        client = float_array(inputs[IN_CLIENT], S.N_CONTEXT)
        rules = float_array2(inputs[IN_RULES], inputs[IN_N_RULES], RULE_WORDS)
        table = float_array2(inputs[IN_TABLE], inputs[IN_N_TABLE], H.N_PARAMETERS)
        policies = float_array2(inputs[IN_POLICIES], len(MODELS), P.N_POLICY)
        work = float_array(inputs[IN_WORK], D.OUT_WORDS + D.N_BOUNDS)
        shift = -terms[TERM_SKEW] * inventory(terms, request[REQUEST_POSITION_LOTS])
        prices = record[J.BID_PX : J.OFFER_PX + 1]
        price(snap, x, request[REQUEST_SIZE_LOTS], terms[TERM_HALF_SPREAD], terms[TERM_MARGIN], shift, prices)
        decide_quote(request, terms, client, rules, table, policies, snap, record, work)
    return status
