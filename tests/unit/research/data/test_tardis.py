"""Tardis' CSV files by their documented layout."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from quotelife_research.data import files
from quotelife_research.data import sources as Q
from quotelife_research.data.levels import best_of_levels
from tests.unit.research.data.test_tables import run
from tests.unit.research.test_sources import START, WHOLE_DAY

US = START // 1000
FIRST = "exchange,symbol,timestamp,local_timestamp"
L2 = f"{FIRST},is_snapshot,side,price,amount"


def at(second: float, symbol: str = "BTCUSDT", late_us: int = 250) -> str:
    micro = US + round(second * 1e6)
    return f"binance,{symbol},{micro},{micro + late_us}"


def write(path: Path, head: str, *rows: str) -> Path:
    path.write_bytes(gzip.compress("\n".join((head, *rows, "")).encode()))
    return path


def events(tmp_path: Path, late_us: int = 250) -> list[list[float]]:
    """Seconds, kind, values."""
    (session,) = Q.sessions(files.symbols_in(tmp_path / "out")["AAA"], [WHOLE_DAY])
    return [[(event[0] - START - late_us * 1000) / 1e9, *event[1:]] for event in session.events.tolist()]


def level(
    second: float, side: str, price: float, amount: float | str, snapshot: str = "false", symbol: str = "BTCUSDT"
) -> str:
    return f"{at(second, symbol)},{snapshot},{side},{price},{amount}"


LEVELS = [
    level(0, "bid", 99.9, 1),  # before the first snapshot
    level(1, "bid", 100.0, 1.5, "true"),
    level(1, "bid", 99.9, 2, "true"),
    level(1, "ask", 100.1, 0.5, "true"),
    level(1, "ask", 100.2, 3, "true"),
    level(2, "bid", 99.8, 7),  # not the best: no quote
    level(3, "ask", 100.1, 0),
    level(4, "bid", 100.0, 0),  # two rows of one message
    level(4, "ask", 100.1, 2),
    level(5, "bid", 99.5, 0),  # unknown level
    level(6, "ask", 100.0, 1, "true"),  # reconnected: the old book is gone
    level(6, "bid", 99.7, 4, "true"),
    level(7, "ask", 100.0, 0),
]


@pytest.mark.parametrize("clock", ["received", "exchange"])
def test_incremental_levels_become_the_best_prices(tmp_path: Path, clock: str, capsys) -> None:
    path = write(tmp_path / "binance_incremental_book_L2_2020-01-02_BTCUSDT.csv.gz", L2, *LEVELS)
    assert run(tmp_path, "--from", path, "--lot", "0.5", "--clock", clock, tick="0.1") == 1
    assert events(tmp_path, 250 if clock == "received" else 0) == [
        [0, Q.QUOTE, 0, 0, 0, 0],
        [1, Q.QUOTE, 1000, 3, 1001, 1],
        [3, Q.QUOTE, 1000, 3, 1002, 6],
        [4, Q.QUOTE, 999, 4, 1001, 4],
        [6, Q.QUOTE, 997, 8, 1000, 2],
        [7, Q.QUOTE, 997, 8, 0, 0],
    ]
    printed = capsys.readouterr().out
    assert (
        "12 of 13 quotes kept, 2020-01-02..2020-01-02; unusable: without a known book: 1 rows, first in row 1"
        in printed
    )
    assert "; 6 changes of the best prices" in printed


def test_an_unreadable_change_ends_the_book_until_the_next_snapshot(tmp_path: Path, capsys) -> None:
    rows = [*LEVELS[1:6], level(6, "ask", 100.1, "much"), level(7, "ask", 100.2, 1), *LEVELS[10:]]
    rows[7:9] = [row.replace(str(US + 6_000_000), str(US + 8_000_000)) for row in rows[7:9]]
    rows[7:9] = [row.replace(str(US + 6_000_250), str(US + 8_000_250)) for row in rows[7:9]]
    rows[9] = level(9, "ask", 100.0, 0)
    path = write(tmp_path / "l2.csv.gz", L2, *rows)
    assert run(tmp_path, "--from", path, "--lot", "0.5", tick="0.1") == 1
    assert [event[0:3:2] for event in events(tmp_path)] == [[1, 1000], [6, 0], [8, 997], [9, 997]]
    printed = capsys.readouterr().out
    assert "not a number: 1 rows, first in row 6; without a known book: 1 rows, first in row 7" in printed


def test_one_wrong_time_of_a_change_keeps_the_order_of_the_file(tmp_path: Path) -> None:
    changes = [level(2 + i / 100, "ask", 100.2, 0.5 * (i + 1)) for i in range(300)]
    rows = [*LEVELS[1:5], *changes, level(6, "ask", 100.1, 0)]
    rows[100] = level(3600, "ask", 100.1, 1.5)
    path = write(tmp_path / "l2.csv.gz", L2, *rows)
    assert run(tmp_path, "--from", path, "--lot", "0.5", tick="0.1") == 0
    assert [event[:1] + event[4:] for event in events(tmp_path)] == [[1, 1001, 1], [2.95, 1001, 3], [6, 1002, 300]]


def test_snapshots_of_a_book(tmp_path: Path) -> None:
    head = f"{FIRST},asks[0].price,asks[0].amount,bids[0].price,bids[0].amount,asks[1].price,asks[1].amount"
    rows = [f"{at(1)},100.1,5,100.0,6,100.2,9", f"{at(2)},,,100.0,7,,", f"{at(3)},100.1,5,100.0,6,,"]
    assert run(tmp_path, "--from", write(tmp_path / "s.csv.gz", head, *rows), tick="0.1") == 0
    assert events(tmp_path) == [
        [1, Q.QUOTE, 1000, 6, 1001, 5],
        [2, Q.QUOTE, 1000, 7, 0, 0],
        [3, Q.QUOTE, 1000, 6, 1001, 5],
    ]


def test_quotes_and_trades(tmp_path: Path, capsys) -> None:
    head = f"{FIRST},ask_amount,ask_price,bid_price,bid_amount"
    quotes = write(tmp_path / "q.csv.gz", head, f"{at(1)},5,100.1,100.0,6", f"{at(3)},,,100.0,7")
    trades = write(
        tmp_path / "t.csv.gz", f"{FIRST},id,side,price,amount",
        f"{at(2)},77,buy,100.1,2", f"{at(2.5)},78,sell,100.0,3", f"{at(2.75)},,unknown,100.0,4",
    )  # fmt: skip
    assert run(tmp_path, "--from", quotes, trades, tick="0.1") == 0
    assert events(tmp_path) == [
        [1, Q.QUOTE, 1000, 6, 1001, 5],
        [2, Q.PRINT, 1001, 2, 1, 0],
        [2.5, Q.PRINT, 1000, 3, -1, 0],
        [2.75, Q.PRINT, 1000, 4, 0, 0],
        [3, Q.QUOTE, 1000, 7, 0, 0],
    ]
    assert capsys.readouterr().out.startswith(
        "q.csv.gz: 2 of 2 quotes kept, 2020-01-02..2020-01-02; 1 with a side gone\n"
    )


def test_one_instrument_of_several(tmp_path: Path, capsys) -> None:
    rows = [level(1, "bid", 100.0, 1, "true"), level(1, "bid", 9.0, 1, "true", "ETHUSDT"), level(2, "ask", 100.1, 1)]
    path = write(tmp_path / "l2.csv.gz", L2, *rows)
    assert run(tmp_path, "--from", path, tick="0.1") == 2
    assert "holds 2 instruments; allowed: --file-symbol NAME with one of BTCUSDT, ETHUSDT" in capsys.readouterr().err
    assert run(tmp_path, "--from", path, "--file-symbol", "BTCUSDT", tick="0.1") == 0
    assert [event[2:] for event in events(tmp_path)] == [[1000, 1, 0, 0], [1000, 1, 1001, 1]]


def test_other_types_are_refused(tmp_path: Path, capsys) -> None:
    path = write(tmp_path / "l.csv.gz", f"{FIRST},funding_rate,mark_price", f"{at(1)},0.1,9")
    assert run(tmp_path, "--from", path) == 2
    assert "Tardis columns exchange, symbol, timestamp, local_timestamp, funding_rate" in capsys.readouterr().err


def test_best_prices_equal_a_naive_book() -> None:
    rng = np.random.default_rng(7)
    n = 4000
    group = np.repeat(np.arange(n // 2), 2)[:n]
    side, price = rng.integers(0, 2, n), rng.integers(1, 30, n)
    kind = rng.choice([1, 1, 0, -1], n, p=[0.4, 0.3, 0.298, 0.002])
    snapshot = (rng.random(n // 20) < 0.2).astype(np.int64).repeat(20)
    found = {int(row): (int(bid), int(ask)) for row, bid, ask in best_of_levels(group, snapshot, side, price, kind)}
    book: dict[tuple[int, int], int] | None = None
    before: tuple[int, int] | None = None
    for i in range(n):
        if snapshot[i] and not (i and snapshot[i - 1]):
            book = {}
        if kind[i] < 0:
            book = None
        elif book is not None and kind[i]:
            book[int(side[i]), int(price[i])] = i
        elif book is not None:
            book.pop((int(side[i]), int(price[i])), None)
        if i + 1 < n and group[i + 1] == group[i]:
            continue
        sides = [[key[1] for key in book or {} if key[0] == s] for s in (0, 1)]
        best = max(sides[0], default=None), min(sides[1], default=None)
        now = tuple(-1 if p is None else (book or {})[s, p] for s, p in enumerate(best))
        if i in found:
            assert found[i] == now, i
        else:
            assert now == before, i
        before = now  # type: ignore[assignment]
    assert len(found) > 300
