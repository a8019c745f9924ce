"""Sessions from files: spans, ticks, correlated symbols, errors."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quotelife_research.data import files
from quotelife_research.data import sources as Q
from quotelife_research.data.ticks import tick_of
from tests.unit.research.test_l3 import END, SNAPSHOT, write_sample

DAY = date(2020, 1, 2)
START = (DAY - date(1970, 1, 1)).days * Q.DAY_NS
WHOLE_DAY = Q.Span.parse("2020-01-02")


def write_quotes(folder: Path, symbol: str, rows: list[tuple], columns: str = "bid_px bid_sz ask_px ask_sz") -> None:
    folder.mkdir(exist_ok=True)
    pl.DataFrame(rows, schema=["ts_ns", *columns.split()], orient="row").write_parquet(
        folder / f"{symbol}_x_quotes.parquet"
    )


def write_trades(folder: Path, symbol: str, rows: list[tuple]) -> None:
    folder.mkdir(exist_ok=True)
    pl.DataFrame(rows, schema=["ts_ns", "px", "sz"], orient="row").write_parquet(folder / f"{symbol}_x_trades.parquet")


@pytest.mark.parametrize(
    ("prices", "tick"),
    [([1.01, 1.05], 0.01), ([1.38727, 1.38729], 0.00001), ([100.0, 102.5], 2.5), ([7.0], 7.0), ([0.125, 0.25], 0.125)],
)
def test_the_tick_is_inferred(prices: list[float], tick: float) -> None:
    assert tick_of(np.array(prices)) == pytest.approx(tick)


def test_spans_are_parsed() -> None:
    assert str(Q.Span.parse("2013-10-07..2013-10-08")) == "2013-10-07..2013-10-08"
    assert [d.day for d in Q.Span.parse("2013-10-07..2013-10-09").days()] == [7, 8, 9]
    assert Q.Span.parse("2013-10-07").days() == [date(2013, 10, 7)]
    inside = Q.Span.parse("2020-01-02T12:00..2020-01-02T12:20:30.5")
    assert (inside.first_ns - START, inside.end_ns - inside.first_ns) == (43_200 * 10**9, 1_230_500_000_000)
    assert inside.days() == [DAY]
    for wrong in ("yesterday", "2013-10-08..2013-10-07", "", "2020-01-02T12:00..2020-01-02T12:00"):
        with pytest.raises(ValueError):
            Q.Span.parse(wrong)


def test_correlated_symbols_are_found(tmp_path: Path) -> None:
    quote, trade = [(START, 1.0, 5, 1.01, 6)], [(START, 2.0, 1)]
    for symbol in ("AAA", "BBB", "CCC"):
        write_quotes(tmp_path / "shares", symbol, quote)
    write_trades(tmp_path / "shares", "INDEX", trade)
    for symbol in ("DDD", "EEE"):
        write_quotes(tmp_path / "pair", symbol, quote)
    found = files.symbols_in(tmp_path)
    assert {s: source.correlated.symbol for s, source in found.items() if source.correlated} == {
        **dict.fromkeys(("AAA", "BBB", "CCC"), "INDEX"),
        "DDD": "EEE",
        "EEE": "DDD",
    }
    write_quotes(tmp_path / "other", "AAA", quote)
    with pytest.raises(files.DataError, match="AAA"):
        files.symbols_in(tmp_path)


def test_a_session_is_one_ordered_stream(tmp_path: Path) -> None:
    at = START + 1000
    write_quotes(tmp_path, "AAA", [(at + 5, 1.02, 7, 1.03, 8), (at, 1.0, 5, 1.01, 6), (at + Q.DAY_NS, 1.0, 5, 1.01, 6)])
    write_trades(tmp_path, "AAA", [(at + 5, 1.01, 3)])
    write_trades(tmp_path, "SPY", [(at + 2, 150.25, 9), (at + 3, 150.5, 9)])
    (session,) = Q.sessions(files.symbols_in(tmp_path)["AAA"], [WHOLE_DAY])
    assert (session.symbol, session.day, session.tick, session.correlated_tick) == ("AAA", "2020-01-02", 0.01, 0.25)
    assert session.events.tolist() == [
        [at, Q.QUOTE, 100, 5, 101, 6],
        [at + 2, Q.CORRELATED, 600, 602, 0, 0],
        [at + 3, Q.CORRELATED, 601, 603, 0, 0],
        [at + 5, Q.PRINT, 101, 3, 0, 0],  # the trade precedes its change of the book
        [at + 5, Q.QUOTE, 102, 7, 103, 8],
    ]


def test_quotes_without_sizes_and_a_missing_column(tmp_path: Path) -> None:
    write_quotes(tmp_path, "AAA", [(START, 1.0, 1.01), (START + 1, None, 1.01), (START + 2, 1.0, 0.0)], "bid_px ask_px")
    (session,) = Q.sessions(files.symbols_in(tmp_path)["AAA"], [WHOLE_DAY])
    assert session.events[:, 2:].tolist() == [[100, 1, 101, 1], [0, 0, 101, 1], [100, 1, 0, 0]]
    write_quotes(tmp_path, "BBB", [(START, 1.0)], "bid_px")
    with pytest.raises(files.DataError, match=r"BBB_x_quotes\.parquet: no column ask_px"):
        list(Q.sessions(files.symbols_in(tmp_path)["BBB"], [WHOLE_DAY]))


def test_the_rest_of_the_sample_starts_with_the_resting_orders(tmp_path: Path) -> None:
    rows = [
        *SNAPSHOT,
        (2000, 3, "98.0", "1", "created", "bid"),
        (2100, 2, "101.0", "0.5", "changed", "ask"),
        (2200, 3, "98.0", "1", "deleted", "bid"),
        (6000, 4, "97.0", "1", "created", "bid"),
        *END,
    ]
    first, last = Q.sample_sessions(write_sample(tmp_path, rows, [(2050, 9, "101.0", "0.1", "sell")]), 0.7)
    kinds = [(int(e[1]), int(e[2])) for e in first.events]
    assert kinds == [(Q.ORDER, 1), (Q.ORDER, 2), (Q.ORDER, 3), (Q.PRINT, 101), (Q.ORDER, 2), (Q.ORDER, 3)]
    assert first.events[3].tolist() == [2050 * 10**6, Q.PRINT, 101, 10_000_000, -1, 0]
    assert first.events[5, 5] == 0
    assert [e.tolist()[2:] for e in last.events] == [
        [1, 0, 99, 150_000_000],
        [2, 1, 101, 50_000_000],
        [4, 0, 97, 100_000_000],
    ]
