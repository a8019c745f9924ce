"""A capture played again gives the board and the books of the process that wrote it, whatever the market did."""

from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quotelife.market.board import layout as B
from quotelife.market.book.levels import LEVELS, Books
from quotelife.market.capture import layout as L
from quotelife.market.capture.apply import COMPLETE, apply
from quotelife.market.capture.writer import write_keyframe, write_news, write_status
from quotelife.market.features.update import set_halted, set_sentiment
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import invalidate_books
from tests.property.marketdata.test_decoder import as_possible, fields_of, messages
from tests.unit.marketdata.decoder_rig import REQUEST, Rig

ROWS = 2
_IMAGED = [B.VERSION, B.STATE, B.HALTED, B.SENTIMENT, B.SENTIMENT_NS, B.TRADES, B.TRADED_LOTS]
_HAPPENS = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(["gap", "lost", "halt", "news", "trade"])), max_size=4
)
_A1, _A2, _B1 = ((0, 0, key, 0, 0, symbol, False) for key, symbol in (("x1", "A"), ("x2", "A"), ("x1", "B")))
# With images at 4: of a row that is not live, but keeps the levels of its last book, if A is lost at 2.
_KEPT_LEVELS = [[_A1], [_A1, _A1, _A1, _B1, _A2], [_A1], [_A1, _A1, _A1, _A1, _A2], [_A1]]


class Played:
    """Rows and books that a capture is played onto, as the rig's own were at the start."""

    def __init__(self, rig: Rig) -> None:
        self.rows = np.zeros_like(rig.board.rows)
        for w in (B.VENUE, B.CORRELATED, B.VOLATILITY_INDEX_ROW, B.STALE_AFTER_NS):
            self.rows[:, w] = rig.board.rows[:, w]
        self.rows[:, B.SENTIMENT_HALF_LIFE_NS] = rig.board.rows[:, B.SENTIMENT_HALF_LIFE_NS]
        self.rows[:, B.TICK_SIZE] = rig.board.rows[:, B.TICK_SIZE]
        self.books = Books(ROWS, LEVELS)
        self.known = np.zeros(ROWS, np.int64)

    def take(self, events: np.ndarray) -> None:
        books = self.books
        for i in range(len(events)):
            apply(events[i:], self.rows, books.px, books.sz, books.cnt, books.n, self.known)


def subscribe(rig: Rig) -> None:
    for symbol in "AB":
        rig.receive("W", (55, symbol), (262, REQUEST), (268, 0))


def happen(rig: Rig, what: str) -> None:
    ring = rig.shared.capture
    if what in ("gap", "lost"):
        invalidate_books(rig.addresses, np.array([0]), rig.now_ns, B.BOOK_GAP, M.R_SESSION_GAP)
        if what == "gap":  # and asked for anew at once
            rig.decoder_state.instruments[0, 0] = M.SYNC_WAITING
            subscribe(rig)
    elif what == "halt":
        set_halted(rig.board.rows, 1, rig.now_ns, 1)
        write_status(ring.words, L.HALTED, 1, 1, rig.now_ns)
    elif what == "news":
        set_sentiment(rig.board.rows, 0, rig.now_ns, -0.25)
        write_news(ring.words, 0, rig.now_ns, -0.25)
    else:
        rig.receive("X", (268, 1), (279, 0), (269, 2), (55, "B"), (270, "2"), (271, 5), (2446, 2))


def live_events(rig: Rig) -> np.ndarray:
    return rig.shared.capture.events[: rig.shared.capture.header[L.H_NEXT]]


def same_books(a: Any, b: Any) -> None:
    assert a.n.tolist() == b.n.tolist()
    for row in range(ROWS):
        for side in range(2):
            held = a.n[row, side]
            for name in ("px", "sz", "cnt"):
                assert getattr(a, name)[row, side, :held].tolist() == getattr(b, name)[row, side, :held].tolist()


@given(market=messages, happens=_HAPPENS, by_order=st.booleans(), images=st.integers(0, 12))
@example(market=_KEPT_LEVELS, happens=[(2, "gap")], by_order=True, images=4)
@example(market=_KEPT_LEVELS, happens=[(2, "lost")], by_order=True, images=4)
@settings(max_examples=100, deadline=None)
def test_replayed_capture_restores_board_and_books(market, happens, by_order, images):
    rig = Rig(by_order=by_order, captured=1 << 13)
    market = as_possible(market, by_order, {at for at, what in happens if what == "gap"})
    ring, books = rig.shared.capture, rig.shared.books
    for row in range(ROWS):
        write_status(ring.words, L.START, 0, row, rig.now_ns)
    subscribe(rig)
    late_from = 0
    for n, group in enumerate(market):
        if n == images:
            late_from = int(ring.header[L.H_NEXT])
            for row in range(ROWS):
                write_keyframe(
                    *(ring.words, rig.board.rows),
                    *(books.px, books.sz, books.cnt, books.n, row, rig.now_ns),
                )
        for what in (what for at, what in happens if at == n):
            happen(rig, what)
        rig.receive("X", (268, len(group)), *fields_of(group))
    events = live_events(rig)

    played = Played(rig)
    played.take(events)
    assert (played.known == COMPLETE).all()
    assert (played.rows == rig.board.rows).all()
    same_books(played.books, books)

    if late_from:  # who begins with the images has the same books, and the same features once its windows are its own
        late = Played(rig)
        late.take(events[late_from:])
        same_books(late.books, books)
        assert (late.rows[:, _IMAGED] == rig.board.rows[:, _IMAGED]).all()
        for mine, its in zip(late.rows, rig.board.rows, strict=True):
            if its[B.STATE] != B.BOOK_LIVE:  # levels and memory are of its last book: the next one starts anew
                continue
            memory = slice(B.MEMORY, B.MEMORY + B.MEMORY_WORDS)
            assert mine[memory].tolist() == its[memory].tolist()
            for n_at, at in ((B.N_BID, B.BID_PX), (B.N_ASK, B.ASK_PX)):
                held = its[n_at]
                assert mine[n_at] == held
                for first in (at, at + B.DEPTH):
                    assert mine[first : first + held].tolist() == its[first : first + held].tolist()
