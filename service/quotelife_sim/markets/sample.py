"""The real market: an active stretch of the BTC/USD order-by-order sample, played at its own speed.

The shipped parameters are fitted on the first 70 % of the sample in time; only the rest is played. Played longer than
that, it begins again from the stretch's first book.
"""

from collections.abc import Iterator

import numpy as np

from quotelife_research.data import l3
from quotelife_sim.markets.market import EVENT, TRADE
from quotelife_sim.venue.book import VenueBook

SYMBOL = "BTC-USD"
FITTED_SHARE = 0.7
TAIL_S = 13.0  # played beyond the last request, so that the longest quote and its markout see a market
ENDLESS_S = 60.0  # of a run without an end, the stretch that is chosen to be active
_GRID_NS = 1_000_000_000


class SampleMissing(Exception):
    """The sample's files are not there."""


class SampleMarket:
    """`duration_s` of 0 plays from an active stretch to the end of the sample, over and over."""

    symbols: tuple[str, ...] = (SYMBOL,)
    repeats = True

    def __init__(self, duration_s: float) -> None:
        folder = l3.find_sample()
        if folder is None:
            raise SampleMissing("the BTC/USD order-book sample is not installed")
        events = _as_market(l3.read_l3(folder))
        ns = events["due_ns"]
        unseen_ns = int(ns[0] + FITTED_SHARE * (ns[-1] - ns[0]))
        span_ns = round(((duration_s or ENDLESS_S) + TAIL_S) * 1e9)
        tops = _changes_of_top(events)
        self._start_ns = _most_active(tops[tops >= unseen_ns], unseen_ns, int(ns[-1]), span_ns)
        first = int(np.searchsorted(ns, self._start_ns))
        self._opening = _resting(events[:first])
        self._played = events[first:].copy()
        self._played["due_ns"] -= self._start_ns

    def opening(self) -> np.ndarray:
        return self._opening

    def chunks(self) -> Iterator[np.ndarray]:
        yield self._played

    def describe(self) -> str:
        start = np.datetime64(self._start_ns, "ns").astype("datetime64[s]")
        return f"real Bitstamp BTC/USD, order by order, from {start} UTC (its parameters were fitted on earlier data)"


def _as_market(sample: np.ndarray) -> np.ndarray:
    events = np.zeros(len(sample), EVENT)
    events["due_ns"] = sample["ts_ns"]
    for name in ("kind", "side", "id", "px_ticks", "size_lots"):
        events[name] = sample[name]
    return events


def _changes_of_top(events: np.ndarray) -> np.ndarray:
    """Times at which a best price changed."""
    book, last, times = VenueBook(), (0, 0), []
    for due_ns, _, kind, side, key, px, size in events.tolist():
        if kind != TRADE:
            book.apply(kind, key, side, px, size)
            if book.top() != last:
                last = book.top()
                times.append(due_ns)
    return np.array(times, np.int64)


def _most_active(tops: np.ndarray, first_ns: int, last_ns: int, span_ns: int) -> int:
    """Start of the stretch of `span_ns` with the most changes of the best prices, on a grid of seconds."""
    starts = np.arange(first_ns, max(last_ns - span_ns, first_ns) + 1, _GRID_NS)
    counts = np.searchsorted(tops, starts + span_ns) - np.searchsorted(tops, starts)
    return int(starts[int(np.argmax(counts))])


def _resting(events: np.ndarray) -> np.ndarray:
    """Additions that make the book that the events leave behind, in order of arrival."""
    book = VenueBook()
    for _, _, kind, side, key, px, size in events.tolist():
        book.apply(kind, key, side, px, size)
    rows = [(0, 0, 0, side, key, px, size) for key, (side, px, size) in book.orders.items()]
    return np.array(rows, EVENT)
