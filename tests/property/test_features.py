"""Every feature against the oracle that computes it from the whole list of events."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quotelife.market.board import layout as L
from quotelife.market.board.board import Board, initialise_row
from quotelife.market.book.levels import Books, clear, set_level
from quotelife.market.features.evaluate import evaluate
from quotelife.market.features.update import publish, set_halted, set_sentiment, set_state, trade
from quotelife_models import schema as S
from tests.oracle.market import MS, SECOND, Event, NaiveBook, NaiveFeatures, Trade

T0 = 1_000 * SECOND + 3_456_789
TICK = 0.05

GAPS = st.one_of(
    st.integers(0, 5 * MS),
    st.integers(0, 300 * MS),
    st.sampled_from([0, 1, 10 * MS, 100 * MS, SECOND, 3 * SECOND, 90 * SECOND, 400 * SECOND]),
)
LEVEL = st.tuples(st.integers(0, 1), st.integers(1, 30), st.integers(0, 50))
STEP = st.one_of(
    st.tuples(st.just("book"), GAPS, st.lists(LEVEL, min_size=1, max_size=4)),
    st.tuples(st.just("book"), GAPS, st.lists(LEVEL, min_size=1, max_size=4)),
    st.tuples(st.just("trade"), GAPS, st.tuples(st.integers(90, 130), st.integers(1, 9), st.integers(-1, 1))),
    st.tuples(st.sampled_from(["gap", "snapshot"]), GAPS, st.just(None)),
)
STEPS = st.lists(st.tuples(st.integers(0, 2), STEP), min_size=1, max_size=60)


class Market:
    """Three instruments on a real board and in the oracle: row 0 refers to 1 (correlated) and 2 (volatility index)."""

    def __init__(self, tmp) -> None:
        self.now = T0
        self.board = Board.create(tmp / "board", 3, T0)
        for row in range(3):
            initialise_row(
                self.board,
                row,
                venue=0,
                tick_size=TICK,
                correlated=1 if row == 0 else -1,
                volatility_index=2 if row == 0 else -1,
            )
        self.books = Books(3, 64)
        self.naive = [NaiveFeatures() for _ in range(3)]
        self.naive_books = [NaiveBook() for _ in range(3)]
        self.board.venues[0, L.V_STATE] = L.VENUE_UP
        self.x = np.full(S.N_FEATURES, np.nan)
        self.snap = np.zeros(L.SNAP_WORDS, np.int64)

    def step(self, row: int, what: str, gap: int, detail) -> None:
        self.now += gap
        if what == "book":
            self.book(row, detail)
        elif what == "trade":
            price, size, aggressor = detail
            trade(self.board.rows, row, self.now, price, size, aggressor)
            self.naive[row].trade(Trade(self.now, price, size, aggressor))
        elif what == "gap":
            set_state(self.board.rows, row, self.now, L.BOOK_GAP)
            self.naive[row].restart()
        else:
            clear(self.books.n, row)
            self.naive_books[row].clear()
            self.book(row, [(0, 5, 10), (1, 5, 20)])

    def book(self, row: int, entries) -> None:
        b, adds, cancels = self.books, [0, 0], [0, 0]
        for side, distance, size in entries:
            price = 110 - distance if side == 0 else 104 + distance  # the sides overlap: crossed books happen
            set_level(b.px, b.sz, b.cnt, b.n, row, side, price, size)
            before = self.naive_books[row].set_level(side, price, size)
            adds[side] += size > before
            cancels[side] += size < before
        publish(self.board.rows, row, self.now, 0, b.px, b.sz, b.n, *adds, *cancels)
        bids, asks = self.naive_books[row].levels(0), self.naive_books[row].levels(1)
        self.naive[row].publish(Event(self.now, bids, asks, tuple(adds), tuple(cancels)))

    def evaluate(self, row: int, now: int) -> int:
        self.board.beat(now)
        self.board.venues[0, L.V_LAST_RECEIVED_NS] = now
        return evaluate(self.board.header, self.board.venues, self.board.rows, row, now, self.x, self.snap)

    def expected_status(self, row: int) -> int:
        naive = self.naive[row]
        state = self.board.rows[row, L.STATE]
        if state != L.BOOK_LIVE:
            return L.STATUS_GAP if state == L.BOOK_GAP else L.STATUS_NO_BOOK
        last = naive.events[-1]
        if not last.bids or not last.asks:
            return L.STATUS_ONE_SIDED
        return L.STATUS_OK if last.asks[0][0] > last.bids[0][0] else L.STATUS_CROSSED


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("board")


@given(STEPS, st.lists(GAPS, min_size=1, max_size=3))
@example([(0, ("book", 0, [(0, 10, 1), (1, 10, 2)]))], [0])
@example([(0, ("book", 0, [(0, 10, 1), (1, 10, 2)])), (0, ("book", 0, [(0, 9, 4)]))], [10 * MS, 2 * SECOND])
@settings(max_examples=200, deadline=None)
def test_every_feature_equals_the_oracle(folder, steps, looks):
    market = Market(folder)
    for row, (what, gap, detail) in steps:
        market.step(row, what, gap, detail)
    now = market.now
    for gap in looks:
        now += gap
        status = market.evaluate(0, now)
        assert status == market.expected_status(0)
        assert market.snap[L.SNAP_STATUS] == status
        if status != L.STATUS_OK:
            continue
        expected = market.naive[0].row(now)
        index, change = market.naive[2].change(now) if market.board.rows[2, L.STATE] == L.BOOK_LIVE else (0, 0)
        correlated_live = market.board.rows[1, L.STATE] == L.BOOK_LIVE
        expected |= {
            "correlated_velocity": market.naive[1].velocity(now) if correlated_live else 0.0,
            "correlated_return_5s": market.naive[1].return_5s(now) if correlated_live else 0.0,
            "volatility_index": index * TICK / 2,
            "volatility_index_change": change * TICK / 2,
            "news_sentiment": 0.0,
            "news_age": 3600.0,
        }
        assert set(expected) == set(S.NAMES)
        for name, value in expected.items():
            assert market.x[S.INDEX[name]] == pytest.approx(value, rel=1e-9, abs=1e-6), name


def test_index_change_is_measured_from_the_oldest_known_value(folder):
    market = live_market(folder)
    market.step(2, "book", 0, [(0, 5, 1), (1, 20, 1)])
    changes = []
    for _ in range(3):
        market.step(2, "book", SECOND, [(0, 4 - len(changes), 1)])
        assert market.evaluate(0, market.now) == L.STATUS_OK
        changes.append(market.x[S.VOLATILITY_INDEX_CHANGE] / TICK)
    assert changes == pytest.approx([0.5, 1.0, 1.5]), "three seconds of history are three seconds of change"


@given(STEPS)
@settings(max_examples=30, deadline=None)
def test_snapshot_equals_the_top_of_the_book(folder, steps):
    market = Market(folder)
    for row, (what, gap, detail) in steps:
        market.step(row, what, gap, detail)
    market.evaluate(0, market.now)
    snap = market.snap
    if market.board.rows[0, L.STATE] == L.BOOK_LIVE:
        for side, n, px, sz in (
            (0, L.SNAP_N_BID, L.SNAP_BID_PX, L.SNAP_BID_SZ),
            (1, L.SNAP_N_ASK, L.SNAP_ASK_PX, L.SNAP_ASK_SZ),
        ):
            levels = market.naive_books[0].levels(side)[: L.DEPTH]
            shown = [(int(snap[px + i]), int(snap[sz + i])) for i in range(snap[n])]
            assert shown == levels


def live_market(folder) -> Market:
    market = Market(folder)
    market.book(0, [(0, 10, 5), (1, 10, 7)])
    return market


def test_news_decays_with_its_half_life(folder):
    market = live_market(folder)
    set_sentiment(market.board.rows, 0, T0, -3.0)
    assert market.evaluate(0, T0) == L.STATUS_OK
    assert market.x[S.NEWS_SENTIMENT] == -1.0 and market.x[S.NEWS_AGE] == 0.0
    market.evaluate(0, T0 + 60 * SECOND)
    assert market.x[S.NEWS_SENTIMENT] == pytest.approx(-0.5)
    assert market.x[S.NEWS_AGE] == 60.0


def look(market: Market, now: int) -> int:
    """Evaluate without a sign of life from writer or venue."""
    return evaluate(market.board.header, market.board.venues, market.board.rows, 0, now, market.x, market.snap)


def test_each_refusal_reason_has_a_code_and_a_time(folder):
    market = live_market(folder)
    board = market.board
    assert market.evaluate(0, T0) == L.STATUS_OK
    assert look(market, T0 + L.WRITER_DEAD_NS + 1) == L.STATUS_WRITER_DEAD
    assert market.snap[L.SNAP_SINCE_NS] == T0
    later = T0 + 2 * SECOND + 1  # the default staleness is 2 s
    board.beat(later)
    assert look(market, later) == L.STATUS_STALE
    assert market.snap[L.SNAP_SINCE_NS] == T0
    board.venues[0, L.V_LAST_RECEIVED_NS] = later
    assert look(market, later) == L.STATUS_OK, "a quiet book is not a stale one while its session lives"
    board.venues[0, L.V_LATE_SINCE_NS] = later + 3
    assert look(market, later + 9) == L.STATUS_LATE
    assert market.snap[L.SNAP_SINCE_NS] == later + 3
    board.venues[0, L.V_LATE_SINCE_NS] = 0
    set_halted(board.rows, 0, later + 5, 1)
    assert look(market, later + 9) == L.STATUS_HALTED
    assert market.snap[L.SNAP_SINCE_NS] == later + 5
    board.venues[0, L.V_STATE] = L.VENUE_DOWN
    board.venues[0, L.V_STATE_SINCE_NS] = later + 7
    assert look(market, later + 9) == L.STATUS_DISCONNECTED
    assert market.snap[L.SNAP_SINCE_NS] == later + 7


def test_unfinished_write_makes_the_row_busy(folder):
    market = live_market(folder)
    market.board.rows[0, L.VERSION] += 1
    assert market.evaluate(0, T0) == L.STATUS_BUSY
    market.board.rows[0, L.VERSION] += 1
    assert market.evaluate(0, T0) == L.STATUS_OK


def test_backward_time_is_clamped(folder):
    market = live_market(folder)
    b = market.books
    publish(market.board.rows, 0, T0 - SECOND, 0, b.px, b.sz, b.n, 1, 0, 0, 0)
    assert market.board.rows[0, L.LAST_EVENT_NS] == T0
    assert market.evaluate(0, T0 - SECOND) == L.STATUS_OK
    assert np.isfinite(market.x).all()
