"""The calibration command, from files to parameters, on a small synthetic market."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from quotelife_models.parameters import POOLED, Parameters
from quotelife_research.calibration.command import read_spans, run, table
from quotelife_research.data.importer import import_files
from quotelife_research.data.sources import DAY_NS
from tests.unit.research.test_sources import write_quotes, write_trades

FIRST = date(2020, 1, 2)
START = (FIRST - date(1970, 1, 1)).days * DAY_NS + 14 * 3600 * 10**9


def make_market(folder: Path, seed: int = 1, days: int = 3, minutes: int = 8) -> Path:
    """Two symbols whose best prices move towards the thinner side."""
    rng = np.random.default_rng(seed)
    for symbol in ("AAA", "BBB"):
        quotes, trades = [], []
        for day in range(days):
            bid = 1000
            for i in range(minutes * 60 * 4):
                sizes = rng.integers(1, 20, 2)
                at = START + day * DAY_NS + i * 250_000_000 + int(rng.integers(0, 200)) * 1_000_000
                quotes.append((at, bid / 100, int(sizes[0]), (bid + 1) / 100, int(sizes[1])))
                if rng.random() < 0.2:
                    bid += 1 if sizes[0] > sizes[1] else -1
                    trades.append((at, bid / 100, 3))
        write_quotes(folder, symbol, quotes)
        write_trades(folder, symbol, trades)
    return folder


@pytest.mark.slow
def test_the_command_writes_parameters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, data, out = make_market(tmp_path / "plain"), tmp_path / "data", tmp_path / "out"
    for symbol in ("AAA", "BBB"):
        quotes, trades = plain / f"{symbol}_x_quotes.parquet", plain / f"{symbol}_x_trades.parquet"
        import_files(symbol.replace("AAA", "A/A"), 0.01, [quotes], [trades], data)
    assert run(data, "2020-01-02..2020-01-03", "2020-01-04", out) == 0
    printed = capsys.readouterr()
    assert "A/A" in printed.out and "fitted" in printed.err
    assert "A/A: testing on 1 sessions" in printed.err
    parameters = Parameters.load(out)
    assert parameters.names == [POOLED, "A/A", "BBB"]
    assert parameters.documents[1]["train"] == "2020-01-02..2020-01-03"
    report = json.loads((out / "report.json").read_text())
    found = report["symbols"]["A/A"]
    assert found["auc"] > 0.6  # the imbalance is predictive
    assert found["log_loss"] < found["log_loss_base"]
    assert set(found["horizons"]) == {"25", "50", "100", "250", "500", "1000", "2000", "5000", "10000"}
    for event in (found, found["through"], found["pick_off"]):
        assert event["n"] == found["n"] and len(event["reliability"]) == 10 and len(event["by_volatility"]) == 3
    assert found["features_add"]["imbalance_1"] > 0.001 > abs(found["features_add"]["news_sentiment"])
    assert found["trees"]["taken"] == bool(parameters.documents[1]["trees"])
    page = (out / "report.html").read_text()
    assert page.count("data-figure=") == 1 + 2 * 6
    assert -1 < found["log_loss_saved"]["share"] < 1 and len(report["provenance"]["data"]) == 2 * 2 * 3
    assert printed.out.splitlines()[-1].startswith(f"next: quotelife backtest --data {data} --params {out} --days 2020")
    assert table(report).count("\n") == 2


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        ("2020-01-02..2020-01-03", "2020-01-03", "2020-01-03 is not after"),
        ("2019-01-02", "2020-01-03", "2019-01-02"),
        ("last week", "2020-01-03", "allowed: FROM..TO"),
    ],
)
def test_wrong_input_is_one_line(tmp_path: Path, capsys, train: str, test: str, expected: str) -> None:
    data = make_market(tmp_path / "data", minutes=2)
    assert run(data, train, test, tmp_path / "out") == 2
    error = capsys.readouterr().err.strip()
    assert expected in error and error.startswith("calibrate:")
    assert run(tmp_path / "nowhere", train, test, tmp_path / "out") == 2


def test_several_spans_are_parsed() -> None:
    assert [str(s) for s in read_spans("2013-10-07..2013-10-08, 2014-05-01")] == [
        "2013-10-07..2013-10-08",
        "2014-05-01..2014-05-01",
    ]
    assert read_spans("") == []
