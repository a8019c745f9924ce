"""A side that is gone: files, sessions and the replay say so, and nothing is quoted until it is back."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quotelife_models import schema as S
from quotelife_research.data import files, replay
from quotelife_research.data import sources as Q
from tests.unit.research.test_replay import SECOND, T0, session
from tests.unit.research.test_sources import START, WHOLE_DAY, write_quotes, write_trades

GONE = [
    (START + 1, None, 5, 1.01, 6),
    (START + 1, float("nan"), 5, 1.01, 6),
    (START + 1, 0.0, 5, 1.01, 6),
    (START + 1, -1.0, 5, 1.01, 6),
    (START + 1, 1.0, 0, 1.01, 6),
    (START + 1, 1.0, None, 1.01, 6),
]


@pytest.mark.parametrize("row", GONE)
def test_a_row_with_one_side_gone_ends_the_old_quote(tmp_path: Path, row: tuple) -> None:
    write_quotes(tmp_path, "AAA", [(START, 1.0, 5, 1.01, 6), row, (START + 2, 1.0, 5, 1.01, 6)])
    (found,) = Q.sessions(files.symbols_in(tmp_path)["AAA"], [WHOLE_DAY])
    assert found.events[:, 2:].tolist() == [[100, 5, 101, 6], [0, 0, 101, 6], [100, 5, 101, 6]]


def test_nothing_is_quoted_while_a_side_is_gone() -> None:
    s = session(5, seconds=40)
    events = s.events[(s.events[:, 0] <= T0 + 15 * SECOND) | (s.events[:, 0] >= T0 + 20 * SECOND)]
    gone = np.array([[T0 + 15 * SECOND + 1, Q.QUOTE, 1000, 5, 0, 0]], np.int64)
    at = int(np.searchsorted(events[:, 0], gone[0, 0]))
    for missing, expected in ((gone, 0), (gone[:0], 50)):
        given = np.concatenate((events[:at], missing, events[at:]))
        grid = replay.replay(Q.Session("TEST", "a day", 0.01, 0.0, given), 100.0)
        inside = (grid.ts_ns > T0 + 15 * SECOND + 1) & (grid.ts_ns < T0 + 20 * SECOND)
        assert abs(int(inside.sum()) - expected) <= 1
        assert (grid.ts_ns > T0 + 21 * SECOND).sum() > 50  # the next quote with both sides brings the book back


def test_the_correlated_book_may_be_one_sided(tmp_path: Path) -> None:
    quotes = [(START + i * SECOND, 1.0 + 0.01 * (i % 2), 5, 1.02, 6) for i in range(40)]
    write_quotes(tmp_path, "AAA", quotes)
    other = [(t, b + 1, 5, None if i >= 20 else a + 1, 6) for i, (t, b, _, a, _) in enumerate(quotes)]
    write_quotes(tmp_path, "BBB", other)
    (found,) = Q.sessions(files.symbols_in(tmp_path)["AAA"], [WHOLE_DAY])
    times = START + np.arange(12, 38) * SECOND
    x = replay.replay_at(found, times).x
    moves = [S.INDEX[name] for name in S.NAMES if name.startswith("correlated")]
    assert moves and np.isfinite(x).all()
    assert np.abs(x[:8, moves]).sum() > 0 == np.abs(x[-5:, moves]).sum()


def test_sizes_that_are_fractions_of_a_lot_are_no_empty_sides(tmp_path: Path) -> None:
    write_quotes(tmp_path, "AAA", [(START, 1.0, 0.25, 1.01, 0.5)])
    source = files.symbols_in(tmp_path)["AAA"]
    with pytest.raises(files.DataError, match=r"2020-01-02: 1 of 1 sizes bid_sz .* of the lot 1, such as 0.25"):
        list(Q.sessions(source, [WHOLE_DAY]))
    source.lot = 0.25
    (found,) = Q.sessions(source, [WHOLE_DAY])
    assert found.events[0, 2:].tolist() == [100, 1, 101, 2]


def test_more_orders_than_the_usual_table_are_all_in_the_book() -> None:
    n = 200_000
    events = np.zeros((n + 1, 6), np.int64)
    events[:, 0] = T0 + np.arange(n + 1)
    events[:, 1] = Q.ORDER
    events[:, 2] = np.arange(n + 1)
    events[:, 3] = 0
    events[:, 4], events[:, 5] = 100, 1
    events[n, 3], events[n, 4] = 1, 101
    found = replay.replay_at(Q.Session("TEST", "a day", 1.0, 0.0, events), np.array([T0 + n + 1]))
    assert found.x[0, S.BID_DEPTH_1] == n


def test_the_aggressor_of_a_file_is_used(tmp_path: Path) -> None:
    write_quotes(tmp_path, "AAA", [(START, 1.0, 5, 1.01, 6)])
    write_trades(tmp_path, "AAA", [(START + 1, 1.01, 3), (START + 2, 1.01, 3)])
    path = tmp_path / "AAA_x_trades.parquet"

    pl.read_parquet(path).with_columns(aggressor=pl.Series([-1, None])).write_parquet(path)
    (found,) = Q.sessions(files.symbols_in(tmp_path)["AAA"], [WHOLE_DAY])
    assert found.events[1:, 4].tolist() == [-1, 0]
