"""Any CSV or Parquet by the names of its columns, through the command."""

import gzip
from datetime import datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from quotelife.cli import app
from quotelife_research.data import files
from quotelife_research.data import sources as Q
from tests.unit.research.test_sources import START, WHOLE_DAY

SECOND = 1_000_000_000
HEAD = "time,Bid,BidSize,Ask,AskSize"
COLUMNS = "ts=time,bid=Bid,bid_size=BidSize,ask=Ask,ask_size=AskSize"
EVENTS = [[START, Q.QUOTE, 100, 5, 101, 6], [START + SECOND, Q.QUOTE, 102, 7, 103, 8]]


def run(tmp_path: Path, *arguments: object, symbol: str = "AAA", tick: str = "0.01") -> int:
    with pytest.raises(SystemExit) as end:
        app(["import", "--symbol", symbol, "--tick", tick, "--out", str(tmp_path / "out"), *map(str, arguments)])
    return int(end.value.code or 0)


def events(tmp_path: Path, symbol: str = "AAA") -> list:
    (session,) = Q.sessions(files.symbols_in(tmp_path / "out")[symbol], [WHOLE_DAY])
    return session.events.tolist()


def lines(*rows: str, head: str = HEAD) -> bytes:
    return ("\n".join((head, *rows)) + "\n").encode()


TEXT = lines("2020-01-02T00:00:00,1.00,5,1.01,6", "2020-01-02T00:00:01,1.02,7,1.03,8")
MILLISECONDS = lines(f"{START // 10**6},1.00,5,1.01,6", f"{START // 10**6 + 1000},1.02,7,1.03,8")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.csv", TEXT),
        ("gzip.csv.gz", gzip.compress(TEXT, mtime=0)),
        ("zstd.csv.zst", pa.compress(TEXT, codec="zstd", asbytes=True)),
        ("frames.csv.zst", b"".join(pa.compress(part, codec="zstd", asbytes=True) for part in (TEXT[:60], TEXT[60:]))),
        ("no_suffix", TEXT),
        ("semicolons.csv", TEXT.replace(b",", b";")),
        ("tabs.tsv", TEXT.replace(b",", b"\t")),
        ("mark.csv", b"\xef\xbb\xbf" + TEXT),
        ("spaces.csv", TEXT.replace(b",", b" , ")),
        ("carriage.csv", TEXT.replace(b"\n", b"\r\n")),
        ("utf16.csv", TEXT.decode().encode("utf-16")),
    ],
)
def test_any_csv(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert run(tmp_path, "--quotes", tmp_path / name, "--columns", COLUMNS) == 0
    assert events(tmp_path) == EVENTS


def test_units_and_zones_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "q.csv").write_bytes(MILLISECONDS)
    given = ("--quotes", tmp_path / "q.csv", "--columns", COLUMNS)
    assert run(tmp_path, *given) == 2
    error = capsys.readouterr().err
    assert "column time: times such as" in error and "--time-unit ms, which reads it as 2020-01-02 00:00:00" in error
    assert run(tmp_path, *given, "--time-unit", "ms") == 0
    assert events(tmp_path) == EVENTS
    local = TEXT.replace(b"2020-01-02T00", b"2020-01-01T19")
    (tmp_path / "q.csv").write_bytes(local)
    assert run(tmp_path, *given, "--time-zone", "America/New_York") == 0
    assert events(tmp_path) == EVENTS


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_parquet_times_are_read_by_their_type(tmp_path: Path, unit: str) -> None:
    times = pl.Series([datetime(2020, 1, 2), datetime(2020, 1, 2, 0, 0, 1)]).cast(pl.Datetime(unit))
    frame = pl.DataFrame({"time": times, "Bid": [1.0, 1.02], "BidSize": [5, 7], "Ask": [1.01, 1.03], "AskSize": [6, 8]})
    frame.write_parquet(tmp_path / "q.parquet")
    assert run(tmp_path, "--quotes", tmp_path / "q.parquet", "--columns", COLUMNS) == 0
    assert events(tmp_path) == EVENTS


def test_a_file_without_a_heading(tmp_path: Path) -> None:
    rows = (f"EUR/USD,20200102 00:00:0{i}.000,{1.0 + i / 50:.2f},{1.01 + i / 50:.2f}" for i in range(2))
    (tmp_path / "q.csv").write_text("\n".join(rows))
    assert run(tmp_path, "--quotes", tmp_path / "q.csv", "--columns", "ts=2,bid=3,ask=4") == 0
    assert [event[2:] for event in events(tmp_path)] == [[100, 1, 101, 1], [102, 1, 103, 1]]


def test_trades_with_a_side(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_bytes(TEXT)
    (tmp_path / "t.csv").write_bytes(
        lines("2020-01-02T00:00:02,1.02,3,sell", "2020-01-02T00:00:03,1.03,4,B", head="time,p,q,s")
    )
    assert run(tmp_path, "--quotes", tmp_path / "q.csv", "--columns", COLUMNS) == 0
    assert run(tmp_path, "--trades", tmp_path / "t.csv", "--columns", "ts=time", "price=p,size=q", "side=s") == 0
    assert [event[1:5] for event in events(tmp_path)[2:]] == [[Q.PRINT, 102, 3, -1], [Q.PRINT, 103, 4, 1]]


@pytest.mark.parametrize("absent", [",", "NaN,", "null,5", "0,0", "1.00,0"])
def test_a_row_with_one_side_gone_is_kept_as_such(tmp_path: Path, absent: str, capsys) -> None:
    rows = "2020-01-02T00:00:00,1.00,5,1.01,6", f"2020-01-02T00:00:01,{absent},1.03,8"
    (tmp_path / "q.csv").write_bytes(lines(*rows))
    assert run(tmp_path, "--quotes", tmp_path / "q.csv", "--columns", COLUMNS) == 0
    assert events(tmp_path)[1][2:] == [0, 0, 103, 8]
    assert "2 of 2 quotes kept, 2020-01-02..2020-01-02; 1 with a side gone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ("2020-01-02T00:00:01,1.05,5,1.03,8", [0, 0, 0, 0]),  # crossed
        ("2020-01-02T00:00:01,abc,5,1.03,8", [0, 0, 103, 8]),
        ("2020-01-02T00:00:01,1.005,5,1.03,8", [0, 0, 103, 8]),
        ("2020-01-02T00:00:01,1.00,2.5,1.03,8", [0, 0, 103, 8]),
        ("soon,1.00,5,1.03,8", [0, 0, 0, 0]),
        ("1995-01-02T00:00:01,1.00,5,1.03,8", [0, 0, 0, 0]),
    ],
)
def test_an_unusable_row_ends_the_quote_before_it(tmp_path: Path, bad: str, expected: list[int]) -> None:
    rows = [f"2020-01-02T00:00:0{i},1.00,5,1.01,6" for i in range(10)]
    rows[1] = bad
    (tmp_path / "q.csv").write_bytes(lines(*rows))
    assert run(tmp_path, "--quotes", tmp_path / "q.csv", "--columns", COLUMNS) == 1
    found = events(tmp_path)
    assert [event[2:] for event in found] == [[100, 5, 101, 6], expected, *[[100, 5, 101, 6]] * 8]
    assert found[1][0] in (START, START + SECOND)


def test_one_wrong_time_does_not_cost_the_rest(tmp_path: Path, capsys) -> None:
    rows = [f"{START + i * SECOND},1.00,{i + 1},1.01,6" for i in range(300)]
    rows[100] = f"{START + 7 * 86_400 * SECOND},1.00,101,1.01,6"
    (tmp_path / "q.csv").write_bytes(lines(*rows))
    assert run(tmp_path, "--quotes", tmp_path / "q.csv", "--columns", COLUMNS) == 0
    assert "299 of 300 quotes kept, 2020-01-02..2020-01-02; unusable: time out of place: 1 rows, first in row 101" in (
        capsys.readouterr().out
    )
    found = events(tmp_path)
    assert len(found) == 300 and found[100] == [START + 99 * SECOND, Q.QUOTE, 0, 0, 0, 0]
    assert [event[3] for event in found[101:]] == list(range(102, 301))


def test_newest_first_is_reversed(tmp_path: Path, capsys) -> None:
    rows = [f"{START + i * SECOND},1.00,{i + 1},1.01,6" for i in range(300)][::-1]
    rows[100] = "soon,1.00,1,1.01,6"
    (tmp_path / "q.csv").write_bytes(lines(*rows))
    assert run(tmp_path, "--quotes", tmp_path / "q.csv", "--columns", COLUMNS) == 0
    assert "newest first, reversed" in capsys.readouterr().out
    found = events(tmp_path)
    assert [event[3] for event in found[:201]] == [*range(1, 200), 0, 201]
    assert found[199] == [START + 198 * SECOND, Q.QUOTE, 0, 0, 0, 0]


def test_fractional_sizes_need_a_lot(tmp_path: Path, capsys) -> None:
    rows = [f"{START + i * SECOND},1.00,{0.25 * (i + 1)},1.01,6" for i in range(9)]
    (tmp_path / "q.csv").write_bytes(lines(*rows))
    given = ("--quotes", tmp_path / "q.csv", "--columns", COLUMNS)
    assert run(tmp_path, *given) == 2
    error = capsys.readouterr().err
    assert "--lot 1: 7 of 9 rows have sizes that are not multiples of it, such as 0.25 in row 1; allowed: " in error
    assert "allowed: the size step, here 0.25 or a divisor" in error
    assert run(tmp_path, *given, "--lot", "0.25") == 0
    assert [event[3] for event in events(tmp_path)] == list(range(1, 10)) and events(tmp_path)[0][5] == 24
    assert run(tmp_path, *given, "--lot", "0.5") == 2
    assert "AAA was imported into" in capsys.readouterr().err
    assert run(tmp_path, *given) == 0  # the lot of the earlier import


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--columns", "ts=when"], "no column when, bid_px, ask_px; it has time, Bid, BidSize"),
        (["--columns", "time"], "--columns time: allowed: each once, KEY=NAME with ts, bid"),
        (["--columns", "ts=a,ts=b"], "--columns ts=b: allowed: each once"),
        (["--columns", "when=a"], "--columns when=a: allowed"),
        ([], "no column ts_ns, bid_px, ask_px; it has time, Bid, BidSize, Ask, AskSize; allowed: --columns ts="),
        (["--columns", COLUMNS, "--time-unit", "h"], "--time-unit h: allowed: s, ms, us, ns"),
        (["--columns", COLUMNS, "--time-zone", "Here"], "--time-zone Here: allowed"),
        (["--columns", COLUMNS, "--clock", "wall"], "--clock wall: allowed: received, exchange"),
        (["--columns", COLUMNS, "--lot", "0"], "--lot 0.0: allowed: a positive size"),
        (["--columns", COLUMNS.replace("time", "Bid")], "column Bid: times such as 1 are not between 1990 and 2100"),
    ],
)
def test_wrong_options_are_one_line(tmp_path: Path, given: list[str], expected: str, capsys) -> None:
    (tmp_path / "q.csv").write_bytes(TEXT)
    assert run(tmp_path, "--quotes", tmp_path / "q.csv", *given) == 2
    error = capsys.readouterr().err
    assert expected in error and error.startswith("import: ") and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("empty.parquet", b""),
        ("head.csv", lines()),
        ("cut.csv.gz", gzip.compress(TEXT, mtime=0)[:-20]),
        ("cut.csv.zst", pa.compress(TEXT, codec="zstd", asbytes=True)[:-9]),
        ("text.parquet", TEXT),
        ("wrong.csv.gz", b"\x1f\x8b nothing of the kind"),
    ],
)
@pytest.mark.parametrize("option", ["--quotes", "--from"])
def test_unreadable_files_are_one_line(tmp_path: Path, name: str, content: bytes, option: str, capsys) -> None:
    (tmp_path / name).write_bytes(content)
    given = ("--columns", COLUMNS) if option == "--quotes" else ()
    assert run(tmp_path, option, tmp_path / name, *given) == 2
    error = capsys.readouterr().err
    assert name in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_row_with_too_many_fields_costs_only_itself(tmp_path: Path, capsys) -> None:
    rows = [f"{START + i * SECOND},1.00,5,1.01,6" for i in range(200)]
    rows[50] = f"{START + 50 * SECOND},1,00,5,1,01,6"
    (tmp_path / "q.csv").write_bytes(lines(*rows))
    assert run(tmp_path, "--quotes", tmp_path / "q.csv", "--columns", COLUMNS) == 0
    assert "199 of 200 quotes kept, 2020-01-02..2020-01-02; unusable: no readable time: 1 rows, first in row 51" in (
        capsys.readouterr().out
    )
    assert events(tmp_path)[50] == [START + 49 * SECOND, Q.QUOTE, 0, 0, 0, 0]


def test_columns_that_no_file_has_are_refused(tmp_path: Path, capsys) -> None:
    (tmp_path / "q.csv").write_bytes(TEXT)
    assert run(tmp_path, "--quotes", tmp_path / "q.csv", "--columns", f"{COLUMNS},price=p") == 2
    assert "--columns price=p: no column of these files; allowed: ts, bid, bid_size, ask, ask_size" in (
        capsys.readouterr().err
    )
