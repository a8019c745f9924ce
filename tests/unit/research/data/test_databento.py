"""Databento's DBN, written by its own package: quotes, trades and orders as they were."""

import datetime as dt
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import databento_dbn as dbn
import numpy as np
import pytest

from quotelife.cli import main
from quotelife_models import schema as S
from quotelife_research.data import files, replay
from quotelife_research.data import sources as Q
from tests.unit.research.data.test_tables import run
from tests.unit.research.test_sources import START, WHOLE_DAY

SECOND = 1_000_000_000
A, B, N = dbn.Side.ASK, dbn.Side.BID, dbn.Side.NONE
ADD, CANCEL, MODIFY, CLEAR, TRADE, FILL = (
    *(dbn.Action.ADD, dbn.Action.CANCEL, dbn.Action.MODIFY, dbn.Action.CLEAR, dbn.Action.TRADE, dbn.Action.FILL),
)
NO_PRICE = dbn.UNDEF_PRICE


def px(price: float) -> int:
    return round(price * 1e9)


def write(
    path: Path, schema: Any, records: Sequence[Any], ids: dict[str, int] | None = None, zstd: bool = False
) -> Path:
    """A DBN file of the library's encoder."""
    mappings = [
        SimpleNamespace(
            raw_symbol=name,
            intervals=[
                SimpleNamespace(start_date=dt.date(2020, 1, 2), end_date=dt.date(2020, 1, 3), symbol=str(number))
            ],
        )
        for name, number in (ids or {"AAA": 7}).items()
    ]
    header = dbn.Metadata(
        "XNAS.ITCH",
        START,
        dbn.SType.RAW_SYMBOL,
        dbn.SType.INSTRUMENT_ID,
        schema,
        list(ids or ["AAA"]),
        mappings=mappings,
    )
    content = bytes(header) + b"".join(map(bytes, records))
    if zstd:
        packed = io.BytesIO()
        transcoder = dbn.Transcoder(packed, dbn.Encoding.DBN, dbn.Compression.ZSTD)
        transcoder.write(content)
        transcoder.flush()
        del transcoder
        content = packed.getvalue()
        assert content[:4] == b"\x28\xb5\x2f\xfd"
    path.write_bytes(content)
    return path


def top(
    at: float, bid: float | None, bid_sz: int, ask: float | None, ask_sz: int, action: Any = ADD, price: float = 1.0,
    size: int = 1, side: Any = B, flags: int = 128, kind: Any = dbn.MBP1Msg, number: int = 7, venue: int = 2,
) -> Any:  # fmt: skip
    """A record of mbp-1 or mbp-10; it was received a microsecond after it happened."""
    ns = START + round(at * SECOND)
    best = dbn.BidAskPair(
        NO_PRICE if bid is None else px(bid), NO_PRICE if ask is None else px(ask), bid_sz, ask_sz, 1, 1
    )
    levels = [best, *[dbn.BidAskPair()] * 9] if kind is dbn.MBP10Msg else best
    return kind(venue, number, ns, px(price), size, action, side, 0, ns + 1000, flags=flags, levels=levels)


def order(at: float, action: Any, side: Any, key: int, price: float | None, size: int, flags: int = 128) -> Any:
    ns = START + round(at * SECOND)
    value = NO_PRICE if price is None else px(price)
    return dbn.MBOMsg(2, 7, ns, key, value, size, action, side, ns + 1000, flags=flags)


def session(tmp_path: Path, symbol: str = "AAA") -> Q.Session:
    (found,) = Q.sessions(files.symbols_in(tmp_path / "out")[symbol], [WHOLE_DAY])
    return found


@pytest.mark.parametrize("zstd", [False, True])
@pytest.mark.parametrize(("schema", "kind"), [(dbn.Schema.MBP_1, dbn.MBP1Msg), (dbn.Schema.MBP_10, dbn.MBP10Msg)])
def test_tops_of_book_and_trades(tmp_path: Path, schema: Any, kind: Any, zstd: bool, capsys) -> None:
    records = [
        top(1, 1.00, 5, 1.01, 6, kind=kind),
        top(2, 1.00, 5, 1.01, 6, TRADE, 1.01, 4, B, kind=kind),
        top(2, 1.00, 5, 1.01, 2, CANCEL, 1.01, 4, A, kind=kind),
        top(3, None, 0, 1.01, 2, CANCEL, 1.00, 5, B, kind=kind),
        top(4, 0.99, 3, 1.01, 2, kind=kind),
        top(5, 0.99, 3, 1.01, 2, TRADE, 0.99, 1, A, kind=kind),
        top(6, 0.99, 3, 1.01, 2, TRADE, 0.99, 2, N, kind=kind),
    ]
    assert run(tmp_path, "--from", write(tmp_path / "d.dbn", schema, records, zstd=zstd)) == 0
    found = [[(event[0] - START) / SECOND, *event[1:]] for event in session(tmp_path).events.tolist()]
    late = 1e-6
    assert found == [
        [1 + late, Q.QUOTE, 100, 5, 101, 6],
        [2 + late, Q.PRINT, 101, 4, 1, 0],
        [2 + late, Q.QUOTE, 100, 5, 101, 6],
        [2 + late, Q.QUOTE, 100, 5, 101, 2],
        [3 + late, Q.QUOTE, 0, 0, 101, 2],
        [4 + late, Q.QUOTE, 99, 3, 101, 2],
        [5 + late, Q.PRINT, 99, 1, -1, 0],
        [5 + late, Q.QUOTE, 99, 3, 101, 2],
        [6 + late, Q.PRINT, 99, 2, 0, 0],
        [6 + late, Q.QUOTE, 99, 3, 101, 2],
    ]
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("d.dbn: 7 of 7 quotes kept") and printed[1].startswith("d.dbn: 3 of 3 trades kept")
    assert printed[2].startswith("next: quotelife evaluate --data ")


def test_the_clock_of_the_exchange(tmp_path: Path) -> None:
    path = write(tmp_path / "d.dbn", dbn.Schema.MBP_1, [top(1, 1.00, 5, 1.01, 6), top(2, 1.00, 5, 1.01, 7)])
    assert run(tmp_path, "--from", path, "--clock", "exchange") == 0
    assert session(tmp_path).events[:, 0].tolist() == [START + SECOND, START + 2 * SECOND]


def test_a_book_that_may_be_bad_is_not_used(tmp_path: Path, capsys) -> None:
    records = [top(i, 1.00, 5, 1.01, 6, flags=128 | (dbn.F_MAYBE_BAD_BOOK if i == 2 else 0)) for i in range(1, 5)]
    assert run(tmp_path, "--from", write(tmp_path / "d.dbn", dbn.Schema.MBP_1, records)) == 1
    assert session(tmp_path).events[:, 2].tolist() == [100, 0, 100, 100]
    assert (
        "3 of 4 quotes kept, 2020-01-02..2020-01-02; unusable: the book may be bad (flag): 1 rows, first in row 2"
        in (capsys.readouterr().out)
    )


@pytest.mark.parametrize("schema", [dbn.Schema.TBBO, dbn.Schema.TRADES])
def test_trades_alone_give_no_quotes(tmp_path: Path, schema: Any, capsys) -> None:
    ns = START + SECOND
    trade = dbn.TradeMsg(2, 7, ns, px(1.01), 4, TRADE, B, 0, ns, flags=128)
    record = top(1, 1.00, 5, 1.01, 6, TRADE, 1.01, 4, B) if schema == dbn.Schema.TBBO else trade
    assert run(tmp_path, "--from", write(tmp_path / "d.dbn", schema, [record])) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("d.dbn: 1 of 1 trades kept") and "AAA has trades only" in printed.splitlines()[-1]
    assert [path.name for path in (tmp_path / "out").rglob("*.parquet")] == ["trades.parquet"]


def test_one_instrument_of_several(tmp_path: Path, capsys) -> None:
    records = [top(1, 1.00, 5, 1.01, 6), top(2, 9.00, 1, 9.01, 1, number=8), top(3, 1.00, 4, 1.01, 6)]
    path = write(tmp_path / "d.dbn", dbn.Schema.MBP_1, records, {"AAA": 7, "BBB": 8})
    assert run(tmp_path, "--from", path, symbol="MINE") == 2
    assert "holds 2 instruments; allowed: --file-symbol NAME with one of AAA, BBB" in capsys.readouterr().err
    assert run(tmp_path, "--from", path, "--file-symbol", "BBB", symbol="MINE") == 0
    assert session(tmp_path, "MINE").events[:, 2].tolist() == [900]
    assert run(tmp_path, "--from", path) == 0
    found = session(tmp_path).events
    assert found[found[:, 1] == Q.QUOTE, 3].tolist() == [5, 4]
    two = [top(1, 1.00, 5, 1.01, 6), top(2, 1.00, 4, 1.01, 6, venue=3)]
    assert run(tmp_path, "--from", write(tmp_path / "e.dbn", dbn.Schema.MBP_1, two)) == 2
    assert "the books of 2 venues (publishers 2, 3); allowed: a file of one" in capsys.readouterr().err


ORDERS = [
    order(0, CLEAR, N, 0, None, 0),
    order(1, ADD, B, 11, 1.00, 5),
    order(1, ADD, A, 12, 1.02, 6),
    order(2, ADD, A, 13, 1.01, 7),
    order(3, TRADE, B, 0, 1.01, 3, flags=0),
    order(3, FILL, A, 13, 1.01, 3, flags=0),
    order(3, CANCEL, A, 13, 1.01, 3),
    order(4, MODIFY, B, 11, 0.99, 8),
    order(5, CANCEL, A, 13, 1.01, 4),
    order(6, MODIFY, A, 12, 1.02, 2),
    order(7, ADD, B, 14, 1.00, 1),
]


def tops(found: Q.Session, *seconds: float) -> list[tuple[int, ...]]:
    """(spread, bid size, ask size) at these seconds; () without a usable book."""
    times = START + (np.array(seconds) * SECOND).astype(np.int64)
    played = replay.replay_at(found, times)
    rows = {
        int(k): tuple(int(v) for v in x[[S.SPREAD, S.BID_DEPTH_1, S.ASK_DEPTH_1]])
        for k, x in zip(played.kept, played.x, strict=True)
    }
    return [rows.get(i, ()) for i in range(len(times))]


def test_orders_become_the_book_order_by_order(tmp_path: Path, capsys) -> None:
    assert run(tmp_path, "--from", write(tmp_path / "d.dbn.zst", dbn.Schema.MBO, ORDERS, zstd=True)) == 0
    assert capsys.readouterr().out.startswith("d.dbn.zst: 11 of 11 orders kept, 2020-01-02..2020-01-02\n")
    found = session(tmp_path)
    prints = found.events[found.events[:, 1] == Q.PRINT]
    assert prints[:, 2:5].tolist() == [[101, 3, 1]]
    assert tops(found, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5) == [
        (), (2, 5, 6), (1, 5, 7), (1, 5, 4), (2, 8, 4), (3, 8, 6), (3, 8, 2), (2, 1, 2)
    ]  # fmt: skip


def test_parts_of_an_event_are_no_book(tmp_path: Path) -> None:
    records = [*ORDERS[:4], order(3, MODIFY, B, 11, 1.01, 5, flags=0), order(3.5, CANCEL, A, 13, 1.01, 7)]
    assert run(tmp_path, "--from", write(tmp_path / "d.dbn", dbn.Schema.MBO, records)) == 0
    assert tops(session(tmp_path), 3.2, 3.6) == [(1, 5, 7), (1, 5, 6)]


def test_before_a_clear_and_after_a_gap_there_is_no_book(tmp_path: Path, capsys) -> None:
    before = [order(0.1, ADD, B, 1, 1.00, 5), order(0.1, ADD, A, 2, 1.01, 5)]
    shifted = [order(1, CLEAR, N, 0, None, 0), *ORDERS[1:4]]
    gap = [order(8, ADD, B, 21, 1.00, 9, flags=128 | dbn.F_MAYBE_BAD_BOOK), order(9, ADD, A, 22, 1.01, 9)]
    again = [order(10, CLEAR, N, 0, None, 0), order(11, ADD, B, 31, 1.00, 3), order(11, ADD, A, 32, 1.01, 4)]
    path = write(tmp_path / "d.dbn", dbn.Schema.MBO, [*before, *shifted, *gap, *again])
    assert run(tmp_path, "--from", path) == 1
    assert tops(session(tmp_path), 0.5, 2.5, 9.5, 11.5) == [(), (1, 5, 7), (), (1, 3, 4)]
    printed = capsys.readouterr().out
    assert "before a snapshot: 4 rows, first in row 1; after a gap in the data: 1 rows, first in row 7" in printed


def test_an_unknown_order_is_counted_and_known_from_then_on(tmp_path: Path, capsys) -> None:
    records = [*ORDERS[:4], order(3, CANCEL, A, 99, 1.00, 1), order(4, MODIFY, B, 98, 1.00, 2)]
    assert run(tmp_path, "--from", write(tmp_path / "d.dbn", dbn.Schema.MBO, records)) == 1
    assert "unknown order: 2 rows, first in row 5" in capsys.readouterr().out
    assert tops(session(tmp_path), 3.5, 4.5) == [(1, 5, 7), (1, 7, 7)]


def test_an_order_off_the_grid_is_harmless_until_it_is_the_best(tmp_path: Path, capsys) -> None:
    stub, better = order(2.5, ADD, B, 41, 0.0001, 9), order(4, ADD, B, 42, 1.005, 9)
    assert run(tmp_path, "--from", write(tmp_path / "d.dbn", dbn.Schema.MBO, [*ORDERS[:4], stub, better])) == 1
    assert tops(session(tmp_path), 3.5, 4.5) == [(1, 5, 7), ()]
    assert "off the tick: 2 rows, first in row 5" in capsys.readouterr().out


def test_each_day_begins_with_the_resting_orders_and_files_continue(tmp_path: Path, capsys) -> None:
    day = 86_400
    later = [order(day + 1, ADD, B, 51, 1.00, 2), order(day + 2, CANCEL, A, 12, 1.02, 2)]
    first = write(tmp_path / "a.dbn", dbn.Schema.MBO, ORDERS)
    second = write(tmp_path / "b.dbn", dbn.Schema.MBO, later, {"BBB": 7})
    assert run(tmp_path, "--from", first, second) == 0
    source = files.symbols_in(tmp_path / "out")["AAA"]
    (found,) = Q.sessions(source, [Q.Span.parse("2020-01-03")])
    assert tops(found, day + 0.5, day + 1.5, day + 2.5) == [(2, 1, 2), (2, 3, 2), ()]
    (part,) = Q.sessions(source, [Q.Span.parse("2020-01-03T00:00:01.500000..2020-01-03T00:00:09")])
    assert tops(part, day + 1.9) == [(2, 3, 2)]
    assert run(tmp_path, "--from", first, second, first) == 2
    assert "a.dbn: begins before the end of the file before it" in capsys.readouterr().err


def test_files_that_cannot_be_used(tmp_path: Path, capsys) -> None:
    record = top(1, 1.00, 5, 1.01, 6)
    whole = write(tmp_path / "d.dbn", dbn.Schema.MBP_1, [record, record])
    content = whole.read_bytes()
    (tmp_path / "cut.dbn").write_bytes(content[:-10])
    (tmp_path / "head.dbn").write_bytes(content[:40])
    (tmp_path / "none.dbn").write_bytes(content[:-160])
    bbo = write(tmp_path / "bbo.dbn", dbn.Schema.BBO_1S, [])
    level = order(1, ADD, B, 0, 1.0, 5, flags=128 | dbn.F_TOB)
    tob = write(tmp_path / "tob.dbn", dbn.Schema.MBO, [level])
    for path, expected in (
        (tmp_path / "cut.dbn", "cut.dbn: ends inside record 2; allowed: a whole file"),
        (tmp_path / "head.dbn", "head.dbn: "),
        (tmp_path / "none.dbn", "none.dbn: no record of AAA; allowed: mbo, mbp-1"),
        (bbo, "bbo.dbn: Databento schema bbo-1s; allowed: mbo, mbp-1, mbp-10, tbbo, trades"),
        (tob, "tob.dbn: mbo with levels instead of orders"),
    ):
        assert run(tmp_path, "--from", path) == 2
        error = capsys.readouterr().err
        assert expected in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_one_line_with_its_extra(tmp_path: Path, capsys, monkeypatch) -> None:
    path = write(tmp_path / "d.dbn", dbn.Schema.MBP_1, [top(1, 1.00, 5, 1.01, 6)])
    monkeypatch.setitem(sys.modules, "databento_dbn", None)
    monkeypatch.delitem(sys.modules, "quotelife_research.data.databento", raising=False)
    arguments = ["import", "--symbol", "AAA", "--tick", "0.01", "--out", str(tmp_path / "out"), "--from", str(path)]
    monkeypatch.setattr(sys, "argv", ["quotelife", *arguments])
    assert main() == 1
    error = capsys.readouterr().err
    assert error.startswith("quotelife: the package databento_dbn is missing; reading DBN files needs it: pip install")
    assert "[databento]" in error and error.count("\n") == 1
