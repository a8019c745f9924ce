"""The recorded market: an active stretch of the BTC/USD order-by-order sample, at its original speed.

The shipped parameters are fitted on the first 70 % of the sample in time, so only the rest is played. A longer run
starts again from the first book of the stretch.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from quotelife_models import kernel_cache
from quotelife_research.data import l3
from quotelife_sim.markets.market import EVENT, TRADE
from quotelife_sim.venue.book import VenueBook

SYMBOL = "BTC-USD"
FITTED_SHARE = 0.7
TAIL_S = 13.0  # played after the last request, for the longest quote and its markout
ENDLESS_S = 60.0  # length of the most active stretch, at which an endless run starts
_GRID_NS = 1_000_000_000


class SampleNotInstalled(Exception):
    """The package with the order-book sample is not installed."""


class SampleMarket:
    """With `duration_s` 0 it plays from an active stretch to the end of the sample, repeatedly."""

    symbols: tuple[str, ...] = (SYMBOL,)
    repeats = True

    def __init__(self, duration_s: float) -> None:
        folder = l3.find_sample()
        if folder is None:
            raise SampleNotInstalled("the BTC/USD order-book sample is not installed")
        events = _to_market_events(read_sample(folder))
        ns = events["due_ns"]
        unseen_ns = int(ns[0] + FITTED_SHARE * (ns[-1] - ns[0]))
        span_ns = round(((duration_s or ENDLESS_S) + TAIL_S) * 1e9)
        top_changes_ns = _top_changes_ns(events)
        self._start_ns = _most_active(top_changes_ns[top_changes_ns >= unseen_ns], unseen_ns, int(ns[-1]), span_ns)
        self._events = events
        self._stretch = RecordedStretch(events, self._start_ns, int(ns[-1]) + 1)

    def opening(self) -> np.ndarray:
        return self._stretch.opening()

    def chunks(self) -> Iterator[np.ndarray]:
        return self._stretch.chunks()

    def before(self, seconds: float) -> "RecordedStretch":
        """The `seconds` up to the start of this market."""
        return RecordedStretch(self._events, self._start_ns - round(seconds * 1e9), self._start_ns)

    def describe(self) -> str:
        start = np.datetime64(self._start_ns, "ns").astype("datetime64[s]")
        fitted = "its parameters were fitted on earlier data"
        return f"real Bitstamp BTC/USD, order by order, from {start} UTC ({fitted})"


class RecordedStretch:
    """A part of the sample, from `start_ns` and before `end_ns` on its own clock. `events` is the whole sample."""

    symbols: tuple[str, ...] = (SYMBOL,)
    repeats = False

    def __init__(self, events: np.ndarray, start_ns: int, end_ns: int) -> None:
        first, end = np.searchsorted(events["due_ns"], (start_ns, end_ns))
        self._opening = _resting_orders(events[:first])
        self._played = events[first:end].copy()
        self._played["due_ns"] -= start_ns

    def opening(self) -> np.ndarray:
        return self._opening

    def chunks(self) -> Iterator[np.ndarray]:
        yield self._played

    def describe(self) -> str:
        return "a part of the recorded sample"


def read_sample(folder: Path) -> l3.Events:
    """The events of the sample, as `l3.read_l3` cleans them, which takes a second: so they are kept beside the compiled
    kernels, under a name that depends on the files and on the code that cleans them."""
    cached = kernel_cache.home() / f"btc-usd-{_identity(folder)}.npy"
    try:
        return np.load(cached)
    except (OSError, ValueError, EOFError):
        events = l3.read_l3(folder)
    fresh = cached.with_suffix(f".{os.getpid()}")
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as file:
            np.save(file, events)
        fresh.rename(cached)
    except OSError:  # a full disk, or a folder of another user: the files are cleaned again next time
        with contextlib.suppress(OSError):
            fresh.unlink()
    return events


def _identity(folder: Path) -> str:
    seen = hashlib.sha256(Path(l3.__file__).read_bytes())
    for file in sorted(folder.iterdir()):
        if file.is_file():
            status = file.stat()
            seen.update(f"{file.name} {status.st_size} {status.st_mtime_ns}".encode())
    return seen.hexdigest()[:12]


def _to_market_events(sample: np.ndarray) -> np.ndarray:
    events = np.zeros(len(sample), EVENT)
    events["due_ns"] = sample["ts_ns"]
    for name in ("kind", "side", "id", "px_ticks", "size_lots"):
        events[name] = sample[name]
    return events


def _top_changes_ns(events: np.ndarray) -> np.ndarray:
    """Times at which a best price changes."""
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


def _resting_orders(events: np.ndarray) -> np.ndarray:
    """Additions that rebuild the book after these events, in order of arrival."""
    book = VenueBook()
    for _, _, kind, side, key, px, size in events.tolist():
        book.apply(kind, key, side, px, size)
    rows = [(0, 0, 0, side, key, px, size) for key, (side, px, size) in book.orders.items()]
    return np.array(rows, EVENT)
