"""When the market passed a price, against the best prices of random books."""

import numpy as np
import pytest

from quotelife.market.board import layout as L
from quotelife.market.board.board import Board, initialise_row
from quotelife.market.board.passage import NOT_PASSED, PASSAGE_UNKNOWN, passed_since
from quotelife.market.book.levels import Books, clear, set_level
from quotelife.market.features import update
from quotelife.runtime.clock import NS_PER_MS, mono_ns


class Market:
    """Books of three rows, as the market-data process writes them."""

    def __init__(self, folder):
        self.now_ns = mono_ns()
        self.board = Board.create(folder / "board", 3, self.now_ns)
        self.books = Books(3, 4)
        for row in range(3):
            initialise_row(self.board, row, venue=0, tick_size=1.0)

    def book(self, row, bid, ask, size=10):
        b = self.books
        self.now_ns += NS_PER_MS
        clear(b.n, row)
        for side, price in enumerate((bid, ask)):
            if price is not None:
                set_level(b.px, b.sz, b.cnt, b.n, row, side, price, size)
        update.publish(self.board.rows, row, self.now_ns, 0, b.px, b.sz, b.n, 1, 1, 0, 0)
        return self.now_ns

    def passed(self, ticks, client_buys, *legs):
        return passed_since(self.board.rows, np.array(legs or [(0, 1)]), ticks, client_buys)


@pytest.fixture
def market(tmp_path):
    return Market(tmp_path)


def test_an_offer_is_passed_by_the_best_bid_and_a_bid_by_the_best_offer(market):
    since_ns = market.book(0, 100, 102)
    assert [market.passed(ticks, True) for ticks in (99, 100, 101)] == [since_ns, since_ns, NOT_PASSED]
    assert [market.passed(ticks, False) for ticks in (101, 102, 103)] == [NOT_PASSED, since_ns, since_ns]


def test_the_time_is_that_of_the_last_change_of_the_top(market):
    first_ns = market.book(0, 100, 102)
    market.book(0, 100, 102)  # nothing changes
    assert market.passed(100, True) == first_ns
    assert market.passed(100, True) < market.book(0, 101, 102) == market.passed(100, True)


def test_a_multileg_is_passed_by_the_net_of_its_legs(market):
    rng = np.random.default_rng(2)
    since_ns, best, found = [0, 0, 0], [(0, 0)] * 3, set()
    for _ in range(2_000):
        row = int(rng.integers(3))
        bid = int(rng.integers(100, 104))
        changed = (bid, bid + 2) != best[row]
        now_ns = market.book(row, bid, bid + 2)
        best[row] = bid, bid + 2
        since_ns[row] = now_ns if changed else since_ns[row]
        if not all(since_ns):
            continue
        legs = [(n, int(rng.choice((-3, -2, -1, 1, 2, 3)))) for n in rng.permutation(3)[: rng.integers(1, 4)].tolist()]
        client_buys = bool(rng.integers(2))
        net = sum(w * best[n][0 if (w > 0) == client_buys else 1] for n, w in legs)
        ticks = net + int(rng.integers(-1, 2))
        is_passed = net >= ticks if client_buys else net <= ticks
        expected = max(since_ns[n] for n, _ in legs) if is_passed else NOT_PASSED
        assert market.passed(ticks, client_buys, *legs) == expected
        found.add(is_passed)
    assert found == {True, False}


def test_without_a_live_book_nothing_is_known(market):
    assert market.passed(100, True) == PASSAGE_UNKNOWN
    market.book(0, None, 102)
    assert market.passed(100, True) == PASSAGE_UNKNOWN, "one-sided: it may have been reached"
    assert market.passed(102, False) == market.now_ns
    market.book(0, 100, 102)
    market.board.rows[0, L.STATE] = L.BOOK_GAP
    assert market.passed(100, True) == PASSAGE_UNKNOWN
    market.book(1, 100, 102)
    assert market.passed(0, True, (1, 1), (0, -1)) == PASSAGE_UNKNOWN, "of one leg"


def test_a_row_that_its_writer_has_left_half_written_is_unknown(market):
    market.book(0, 100, 102)
    market.board.rows[0, L.VERSION] += 1
    assert market.passed(100, True) == PASSAGE_UNKNOWN
