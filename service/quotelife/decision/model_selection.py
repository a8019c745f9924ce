"""Selection of the expiry model: the market state, then the first rule of which every condition holds.

Rules are compiled once for each client and instrument into a small float64 array that the deciding kernel reads: the
conditions on client and instrument are evaluated here, those that depend on the moment there.
"""

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quotelife.config.client_sections import Client
from quotelife.config.sections import Config, MarketStates, Rule
from quotelife_models import schema as S
from quotelife_models.enums import (
    LIQUIDITY_PROVIDER,
    MARKET_ACTIVE,
    MARKET_AUCTION,
    MARKET_CALM,
    MARKET_CLOSED,
    MARKET_NEWS,
    MARKET_STATES,
    MARKET_STRESSED,
    MODELS,
    PHASE_AUCTION,
    PHASE_CLOSED,
    PHASES,
)

LARGE = 5.0  # times the average trade
DEFAULT_RULES = (
    Rule(model="client_priority", tier=["strategic"], min_legs=2, market=["calm"]),
    Rule(model="client_priority", tier=["strategic"], min_size_against_trade=LARGE, market=["calm"]),
    Rule(model="risk_averse", market=["stressed", "news", "auction"]),
    Rule(model="liquidity_provider"),
)

R_MODEL, R_MIN_LEGS, R_MIN_SIZE, R_PHASES, R_MARKETS, RULE_WORDS = range(6)
T_ACTIVE_VOLATILITY, T_STRESSED_VOLATILITY, T_STRESSED_SPREAD, T_NEWS, THRESHOLDS = range(5)

_LEAST_VOLATILITY = 0.5  # ticks: a smaller median only says that the instrument hardly moves
_LEAST_SPREAD = 1.0


def thresholds(market: MarketStates) -> NDArray[np.float64]:
    """The configured limits of the market states as float64[THRESHOLDS]."""
    return np.array(
        [
            market.active_volatility_ratio,
            market.stressed_volatility_ratio,
            market.stressed_spread_ratio,
            market.news_sentiment,
        ]
    )


def compile_rules(config: Config, client: Client, symbols: Sequence[str]) -> NDArray[np.float64]:
    """The rules that can hold for this client and these instruments, float64[n, RULE_WORDS], in the configured order.

    `symbols` is one instrument, or the legs of a multileg, for all of which a rule has to hold.
    """
    rows = [
        [
            MODELS.index(rule.model),
            rule.min_legs,
            rule.min_size_against_trade,
            _mask(rule.phase, PHASES),
            _mask(rule.market, MARKET_STATES),
        ]
        for rule in config.rule or DEFAULT_RULES
        if (not rule.tier or client.tier in rule.tier)
        and (not rule.client or client.name in rule.client)
        and (not rule.instrument or all(symbol in rule.instrument for symbol in symbols))
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), RULE_WORDS)


def _mask(chosen: list, names: tuple[str, ...]) -> int:
    """Bits of the chosen names; all bits where none is chosen."""
    return sum(1 << names.index(name) for name in (chosen or names))


@njit("int64(float64[::1], int64, float64, float64, float64[::1])", cache=True, nogil=True, _nrt=False)
def market_state(x, phase, median_volatility, median_spread, limits):
    """The gravest market state that applies, as an index of MARKET_STATES.

    From the features x float64[N_FEATURES], the trading phase, the instrument's fitted medians in ticks of
    realised_volatility_1s and spread, and limits float64[THRESHOLDS].
    """
    if phase == PHASE_CLOSED:
        return MARKET_CLOSED
    if phase == PHASE_AUCTION:
        return MARKET_AUCTION
    if abs(x[S.NEWS_SENTIMENT]) >= limits[T_NEWS]:
        return MARKET_NEWS
    volatility = x[S.REALISED_VOLATILITY_1S] / max(median_volatility, _LEAST_VOLATILITY)
    spread = x[S.SPREAD] / max(median_spread, _LEAST_SPREAD)
    if volatility >= limits[T_STRESSED_VOLATILITY] or spread >= limits[T_STRESSED_SPREAD]:
        return MARKET_STRESSED
    return MARKET_ACTIVE if volatility >= limits[T_ACTIVE_VOLATILITY] else MARKET_CALM


@njit("int64(float64[:,::1], int64, float64, int64, int64)", cache=True, nogil=True, _nrt=False)
def select(rules, legs, size_against_trade, phase, market):
    """Index of the model of the first of `rules` (see `compile_rules`) that holds; Liquidity Provider if none does."""
    for n in range(rules.shape[0]):
        if (
            legs >= rules[n, R_MIN_LEGS]
            and size_against_trade >= rules[n, R_MIN_SIZE]
            and int(rules[n, R_PHASES]) >> phase & 1
            and int(rules[n, R_MARKETS]) >> market & 1
        ):
            return int(rules[n, R_MODEL])
    return LIQUIDITY_PROVIDER
