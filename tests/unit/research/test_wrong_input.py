"""Mistakes of a quant at the command line: each is one line that says where, what and what is allowed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from quotelife.cli import app
from quotelife_research.data.files import INSTRUMENTS
from quotelife_research.data.importer import import_files
from tests.unit.research.test_calibrate import make_market
from tests.unit.research.test_importer import GOOD, write_csv
from tests.unit.research.test_sources import START, write_quotes, write_trades

DAYS = "2020-01-02..2020-01-03"
READING = ("calibrate", "evaluate", "backtest")


def arguments(command: str, data: Path, days: str, out: Path) -> list[str]:
    """The command on these days of the data."""
    options = {"calibrate": "--train", "evaluate": "--days", "backtest": "--days"}
    more = ["--tune", "2020-01-02"] if command == "backtest" else []
    return [command, "--data", str(data), options[command], days, "--out", str(out), *more]


def problem(capsys: pytest.CaptureFixture[str], command: list[str]) -> str:
    """The only line on standard error after messages about progress; the exit code has to be 2."""
    with pytest.raises(SystemExit) as end:
        app(command)
    printed = capsys.readouterr()
    assert (end.value.code, printed.out) == (2, "")
    lines = [line for line in printed.err.splitlines() if not line[:6].strip().replace(".", "").isdigit()]
    (line,) = lines
    assert line.startswith(f"{command[0]}: ")
    return line


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_market(tmp_path_factory.mktemp("market") / "data", minutes=2)


@pytest.fixture
def imported(market: Path, tmp_path: Path) -> Path:
    """The symbol AAA as import writes it."""
    import_files("AAA", 0.01, [market / "AAA_x_quotes.parquet"], [], tmp_path / "imported")
    return tmp_path / "imported"


@pytest.mark.parametrize("command", READING)
@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("", "is missing; allowed: FROM..TO"),
        (",", "is missing; allowed: FROM..TO"),
        ("yesterday", "'yesterday' is no day"),
        ("2020-13-01", "month must be in 1..12; allowed: FROM..TO"),
        ("2020-01-03..2020-01-02", "ends before it begins; allowed: FROM..TO"),
        ("2020-01-02..", "'' is no day"),
        ("2020-01-02T10:00+02:00..2020-01-03", "without offset"),
        ("2020-01-02..2020-01-03,2020-01-03", "overlap"),
        ("2020-01-03,2021-05-01", "2021-05-01..2021-05-01: no quotes in"),
        ("2020-01-05", "it has 2020-01-02, 2020-01-03, 2020-01-04"),
        ("2020-01-03T01:00..2020-01-03T02:00", "no quotes in"),
    ],
)
def test_wrong_days(market: Path, tmp_path: Path, capsys, command: str, days: str, expected: str) -> None:
    assert expected in problem(capsys, arguments(command, market, days, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", READING)
def test_wrong_folders(market: Path, tmp_path: Path, capsys, command: str) -> None:
    out = tmp_path / "out"
    assert "does not exist; allowed:" in problem(capsys, arguments(command, tmp_path / "none", DAYS, out))
    file = tmp_path / "file"
    file.write_text("")
    assert "is no folder; allowed:" in problem(capsys, arguments(command, file, DAYS, out))
    assert f"--out {file}: " in problem(capsys, arguments(command, market, DAYS, file))
    assert f"--out {file / 'below'}: " in problem(capsys, arguments(command, market, DAYS, file / "below"))
    (tmp_path / "empty").mkdir()
    assert "no market data; allowed:" in problem(capsys, arguments(command, tmp_path / "empty", DAYS, out))


def test_calibrate_needs_data_and_training_days(market: Path, tmp_path: Path, capsys) -> None:
    out = ["--out", str(tmp_path / "out")]
    assert "--train is missing" in problem(capsys, ["calibrate", "--data", str(market), *out])
    assert "--data is missing" in problem(capsys, ["calibrate", *out])
    assert "--test 2022-01-01..2022-01-01: no quotes" in problem(
        capsys, ["calibrate", "--data", str(market), "--train", DAYS, "--test", "2022-01-01", *out]
    )


@pytest.mark.parametrize("command", ["evaluate", "backtest"])
def test_wrong_parameters(market: Path, tmp_path: Path, capsys, command: str) -> None:
    params = tmp_path / "params"
    given = [*arguments(command, market, DAYS, tmp_path / "out"), "--params", str(params)]
    assert "no parameters of POOLED" in problem(capsys, given)
    params.mkdir()
    for text in ("[]", "{", "{}"):
        (params / "POOLED.json").write_text(text)
        assert "POOLED.json: " in problem(capsys, given)


def _json(change: Callable[[dict], object]) -> Callable[[Path], object]:
    """A mistake in instruments.json."""

    def spoil(data: Path) -> None:
        path = data / INSTRUMENTS
        known = json.loads(path.read_text())
        changed = change(known["AAA"])
        path.write_text(json.dumps(known) if changed is None else str(changed))

    return spoil


def _file(data: Path) -> Path:
    return data / "day=2020-01-03" / "symbol=AAA" / "quotes.parquet"


def _column(expression: pl.Expr) -> Callable[[Path], object]:
    def spoil(data: Path) -> None:
        pl.read_parquet(_file(data)).with_columns(expression).write_parquet(_file(data))

    return spoil


MISTAKES: dict[str, tuple[Callable[[Path], object], str]] = {
    "tick of other prices": (_json(lambda of: of.update(tick=0.03)), "are not multiples of the tick 0.03"),
    "tick of zero": (_json(lambda of: of.update(tick=0)), "tick = 0: allowed: a positive number"),
    "tick of text": (_json(lambda of: of.update(tick="0.01")), "tick = '0.01': allowed"),
    "no tick": (_json(lambda of: of.clear()), "tick = None: allowed"),
    "no JSON": (_json(lambda of: "{"), INSTRUMENTS),
    "a list": (_json(lambda of: "[]"), "allowed: an object"),
    "unknown correlated": (
        _json(lambda of: of.update(correlated="SPX")),
        "AAA is correlated with SPX, which was not imported; allowed: AAA",
    ),
    "no Parquet": (lambda data: _file(data).write_text("no"), "quotes.parquet: "),
    "an empty file": (lambda data: _file(data).write_bytes(b""), "quotes.parquet: "),
    "a price as text": (_column(pl.col("bid_px").cast(pl.String)), "column bid_px holds String; allowed: numbers"),
    "a time as date": (_column(pl.col("ts_ns").cast(pl.Datetime("ns"))), "column ts_ns holds Datetime"),
    "a folder that is no day": (lambda data: (data / "day=2020-01-03").rename(data / "day=third"), "day=third"),
}


@pytest.mark.parametrize("command", READING)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_wrong_data(imported: Path, tmp_path: Path, capsys, command: str, mistake: str) -> None:
    spoil, expected = MISTAKES[mistake]
    spoil(imported)
    assert expected in problem(capsys, arguments(command, imported, "2020-01-03", tmp_path / "out"))


@pytest.mark.parametrize("command", ["calibrate", "evaluate"])
def test_days_without_a_usable_book(tmp_path: Path, capsys, command: str) -> None:
    write_quotes(tmp_path / "data", "AAA", [(START, 1.0, 5, 1.01, 6), (START + 10**9, 1.0, 5, 1.01, 6)])
    write_quotes(tmp_path / "none", "AAA", [])
    out = tmp_path / "out"
    assert "usable book" in problem(capsys, arguments(command, tmp_path / "data", "2020-01-02", out))
    assert "no quotes" in problem(capsys, arguments(command, tmp_path / "none", "2020-01-02", out))


def given(tmp_path: Path, **options: str) -> list[str]:
    """Import with these options in place of correct ones."""
    right = {"symbol": "AAA", "tick": "0.01", "quotes": str(tmp_path / "q.csv"), "out": str(tmp_path / "out")}
    return ["import", *(word for name, value in (right | options).items() for word in (f"--{name}", value))]


def test_wrong_imports_write_nothing(tmp_path: Path, capsys) -> None:
    rows = [f"{START + i},{10 + i / 100:.2f},5,{10.01 + i / 100:.2f},5" for i in range(9)]
    write_csv(tmp_path / "q.csv", *rows)
    write_trades(tmp_path, "T", [(START + i, 10 + i / 100, 5) for i in range(9)])
    trades = str(tmp_path / "T_x_trades.parquet")
    (tmp_path / "empty.csv").write_text("")
    shutil.copy(tmp_path / "q.csv", tmp_path / "q.parquet")
    for options, expected in (
        (
            {"tick": "0.05"},
            "q.csv: --tick 0.05: 9 of 9 rows have prices that are not multiples of it, such as 10.01 in",
        ),
        ({"tick": "0.05"}, "allowed: the price step, here 0.01 or a divisor of it"),
        ({"tick": "-1"}, "--tick -1.0: allowed: a positive price step"),
        ({"tick": "inf"}, "--tick inf: allowed"),
        ({"tick": "nan"}, "--tick nan: allowed"),
        ({"tick": "a"}, "'--tick'"),
        ({"symbol": "POOLED"}, "--symbol POOLED: reserved"),
        ({"symbol": ""}, "required: --symbol"),
        ({"correlated": "SPX"}, f"--correlated SPX: not in {tmp_path / 'out'}; allowed: another symbol"),
        ({"correlated": "AAA"}, "--correlated AAA: not in"),
        ({"quotes": str(tmp_path / "none.csv")}, "none.csv: "),
        ({"quotes": str(tmp_path / "none.parquet")}, "none.parquet: "),
        ({"quotes": str(tmp_path)}, f"{tmp_path}"),
        ({"quotes": str(tmp_path / "empty.csv")}, "empty.csv: "),
        ({"quotes": str(tmp_path / "q.parquet")}, "q.parquet: "),
        ({"out": str(tmp_path / "q.csv")}, "--out "),
    ):
        if expected:
            assert expected in problem(capsys, given(tmp_path, **options))
    wrong_trades = [*given(tmp_path), "--trades", trades]
    wrong_trades[wrong_trades.index("0.01")] = "0.02"
    wrong_trades[wrong_trades.index(str(tmp_path / "q.csv"))] = str(
        write_csv(tmp_path / "even.csv", GOOD.replace("10.01", "10.02"))
    )
    assert "T_x_trades.parquet: --tick 0.02: 4 of 9 rows" in problem(capsys, wrong_trades)
    assert not (tmp_path / "out").exists()


def test_import_reads_several_files_after_one_option(tmp_path: Path, capsys) -> None:
    day = 86_400 * 10**9
    files = [write_csv(tmp_path / f"q{i}.csv", GOOD.replace(str(START), str(START + i * day))) for i in range(3)]
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as end:
        app(["import", "--quotes", *map(str, files), "--symbol", "A/B", "--tick", "0.01", "--out", str(out)])
    assert end.value.code == 0
    assert capsys.readouterr().out.count("1 of 1 quotes kept") == 3
    assert len(list(out.glob("day=*/symbol=A%2FB/quotes.parquet"))) == 3
    with pytest.raises(SystemExit) as end:
        app(
            [
                "import",
                "--quotes",
                str(files[0]),
                "--symbol",
                "IDX",
                "--tick",
                "0.01",
                "--correlated",
                "A/B",
                "--out",
                str(out),
            ]
        )
    assert end.value.code == 0
    assert json.loads((out / INSTRUMENTS).read_text())["IDX"]["correlated"] == "A/B"
