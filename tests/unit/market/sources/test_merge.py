"""Merging of price levels, and the difference that the capture gets."""

import numpy as np
import pytest

from quotelife.market.book.levels import Books, set_level_with_count
from quotelife.market.capture import layout as C
from quotelife.market.capture.ring import Ring
from quotelife.market.sources.merge import MERGED_LEVELS, merge_levels, replace_levels

_AT = 9, 5, 3  # detail, time, exchange time


def books_of(side: int, *levels: dict[int, int]) -> Books:
    """Row 0 is empty, row 1 + i has levels[i]: price to size, each of two orders."""
    books = Books(1 + len(levels), 64)
    for row, book in enumerate(levels, 1):
        for price, size in book.items():
            set_level_with_count(books.px, books.sz, books.cnt, books.n, row, side, price, size, 2)
    return books


def merged_of(books: Books, side: int, parts: int) -> np.ndarray:
    merged = np.zeros((MERGED_LEVELS, 3), np.int64)
    found = merge_levels(books.px, books.sz, books.cnt, books.n, 1, parts, side, np.zeros(8, np.int64), merged)
    return merged[:found]


@pytest.mark.parametrize("side", [0, 1])
def test_levels_of_one_price_add_up_and_the_best_is_first(side):
    sign = 1 - 2 * side
    books = books_of(side, {10 * sign: 5, 9 * sign: 1}, {11 * sign: 2, 10 * sign: 4}, {10 * sign: 100})
    assert merged_of(books, side, 0b011).tolist() == [[11 * sign, 2, 2], [10 * sign, 9, 4], [9 * sign, 1, 2]]
    assert merged_of(books, side, 0b100).tolist() == [[10 * sign, 100, 2]]
    assert merged_of(books, side, 0b111)[1].tolist() == [10 * sign, 109, 6]


def test_only_the_best_levels_are_merged():
    books = books_of(0, dict.fromkeys(range(40), 1), dict.fromkeys(range(20, 60), 1))
    assert merged_of(books, 0, 0b11)[:, 0].tolist() == list(range(59, 59 - MERGED_LEVELS, -1))


def test_a_side_without_levels_is_empty():
    books = books_of(0, {}, {10: 1})
    assert merged_of(books, 1, 0b11).tolist() == [] and merged_of(books, 0, 0b01).tolist() == []


@pytest.mark.parametrize("side", [0, 1])
def test_the_difference_is_captured_and_takes_the_place_of_the_old_levels(side):
    sign = 1 - 2 * side
    books = books_of(side, {12 * sign: 1, 10 * sign: 5, 9 * sign: 1, 7 * sign: 1})
    ring = Ring.private(2)
    new = np.array([[11 * sign, 3, 1], [10 * sign, 6, 2], [9 * sign, 1, 2], [8 * sign, 4, 1]], np.int64)
    replace_levels(ring.words, books.px, books.sz, books.cnt, books.n, 1, side, new, len(new), *_AT)
    n = books.n[1, side]
    held = np.stack([a[1, side, :n][::-1] for a in (books.px, books.sz, books.cnt)], axis=1)
    assert held.tolist() == new.tolist()
    events = ring.events[: ring.header[C.H_NEXT]]
    assert events[:, [C.A, C.B, C.C]].tolist() == [
        [12 * sign, 0, 0], [11 * sign, 3, 1], [10 * sign, 6, 2], [8 * sign, 4, 1], [7 * sign, 0, 0],
    ]  # fmt: skip
    assert set(events[:, C.KIND_WORD]) == {C.LEVEL | 9 << C.DETAIL_SHIFT | 1 << C.ROW_SHIFT}
    assert set(events[:, C.RECEIVED_NS]) == {5} and set(events[:, C.EXCHANGE_NS]) == {3}


def test_equal_levels_are_not_captured():
    books, ring = books_of(0, {10: 5}), Ring.private(2)
    replace_levels(ring.words, books.px, books.sz, books.cnt, books.n, 1, 0, np.array([[10, 5, 2]]), 1, *_AT)
    assert ring.header[C.H_NEXT] == 0
    replace_levels(ring.words, books.px, books.sz, books.cnt, books.n, 1, 0, np.array([[10, 5, 3]]), 1, *_AT)
    assert ring.header[C.H_NEXT] == 1 and books.cnt[1, 0, 0] == 3
