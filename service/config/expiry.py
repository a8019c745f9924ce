"""The [models.*] sections: parameters of the three expiry models."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Probability = Annotated[float, Meta(gt=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
Step = tuple[Annotated[float, Meta(ge=0, le=1)], Annotated[float, Meta(gt=0)]]  # up to this probability: milliseconds
Barrier = Literal["one_tick", "pick_off"]


class _Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    # Steps [probability of a one-tick adverse move within 500 ms, lifetime in ms], ascending; if given, they replace the formula.
    tolerance_curve: list[Step] = field(default_factory=list)


class RiskAverse(_Section, frozen=True, kw_only=True):
    epsilon: Probability = 0.02
    confidence: Probability = 0.95
    barrier: Barrier = "pick_off"


class ClientPriority(_Section, frozen=True, kw_only=True):
    target_fill: Probability = 0.9
    max_expected_loss_ticks: Positive = 1.0


class LiquidityProvider(_Section, frozen=True, kw_only=True):
    risk_aversion: Positive = 0.1
    latency_ms: Positive = 1.0


class Models(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    risk_averse: RiskAverse = RiskAverse()
    client_priority: ClientPriority = ClientPriority()
    liquidity_provider: LiquidityProvider = LiquidityProvider()
