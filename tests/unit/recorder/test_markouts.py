"""Markouts against mids recorded by the test."""

import random

import pytest

from quotelife.ledger.client_layout import HORIZONS_NS
from quotelife.market.board import layout as B
from quotelife.market.board.board import Board, initialise_row
from quotelife.market.book.levels import Books, clear, set_level
from quotelife.market.features import update
from quotelife.recorder.markouts import SETTLED_NS, UNKNOWN, MarkoutTracker, PendingMarkouts, mid2_at
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S

START_NS = 5_000 * NS_PER_S + 3_333_333


class Tape:
    """A board written by the kernels of the service, and all its mids."""

    def __init__(self, tmp_path):
        self.board = Board.create(tmp_path / "board", 2, START_NS)
        for row in range(2):
            initialise_row(self.board, row, venue=0, tick_size=1.0)
        self.board.venues[0, B.V_STATE] = B.VENUE_UP
        self.books = Books(2, 4)
        self.mids: list[tuple[int, int]] = []

    def tell(self, now_ns, bid, ask):
        books = self.books
        clear(books.n, 1)
        set_level(books.px, books.sz, books.cnt, books.n, 1, 0, bid, 10)
        set_level(books.px, books.sz, books.cnt, books.n, 1, 1, ask, 10)
        update.publish(self.board.rows, 1, now_ns, 0, books.px, books.sz, books.n, 1, 1, 0, 0)
        self.mids.append((now_ns, bid + ask))
        self.alive(now_ns)

    def alive(self, now_ns):
        self.board.beat(now_ns)
        self.board.venues[0, B.V_LAST_RECEIVED_NS] = now_ns

    def mid2(self, moment_ns):
        return mid2_at(self.board.header, self.board.venues, self.board.rows, 1, moment_ns)

    def between(self, first_ns, last_ns):
        """All mids within [first, last]."""
        before = [mid for at, mid in self.mids if at <= first_ns][-1:]
        return {*before, *(mid for at, mid in self.mids if first_ns < at <= last_ns)}


@pytest.fixture
def tape(tmp_path):
    return Tape(tmp_path)


@pytest.mark.parametrize(("back_ms", "slice_ms"), [(25, 10), (300, 10), (1_250, 10), (2_000, 100), (12_000, 100)])
def test_the_mid_of_a_moment_is_one_of_the_slice_before_it(tape, back_ms, slice_ms):
    rng = random.Random(back_ms)
    now_ns, bid = START_NS, 1_000
    for _ in range(3_000):
        now_ns += rng.choice((1, 3, 8, 40)) * NS_PER_MS + rng.randrange(NS_PER_MS)
        bid += rng.choice((-1, 0, 1))
        tape.tell(now_ns, bid, bid + rng.randint(1, 3))
        if now_ns - back_ms * NS_PER_MS < START_NS + 200 * NS_PER_MS:
            continue
        moment_ns = now_ns - back_ms * NS_PER_MS
        assert tape.mid2(moment_ns) in tape.between(moment_ns - slice_ms * NS_PER_MS, moment_ns)


def test_a_quiet_market_has_its_last_mid(tape):
    tape.tell(START_NS, 100, 102)
    tape.alive(START_NS + 60 * NS_PER_S)
    assert tape.mid2(START_NS + 30 * NS_PER_S) == 202


def test_a_moment_without_a_live_book_has_no_mid(tape):
    tape.tell(START_NS, 100, 102)
    moment_ns = START_NS + NS_PER_S
    assert tape.mid2(START_NS - 1) == UNKNOWN, "before the first book"
    tape.alive(moment_ns)
    assert tape.mid2(moment_ns) == 202
    assert tape.mid2(moment_ns + 2 * NS_PER_S) == UNKNOWN, "the writer is dead"
    tape.board.beat(moment_ns + 5 * NS_PER_S)
    assert tape.mid2(moment_ns + 5 * NS_PER_S) == UNKNOWN, "the venue is silent"
    tape.alive(moment_ns + 5 * NS_PER_S)
    update.set_state(tape.board.rows, 1, moment_ns + NS_PER_S, B.BOOK_GAP)
    assert tape.mid2(moment_ns + 2 * NS_PER_S) == UNKNOWN
    assert tape.mid2(moment_ns) == 202, "before the gap"
    tape.tell(moment_ns + 3 * NS_PER_S, 200, 202)
    assert tape.mid2(moment_ns) == UNKNOWN, "its windows have restarted"


@pytest.mark.parametrize(("sign", "expected"), [(1, (2.0, 5.0, -1.0)), (-1, (-2.0, -5.0, 1.0))])
def test_markouts_are_signed_against_the_desk(tape, sign, expected):
    """The mid goes from 101 to 103, 106 and 100; the price is 104 (98 if the client sells)."""
    markouts, received_ns = MarkoutTracker(), START_NS + NS_PER_S
    tape.tell(START_NS, 100, 102)
    markouts.add(PendingMarkouts(7, 0, ((1, 1),), sign, 2 * (101 + 3 * sign), received_ns, True, False))
    seen = []
    for after_ms, bid in ((50, 102), (150, 104), (500, 105), (1_500, 90), (9_900, 99), (10_500, 150)):
        now_ns = received_ns + after_ms * NS_PER_MS
        seen += markouts.poll(tape.board, now_ns)
        tape.tell(now_ns, bid, bid + 2)
    assert [(m.horizon, m.ticks, m.last) for m in seen] == [
        (-1, None, False),
        (0, expected[0], False),
        (1, expected[1], False),
        (2, expected[2], True),
    ]
    assert seen[0].hit.edge_ticks == 3.0 and seen[0].hit.number == 7
    assert len(markouts) == 0


def test_no_markout_is_returned_before_it_is_due(tape):
    markouts = MarkoutTracker()
    tape.tell(START_NS, 100, 102)
    markouts.add(PendingMarkouts(1, 0, ((1, 1),), 1, 204, START_NS + NS_PER_S, True, False))
    assert list(markouts.poll(tape.board, START_NS + NS_PER_S)) == []
    assert len(list(markouts.poll(tape.board, START_NS + NS_PER_S + SETTLED_NS))) == 1
    assert list(markouts.poll(tape.board, START_NS + NS_PER_S + HORIZONS_NS[0])) == []
    assert len(markouts) == 1


def test_without_a_mid_at_the_receipt_there_is_no_markout(tape):
    for board in (None, tape.board):
        markouts = MarkoutTracker()
        markouts.add(PendingMarkouts(1, 0, ((1, 1),), 1, 204, START_NS, True, False))
        (marked,) = markouts.poll(board, START_NS + NS_PER_S)
        assert (marked.horizon, marked.ticks, marked.last) == (-1, None, True)
        assert len(markouts) == 0
