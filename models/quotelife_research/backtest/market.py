"""Simulated requests with the market as the desk had received it, and the market's actual path.

The desk's sight has a row for each change that it received: what its monitor of open quotes looks at.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from numba import njit

from quotelife.decision.kernel import BID, OFFER, price
from quotelife.market.board import layout as L
from quotelife_models import schema as S
from quotelife_research.backtest.clients import Assumptions, Requests, draw_requests
from quotelife_research.data.replay import ReplayResult, replay_at
from quotelife_research.data.session import Session

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_MARGIN_NS = 10_000_000_000


@dataclass(frozen=True)
class Sight:
    """The market as the desk had received it, one row for each change."""

    ts_ns: Ints  # [m], of the receipt
    x: Floats  # [m, N_FEATURES]
    best: Ints  # [m, 2] best bid, best offer, in ticks

    @property
    def micro(self) -> Floats:
        """The micro-price in ticks."""
        return 0.5 * self.best.sum(axis=1) + self.x[:, S.MICRO_DEVIATION]


@dataclass(frozen=True)
class ObservedRequests:
    """Requests of one session that found a usable book, with the desk's features and prices."""

    day: str
    requests: Requests
    x: Floats  # [n, N_FEATURES]
    snaps: Ints  # [n, SNAP_WORDS]
    size_lots: Ints
    prices: Ints  # [n, 2] bid, offer
    path: Ints  # [:, 3] time at the venue, best bid, best offer
    micro_ns: Ints  # [k] times at the venue of every change
    micro: Floats  # [k] micro-price in ticks from then on
    sight: Sight
    row: Ints  # [n], the row of the sight at the request

    @property
    def price(self) -> Ints:
        """The price of the side that was asked for."""
        return np.where(self.requests.side > 0, self.prices[:, OFFER], self.prices[:, BID])

    def every(self, step: int) -> "ObservedRequests":
        """One request in `step`."""
        thinned = Requests(*(np.ascontiguousarray(values[::step]) for values in vars(self.requests).values()))
        x = np.ascontiguousarray(self.x[::step])
        snaps, prices = np.ascontiguousarray(self.snaps[::step]), np.ascontiguousarray(self.prices[::step])
        size_lots, row = np.ascontiguousarray(self.size_lots[::step]), np.ascontiguousarray(self.row[::step])
        return replace(self, requests=thinned, x=x, snaps=snaps, size_lots=size_lots, prices=prices, row=row)


@njit("void(int64[:,::1], float64[:,::1], int64[::1], float64, float64, int64[:,::1])", cache=True, nogil=True)
def _price(snaps, x, size_lots, half_spread, margin, prices):
    for i in range(snaps.shape[0]):
        price(snaps[i], x[i], size_lots[i], half_spread, margin, 0.0, prices[i])


def observe_requests(
    session: Session, assumed: Assumptions, n: int, half_spread: float, margin: float, seed: int
) -> ObservedRequests:
    """Draw `n` requests and evaluate the market as the desk had received it at the arrival of each.

    Every event reaches the desk one random latency after it happened; the order of events is preserved.
    """
    rng = np.random.default_rng(seed)
    events = session.events
    delay = assumed.latency_ms * 1e6 * np.exp(assumed.latency_sigma * rng.standard_normal(len(events)))
    received = events.copy()
    received[:, 0] = np.maximum.accumulate(events[:, 0] + delay.astype(np.int64))
    first, last = int(events[0, 0]) + _MARGIN_NS, int(events[-1, 0]) - 2 * _MARGIN_NS
    requests = draw_requests(assumed, first, max(last, first + 1), n, rng)
    times = np.unique(np.concatenate((received[:, 0], requests.ts_ns)))
    played = replay_at(replace(session, events=received), times, with_snaps=True)
    sight = _sight(times[played.kept], played)
    row = np.searchsorted(sight.ts_ns, requests.ts_ns)
    kept = np.flatnonzero(np.take(sight.ts_ns, row, mode="clip") == requests.ts_ns) if len(sight.ts_ns) else row[:0]
    requests, row = Requests(*(values[kept] for values in vars(requests).values())), row[kept]
    x, snaps = np.ascontiguousarray(sight.x[row]), np.ascontiguousarray(played.snaps[row])
    average = x[:, S.AVERAGE_TRADE]
    size_lots = np.maximum(requests.size * np.where(average > 0, average, 1.0), 1.0).astype(np.int64)
    prices = np.zeros((len(kept), 2), np.int64)
    _price(snaps, x, size_lots, half_spread, margin, prices)
    truth = replay_at(session, np.unique(events[:, 0]), with_snaps=True)
    micro_ns, micro = np.unique(events[:, 0])[truth.kept], _sight(truth.kept, truth).micro
    return ObservedRequests(
        *(session.day, requests, x, snaps, size_lots, prices, truth.path, micro_ns, micro, sight, row)
    )


def _sight(ts_ns: Ints, played: ReplayResult) -> Sight:
    best = np.ascontiguousarray(played.snaps[: len(ts_ns), [L.SNAP_BID_PX, L.SNAP_ASK_PX]])
    return Sight(ts_ns, played.x, best)
