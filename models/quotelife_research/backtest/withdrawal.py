"""When the desk withdraws a quote: by rules for comparison, and by the models through the service's own kernel.

Each rule looks at every change that the desk receives, as its monitor of open quotes does, and sees what it had
received by then. The result is the time of the change that makes it withdraw; its own latency is added where the
outcome is computed. Every rule withdraws when the market is through the price.

    through   only then
    edge      when the price less the micro-price falls below a threshold
    risk      when p(pick-off within `RISK_MS`) passes a threshold
    value     when `quotelife_models.stopping.margin` falls below 0
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from numba import njit

from quotelife_models import hazard as H
from quotelife_models.enums import LIQUIDITY_PROVIDER
from quotelife_models.remaining import (
    LEVEL,
    MIXED,
    MIXTURE,
    RAW,
    TILT,
    WORK_WORDS,
    remaining_base,
    remaining_margin,
)
from quotelife_models.stopping import STAKE_WORDS
from quotelife_research.backtest.clients import NEVER
from quotelife_research.backtest.market import ObservedRequests
from quotelife_research.backtest.outcomes import MAX_LIFETIME_MS
from quotelife_research.backtest.policies import ModelQuotes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
RISK_MS = 100.0
THROUGH_ONLY = -1e9  # an edge in ticks that no price has
EDGES_TICKS = np.array((-0.5, -0.3, -0.2, -0.1, 0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4))
RISKS = np.geomspace(0.002, 0.9, 16)
_EDGE, _RISK, _VALUE = range(3)
_WORKERS = 2
_ROW, _TABLE, _INTS = "float64[::1]", "float64[:,::1]", "int64[::1]"


@njit(
    f"float64(int64, {_ROW}, int64, {_ROW}, {_ROW}, {_ROW}, {_ROW}, float64, float64, float64, float64, {_ROW})",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _score(rule, table_row, model, policy, stake, x, work, barrier, edge, elapsed_ms, remaining_ms, survival):
    """What a rule compares with its thresholds: the quote is withdrawn where it is below."""
    if barrier <= 0.0:
        return -np.inf
    if rule == _EDGE:
        return edge
    if rule == _RISK:
        if work[MIXED] > 0.0:
            table_row = work[MIXTURE : MIXTURE + H.N_PARAMETERS]
        level, tilt = H.predict_move(table_row, work[RAW:], barrier)
        return -H.p_of(table_row, work[LEVEL] + level, work[TILT] + tilt, RISK_MS)
    return remaining_margin(table_row, model, policy, stake, x, work, barrier, edge, elapsed_ms, remaining_ms, survival)


@njit(
    f"void(int64, {_ROW}, int64, {_ROW}, {_TABLE}, {_INTS}, {_TABLE}, int64[:,::1], {_ROW}, {_INTS}, {_INTS}, {_INTS}, "
    f"{_INTS}, {_ROW}, {_ROW}, int64[:,::1])",
    cache=True,
    nogil=True,
)
def _watch(
    rule,
    table_row,
    model,
    policy,
    stakes,
    row_ns,
    x,
    best,
    micro,
    first,
    ts,
    side,
    price,
    lifetime_ms,
    thresholds,
    fired,
):
    """Fill fired int64[n, len(thresholds)]: the time of the first row of the sight at which a quote's score is below
    each threshold, which fall, NEVER if none is before its deadline. Quotes are in time order."""
    n, open_quotes, n_open, following = ts.shape[0], np.empty(ts.shape[0], np.int64), 0, 0
    passed = np.zeros(n, np.int64)
    works, survival, known = np.zeros((2, WORK_WORDS)), np.empty(H.N_BINS), np.zeros(2, np.int64)
    row = first[0] + 1 if n else 0
    while row < row_ns.shape[0] and (n_open > 0 or following < n):
        while following < n and first[following] < row:
            if lifetime_ms[following] > 0.0:
                open_quotes[n_open] = following
                n_open += 1
            following += 1
        known[:] = 0
        at = 0
        while at < n_open:
            i = open_quotes[at]
            elapsed_ms = (row_ns[row] - ts[i]) / 1e6
            remaining_ms = lifetime_ms[i] - elapsed_ms
            ended = remaining_ms <= 0.0
            if not ended:
                sold = 0 if side[i] > 0 else 1
                if known[sold] == 0 and rule != _EDGE:
                    remaining_base(table_row, x[row], 1.0 - 2.0 * sold, works[sold])
                    known[sold] = 1
                barrier, edge = side[i] * (price[i] - best[row, sold]), side[i] * (price[i] - micro[row])
                score = _score(
                    *(rule, table_row, model, policy, stakes[i], x[row], works[sold], float(barrier), edge),
                    *(elapsed_ms, remaining_ms, survival),
                )
                while passed[i] < thresholds.shape[0] and score < thresholds[passed[i]]:
                    fired[i, passed[i]] = row_ns[row]
                    passed[i] += 1
                ended = passed[i] == thresholds.shape[0]
            if ended:
                n_open -= 1
                open_quotes[at] = open_quotes[n_open]
            else:
                at += 1
        row += 1


def _run(
    seen: ObservedRequests, rule: int, table_row: Floats, model: int, policy: Floats, stakes: Floats,
    lifetime_ms: Floats, thresholds: Floats,
) -> Ints:  # fmt: skip
    requests, price = seen.requests, seen.price
    fired = np.full((len(requests), len(thresholds)), NEVER, np.int64)
    micro = seen.sight.micro

    def part(where: slice) -> None:
        _watch(
            *(rule, table_row, model, policy, stakes[where], seen.sight.ts_ns, seen.sight.x, seen.sight.best, micro),
            *(seen.row[where], requests.ts_ns[where], requests.side[where], price[where], lifetime_ms[where]),
            *(thresholds, fired[where]),
        )

    edges = np.linspace(0, len(requests), _WORKERS + 1).astype(int)
    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(part, [slice(a, b) for a, b in pairwise(edges)]))
    return fired


def by_edge(seen: ObservedRequests, edges_ticks: Floats) -> Ints:
    """Times int64[n, len(edges_ticks)] at which the price less the micro-price falls below each edge, whatever the
    lifetime; THROUGH_ONLY is the rule `through`."""
    return _by_threshold(seen, _EDGE, np.zeros(H.N_PARAMETERS), edges_ticks)


def by_risk(seen: ObservedRequests, table_row: Floats, risks: Floats) -> Ints:
    """Times int64[n, len(risks)] at which p(pick-off within `RISK_MS`) passes each of these probabilities."""
    return _by_threshold(seen, _RISK, table_row, -risks)


def _by_threshold(seen: ObservedRequests, rule: int, table_row: Floats, thresholds: Floats) -> Ints:
    n, order = len(seen.requests), np.argsort(-thresholds)
    fired = np.empty((n, len(thresholds)), np.int64)
    fired[:, order] = _run(
        *(seen, rule, table_row, LIQUIDITY_PROVIDER, np.zeros(0), np.zeros((n, STAKE_WORDS))),
        *(np.full(n, MAX_LIFETIME_MS), np.ascontiguousarray(thresholds[order])),
    )
    return fired


def by_value(seen: ObservedRequests, table_row: Floats, quotes: ModelQuotes) -> Ints:
    """Times int64[n] at which a model withdraws its quotes."""
    at = (quotes.model, quotes.policy, quotes.stakes, quotes.lifetime_ms)
    return _run(seen, _VALUE, table_row, *at, np.zeros(1))[:, 0]
