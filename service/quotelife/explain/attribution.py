"""The log-odds of an adverse move as a sum of the contributions of market features.

    log-odds = constant + sum over the covariates of (beta_i * z_i + trees_i) + the desk's term for news

for the hazard of the bin that ends at the reference horizon, where the covariates' tilt is zero
(`quotelife_models.hazard`). The contribution of a tree is split along its path: each split assigns the change of the
mean of the leaves below it to its covariate, and the mean of all leaves is part of the constant (Saabas, 2014).

A covariate belongs to the feature that it measures, not to one that only scales it (an order flow by the depth at the
best price). If one covariate measures several features, its contribution stands for all of them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.covariates import (
    COVARIATES,
    EVENT,
    N_BASE,
    N_COVARIATES,
    N_KNOTS,
    THROUGH,
    fill_barrier,
    fill_base,
)

BARRIER = "pick_off_barrier"  # from the context, not a feature: how far the market must move
KIND_OF_MOVE = "kind_of_move"  # neither a feature nor from the context: the same for every quote

# Features (or the barrier, or the kind of move) and the covariates made from them; each stands in one group.
GROUPS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("spread",), ("log_spread", "one_tick_spread", "spread_near_barrier", "beyond_spread")),
    (("spread_volatility",), ("spread_volatility",)),
    (("top_update_count",), ("top_updates",)),
    (("vwap_deviation_100ms",), ("vwap_deviation_100ms",)),
    (("vwap_deviation_500ms",), ("vwap_deviation_500ms",)),
    (("realised_volatility_1s",), ("log_volatility_1s",)),
    (
        ("realised_volatility_10s",),
        ("log_volatility_10s", *(f"beyond_volatility_{i}" for i in range(N_KNOTS))),
    ),
    (("imbalance_1",), ("imbalance_1", "imbalance_1_near_barrier")),
    (("imbalance_5",), ("imbalance_5",)),
    (("bid_pressure", "ask_pressure"), ("pressure",)),
    (("bid_depth_1", "ask_depth_1", "average_trade"), ("far_depth", "near_depth", "far_depth_near_barrier")),
    (("bid_depth_5", "ask_depth_5"), ("far_thinness", "near_thinness")),
    (("bid_depth_3", "bid_depth_10", "ask_depth_3", "ask_depth_10"), ()),
    (("bid_add_rate", "ask_add_rate"), ("addition_flow", "additions")),
    (("bid_cancel_rate", "ask_cancel_rate"), ("cancellation_flow", "cancellations")),
    (("order_flow_imbalance",), ("order_flow", "order_flow_near_barrier")),
    (("trade_flow_imbalance",), ("trade_flow",)),
    (("correlated_velocity",), ("correlated_velocity", "correlated_speed")),
    (("volatility_index",), ()),
    (("volatility_index_change",), ("volatility_index_change",)),
    (("news_sentiment",), ("news_sentiment",)),
    (("news_age",), ()),
    (("micro_deviation",), ("micro_deviation", "micro_deviation_near_barrier")),
    (("top_age",), ("top_age", "just_changed", "just_changed_near_barrier")),
    (
        ("bid_size_ratio", "ask_size_ratio"),
        ("far_size_ratio", "near_size_ratio", "far_size_ratio_near_barrier"),
    ),
    (
        ("buy_intensity", "sell_intensity"),
        ("adverse_intensity", "favourable_intensity", "adverse_intensity_near_barrier"),
    ),
    (("bid_price_age", "ask_price_age"), ("far_price_age", "near_price_age")),
    (("correlated_return_5s",), ("correlated_return_5s",)),
    (("realised_volatility_300s",), ("log_volatility_300s",)),
    ((BARRIER,), ("log_barrier", "inverse_barrier")),
    ((KIND_OF_MOVE,), EVENT),
)


class LogOdds(NamedTuple):
    """Of a move of `barrier_ticks` in the reference bin; arrays over COVARIATES. constant, news and `parts` sum to
    `total`."""

    barrier_ticks: float
    raw: NDArray[np.float64]
    standardised: NDArray[np.float64]
    parts: NDArray[np.float64]
    constant: float
    news: float
    total: float

    @property
    def hazard(self) -> float:
        """Probability of the move inside the bin, if it has not occurred before."""
        return 1.0 / (1.0 + float(np.exp(-self.total)))

    def of(self, covariates: tuple[str, ...]) -> float:
        """The contribution of some covariates."""
        return float(sum(self.parts[COVARIATES.index(name)] for name in covariates))


def log_odds(
    table_row: NDArray[np.float64], policy: NDArray[np.float64], x: NDArray[np.float64], side: float, barrier: float
) -> LogOdds:
    """Split the predictor that `quotelife_models.decide` uses for one side (+1 offer, -1 bid) and barrier.

    `table_row` float64[N_PARAMETERS], `policy` float64[N_POLICY], `x` float64[N_FEATURES].
    """
    raw = np.zeros(N_COVARIATES)
    mixture = np.empty(H.N_PARAMETERS)
    table_row = mixture if H.mixed(table_row, x, mixture) else table_row
    fill_base(x, side, raw)
    fill_barrier(barrier, THROUGH, raw)
    z = np.zeros(N_COVARIATES)
    base, _ = H.base_predictor(table_row, raw, z)
    rest, _ = H.predict(table_row, raw, z, N_BASE, N_COVARIATES)
    news = float(policy[P.NEWS_LOG_ODDS] * min(abs(x[S.NEWS_SENTIMENT]), 1.0))
    alpha = float(table_row[H.ALPHA + H.REFERENCE_BIN])
    mean, trees = _trees(table_row, z)
    parts = table_row[H.BETA : H.BETA + N_COVARIATES] * z + trees
    return LogOdds(barrier, raw, z, parts, alpha + mean, news, alpha + base + rest + news)


def _trees(table_row: NDArray[np.float64], z: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """(mean of the leaves of all trees, contribution of the path of z by covariate)."""
    parts, mean, share = np.zeros(N_COVARIATES), 0.0, float(table_row[H.TREE_SHARE])
    for tree in range(int(table_row[H.BOOST])):
        at = H.BOOST + 1 + tree * H.TREE_WORDS
        splits = table_row[at : at + 2 * H.TREE_NODES].reshape(H.TREE_NODES, 2)
        below = np.zeros(2 * H.TREE_NODES + 1)  # mean of the leaves below each node, the leaves last
        below[H.TREE_NODES :] = table_row[at + 2 * H.TREE_NODES : at + H.TREE_WORDS]
        for node in reversed(range(H.TREE_NODES)):
            below[node] = (below[2 * node + 1] + below[2 * node + 2]) / 2
        mean += float(below[0])
        node = 0
        while node < H.TREE_NODES:
            covariate, threshold = int(splits[node, 0]), splits[node, 1]
            following = 2 * node + (2 if z[covariate] > threshold else 1)
            parts[covariate] += below[following] - below[node]
            node = following
    return mean * share, parts * share
