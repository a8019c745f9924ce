"""Price-level books against two dictionaries."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.market.book.levels import Books, add_to_level, clear, set_level
from tests.oracle.market import NaiveBook

ROW = 1
OPS = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 60), st.integers(0, 9)), max_size=200)


def levels(books: Books, side: int) -> list[tuple[int, int]]:
    n = int(books.n[ROW, side])
    return [(int(books.px[ROW, side, i]), int(books.sz[ROW, side, i])) for i in reversed(range(n))]


@given(OPS)
@settings(max_examples=150, deadline=None)
def test_set_level_equals_the_oracle(ops):
    books, naive = Books(2, 64), NaiveBook()
    for side, price, size in ops:
        before = set_level(books.px, books.sz, books.cnt, books.n, ROW, side, price, size)
        assert before == naive.set_level(side, price, size)
    for side in (0, 1):
        assert levels(books, side) == naive.levels(side)
    assert not books.n[0, :2].any(), "another row was touched"


@given(OPS)
@settings(max_examples=150, deadline=None)
def test_full_side_has_the_correct_best_levels(ops):
    """With room for 8 levels, what the book shows is always a correct top of the whole book."""
    books, naive = Books(2, 8), NaiveBook()
    for side, price, size in ops:
        set_level(books.px, books.sz, books.cnt, books.n, ROW, side, price, size)
        naive.set_level(side, price, size)
        shown = levels(books, side)
        assert shown == naive.levels(side)[: len(shown)]
        if len(shown) < 8 and not dropped(books, side):
            assert shown == naive.levels(side)


def dropped(books: Books, side: int) -> bool:
    return books.n[ROW, 2 + side] > -(2**62)


@given(OPS)
@settings(max_examples=50, deadline=None)
def test_add_to_level_sums_orders(ops):
    books = Books(2, 64)
    total: dict[tuple[int, int], list[int]] = {}
    for side, price, size in ops:
        total.setdefault((side, price), []).append(size + 1)
        add_to_level(books.px, books.sz, books.cnt, books.n, ROW, side, price, size + 1, 1)
    for side in (0, 1):
        expected = sorted(((p, sum(q)) for (s, p), q in total.items() if s == side), reverse=side == 0)
        assert levels(books, side) == expected
    for (side, price), sizes in total.items():
        for size in sizes:
            add_to_level(books.px, books.sz, books.cnt, books.n, ROW, side, price, -size, -1)
    assert not books.n[ROW, :2].any()


def test_clear_empties_the_side_and_resets_the_floor():
    books = Books(2, 2)
    for price in (10, 11, 12):
        set_level(books.px, books.sz, books.cnt, books.n, ROW, 0, price, 1)
    assert levels(books, 0) == [(12, 1), (11, 1)]
    clear(books.n, ROW)
    set_level(books.px, books.sz, books.cnt, books.n, ROW, 0, 5, 7)
    assert levels(books, 0) == [(5, 7)]
    assert np.array_equal(books.n[0], Books(1, 2).n[0])
