"""Order-level books against a dictionary of resting orders."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.market.book.levels import Books
from quotelife.market.book.orders import (
    ADDED,
    ASK,
    CANCELLED,
    FULL,
    UNKNOWN,
    Orders,
    clear_orders,
    hash_bytes,
    order_delete,
    order_key,
    order_set,
)
from tests.oracle.market import NaiveOrderBook

OPS = st.lists(
    st.tuples(
        st.sampled_from(["set", "set", "set", "delete", "clear"]),
        st.integers(0, 1),  # row
        st.integers(0, 25),  # name of the order
        st.integers(0, 1),  # side
        st.integers(90, 110),
        st.integers(1, 9),
    ),
    max_size=200,
)


class Both:
    """The kernels and the oracle side by side, two instruments."""

    def __init__(self, capacity: int = 16) -> None:
        self.books, self.orders = Books(2, 64), Orders(2, capacity)
        self.naive = (NaiveOrderBook(), NaiveOrderBook())

    @property
    def arrays(self):
        o, b = self.orders, self.books
        return o.table, o.state, b.px, b.sz, b.cnt, b.n

    def key(self, row: int, name: str) -> int:
        raw = np.frombuffer(bytearray(name.encode()), np.uint8)
        return order_key(hash_bytes(raw, 0, len(raw)), row, self.orders.state)

    def set(self, row: int, name: str, side: int, price: int, size: int) -> int:
        self.naive[row].set(name, side, price, size)
        return order_set(*self.arrays, self.key(row, name), row, side, price, size)

    def delete(self, row: int, name: str) -> int:
        self.naive[row].set(name, 0, 0, 0)
        return order_delete(*self.arrays, self.key(row, name))

    def clear(self, row: int) -> None:
        self.naive[row].orders.clear()
        clear_orders(self.orders.state, self.books.n, row)

    def check(self) -> None:
        for row in (0, 1):
            for side in (0, 1):
                n = int(self.books.n[row, side])
                shown = [
                    (int(self.books.px[row, side, i]), int(self.books.sz[row, side, i])) for i in reversed(range(n))
                ]
                assert shown == self.naive[row].levels(side)


@given(OPS)
@settings(max_examples=150, deadline=None)
def test_levels_equal_the_oracle(ops):
    both, peak = Both(), 0
    for what, row, name, side, price, size in ops:
        known = str(name) in both.naive[row].orders
        if what == "set":
            done = both.set(row, str(name), side, price, size)
            assert known or done == ADDED | (ASK if side else 0)
        elif what == "delete":
            done = both.delete(row, str(name))
            assert bool(done & CANCELLED) == known and bool(done & UNKNOWN) != known
        else:
            both.clear(row)
        both.orders.compact()
        both.check()
        live = sum(len(n.orders) for n in both.naive)
        peak = max(peak, live)
        assert both.orders.n_orders >= live
    assert len(both.orders.table) <= 16 * (peak + 1), "what was cleared must not make the table grow"


def test_growth_preserves_every_order():
    both = Both(16)
    for i in range(5_000):
        assert not both.set(0, f"order-{i}", i % 2, 100 - 40 * (i % 2) + i % 30, 1 + i % 5) & FULL
        both.orders.compact()
    both.check()
    for i in range(5_000):
        assert both.delete(0, f"order-{i}") & CANCELLED
    both.check()
    assert both.orders.n_orders == 0


def test_full_table_reports_full_and_stays_usable():
    both = Both(16)
    results = [both.set(0, str(i), 0, 100, 1) for i in range(16)]
    assert results[-1] & FULL and not results[0] & FULL
    assert both.delete(0, "0") & CANCELLED


def test_order_changes_are_counted_by_kind():
    both = Both()
    both.set(0, "a", 1, 100, 5)
    assert both.set(0, "a", 1, 100, 7) == ADDED | ASK
    assert both.set(0, "a", 1, 100, 2) == CANCELLED | ASK
    assert both.set(0, "a", 1, 100, 2) == ASK
    assert both.set(0, "a", 1, 101, 2) == ADDED | CANCELLED | ASK
    assert both.set(0, "a", 1, 101, 0) == CANCELLED | ASK
    both.check()


@given(st.binary(max_size=40), st.integers(0, 20))
@settings(max_examples=100, deadline=None)
def test_hash_does_not_depend_on_the_offset(text, place):
    alone = np.frombuffer(text + b"\x01", np.uint8).copy()
    within = np.frombuffer(b"\xff" * place + text + b"\xff" * 9, np.uint8).copy()
    assert hash_bytes(alone, 0, len(text)) == hash_bytes(within, place, place + len(text))


def test_similar_ids_have_different_hashes():
    names = [f"{form}{n}" for form in ("", "ORD-2026-", "00000000000000000000") for n in range(20_000)]
    found = {hash_bytes(np.frombuffer(name.encode(), np.uint8).copy(), 0, len(name)) for name in names}
    assert len(found) == len(names)
    for bits in (0, 15, 32, 48):  # a table takes some of them for a place
        assert len({h >> bits & 0xFFFF for h in found}) > 0.55 * 0x10000
