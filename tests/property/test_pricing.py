"""Grids and prices under any book: multiples of the tick, away from the client, never through the market."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotelife.decision.kernel import BID, OFFER, price, walk
from quotelife.market.board import layout as L
from quotelife.market.grid import Grid
from quotelife_models import schema as S

STEPS = st.sampled_from(["1", "0.5", "0.01", "0.25", "0.00000001", "5", "100", "0.125"])


@given(STEPS, st.integers(-(10**12), 10**12))
def test_grid_texts_round_trip(step, units):
    grid = Grid(step)
    assert Decimal(grid.text(units)) == Decimal(step) * units
    assert Decimal(grid.short(units)) == Decimal(step) * units
    assert grid.units(grid.text(units)) == units
    assert grid.units(grid.short(units)) == units


@given(STEPS, st.decimals(-(10**9), 10**9, places=10))
def test_only_multiples_of_the_step_are_accepted(step, value):
    text = f"{value:f}"
    ratio = Decimal(text) / Decimal(step)
    if ratio == ratio.to_integral_value():
        assert Grid(step).units(text) == int(ratio)
    else:
        with pytest.raises(ValueError, match="multiple"):
            Grid(step).units(text)


@given(st.text(max_size=8))
def test_invalid_numbers_are_rejected(text):
    try:
        units = Grid("0.01").units(text)
    except ValueError:
        return
    assert Decimal(text) == Decimal("0.01") * units


@given(st.sampled_from(["", "0", "-1", "x", "nan", "inf"]))
def test_step_must_be_positive(step):
    with pytest.raises(ValueError, match="not a positive decimal"):
        Grid(step)


@st.composite
def books(draw):
    """A snapshot, and its features as far as pricing reads them."""
    snap = np.zeros(L.SNAP_WORDS, np.int64)
    best_bid = draw(st.integers(100, 10**6))
    best_ask = best_bid + draw(st.integers(1, 50))
    sizes = st.integers(1, 10**6)
    for side, n_at, px_at, sz_at in (
        (-1, L.SNAP_N_BID, L.SNAP_BID_PX, L.SNAP_BID_SZ),
        (1, L.SNAP_N_ASK, L.SNAP_ASK_PX, L.SNAP_ASK_SZ),
    ):
        n = draw(st.integers(1, L.DEPTH))
        snap[n_at] = n
        at = best_bid if side < 0 else best_ask
        for level in range(n):
            snap[px_at + level], snap[sz_at + level] = at, draw(sizes)
            at += side * draw(st.integers(1, 5))
    x = np.zeros(S.N_FEATURES)
    bid_sz, ask_sz = int(snap[L.SNAP_BID_SZ]), int(snap[L.SNAP_ASK_SZ])
    micro = (best_bid * ask_sz + best_ask * bid_sz) / (bid_sz + ask_sz)
    x[S.MICRO_DEVIATION] = micro - (best_bid + best_ask) / 2
    return snap, x, micro


def naive_walk(snap, px, sz, levels, size):
    left, paid = Decimal(size), Decimal(0)
    for i in range(levels):
        taken = min(left, Decimal(int(snap[sz + i])))
        paid += taken * int(snap[px + i])
        left -= taken
    first, last = int(snap[px]), int(snap[px + levels - 1])
    out = 1 if px == L.SNAP_ASK_PX else -1
    return float((paid + left * (last + out * max(abs(last - first), 1))) / Decimal(size))


@given(books(), st.integers(1, 10**8))
def test_walk_price_is_the_average_of_the_consumed_levels(book, size):
    snap, _, _ = book
    for px, sz, n in ((L.SNAP_ASK_PX, L.SNAP_ASK_SZ, L.SNAP_N_ASK), (L.SNAP_BID_PX, L.SNAP_BID_SZ, L.SNAP_N_BID)):
        found = walk(snap, px, sz, int(snap[n]), size)
        assert found == pytest.approx(naive_walk(snap, px, sz, int(snap[n]), size), rel=1e-12)


MARGINS = st.floats(-3, 50)


@given(books(), st.integers(1, 10**8), st.floats(0, 100), MARGINS, st.floats(-5, 5))
def test_prices_respect_the_minimum_distance(book, size, half_spread, margin, shift):
    snap, x, micro = book
    out = np.zeros(2, np.int64)
    price(snap, x, size, half_spread, margin, shift, out)
    bid, offer = int(out[BID]), int(out[OFFER])
    assert bid < offer
    assert offer > snap[L.SNAP_BID_PX] or offer == bid + 1
    assert bid < snap[L.SNAP_ASK_PX]
    if margin >= 0:
        # never better than the least distance, and away from the client by less than a tick
        assert offer >= micro + half_spread + margin + shift - 1e-6
        assert bid <= micro - half_spread - margin + shift + 1e-6
        asked = walk(snap, L.SNAP_ASK_PX, L.SNAP_ASK_SZ, int(snap[L.SNAP_N_ASK]), size)
        exact = micro + max(asked - micro, half_spread) + margin + shift
        assert offer <= max(math.ceil(exact - 1e-9), snap[L.SNAP_BID_PX] + 1, bid + 1)


@given(books(), st.integers(1, 10**7), st.integers(1, 10**7))
def test_a_larger_size_is_never_cheaper(book, size, more):
    snap, x, _ = book
    small, large = np.zeros(2, np.int64), np.zeros(2, np.int64)
    price(snap, x, size, 0.5, 0.0, 0.0, small)
    price(snap, x, size + more, 0.5, 0.0, 0.0, large)
    assert large[OFFER] >= small[OFFER] and large[BID] <= small[BID]
