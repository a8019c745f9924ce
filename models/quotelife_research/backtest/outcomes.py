"""Outcomes of quotes on the market's path: when each would be hit, and what the hit is worth.

The lifetime affects a hit in one way only: the hit is filled if it arrives before the lifetime ends. So the behaviour
of either kind of client is computed once per request, and every policy is applied to the same outcomes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from quotelife_research.backtest.clients import NEVER, Requests

MARKOUTS_MS: tuple[int, ...] = (100, 1000, 10000)
MAX_LIFETIME_MS = 10_000.0
GENUINE, SNIPER = 0, 1
# the lifetimes that the oracle chooses from, in addition to the moment just before the sniper's hit
ORACLE_MS = np.concatenate((np.zeros(1), np.geomspace(5.0, MAX_LIFETIME_MS, 40)))


@dataclass(frozen=True)
class Outcomes:
    """n requests; kind 0 genuine, 1 sniper. Values in ticks, positive for the desk."""

    arrival_ns: npt.NDArray[np.int64]  # [n, 2] arrival of the hit, NEVER if there is none
    net: npt.NDArray[np.float64]  # [n, 2]: price against the mid at the hedge
    markout: npt.NDArray[np.float64]  # [n, 2, len(MARKOUTS_MS)]: price against the mid at each horizon after the hit
    through: npt.NDArray[np.bool_]  # [n, 2]: the client could close the trade at a profit at once


@njit("int64(int64[:,::1], int64, int64)", cache=True, nogil=True)
def _entry(path, start, now):
    """Index of the path's entry at time `now`, searching from `start`."""
    while start + 1 < path.shape[0] and path[start + 1, 0] <= now:
        start += 1
    return start


@njit("float64(int64[:,::1], int64, int64, float64)", cache=True, nogil=True)
def _against_mid(path, at, side, price):
    return side * (price - 0.5 * (path[at, 1] + path[at, 2]))


@njit(
    "void(int64[:,::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64, int64, "
    "int64[::1], int64[:,::1], float64[:,::1], float64[:,:,::1], boolean[:,::1])",
    cache=True,
    nogil=True,
)
def _follow(
    path, ts, side, price, genuine, out, back, hedge_ns, longest_ns, markout_ns, arrival, net, markout, through
):
    """Fill the arrays of `Outcomes`. For an offer the near side is the bid (path column 1), for a bid the offer (2)."""
    start = 0
    for i in range(ts.shape[0]):
        start = _entry(path, start, ts[i])
        near = 1 if side[i] > 0 else 2
        arrival[i, 0], arrival[i, 1] = genuine[i], NEVER
        at = _entry(path, start, ts[i] + out[i])
        for j in range(at, path.shape[0]):
            seen = max(path[j, 0], ts[i] + out[i])
            if seen > ts[i] + longest_ns:
                break
            if side[i] * (path[j, near] - price[i]) >= 0:
                arrival[i, 1] = seen - ts[i] + back[i]
                break
        for kind in range(2):
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


def follow_quotes(
    path: npt.NDArray[np.int64], requests: Requests, price: npt.NDArray[np.int64], hedge_ms: float
) -> Outcomes:
    """Outcomes of quotes at `price` (ticks) on the market's path [:, 3] (time, best bid, best offer)."""
    n = len(requests)
    outcomes = Outcomes(
        np.zeros((n, 2), np.int64),
        np.zeros((n, 2)),
        np.zeros((n, 2, len(MARKOUTS_MS))),
        np.zeros((n, 2), np.bool_),
    )
    _follow(
        *(path, requests.ts_ns, requests.side, price, requests.genuine_ns, requests.out_ns, requests.back_ns),
        *(int(hedge_ms * 1e6), int(MAX_LIFETIME_MS * 1e6), np.array(MARKOUTS_MS, np.int64) * 1_000_000),
        *(outcomes.arrival_ns, outcomes.net, outcomes.markout, outcomes.through),
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
    path: npt.NDArray[np.int64],
    requests: Requests,
    price: npt.NDArray[np.int64],
    outcomes: Outcomes,
    hits: npt.NDArray[np.float64],
    informed: float,
) -> npt.NDArray[np.float64]:
    """Lifetimes in ms of an oracle that foresees the market, but neither the kind of client nor its response time.

    `hits` float64[account, len(ORACLE_MS)]: share of an account's genuine requests hit by each lifetime.
    """
    chosen = np.zeros(len(requests))
    _oracle(
        *(path, requests.ts_ns, requests.side, price, outcomes.arrival_ns, outcomes.net, hits),
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
