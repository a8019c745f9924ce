"""The feature row: names, units, order and version. The contract between features and models.

A market row is float64[N_FEATURES] as of the moment of the decision: a window of 100 ms ends now. Directions are those
of the market (up is positive); `quotelife_models.covariates` turns them against the quote. Every change here raises
`SCHEMA_VERSION`: parameters that were fitted on another version are refused.
"""

from typing import NamedTuple

from quotelife_models.enums import PHASES, TIERS

SCHEMA_VERSION = 2


class Feature(NamedTuple):
    name: str
    unit: str
    meaning: str


def _indexed(names: tuple[str, ...]) -> str:
    return ", ".join(f"{index} {name}" for index, name in enumerate(names))


FEATURES: tuple[Feature, ...] = (
    # volatility
    Feature("spread", "ticks", "best offer minus best bid"),
    Feature("spread_volatility", "ticks", "time-weighted standard deviation of the spread over 1 s"),
    Feature("top_update_count", "1/100ms", "changes of the top of the book in 100 ms"),
    Feature("vwap_deviation_100ms", "ticks", "last trade minus VWAP of 100 ms; 0 without trades"),
    Feature("vwap_deviation_500ms", "ticks", "last trade minus VWAP of 500 ms; 0 without trades"),
    Feature("realised_volatility_1s", "ticks", "square root of the summed squared changes of the mid over 1 s"),
    Feature("realised_volatility_10s", "ticks", "the same over 10 s"),
    # liquidity
    Feature("imbalance_1", "1", "(bid - ask) / (bid + ask) of the sizes at the best level"),
    Feature("imbalance_5", "1", "the same of the sizes of 5 levels"),
    Feature("bid_pressure", "lots", "sum of size / (1 + distance from the best bid in ticks), 10 levels"),
    Feature("ask_pressure", "lots", "sum of size / (1 + distance from the best offer in ticks), 10 levels"),
    Feature("bid_depth_1", "lots", "size of the best bid"),
    Feature("bid_depth_3", "lots", "size of 3 levels"),
    Feature("bid_depth_5", "lots", "size of 5 levels"),
    Feature("bid_depth_10", "lots", "size of 10 levels"),
    Feature("ask_depth_1", "lots", "size of the best offer"),
    Feature("ask_depth_3", "lots", "size of 3 levels"),
    Feature("ask_depth_5", "lots", "size of 5 levels"),
    Feature("ask_depth_10", "lots", "size of 10 levels"),
    Feature("bid_add_rate", "1/s", "additions to the bid side in 1 s"),
    Feature("ask_add_rate", "1/s", "additions to the ask side in 1 s"),
    Feature("bid_cancel_rate", "1/s", "removals (cancelled or executed) from the bid side in 1 s"),
    Feature("ask_cancel_rate", "1/s", "removals (cancelled or executed) from the ask side in 1 s"),
    Feature("order_flow_imbalance", "lots", "Cont-Kukanov-Stoikov order flow imbalance at the best over 1 s"),
    Feature("trade_flow_imbalance", "1", "(bought - sold) / (bought + sold) by aggressor over 1 s; 0 without trades"),
    # correlated
    Feature("correlated_velocity", "%/s", "velocity of the correlated instrument's mid over 500 ms"),
    Feature("volatility_index", "points", "value of the volatility index; 0 if none"),
    Feature("volatility_index_change", "points", "its change over 10 s, or since the oldest value known"),
    Feature("news_sentiment", "1", "news sentiment in [-1, 1], decayed with its half-life; 0 without news"),
    Feature("news_age", "s", "age of the last news, at most 3600"),
    # state of the top
    Feature("micro_deviation", "ticks", "micro-price (size-weighted mid) minus mid"),
    Feature("top_age", "ms", "time since the last change of the top of the book, at most 60000"),
    Feature("average_trade", "lots", "average size of the trades so far; 0 without trades"),
    # decayed memory: since the book became live, decayed to the moment of the decision
    Feature("bid_size_ratio", "1", "size of the best bid over its mean in time with the weights exp(-age / 60 s)"),
    Feature("ask_size_ratio", "1", "the same of the best offer; time without such a price does not count"),
    Feature("buy_intensity", "1/s", "sum over the trades by buyers of 2^(-age / 500 ms), times ln 2 / 0.5 s"),
    Feature("sell_intensity", "1/s", "the same of the trades by sellers"),
    Feature("bid_price_age", "ms", "time since the price of the best bid last changed, at most 60000"),
    Feature("ask_price_age", "ms", "time since the price of the best offer last changed, at most 60000"),
    Feature("correlated_return_5s", "%", "change of the correlated mid over 5 s, or since the oldest value known"),
    Feature(
        "realised_volatility_300s",
        "ticks",
        "square root of the sum of d^2 exp(-age / 300 s) over the changes d of the mid, divided by 1 - exp(-t / 300 s) "
        "for the time t since the book became live, at least 10 s",
    ),
)

N_FEATURES = len(FEATURES)
NAMES: tuple[str, ...] = tuple(f.name for f in FEATURES)
INDEX: dict[str, int] = {name: i for i, name in enumerate(NAMES)}

# Indices as module constants, for kernels: numba folds them.
SPREAD = INDEX["spread"]
SPREAD_VOLATILITY = INDEX["spread_volatility"]
TOP_UPDATE_COUNT = INDEX["top_update_count"]
VWAP_DEVIATION_100MS = INDEX["vwap_deviation_100ms"]
VWAP_DEVIATION_500MS = INDEX["vwap_deviation_500ms"]
REALISED_VOLATILITY_1S = INDEX["realised_volatility_1s"]
REALISED_VOLATILITY_10S = INDEX["realised_volatility_10s"]
IMBALANCE_1 = INDEX["imbalance_1"]
IMBALANCE_5 = INDEX["imbalance_5"]
BID_PRESSURE = INDEX["bid_pressure"]
ASK_PRESSURE = INDEX["ask_pressure"]
BID_DEPTH_1 = INDEX["bid_depth_1"]
BID_DEPTH_3 = INDEX["bid_depth_3"]
BID_DEPTH_5 = INDEX["bid_depth_5"]
BID_DEPTH_10 = INDEX["bid_depth_10"]
ASK_DEPTH_1 = INDEX["ask_depth_1"]
ASK_DEPTH_3 = INDEX["ask_depth_3"]
ASK_DEPTH_5 = INDEX["ask_depth_5"]
ASK_DEPTH_10 = INDEX["ask_depth_10"]
BID_ADD_RATE = INDEX["bid_add_rate"]
ASK_ADD_RATE = INDEX["ask_add_rate"]
BID_CANCEL_RATE = INDEX["bid_cancel_rate"]
ASK_CANCEL_RATE = INDEX["ask_cancel_rate"]
ORDER_FLOW_IMBALANCE = INDEX["order_flow_imbalance"]
TRADE_FLOW_IMBALANCE = INDEX["trade_flow_imbalance"]
CORRELATED_VELOCITY = INDEX["correlated_velocity"]
VOLATILITY_INDEX = INDEX["volatility_index"]
VOLATILITY_INDEX_CHANGE = INDEX["volatility_index_change"]
NEWS_SENTIMENT = INDEX["news_sentiment"]
NEWS_AGE = INDEX["news_age"]
MICRO_DEVIATION = INDEX["micro_deviation"]
TOP_AGE = INDEX["top_age"]
AVERAGE_TRADE = INDEX["average_trade"]
BID_SIZE_RATIO = INDEX["bid_size_ratio"]
ASK_SIZE_RATIO = INDEX["ask_size_ratio"]
BUY_INTENSITY = INDEX["buy_intensity"]
SELL_INTENSITY = INDEX["sell_intensity"]
BID_PRICE_AGE = INDEX["bid_price_age"]
ASK_PRICE_AGE = INDEX["ask_price_age"]
CORRELATED_RETURN_5S = INDEX["correlated_return_5s"]
REALISED_VOLATILITY_300S = INDEX["realised_volatility_300s"]

# Bins of the discrete-time hazard: their ends in milliseconds.
BIN_ENDS_MS: tuple[int, ...] = (25, 50, 100, 250, 500, 1000, 2000, 5000, 10000)
N_BINS = len(BIN_ENDS_MS)
REFERENCE_HORIZON_MS = 500

# The request's part of a decision, float64[N_CONTEXT]: client, size, price and inventory. `side` is +1 for a quote's
# offer (the client buys, up is adverse), -1 for its bid.
CONTEXT: tuple[Feature, ...] = (
    Feature("side", "1", "+1 the client buys (our offer), -1 the client sells (our bid)"),
    Feature("edge", "ticks", "distance of the quoted price from the micro-price, in our favour"),
    Feature("pick_off_barrier", "ticks", "offer - best bid (or best offer - bid): the move that can be sold on"),
    Feature("size_against_trade", "1", "requested size over the average trade; 0 if unknown"),
    Feature("size_against_depth", "1", "requested size over the 5-level depth of the side we hedge on"),
    Feature("legs", "1", "number of legs; 1 for a single instrument"),
    Feature("client_tier", "1", _indexed(TIERS)),
    Feature("client_fill_rate", "1", "share of this client's quotes that were hit"),
    Feature("client_response", "ms", "mean time from Quote to hit"),
    Feature("client_response_cv", "1", "standard deviation over mean of that time"),
    Feature("client_toxicity", "ticks", "mean adverse move 1 s after this client's fills"),
    Feature("client_informed_share", "1", "share of this client's requests taken as informed, in [0, 1]"),
    Feature("client_round_trip", "ms", "measured network round trip to the client"),
    Feature("inventory", "1", "position over its limit, positive long, in [-1, 1]"),
    Feature("session_phase", "1", _indexed(PHASES)),
    Feature(
        "client_race_lost",
        "1",
        "probability that this client's hit arrives before the withdrawal when the market reaches the quote; 1 where "
        "quotes are not withdrawn",
    ),
)
N_CONTEXT = len(CONTEXT)
CONTEXT_NAMES: tuple[str, ...] = tuple(f.name for f in CONTEXT)
CONTEXT_INDEX: dict[str, int] = {name: i for i, name in enumerate(CONTEXT_NAMES)}
SIDE = CONTEXT_INDEX["side"]
EDGE = CONTEXT_INDEX["edge"]
PICK_OFF_BARRIER = CONTEXT_INDEX["pick_off_barrier"]
SIZE_AGAINST_TRADE = CONTEXT_INDEX["size_against_trade"]
SIZE_AGAINST_DEPTH = CONTEXT_INDEX["size_against_depth"]
LEGS = CONTEXT_INDEX["legs"]
CLIENT_TIER = CONTEXT_INDEX["client_tier"]
CLIENT_FILL_RATE = CONTEXT_INDEX["client_fill_rate"]
CLIENT_RESPONSE = CONTEXT_INDEX["client_response"]
CLIENT_RESPONSE_CV = CONTEXT_INDEX["client_response_cv"]
CLIENT_TOXICITY = CONTEXT_INDEX["client_toxicity"]
CLIENT_INFORMED_SHARE = CONTEXT_INDEX["client_informed_share"]
CLIENT_ROUND_TRIP = CONTEXT_INDEX["client_round_trip"]
INVENTORY = CONTEXT_INDEX["inventory"]
SESSION_PHASE = CONTEXT_INDEX["session_phase"]
CLIENT_RACE_LOST = CONTEXT_INDEX["client_race_lost"]
