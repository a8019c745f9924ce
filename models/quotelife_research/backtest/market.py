"""Simulated requests with the market as the desk had received it, and the market's actual path."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from numba import njit

from quotelife.decision.kernel import BID, OFFER, price
from quotelife_models import schema as S
from quotelife_research.backtest.clients import Assumptions, Requests, draw_requests
from quotelife_research.data.replay import replay_at
from quotelife_research.data.session import Session

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_MARGIN_NS = 10_000_000_000


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

    @property
    def price(self) -> Ints:
        """The price of the side that was asked for."""
        return np.where(self.requests.side > 0, self.prices[:, OFFER], self.prices[:, BID])


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
    played = replay_at(replace(session, events=received), requests.ts_ns, with_snaps=True)
    truth = replay_at(session, np.zeros(0, np.int64)).path
    kept = played.kept
    requests = Requests(*(values[kept] for values in vars(requests).values()))
    snaps = played.snaps[: len(kept)]
    average = played.x[:, S.AVERAGE_TRADE]
    size_lots = np.maximum(requests.size * np.where(average > 0, average, 1.0), 1.0).astype(np.int64)
    prices = np.zeros((len(kept), 2), np.int64)
    _price(snaps, played.x, size_lots, half_spread, margin, prices)
    return ObservedRequests(session.day, requests, played.x, snaps, size_lots, prices, truth)
