"""The signals in force, in the process that writes the board: what was signal last about each instrument.

A sentiment is put on the board decayed by the age it has already; from then on the features let it decay. A volatility
index becomes the book of its instrument, two levels with the value in the middle; when nothing has been signal for the
instrument's `stale_after_ms`, the book is disconnected and counts as no index.
"""

from collections.abc import Sequence
from typing import NamedTuple

from quotelife.market.board import layout as B
from quotelife.market.board.board import Board
from quotelife.market.book.levels import Books, clear, set_level
from quotelife.market.capture import layout as C
from quotelife.market.capture.ring import Ring
from quotelife.market.capture.writer import pack_counts, write_event, write_news, write_status
from quotelife.market.features.update import publish, set_sentiment, set_state
from quotelife.runtime.clock import NS_PER_S, utc_timestamp
from quotelife.signals.signal import NEWS, VOLATILITY


class ActiveSignal(NamedTuple):
    """Times are wall clock; from `until_ns` on the signal is stale."""

    value: float
    source: str
    text: str
    time_ns: int
    until_ns: int


class ActiveSignals:
    """Writes signals to the board and to the capture, in the process that writes both."""

    def __init__(self, board: Board, ring: Ring, books: Books, news_ns: int = 600 * NS_PER_S) -> None:
        self._board, self._ring, self._books = board, ring, books
        self._news_ns = news_ns
        self._active: dict[tuple[str, int], ActiveSignal] = {}

    def set_venue_news(
        self, rows: Sequence[int], sentiment: float, source: str, text: str, now_ns: int, wall_ns: int
    ) -> None:
        """Apply news that a venue has just sent."""
        self.set_news(rows, ActiveSignal(sentiment, source, text, wall_ns, wall_ns + self._news_ns), now_ns, wall_ns)

    def set_news(self, rows: Sequence[int], signal: ActiveSignal, now_ns: int, wall_ns: int) -> int:
        """Apply a sentiment to these rows, except where a newer one is active; returns the number of rows changed."""
        changed = 0
        for row in rows:
            known = self._active.get((NEWS, row))
            if known is not None and known.time_ns > signal.time_ns:
                continue
            half_life_ns = max(int(self._board.rows[row, B.SENTIMENT_HALF_LIFE_NS]), 1)
            sentiment = signal.value * 0.5 ** (max(wall_ns - signal.time_ns, 0) / half_life_ns)
            set_sentiment(self._board.rows, row, now_ns, sentiment)
            write_news(self._ring.words, row, now_ns, sentiment)
            self._active[NEWS, row] = signal
            changed += 1
        self._board.announce()
        return changed

    def set_index(self, row: int, signal: ActiveSignal, tick: float, now_ns: int) -> int:
        """Apply the value of a volatility index; returns 0 if a newer one is active, else 1."""
        known = self._active.get((VOLATILITY, row))
        if known is not None and known.time_ns > signal.time_ns:
            return 0
        books, ring = self._books, self._ring
        mid2 = max(round(2.0 * signal.value / tick), 3)
        bid = (mid2 - 1) // 2
        clear(books.n, row)
        write_status(ring.words, C.CLEAR, 0, row, now_ns)
        for side, price in ((0, bid), (1, mid2 - bid)):
            set_level(books.px, books.sz, books.cnt, books.n, row, side, price, 1)
            write_event(ring.words, C.LEVEL, side, row, now_ns, signal.time_ns, price, 1, 1, 0)
        publish(self._board.rows, row, now_ns, signal.time_ns, books.px, books.sz, books.n, 0, 0, 0, 0)
        none = pack_counts(0, 0, 0, 0)
        write_event(ring.words, C.BOOK, 0, row, now_ns, signal.time_ns, bid, mid2 - bid, none, 0)
        self._active[VOLATILITY, row] = signal
        self._board.announce()
        return 1

    def expire(self, now_ns: int, wall_ns: int) -> None:
        """Remove stale signals."""
        for (kind, row), signal in list(self._active.items()):
            if signal.until_ns <= wall_ns:
                del self._active[kind, row]
                if kind == VOLATILITY:
                    set_state(self._board.rows, row, now_ns, B.BOOK_DISCONNECTED)
                    write_status(self._ring.words, C.STATE, B.BOOK_DISCONNECTED, row, now_ns)
                    self._board.announce()

    def document(self, symbols: Sequence[str], wall_ns: int) -> list[dict[str, object]]:
        """The active signals, newest first, as the HTTP API reports them."""
        newest_first = sorted(self._active.items(), key=lambda item: -item[1].time_ns)
        return [
            {
                "kind": kind,
                "symbol": symbols[row],
                "value": one.value,
                "now": self._current_value(kind, row, one, wall_ns),
                "source": one.source,
                "text": one.text,
                "time": utc_timestamp(one.time_ns),
                "age_s": max(wall_ns - one.time_ns, 0) / NS_PER_S,
                "half_life_s": int(self._board.rows[row, B.SENTIMENT_HALF_LIFE_NS]) / NS_PER_S
                if kind == NEWS
                else None,
                "stale_in_s": (one.until_ns - wall_ns) / NS_PER_S,
            }
            for (kind, row), one in newest_first
        ]

    def _current_value(self, kind: str, row: int, signal: ActiveSignal, wall_ns: int) -> float:
        """The value after decay."""
        if kind == VOLATILITY:
            return signal.value
        half_life_ns = max(int(self._board.rows[row, B.SENTIMENT_HALF_LIFE_NS]), 1)
        return signal.value * 0.5 ** (max(wall_ns - signal.time_ns, 0) / half_life_ns)
