"""The signals in force, in the process that writes the board: what was said last about each instrument.

A sentiment is put on the board decayed by the age it has already; from then on the features let it decay. A volatility
index becomes the book of its instrument, two levels with the value in the middle; when nothing has been said for the
instrument's `stale_after_ms`, the book is disconnected and counts as no index.
"""

from collections.abc import Sequence
from typing import NamedTuple

from quotelife.market.board import layout as B
from quotelife.market.board.board import Board
from quotelife.market.book.levels import Books, clear, set_level
from quotelife.market.capture import layout as C
from quotelife.market.capture.ring import Ring
from quotelife.market.capture.write import counts, note, note_news, put
from quotelife.market.features.update import publish, set_sentiment, set_state
from quotelife.runtime.clock import NS_PER_S, utc_timestamp
from quotelife.signals.signal import NEWS, VOLATILITY


class ActiveSignal(NamedTuple):
    """One signal in force. Times are of the wall clock; `until_ns` is when it is stale."""

    value: float
    source: str
    text: str
    time_ns: int
    until_ns: int


class ActiveSignals:
    """Writes signals to the board and to the capture; used by the writer of both."""

    def __init__(self, board: Board, ring: Ring, books: Books, news_ns: int = 600 * NS_PER_S) -> None:
        self._board, self._ring, self._books = board, ring, books
        self._news_ns = news_ns
        self._said: dict[tuple[str, int], ActiveSignal] = {}

    def heard(self, rows: Sequence[int], sentiment: float, source: str, text: str, now_ns: int, wall_ns: int) -> None:
        """News that a venue has just sent."""
        self.news(rows, ActiveSignal(sentiment, source, text, wall_ns, wall_ns + self._news_ns), now_ns, wall_ns)

    def news(self, rows: Sequence[int], said: ActiveSignal, now_ns: int, wall_ns: int) -> int:
        """Take a sentiment about these rows; returns about how many. One older than what is in force is passed over."""
        taken = 0
        for row in rows:
            known = self._said.get((NEWS, row))
            if known is not None and known.time_ns > said.time_ns:
                continue
            half_life_ns = max(int(self._board.rows[row, B.SENTIMENT_HALF_LIFE_NS]), 1)
            sentiment = said.value * 0.5 ** (max(wall_ns - said.time_ns, 0) / half_life_ns)
            set_sentiment(self._board.rows, row, now_ns, sentiment)
            note_news(self._ring.words, row, now_ns, sentiment)
            self._said[NEWS, row] = said
            taken += 1
        return taken

    def index(self, row: int, said: ActiveSignal, tick: float, now_ns: int) -> int:
        """Take the value of a volatility index; 0 if a newer one is in force."""
        known = self._said.get((VOLATILITY, row))
        if known is not None and known.time_ns > said.time_ns:
            return 0
        books, ring = self._books, self._ring
        mid2 = max(round(2.0 * said.value / tick), 3)
        bid = (mid2 - 1) // 2
        clear(books.n, row)
        note(ring.words, C.CLEAR, 0, row, now_ns)
        for side, price in ((0, bid), (1, mid2 - bid)):
            set_level(books.px, books.sz, books.cnt, books.n, row, side, price, 1)
            put(ring.words, C.LEVEL, side, row, now_ns, said.time_ns, price, 1, 1, 0)
        publish(self._board.rows, row, now_ns, said.time_ns, books.px, books.sz, books.n, 0, 0, 0, 0)
        none = counts(0, 0, 0, 0)
        put(ring.words, C.BOOK, 0, row, now_ns, said.time_ns, bid, mid2 - bid, none, 0)
        self._said[VOLATILITY, row] = said
        return 1

    def expire(self, now_ns: int, wall_ns: int) -> None:
        """Forget what is stale."""
        for (kind, row), said in list(self._said.items()):
            if said.until_ns <= wall_ns:
                del self._said[kind, row]
                if kind == VOLATILITY:
                    set_state(self._board.rows, row, now_ns, B.BOOK_DISCONNECTED)
                    note(self._ring.words, C.STATE, B.BOOK_DISCONNECTED, row, now_ns)

    def document(self, symbols: Sequence[str], wall_ns: int) -> list[dict[str, object]]:
        """What is in force, the newest first."""
        said = sorted(self._said.items(), key=lambda item: -item[1].time_ns)
        return [
            {
                "kind": kind,
                "symbol": symbols[row],
                "value": one.value,
                "now": self._worth(kind, row, one, wall_ns),
                "source": one.source,
                "text": one.text,
                "time": utc_timestamp(one.time_ns),
                "age_s": max(wall_ns - one.time_ns, 0) / NS_PER_S,
                "half_life_s": int(self._board.rows[row, B.SENTIMENT_HALF_LIFE_NS]) / NS_PER_S
                if kind == NEWS
                else None,
                "stale_in_s": (one.until_ns - wall_ns) / NS_PER_S,
            }
            for (kind, row), one in said
        ]

    def _worth(self, kind: str, row: int, said: ActiveSignal, wall_ns: int) -> float:
        """The value as it counts now."""
        if kind == VOLATILITY:
            return said.value
        half_life_ns = max(int(self._board.rows[row, B.SENTIMENT_HALF_LIFE_NS]), 1)
        return said.value * 0.5 ** (max(wall_ns - said.time_ns, 0) / half_life_ns)
