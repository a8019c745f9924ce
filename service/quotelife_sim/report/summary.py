"""The results of a simulation as numbers, per model and client style, beside a fixed expiry on the same quotes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from quotelife.runtime.clock import NS_PER_MS, NS_PER_US
from quotelife_sim.clients import deal as D
from quotelife_sim.clients.deal import Deal
from quotelife_sim.clients.requests import SNIPER
from quotelife_sim.outcome import Outcome, judge, markout
from quotelife_sim.venue.history import History

Histories = Mapping[str, History]
UNDISCLOSED = "(not disclosed)"
_ENDS = {  # outcome of a deal -> how its quote ended
    D.FILLED: "filled",
    D.PICKED_OFF: "filled",
    D.EXPIRED: "expired",
    D.MISSED: "expired",
    D.WITHDRAWN: "withdrawn",
}
_REFUSED_HITS = {D.TOO_LATE: "expired", D.STALE: "withdrawn"}  # by OrdRejReason (103)


def ended_quotes(deals: Sequence[Deal]) -> list[Deal]:
    """The deals that were quoted and have ended: those that are compared."""
    return [deal for deal in deals if deal.quoted and deal.outcome not in (D.OPEN, D.UNANSWERED)]


def summarise(deals: Sequence[Deal], histories: Histories, fixed_ms: float) -> dict[str, Any]:
    """All figures of the summary; prices and markouts in ticks, times in the units of their names."""
    quoted = ended_quotes(deals)
    fixed = {deal.intention.number: _outcome_with_lifetime(deal, fixed_ms * NS_PER_MS, histories) for deal in quoted}
    actual = {deal.intention.number: Outcome(deal.outcome, deal.hit_ns) for deal in quoted}
    replayed = {
        deal.intention.number: _outcome_with_lifetime(deal, deal.expires_ns - deal.answered_ns, histories)
        for deal in quoted
    }
    not_withdrawn = [deal.intention.number for deal in quoted if deal.outcome != D.WITHDRAWN]
    agreed = sum(actual[number].kind == replayed[number].kind for number in not_withdrawn)
    models = sorted({deal.model for deal in quoted})
    styles = sorted({deal.intention.style for deal in quoted})
    return {
        "requests": len(deals),
        "quotes": len(quoted),
        "refusals": _refusals(deals),
        "unanswered": sum(deal.outcome == D.UNANSWERED for deal in deals),
        "open": sum(deal.outcome == D.OPEN for deal in deals),
        "latency_us": _latency([deal for deal in deals if deal.answered_ns]),
        "models": {
            model or UNDISCLOSED: _compared([d for d in quoted if d.model == model], actual, fixed, histories)
            for model in models
        },
        "clients": {
            style: _compared([d for d in quoted if d.intention.style == style], actual, fixed, histories)
            for style in styles
        },
        "all": _compared(quoted, actual, fixed, histories),
        "fixed_ms": fixed_ms,
        "withdrawn": len(quoted) - len(not_withdrawn),
        "refused_hits": _refused_hits(quoted),
        "tape_agrees": agreed / len(not_withdrawn) if not_withdrawn else None,
    }


def _outcome_with_lifetime(deal: Deal, lifetime_ns: float, histories: Histories) -> Outcome:
    assert deal.price is not None
    expires_ns = deal.answered_ns + round(lifetime_ns)
    return judge(deal.intention, deal.price, deal.answered_ns, expires_ns, histories[deal.intention.symbol])


def _compared(
    deals: Sequence[Deal], actual: Mapping[int, Outcome], fixed: Mapping[int, Outcome], histories: Histories
) -> dict[str, Any]:
    """One group of quotes: lifetimes, and outcomes with their own and with the fixed expiry."""
    lifetimes = np.array([deal.lifetime_ns for deal in deals]) / NS_PER_MS
    p10, p50, p90 = (float(p) for p in np.percentile(lifetimes, (10, 50, 90))) if len(deals) else (0.0, 0.0, 0.0)
    return {
        "quotes": len(deals),
        "lifetime_ms": {"p10": p10, "p50": p50, "p90": p90},
        "latency_us": _latency(deals),
        "ends": _ends(deals),
        "dynamic": _results(deals, actual, histories),
        "fixed": _results(deals, fixed, histories),
    }


def _ends(deals: Sequence[Deal]) -> dict[str, int]:
    """How many quotes were filled, expired, or were withdrawn."""
    counts = Counter(_ENDS[deal.outcome] for deal in deals)
    return {end: counts[end] for end in dict.fromkeys(_ENDS.values())}


def _refused_hits(deals: Sequence[Deal]) -> dict[str, int]:
    """Counts of refused hits by reason: expired, withdrawn, or the code of another OrdRejReason (103)."""
    codes = Counter(deal.refused_hit for deal in deals if deal.refused_hit is not None)
    return {_REFUSED_HITS.get(code, str(code)): count for code, count in sorted(codes.items())}


def _results(deals: Sequence[Deal], outcomes: Mapping[int, Outcome], histories: Histories) -> dict[str, Any]:
    fills = [(deal, outcomes[deal.intention.number]) for deal in deals]
    fills = [(deal, outcome) for deal, outcome in fills if outcome.kind in D.FILLS]
    wanted = sum(deal.intention.accepts and deal.intention.style != SNIPER for deal in deals)
    served = sum(deal.intention.style != SNIPER for deal, _ in fills)
    gains = list(_gains(fills, histories))
    return {
        "fills": len(fills),
        "fill_rate": len(fills) / len(deals) if deals else None,
        "wanted": wanted,
        "wanted_filled": served / wanted if wanted else None,
        "picked_off": sum(outcome.kind == D.PICKED_OFF for _, outcome in fills),
        "markout_ticks": float(np.mean(gains)) if gains else None,
        "markout_total_ticks": float(np.sum(gains)),
    }


def _gains(fills: Iterable[tuple[Deal, Outcome]], histories: Histories) -> Iterable[float]:
    for deal, outcome in fills:
        assert deal.price is not None
        intention = deal.intention
        gain = markout(intention.buys, deal.price, outcome.hit_ns, histories[intention.symbol])
        if gain is not None:
            yield gain


def _latency(deals: Sequence[Deal]) -> dict[str, float] | None:
    """Latency from the scheduled sending of a request to its answer, measured at the client."""
    if not deals:
        return None
    taken = np.array([deal.answered_ns - deal.intended_ns for deal in deals]) / NS_PER_US
    p50, p90, p99 = (float(p) for p in np.percentile(taken, (50, 90, 99)))
    return {"p50": p50, "p90": p90, "p99": p99, "max": float(taken.max())}


def _refusals(deals: Sequence[Deal]) -> dict[str, int]:
    """Counts by reject reason code."""
    found: dict[str, int] = {}
    for deal in deals:
        if deal.outcome == D.REFUSED:
            found[str(deal.reject_code)] = found.get(str(deal.reject_code), 0) + 1
    return found
