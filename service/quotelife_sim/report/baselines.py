"""The result of a run beside what a careful desk has without the service: the best fixed lifetime for each client.

It is tuned on the minutes before (`quotelife_sim.report.minutes_before`), by net, and applied to the quotes of the run:
the same requests, prices, intentions and market, judged by the same rule. Net is the sum of the markouts of the fills
in ticks, over all quotes. Three desks:

    fixed       never withdraws
    withdrawn   the same lifetimes, and a quote is withdrawn once the market is through its price, with the latency at
                which the service has withdrawn its own
    retuned     the same, with lifetimes that were tuned with this withdrawal, at the latency OWN_NS

The difference to each desk has a standard error from blocks of BLOCK_S.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, NS_PER_US
from quotelife_sim.clients import deal as D
from quotelife_sim.clients.deal import Deal
from quotelife_sim.outcome import Outcome, judge, judge_with_through, markout
from quotelife_sim.venue.history import History

if TYPE_CHECKING:  # it brings kernels, which the comparison itself does not need
    from quotelife_sim.report.minutes_before import MinutesBefore

GRID_MS = (
    *(1, 2, 5, 10, 25, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000),
    *(1250, 1500, 2000, 2500, 3000, 4000, 5000, 7500, 10000),
)
BLOCK_S = 5.0
OWN_NS = 500 * NS_PER_US  # a desk's latency before any withdrawal has been measured
Histories = Mapping[str, History]


class Result(NamedTuple):
    """Of one quote."""

    net_ticks: float
    picked_off: bool
    outcome: str


class Tuned(msgspec.Struct, frozen=True, kw_only=True):
    """The best fixed lifetime in ms for each client, and what it was tuned on."""

    seconds: float
    quotes: int
    fixed: dict[str, float]
    retuned: dict[str, float]  # for a desk that withdraws


def tuned_on(before: "MinutesBefore") -> Tuned:
    """The lifetimes of both desks."""
    return Tuned(
        seconds=before.seconds, quotes=len(before.quotes), fixed=tune(before, None), retuned=tune(before, OWN_NS)
    )


def compare_with_fixed(deals: Sequence[Deal], histories: Histories, tuned: Tuned, own_ns: int | None) -> dict[str, Any]:
    """All figures of the comparison; `deals` are the quoted ones that have ended, `own_ns` the measured latency of a
    withdrawal from the market's change."""
    latency_ns = OWN_NS if own_ns is None else own_ns
    ours = [actual_result(deal, histories) for deal in deals]
    desks = {
        "fixed": (tuned.fixed, None),
        "withdrawn": (tuned.fixed, latency_ns),
        "retuned": (tuned.retuned, latency_ns),
    }
    return {
        "tuned_on": {"seconds": tuned.seconds, "quotes": tuned.quotes},
        "withdrawal_latency_us": latency_ns / NS_PER_US,
        "latency_is_measured": own_ns is not None,
        "quotelife": _figures(deals, ours),
        "desks": {name: _against(deals, ours, lifetimes, own, histories) for name, (lifetimes, own) in desks.items()},
    }


def tune(before: "MinutesBefore", own_ns: int | None) -> dict[str, float]:
    """The lifetime in ms of GRID_MS with the highest net for each client, the shortest of equals; with `own_ns` for a
    desk that withdraws."""
    best = {}
    for client in sorted({quote.intention.client for quote in before.quotes}):
        quotes = [quote for quote in before.quotes if quote.intention.client == client]
        nets = [sum(fixed_result(q, ms, own_ns, before.histories).net_ticks for q in quotes) for ms in GRID_MS]
        best[client] = float(GRID_MS[int(np.argmax(nets))])
    return best


def _against(
    deals: Sequence[Deal],
    ours: Sequence[Result],
    lifetimes: Mapping[str, float],
    own_ns: int | None,
    histories: Histories,
) -> dict[str, Any]:
    """The figures of one desk, and the service's net minus its net. Clients without a tuned lifetime (none asked in the
    minutes before) have the shortest."""
    theirs = [fixed_result(deal, lifetimes.get(deal.intention.client, GRID_MS[0]), own_ns, histories) for deal in deals]
    gains = np.array([a.net_ticks - b.net_ticks for a, b in zip(ours, theirs, strict=True)])
    return {
        "lifetime_ms": dict(lifetimes),
        **_figures(deals, theirs),
        "difference_ticks": float(gains.mean()) if len(gains) else None,
        "difference_error_ticks": _block_error(gains, np.array([deal.intended_ns for deal in deals])),
    }


def actual_result(deal: Deal, histories: Histories) -> Result:
    """Of a quote as it ended."""
    return _result(deal, Outcome(deal.outcome, deal.hit_ns), histories)


def fixed_result(deal: Deal, lifetime_ms: float, own_ns: int | None, histories: Histories) -> Result:
    """Of the same quote with another lifetime; with `own_ns` for a desk that withdraws."""
    assert deal.price is not None
    expires_ns = deal.answered_ns + round(lifetime_ms * NS_PER_MS)
    what = deal.intention, deal.price, deal.answered_ns, expires_ns, histories[deal.intention.symbol]
    outcome = judge(*what) if own_ns is None else judge_with_through(*what, own_ns)
    return _result(deal, outcome, histories)


def _result(deal: Deal, outcome: Outcome, histories: Histories) -> Result:
    if outcome.kind not in D.FILLS:
        return Result(0.0, False, outcome.kind)
    assert deal.price is not None
    gain = markout(deal.intention.buys, deal.price, outcome.hit_ns, histories[deal.intention.symbol])
    return Result(gain or 0.0, outcome.kind == D.PICKED_OFF, outcome.kind)


def _figures(deals: Sequence[Deal], results: Sequence[Result]) -> dict[str, Any]:
    """Net in ticks per quote and pick-offs, in all, by client and by instrument."""
    clients: dict[str, list[Result]] = {}
    instruments: dict[str, list[Result]] = {}
    for deal, result in zip(deals, results, strict=True):
        clients.setdefault(deal.intention.client, []).append(result)
        instruments.setdefault(deal.intention.symbol, []).append(result)
    return {
        **_sums(results),
        "clients": {client: _sums(own) for client, own in sorted(clients.items())},
        "instruments": {symbol: _sums(own) for symbol, own in sorted(instruments.items())},
    }


def _sums(results: Sequence[Result]) -> dict[str, Any]:
    return {
        "quotes": len(results),
        "net_ticks": sum(r.net_ticks for r in results) / len(results) if results else None,
        "picked_off": sum(r.picked_off for r in results),
    }


def _block_error(gains: np.ndarray, at_ns: np.ndarray) -> float | None:
    """Standard error of the mean of `gains`, whose quotes are as good as independent only in different blocks."""
    if not len(gains):
        return None
    block = (at_ns - at_ns.min()) // round(BLOCK_S * NS_PER_S)
    sums = np.bincount(block, gains - gains.mean())
    n = len(sums)
    return math.sqrt(n / (n - 1) * float((sums**2).sum())) / len(gains) if n > 1 else None
