"""Import: usable and unusable rows, and reading back the imported data."""

import json
import re
from pathlib import Path

import polars as pl
import pytest

from quotelife_research.calibration.import_command import run_import
from quotelife_research.data import files
from quotelife_research.data import sources as Q
from quotelife_research.data.importer import import_files, import_sample
from tests.unit.research.test_l3 import END, SNAPSHOT, write_sample
from tests.unit.research.test_sources import START, write_quotes, write_trades

SECOND = 1_000_000_000
GOOD = f"{START},10.00,5,10.01,5"
BAD = {
    f"{START + SECOND},10.02,5,10.01,5": "crossed",
    f"{START + 2 * SECOND},10.00,,10.01,5": "missing",
    f"{START + 3 * SECOND},abc,5,10.01,5": "not a number",
    f"{START + 4 * SECOND},inf,5,10.01,5": "not a number",
    f"{START + 5 * SECOND},-1,5,10.01,5": "not positive",
    f"{START + 6 * SECOND},10.00,-2,10.01,5": "not positive",
    f"{START + 6 * SECOND},10.00,5.5,10.01,5": "off the lot",
    f"{START + 7 * SECOND},10.005,5,10.01,5": "off the tick",
    f"{START - 3600 * SECOND},10.00,5,10.01,5": "time out of place",
    "5,10.00,5,10.01,5": "time outside 1990 to 2100",
    "soon,10.00,5,10.01,5": "no readable time",
}


def write_csv(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(("ts_ns,bid_px,bid_sz,ask_px,ask_sz", *rows)) + "\n")
    return path


@pytest.mark.parametrize("row", BAD)
def test_each_unusable_row_is_reported(tmp_path: Path, row: str) -> None:
    file = write_csv(tmp_path / "q.csv", GOOD, row, f"{START + 9 * SECOND},10.01,5,10.01,5")
    (done,) = import_files("AAA", 0.01, [file], [], tmp_path / "out")
    assert (done.rows, done.kept, done.bad) == (3, 2, {BAD[row]: (1, 2)})


def test_unusable_rows_are_counted_and_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_csv(tmp_path / "q.csv", GOOD, *BAD)
    assert run_import("AAA", 0.01, [file], [], tmp_path / "out", None, False) == 1
    printed = capsys.readouterr().out
    assert "1 of 12 quotes kept, 2020-01-02..2020-01-02" in printed
    assert "91.7% of the rows are unusable, more than 1%: exit code 1" in printed
    assert printed.splitlines()[-1].startswith("next: quotelife evaluate")
    assert re.search(r"crossed: 1 rows\D+2\b", printed) and re.search(r"not positive: 2 rows\D+6\b", printed)


def test_a_tick_that_is_finer_than_every_price_is_doubted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{START + i},{10 + i % 7 / 100:.2f},5,{10.02 + i % 7 / 100:.2f},5" for i in range(1000)]
    file, few = write_csv(tmp_path / "q.csv", *rows), write_csv(tmp_path / "few.csv", *rows[:999])
    for tick, given, doubted in ((0.001, file, True), (0.005, file, True), (0.01, file, False), (0.001, few, False)):
        assert run_import("AAA", tick, [given], [], tmp_path / f"{tick}-{given.stem}", None, False) == 0
        assert ("every price is a multiple of 0.01: is the tick right?" in capsys.readouterr().out) == doubted


def test_imported_data_is_read_back(tmp_path: Path) -> None:
    day = Q.DAY_NS
    quotes = [
        (START + i * SECOND + d * day, 10.0 + i / 100, 5 + i, 10.02 + i / 100, 6) for d in (0, 1) for i in range(5)
    ]
    write_quotes(tmp_path / "plain", "AAA", quotes)
    write_trades(tmp_path / "plain", "AAA", [(START + 2 * SECOND, 10.01, 3)])
    write_trades(tmp_path / "plain", "IDX", [(START + SECOND, 99.0, 1), (START + 3 * SECOND, 99.5, 1)])
    plain, out = tmp_path / "plain", tmp_path / "out"
    import_files("AAA", 0.01, [plain / "AAA_x_quotes.parquet"], [plain / "AAA_x_trades.parquet"], out)
    import_files("IDX", 0.5, [], [plain / "IDX_x_trades.parquet"], out)
    both = [Q.Span.parse("2020-01-02..2020-01-03")]
    before, after = (list(Q.sessions(files.symbols_in(folder)["AAA"], both)) for folder in (plain, out))
    assert [s.day for s in after] == ["2020-01-02", "2020-01-03"]
    assert after[0].tick == 0.01 and after[0].correlated_tick == 0.5
    for a, b in zip(before, after, strict=True):
        assert a.events.tolist() == b.events.tolist()
    again = write_csv(tmp_path / "q.csv", GOOD)
    import_files("AAA", 0.01, [again], [], out)  # the day is replaced, the other stays
    assert [len(s.events) for s in Q.sessions(files.symbols_in(out)["AAA"], both)] == [4, 5]


def test_the_correlated_symbol_by_name_and_by_day(tmp_path: Path) -> None:
    for symbol, day in (("AAA", 0), ("BBB", 0), ("CCC", 5), ("DDD", 5)):
        file = write_csv(tmp_path / f"{symbol}.csv", f"{START + day * Q.DAY_NS},10.00,5,10.01,5")
        import_files(symbol, 0.01, [file], [], tmp_path / "out", "AAA" if symbol == "DDD" else None)
    found = files.symbols_in(tmp_path / "out")
    assert {s: x.correlated.symbol for s, x in found.items() if x.correlated} == {
        "AAA": "BBB",
        "BBB": "AAA",
        "CCC": "DDD",
        "DDD": "AAA",
    }
    import_files("CCC", 0.01, [tmp_path / "CCC.csv"], [], tmp_path / "out", "ZZZ")
    with pytest.raises(files.DataError, match="ZZZ, which was not imported"):
        files.symbols_in(tmp_path / "out")


def test_the_imported_sample_and_a_part_of_it(tmp_path: Path) -> None:
    rows = [*SNAPSHOT, (2000, 3, "98.0", "1", "created", "bid"), (6000, 4, "97.0", "1", "created", "bid"), *END]
    sample = write_sample(tmp_path, rows, [])
    (done,) = import_sample(sample, tmp_path / "out")
    assert done.rows == done.kept
    source = files.symbols_in(tmp_path / "out")["BTC-USD"]
    (whole,) = Q.sessions(source, [Q.Span.parse("1970-01-01")])
    (late,) = Q.sessions(source, [Q.Span.parse("1970-01-01T00:00:05..1970-01-01T00:00:10")])
    assert len(whole.events) == done.rows
    assert late.events[:, 2].tolist() == [1, 2, 3, 4]  # starts with the resting orders


def test_wrong_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pl.DataFrame({"ts_ns": [START], "bid_px": [1.0]}).write_parquet(tmp_path / "q.parquet")
    bad = write_csv(tmp_path / "bad.csv", next(iter(BAD)))
    for symbol, tick, given, expected in (
        ("", 0.01, [], "--symbol"),
        ("AAA", 0.0, [bad], "--tick"),
        ("AAA", 0.01, [tmp_path / "none.csv"], "none.csv"),
        ("AAA", 0.01, [tmp_path / "q.parquet"], "no column ask_px"),
        ("AAA", 0.01, [bad], "nothing to import"),
    ):
        assert run_import(symbol, tick, given, [], tmp_path / "out", None, False) == 2
        error = capsys.readouterr().err.strip()
        assert error.startswith("import:") and expected in error and "\n" not in error
    import_files("AAA", 0.01, [write_csv(tmp_path / "q.csv", GOOD)], [], tmp_path / "out")
    assert json.loads((tmp_path / "out" / files.INSTRUMENTS).read_text())["AAA"]["tick"] == 0.01
    assert run_import("AAA", 0.05, [tmp_path / "q.csv"], [], tmp_path / "out", None, False) == 2
