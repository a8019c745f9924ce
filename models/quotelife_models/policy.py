"""Settings of an expiry model as a flat vector for the kernels; one layout for all models."""

from collections.abc import Mapping
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from quotelife_models.enums import BARRIERS, TIERS

MAX_STEPS = 16

(
    NEWS_LOG_ODDS,
    EPSILON,
    CONFIDENCE_Z,
    BARRIER,
    SHOCK_WEIGHT,
    NEWS_SHOCK,
    TARGET_FILL,
    MAX_EXPECTED_LOSS,
    TIER_FACTOR,
) = range(9)
WITHDRAWAL_COST = TIER_FACTOR + len(TIERS)
(SIZE_STRETCH, LEG_STRETCH, RISK_AVERSION, LATENCY_MS, SURPRISE_SHARE, WITHDRAWAL, TOLERANCE_STEPS, TOLERANCE) = (
    WITHDRAWAL_COST + len(TIERS) + i for i in range(8)
)
N_POLICY = TOLERANCE + 2 * MAX_STEPS

_PLAIN = {
    "news_log_odds": NEWS_LOG_ODDS,
    "epsilon": EPSILON,
    "shock_weight": SHOCK_WEIGHT,
    "news_shock": NEWS_SHOCK,
    "target_fill": TARGET_FILL,
    "max_expected_loss_ticks": MAX_EXPECTED_LOSS,
    "size_stretch": SIZE_STRETCH,
    "leg_stretch": LEG_STRETCH,
    "risk_aversion": RISK_AVERSION,
    "latency_ms": LATENCY_MS,
    "surprise_share": SURPRISE_SHARE,
    "withdrawal": WITHDRAWAL,  # whether open quotes are withdrawn: from another section, the same for all models
}
_BY_TIER = {"tier_factor": TIER_FACTOR, "withdrawal_cost_ticks": WITHDRAWAL_COST}


def pack(values: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    """The vector float64[N_POLICY] of one model's section, by the names of the configuration; absent ones are 0.

    Raises ValueError for an unknown name, and for a tolerance curve that is too long or not ascending.
    """
    policy = np.zeros(N_POLICY)
    for name, value in values.items():
        if name in _PLAIN:
            policy[_PLAIN[name]] = value
        elif name == "confidence":
            policy[CONFIDENCE_Z] = NormalDist().inv_cdf(value)
        elif name == "barrier":
            policy[BARRIER] = BARRIERS.index(value)
        elif name in _BY_TIER:
            policy[_BY_TIER[name] : _BY_TIER[name] + len(TIERS)] = value
        elif name == "tolerance_curve":
            _pack_steps(policy, value)
        else:
            raise ValueError(f"{name}: unknown setting of an expiry model")
    return policy


def _pack_steps(policy: npt.NDArray[np.float64], steps: Any) -> None:
    if len(steps) > MAX_STEPS:
        raise ValueError(f"tolerance_curve: {len(steps)} steps; allowed: at most {MAX_STEPS}")
    probabilities = [p for p, _ in steps]
    if any(a >= b for a, b in pairwise(probabilities)):
        raise ValueError(f"tolerance_curve: probabilities {probabilities}; allowed: ascending")
    policy[TOLERANCE_STEPS] = len(steps)
    policy[TOLERANCE : TOLERANCE + 2 * len(steps)] = [value for step in steps for value in step]
