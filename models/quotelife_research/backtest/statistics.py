"""Results of a policy, with confidence intervals that respect the dependence of neighbouring requests."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quotelife.report.statistics import BLOCK_NS, interval
from quotelife_research.backtest.clients import FIRM_UNTIL, GENUINE, NEVER
from quotelife_research.backtest.market import ObservedRequests
from quotelife_research.backtest.outcomes import MARKOUTS_MS, Outcomes

Floats = npt.NDArray[np.float64]
Day = tuple[ObservedRequests, Outcomes]


@dataclass(frozen=True)
class PolicyResult:
    """The results of one policy for n requests of all days."""

    kind: npt.NDArray[np.int64]  # [n], of the client
    net: Floats  # [n], ticks; 0 without a fill
    filled: npt.NDArray[np.bool_]
    withdrawn: npt.NDArray[np.bool_]
    refused_net: Floats  # [n], what the hit that a withdrawal refused would have been worth; NaN without one
    lifetime_ms: Floats
    markout: Floats  # [n, len(MARKOUTS_MS)]
    through: npt.NDArray[np.bool_]


def apply_policy(
    days: list[Day],
    lifetimes: list[Floats],
    withdrawals: list[npt.NDArray[np.int64]] | None,
    informed: float,
    firm_until: str = FIRM_UNTIL[0],
    anticipating: float = 0.0,
) -> PolicyResult:
    """Outcomes of quotes with these lifetimes in ms, withdrawn for what the desk saw at these times, NEVER where it
    does not; None without withdrawal."""
    parts = []
    for number, ((seen, outcomes), ms) in enumerate(zip(days, lifetimes, strict=True)):
        requests, every = seen.requests, np.arange(len(ms))
        kind = requests.kinds(informed, anticipating)
        arrival, net = outcomes.arrival_ns[every, kind], outcomes.net[every, kind]
        decided = np.full(len(ms), NEVER)
        if withdrawals is not None:
            fired = withdrawals[number]
            decided = np.where(fired < NEVER, fired - requests.ts_ns + requests.own_ns, NEVER)
        # a hit that was sent before the cancel arrived: the cancel's wire out and the hit's own back
        end = decided + (requests.out_ns + requests.back_ns if firm_until == FIRM_UNTIL[1] else 0)
        in_time = arrival < ms * 1e6
        filled = in_time & (arrival < end)
        withdrawn = (decided < ms * 1e6) & ~(arrival < decided)
        refused = np.where(in_time & ~filled, net, np.nan)
        through, markout = outcomes.through[every, kind], outcomes.markout[every, kind]
        parts.append((kind, np.where(filled, net, 0.0), filled, withdrawn, refused, ms, markout, through))
    return PolicyResult(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def blocks(days: list[Day]) -> npt.NDArray[np.int64]:
    """The five-minute block of each request."""
    found, first = [], 0
    for seen, _ in days:
        ts = seen.requests.ts_ns
        block = first + (ts - ts[0]) // BLOCK_NS
        first = int(block[-1]) + 1
        found.append(block)
    return np.concatenate(found)


def figures(results: PolicyResult, block: npt.NDArray[np.int64]) -> dict[str, Any]:
    """The report of one policy.

    Rates: genuine requests filled; requests hit when the market was through the price; quotes withdrawn; genuine hits
    in time that a withdrawal refused, and what they were worth in ticks each. Net: ticks per request after hedging.
    Markouts are means over the fills.
    """
    genuine, quoted = results.kind == GENUINE, results.lifetime_ms > 0
    markout, refused = results.markout[results.filled], ~np.isnan(results.refused_net) & genuine
    net, low, high = interval(results.net, block)
    hits = int((genuine & results.filled).sum() + refused.sum())
    return {
        "fill_rate": float(results.filled[genuine].mean()) if genuine.any() else None,
        "pickoff_rate": float((results.filled & results.through).mean()),
        "sniped_rate": float(results.filled[~genuine].mean()) if not genuine.all() else None,
        "refused_rate": float((~quoted).mean()),
        "withdrawn_share": float(results.withdrawn[quoted].mean()) if quoted.any() else 0.0,
        "refused_genuine": int(refused.sum()) / hits if hits else 0.0,
        "refused_genuine_worth_ticks": float(results.refused_net[refused].mean()) if refused.any() else None,
        "markout_ticks": {
            str(ms): float(markout[:, m].mean()) if len(markout) else None for m, ms in enumerate(MARKOUTS_MS)
        },
        "net_per_request": net,
        "net_low": low,
        "net_high": high,
        "mean_lifetime_ms": float(results.lifetime_ms.mean()),
    }


def difference(
    results: PolicyResult, base: PolicyResult, best: PolicyResult, block: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """A policy minus a base per request, with its paired interval, and the share of the way to the best one."""
    mean, low, high = interval(results.net - base.net, block)
    whole = float((best.net - base.net).mean())
    return {"difference": mean, "low": low, "high": high, "closed_share": mean / whole if whole > 1e-12 else None}
