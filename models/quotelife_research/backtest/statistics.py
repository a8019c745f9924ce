"""Results of a policy, with confidence intervals that respect the dependence of neighbouring requests."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quotelife_research.backtest.market import ObservedRequests
from quotelife_research.backtest.outcomes import GENUINE, MARKOUTS_MS, Outcomes

Floats = npt.NDArray[np.float64]
_BLOCK_NS = 300_000_000_000
_RESAMPLES = 2000


@dataclass(frozen=True)
class PolicyResult:
    """The results of one policy for n requests of all days."""

    net: Floats  # [n], ticks; 0 without a fill
    filled: npt.NDArray[np.bool_]
    lifetime_ms: Floats


def kinds(seen: ObservedRequests, informed: float) -> npt.NDArray[np.int64]:
    """The kind of client of each request: 0 genuine, 1 sniper."""
    return (seen.requests.informed < informed).astype(np.int64)


def apply_policy(
    days: list[tuple[ObservedRequests, Outcomes]], lifetimes: list[Floats], informed: float
) -> PolicyResult:
    net, filled = [], []
    for (seen, outcomes), ms in zip(days, lifetimes, strict=True):
        every, kind = np.arange(len(ms)), kinds(seen, informed)
        hit = outcomes.arrival_ns[every, kind] < ms * 1e6
        net.append(np.where(hit, outcomes.net[every, kind], 0.0))
        filled.append(hit)
    return PolicyResult(np.concatenate(net), np.concatenate(filled), np.concatenate(lifetimes))


def blocks(days: list[tuple[ObservedRequests, Outcomes]]) -> npt.NDArray[np.int64]:
    """The five-minute block of each request."""
    found, first = [], 0
    for seen, _ in days:
        ts = seen.requests.ts_ns
        block = first + (ts - ts[0]) // _BLOCK_NS
        first = int(block[-1]) + 1
        found.append(block)
    return np.concatenate(found)


def interval(values: Floats, block: npt.NDArray[np.int64]) -> tuple[float, float, float]:
    """Mean of the values and its 95 % confidence interval, by block bootstrap."""
    total, count = np.bincount(block, values), np.bincount(block)
    drawn = np.random.default_rng(0).integers(0, len(total), (_RESAMPLES, len(total)))
    means = total[drawn].sum(axis=1) / np.maximum(count[drawn].sum(axis=1), 1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(values.mean()), float(low), float(high)


def figures(
    results: PolicyResult, days: list[tuple[ObservedRequests, Outcomes]], informed: float, block: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """The report of one policy.

    Rates: genuine requests filled; requests hit when the market was through the price. Net: ticks per request after
    hedging. Markouts are means over the fills.
    """
    kind = np.concatenate([kinds(seen, informed) for seen, _ in days])
    every = [np.arange(len(seen.requests)) for seen, _ in days]
    parts = [(o, i, kinds(seen, informed)) for (seen, o), i in zip(days, every, strict=True)]
    through = np.concatenate([o.through[i, k] for o, i, k in parts])
    markout = np.concatenate([o.markout[i, k] for o, i, k in parts])[results.filled]
    net, low, high = interval(results.net, block)
    return {
        "fill_rate": float(results.filled[kind == GENUINE].mean()),
        "pickoff_rate": float((results.filled & through).mean()),
        "sniped_rate": float(results.filled[kind != GENUINE].mean()) if (kind != GENUINE).any() else None,
        "refused_rate": float((results.lifetime_ms <= 0).mean()),
        "markout_ticks": {
            str(ms): float(markout[:, m].mean()) if len(markout) else None for m, ms in enumerate(MARKOUTS_MS)
        },
        "net_per_request": net,
        "net_low": low,
        "net_high": high,
        "mean_lifetime_ms": float(results.lifetime_ms.mean()),
    }
