"""The names of policies as a reader of the report knows them."""

import re

from quotelife_models.enums import MODELS
from quotelife_research.backtest.symbol import BASE, EDGE, FREE, RISK, THROUGH, TUNED

FORESIGHT = ("oracle", "clairvoyant")  # nobody can trade them
_RULES = {THROUGH: "when through", EDGE: "by edge", RISK: "by risk"}
_KNOWN = {
    "fixed_best": "best fixed lifetime",
    BASE: "best fixed lifetime per client",
    FREE: "Liquidity Provider, withdrawals free",
    "inverse_variance": "inverse variance",
    "logistic_imbalance": "logistic imbalance",
    "oracle": "oracle: foresees the market",
    "clairvoyant": "clairvoyant: foresees market and client",
} | {name: name.replace("_", " ").title() for name in MODELS}
_FIXED = re.compile(r"fixed_(\d+)ms")


def policy_name(policy: str) -> str:
    """`fixed_best_per_account_edge` as "best fixed lifetime per client, withdrawn by edge"."""
    if policy in _KNOWN:
        return _KNOWN[policy]
    if fixed := _FIXED.fullmatch(policy):
        return f"fixed {int(fixed[1])} ms"
    base, _, rule = policy.rpartition("_")
    if rule in _RULES:
        tuned = "both tuned per client" if base == TUNED else policy_name(base)
        return f"{tuned}, withdrawn {_RULES[rule]}"
    return policy_name(policy.removesuffix("_without_withdrawal")) + ", without withdrawal"
