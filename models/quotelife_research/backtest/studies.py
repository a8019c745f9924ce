"""What a backtest's result depends on: the cost of a withdrawal, latencies, volatility. On a part of the requests."""

from dataclasses import replace
from typing import Any

import numpy as np

from quotelife_models import schema as S
from quotelife_models.enums import LIQUIDITY_PROVIDER, MODELS
from quotelife_research.backtest.outcomes import follow_quotes
from quotelife_research.backtest.statistics import Day, PolicyResult, difference, figures
from quotelife_research.backtest.symbol import BASE, COSTS_TICKS, EDGE, THROUGH, Policy, SymbolBacktest

OWN_MS: tuple[float, ...] = (0.1, 0.5, 2.0)
REACTION_MS: tuple[float, ...] = (0.3, 1.0, 5.0, 20.0)
_STEP = 5  # one request in so many
_PARTS = 5


def frontier(symbol: SymbolBacktest, informed: float, hedge_ms: float) -> list[dict[str, Any]]:
    """Liquidity Provider at each cost of a withdrawal: few withdrawals or many, and what they bring."""
    distance = symbol.assumed.anticipation_ticks
    part = symbol.with_tests([_thinned(day, (1.0, 1.0), hedge_ms, distance) for day in symbol.testing])
    base, best = part.reference(informed)
    found = []
    for cost in COSTS_TICKS:
        result = part.results(part.model_policy(part.testing, LIQUIDITY_PROVIDER, informed, cost), informed)
        known = figures(result, part.block)
        names = ("withdrawn_share", "net_per_request", "fill_rate", "pickoff_rate", "refused_genuine")
        compared = difference(result, base, best, part.block)
        found.append({"withdrawal_cost_ticks": cost} | {name: known[name] for name in names} | compared)
    return found


def latencies(symbol: SymbolBacktest, informed: float, hedge_ms: float) -> list[dict[str, Any]]:
    """Liquidity Provider and the rules behind the best fixed lifetimes, by the desk's latency and the reaction of
    snipers. Liquidity Provider is told the races that it loses there; the rules keep the lifetimes and thresholds that
    were tuned at the main latencies."""
    found = []
    for own_ms in OWN_MS:
        for reaction_ms in REACTION_MS:
            assumed = replace(symbol.assumed, own_ms=own_ms, reaction_ms=reaction_ms)
            factors = own_ms / symbol.assumed.own_ms, reaction_ms / symbol.assumed.reaction_ms
            days = [_thinned(day, factors, hedge_ms, assumed.anticipation_ticks) for day in symbol.testing]
            part = symbol.with_tests(days, assumed)
            base, best = part.reference(informed)
            found.append(
                {"own_ms": own_ms, "reaction_ms": reaction_ms, "race_lost": assumed.race_lost()}
                | {name: _compared(part, r, base, best) for name, r in _contenders(part, informed).items()}
            )
    return found


def _contenders(part: SymbolBacktest, informed: float) -> dict[str, PolicyResult]:
    fixed = part.fixed_per_account(informed)
    policies = {
        "liquidity_provider": part.model_policy(part.testing, LIQUIDITY_PROVIDER, informed, part.cost_ticks),
        f"{BASE}_{THROUGH}": Policy(fixed.lifetimes, [at[::_STEP] for at in part.rules[1].at(THROUGH, 0)]),
        f"{BASE}_{EDGE}": Policy(fixed.lifetimes, [at[::_STEP] for at in part.tuned_rule(BASE, EDGE, informed)]),
    }
    return {name: part.results(policy, informed) for name, policy in policies.items()}


def _compared(part: SymbolBacktest, result: PolicyResult, base: PolicyResult, best: PolicyResult) -> dict[str, Any]:
    return {"net_per_request": float(result.net.mean())} | difference(result, base, best, part.block)


def _thinned(day: Day, factors: tuple[float, float], hedge_ms: float, anticipation_ticks: float) -> Day:
    """One request in `_STEP`, with the desk's latency and the snipers' reactions multiplied by the factors."""
    seen = day[0].every(_STEP)
    seen = replace(seen, requests=seen.requests.with_latencies(*factors))
    return seen, follow_quotes(seen, hedge_ms, anticipation_ticks)


def lifetimes_by_volatility(symbol: SymbolBacktest, informed: float) -> dict[str, list[float]]:
    """Mean lifetime in ms of each model, by fifth of the volatility over 10 s at the request; ties in time order."""
    volatility = np.concatenate([seen.x[:, S.REALISED_VOLATILITY_10S] for seen, _ in symbol.testing])
    fifths = np.array_split(np.argsort(volatility, kind="stable"), _PARTS)
    found = {}
    for model, name in enumerate(MODELS):
        ms = np.concatenate(symbol.lifetimes(model, informed))
        found[name] = [float(ms[part].mean()) for part in fifths]
    return found
