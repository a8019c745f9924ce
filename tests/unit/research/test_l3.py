"""Cleaning of the order-by-order sample, on hand-made rows and on the sample if it is installed."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from quotelife_research.data import l3

HEAD = ["id", "timestamp", "exchange_timestamp", "price", "volume", "action", "direction"]


def write_sample(folder: Path, orders: list[tuple], trades: list[tuple] = ()) -> Path:
    with gzip.open(folder / "orders.csv.gz", "wt", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEAD)
        rows.writerows((key, ms + 80, ms, px, size, kind, side) for ms, key, px, size, kind, side in orders)
    with open(folder / "trades.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["trade_id", "timestamp", "exchange_timestamp", "price", "amount", "side"])
        rows.writerows((key, ms + 80, ms, px, size, side) for ms, key, px, size, side in trades)
    return folder


def kinds(events: np.ndarray) -> list[tuple[int, int, int]]:
    return [(int(e["ts_ns"]) // 1_000_000, int(e["kind"]), int(e["id"])) for e in events]


SNAPSHOT = [(1000, 1, "99.0", "1.5", "created", "bid"), (1000, 2, "101.0", "2", "created", "ask")]
END = [(9000, 1, "99.0", "1.5", "deleted", "bid")]


def test_units_and_synthetic_deletes(tmp_path: Path) -> None:
    events = l3.read_l3(write_sample(tmp_path, SNAPSHOT + END, [(1500, 7, "101.0", "0.25", "buy")]))
    assert kinds(events) == [(1000, l3.ADD, 1), (1000, l3.ADD, 2), (1500, l3.TRADE, 7)]
    assert events["px_ticks"].tolist() == [99, 101, 101]
    assert events["size_lots"].tolist() == [150_000_000, 200_000_000, 25_000_000]
    assert events["side"].tolist() == [l3.BID, l3.ASK, l3.BID]


def test_taker_within_a_millisecond_is_dropped_and_its_maker_changes(tmp_path: Path) -> None:
    rows = [
        *SNAPSHOT,
        (2000, 3, "105.0", "0.5", "created", "bid"),
        (2000, 3, "101.0", "0.2", "changed", "bid"),
        (2000, 2, "101.0", "1.7", "changed", "ask"),
        (2000, 3, "101.0", "0", "deleted", "bid"),
        *END,
    ]
    events = l3.read_l3(write_sample(tmp_path, rows))
    assert kinds(events)[2:] == [(2000, l3.CHANGE, 2)]
    assert events["size_lots"][-1] == 170_000_000


def test_short_lived_orders_inside_the_spread_are_kept(tmp_path: Path) -> None:
    rows = [*SNAPSHOT, (2000, 3, "100.0", "1", "created", "bid"), (2000, 3, "100.0", "1", "deleted", "bid"), *END]
    assert kinds(l3.read_l3(write_sample(tmp_path, rows)))[2:] == [(2000, l3.ADD, 3), (2000, l3.DELETE, 3)]


def test_orders_without_a_delete_are_evicted_oldest_first(tmp_path: Path) -> None:
    rows = [
        *SNAPSHOT,
        (2000, 3, "101.0", "1", "created", "ask"),
        (3000, 4, "102.0", "1", "created", "bid"),
        (3000, 5, "103.0", "1", "created", "ask"),
        (4000, 2, "101.0", "2", "deleted", "ask"),
        *END,
    ]
    events = l3.read_l3(write_sample(tmp_path, rows))
    assert kinds(events)[5:] == [(3000, l3.DELETE, 2), (3000, l3.DELETE, 3)]  # the late delete of 2 is ignored
    assert l3.split_in_time(events, 0.6) == 3


@pytest.mark.skipif(l3.find_sample() is None, reason="the order-book sample (package ob-analytics) is not installed")
def test_the_real_book_is_never_crossed_and_trades_are_at_the_best_price() -> None:
    sample = l3.find_sample()
    assert sample is not None
    events = l3.read_l3(sample)
    assert np.bincount(events["kind"])[l3.TRADE] == 284
    book, at_best, trades = l3._Book(), 0, 0
    ts = events["ts_ns"]
    assert (np.diff(ts) >= 0).all()
    for k, (ns, kind, key, side, px, _size) in enumerate(events.tolist()):
        if kind == l3.ADD:
            book.add(key, side, px)
        elif kind == l3.DELETE:
            assert book.remove(key) == px
        elif kind == l3.TRADE and ts[k - 1] != ns:
            trades += 1
            at_best += px == book.best(1 - side)
        if k + 1 == len(events) or ts[k + 1] != ns:
            assert not book.crossed()
    assert at_best >= trades - 1
