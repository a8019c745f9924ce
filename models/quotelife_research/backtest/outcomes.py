"""Outcomes of quotes on the market's path: when each would be hit, and what the hit is worth.

Lifetime and withdrawal affect a hit in one way only: it is filled if it arrives before the quote has ended. So the
behaviour of each kind of client is computed once per request, and every policy is applied to the same outcomes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from quotelife_research.backtest.clients import ANTICIPATING, GENUINE, KINDS, NEVER, SNIPER, Requests
from quotelife_research.backtest.market import ObservedRequests

MARKOUTS_MS: tuple[int, ...] = (100, 1000, 10000)
MAX_LIFETIME_MS = 10_000.0
# the lifetimes that the oracle chooses from, in addition to the moment just before the sniper's hit
ORACLE_MS = np.concatenate((np.zeros(1), np.geomspace(5.0, MAX_LIFETIME_MS, 40)))


@dataclass(frozen=True)
class Outcomes:
    """n requests; kinds as in `quotelife_research.backtest.clients`. Values in ticks, positive for the desk."""

    arrival_ns: npt.NDArray[np.int64]  # [n, KINDS] arrival of the hit, NEVER if there is none
    net: npt.NDArray[np.float64]  # [n, KINDS]: price against the mid at the hedge
    markout: npt.NDArray[
        np.float64
    ]  # [n, KINDS, len(MARKOUTS_MS)]: price against the mid at each horizon after the hit
    through: npt.NDArray[np.bool_]  # [n, KINDS]: the client could close the trade at a profit at once


@njit("int64(int64[:,::1], int64, int64)", cache=True, nogil=True)
def _entry(path, start, now):
    """Index of the path's entry at time `now`, searching from `start`."""
    while start + 1 < path.shape[0] and path[start + 1, 0] <= now:
        start += 1
    return start


@njit("float64(int64[:,::1], int64, int64, float64)", cache=True, nogil=True)
def _against_mid(path, at, side, price):
    return side * (price - 0.5 * (path[at, 1] + path[at, 2]))


@njit("int64(int64[:,::1], int64, int64, int64, int64, int64)", cache=True, nogil=True)
def _passage_ns(path, at, side, price, first_ns, last_ns):
    """First time in [first_ns, last_ns] at which the market is through the price, NEVER without one."""
    near = 1 if side > 0 else 2
    for j in range(at, path.shape[0]):
        seen = max(path[j, 0], first_ns)
        if seen > last_ns:
            break
        if side * (path[j, near] - price) >= 0:
            return seen
    return NEVER


@njit("int64(int64[::1], float64[::1], int64, int64, int64, float64, int64, int64)", cache=True, nogil=True)
def _approach_ns(micro_ns, micro, at, side, price, distance, first_ns, last_ns):
    """First time in [first_ns, last_ns] at which the micro-price is within `distance` of the price, or NEVER."""
    for j in range(at, micro.shape[0]):
        seen = max(micro_ns[j], first_ns)
        if seen > last_ns:
            break
        if j + 1 < micro.shape[0] and micro_ns[j + 1] <= first_ns:
            continue
        if side * (price - micro[j]) <= distance:
            return seen
    return NEVER


@njit(
    "void(int64[:,::1], int64[::1], float64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], "
    "int64[::1], float64, int64, int64[:,::1])",
    cache=True,
    nogil=True,
)
def _arrivals(path, micro_ns, micro, ts, side, price, genuine, out, back, distance, longest_ns, arrival):
    """Fill the arrivals of `Outcomes`; `back` is the time from a sniper's sight to the arrival of its hit."""
    start, micro_start = 0, 0
    for i in range(ts.shape[0]):
        start = _entry(path, start, ts[i])
        while micro_start + 1 < micro_ns.shape[0] and micro_ns[micro_start + 1] <= ts[i]:
            micro_start += 1
        first_ns, last_ns = ts[i] + out[i], ts[i] + longest_ns
        at = _entry(path, start, first_ns)
        passed = _passage_ns(path, at, side[i], price[i], first_ns, last_ns)
        near = _approach_ns(micro_ns, micro, micro_start, side[i], price[i], distance, first_ns, last_ns)
        arrival[i, GENUINE] = genuine[i]
        for kind, seen in ((SNIPER, passed), (ANTICIPATING, min(near, passed))):
            arrival[i, kind] = seen - ts[i] + back[i] if seen != NEVER else NEVER


@njit(
    "void(int64[:,::1], int64[::1], int64[::1], int64[::1], int64, int64[::1], int64[:,::1], float64[:,::1], "
    "float64[:,:,::1], boolean[:,::1])",
    cache=True,
    nogil=True,
)
def _worths(path, ts, side, price, hedge_ns, markout_ns, arrival, net, markout, through):
    """Fill what each hit is worth. For an offer the near side is the bid (path column 1), for a bid the offer (2)."""
    start = 0
    for i in range(ts.shape[0]):
        start = _entry(path, start, ts[i])
        near = 1 if side[i] > 0 else 2
        for kind in range(arrival.shape[1]):
            if arrival[i, kind] == NEVER:
                continue
            now = ts[i] + arrival[i, kind]
            at = _entry(path, start, now)
            through[i, kind] = side[i] * (path[at, near] - price[i]) >= 0
            hedged = _entry(path, at, now + hedge_ns)
            net[i, kind] = _against_mid(path, hedged, side[i], price[i])
            for m in range(markout_ns.shape[0]):
                hedged = _entry(path, hedged, now + markout_ns[m])
                markout[i, kind, m] = _against_mid(path, hedged, side[i], price[i])


def follow_quotes(seen: ObservedRequests, hedge_ms: float, anticipation_ticks: float) -> Outcomes:
    """Outcomes of quotes at the observed prices on the market's path."""
    requests, n = seen.requests, len(seen.requests)
    outcomes = Outcomes(
        np.zeros((n, KINDS), np.int64),
        np.zeros((n, KINDS)),
        np.zeros((n, KINDS, len(MARKOUTS_MS))),
        np.zeros((n, KINDS), np.bool_),
    )
    _arrivals(
        *(seen.path, seen.micro_ns, seen.micro, requests.ts_ns, requests.side, seen.price, requests.genuine_ns),
        *(requests.out_ns, requests.reaction_ns + requests.back_ns, anticipation_ticks, int(MAX_LIFETIME_MS * 1e6)),
        outcomes.arrival_ns,
    )
    _worths(
        *(seen.path, requests.ts_ns, requests.side, seen.price, int(hedge_ms * 1e6)),
        *(np.array(MARKOUTS_MS, np.int64) * 1_000_000, outcomes.arrival_ns, outcomes.net, outcomes.markout),
        outcomes.through,
    )
    return outcomes


@njit(
    "void(int64[:,::1], int64[::1], int64[::1], int64[::1], int64[:,::1], float64[:,::1], float64[:,::1], int64[::1], "
    "float64, float64[::1], float64[::1])",
    cache=True,
    nogil=True,
)
def _oracle(path, ts, side, price, arrival, net, hits, account, informed, lifetimes, chosen):
    """Lifetime (ms) with the highest value on the future path. `hits` float64[account, lifetime]: share of genuine hits
    by each of `lifetimes`."""
    start = 0
    for i in range(ts.shape[0]):
        start = _entry(path, start, ts[i])
        at, value, best = start, 0.0, 0.0
        chosen[i] = 0.0
        caught = False
        before = 0.0
        for k in range(1, lifetimes.shape[0]):
            at = _entry(path, at, ts[i] + np.int64(lifetimes[k] * 1e6))
            if not caught and arrival[i, 1] <= np.int64(lifetimes[k] * 1e6):
                caught = True
                last = arrival[i, 1] / 1e6 - 1e-6
                if value > 0.0 and value >= best:
                    best, chosen[i] = value, last
                value += informed * net[i, 1]
            worth = 0.5 * (before + _against_mid(path, at, side[i], price[i])) if k > 1 else 0.0
            before = _against_mid(path, at, side[i], price[i])
            value += (1.0 - informed) * (hits[account[i], k] - hits[account[i], k - 1]) * worth
            if value > best:
                best, chosen[i] = value, lifetimes[k]


def oracle(
    seen: ObservedRequests, outcomes: Outcomes, hits: npt.NDArray[np.float64], informed: float
) -> npt.NDArray[np.float64]:
    """Lifetimes in ms of an oracle that foresees the market, but neither the kind of client nor its response time.

    `hits` float64[account, len(ORACLE_MS)]: share of an account's genuine requests hit by each lifetime.
    """
    requests, chosen = seen.requests, np.zeros(len(seen.requests))
    _oracle(
        *(seen.path, requests.ts_ns, requests.side, seen.price, outcomes.arrival_ns, outcomes.net, hits),
        *(requests.account, informed, ORACLE_MS, chosen),
    )
    return chosen


@njit("void(int64[:,::1], int64[::1], int64[::1], int64, boolean[::1])", cache=True, nogil=True)
def _moved(path, ts, side, within_ns, moved):
    start = 0
    for i in range(ts.shape[0]):
        start = _entry(path, start, ts[i])
        near = 1 if side[i] > 0 else 2
        for j in range(start + 1, path.shape[0]):
            if path[j, 0] > ts[i] + within_ns:
                break
            if side[i] * (path[j, near] - path[start, near]) >= 1:
                moved[i] = True
                break


def moved_within(path: npt.NDArray[np.int64], requests: Requests, ms: float) -> npt.NDArray[np.bool_]:
    """Whether the near side's best price moves a tick towards the quote within `ms` of each request."""
    moved = np.zeros(len(requests), np.bool_)
    _moved(path, requests.ts_ns, requests.side, int(ms * 1e6), moved)
    return moved
