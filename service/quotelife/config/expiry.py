"""The sections [models.*]: settings of the expiry models, which `quotelife_models.expiry_models` lists."""

from typing import Annotated

from msgspec import Meta, Struct, field

from quotelife_models.enums import Barrier

Probability = Annotated[float, Meta(gt=0, le=1)]
BelowOne = Annotated[float, Meta(gt=0, lt=1)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Step = tuple[Annotated[float, Meta(ge=0, le=1)], Annotated[float, Meta(gt=0)]]  # up to this probability: milliseconds


class _Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    # Steps [probability of a one-tick adverse move within 500 ms, lifetime in ms], ascending, at most 16; if set, they
    # replace the model's formula.
    tolerance_curve: Annotated[list[Step], Meta(max_length=16)] = field(default_factory=list)
    # Added to the log-odds of an adverse move at a news sentiment of +1 or -1. A policy, not a fitted figure: the data
    # the shipped parameters come from has no news.
    news_log_odds: NotNegative = 1.0


class RiskAverse(_Section, frozen=True, kw_only=True):
    epsilon: Probability = 0.02  # limit of the probability of a move within the lifetime
    confidence: BelowOne = 0.95  # confidence of the upper bound of that probability
    barrier: Barrier = "pick_off"
    shock_weight: NotNegative = 0.5  # how much a shock shortens the lifetime; 0: only the curve does
    news_shock: NotNegative = 2.0  # a sentiment of +1 or -1 counts as a shock of this size
    target_fill: BelowOne = 0.9  # no lifetime beyond the one that this share of the client's hits needs


class ClientPriority(_Section, frozen=True, kw_only=True):
    target_fill: BelowOne = 0.98  # share of the hits that this client would ever make
    # Of a quote; what a pick-off loses is half the spread, times the probability that it beats the withdrawal.
    max_expected_loss_ticks: Positive = 0.15
    tier_factor: tuple[Positive, Positive, Positive] = (
        2.0,
        1.0,
        0.25,
    )  # of that budget: strategic, ordinary, restricted
    size_stretch: NotNegative = 0.15  # increase of the response time, as a share, at a size of e average trades
    leg_stretch: NotNegative = 0.5  # and for each leg after the first


class LiquidityProvider(_Section, frozen=True, kw_only=True):
    risk_aversion: NotNegative = 0.1  # gamma: ticks of skew per squared tick of 1 s variance at a full position
    latency_ms: NotNegative = 1.0  # age of our view of the market when a hit arrives
    # Share of the pick-offs that come without a warning; before the others, the quote loses its value and is withdrawn.
    surprise_share: Probability = 0.3
    # What the disappointment of a withdrawal costs, in ticks: strategic, ordinary, restricted. The more, the fewer.
    withdrawal_cost_ticks: tuple[NotNegative, NotNegative, NotNegative] = (0.05, 0.02, 0.01)


class Models(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    risk_averse: RiskAverse = RiskAverse()
    client_priority: ClientPriority = ClientPriority()
    liquidity_provider: LiquidityProvider = LiquidityProvider()
