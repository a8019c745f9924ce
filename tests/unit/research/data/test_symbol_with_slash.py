"""A symbol with a slash from import to the reports."""

import json
from pathlib import Path

from quotelife_models.parameters import SHIPPED, Parameters, read
from quotelife_research.backtest.clients import Assumptions
from quotelife_research.backtest.command import run as backtest
from quotelife_research.backtest.run import BacktestOptions
from quotelife_research.calibration import calibrate
from quotelife_research.calibration.evaluate import run as evaluate
from tests.unit.research.data.test_tables import run
from tests.unit.research.test_calibrate import make_market


def test_files_parameters_and_pages_of_a_symbol_with_a_slash(tmp_path: Path, capsys) -> None:
    plain, data, params = make_market(tmp_path / "plain", minutes=3), tmp_path / "out", tmp_path / "params"
    for kind in ("quotes", "trades"):
        assert run(tmp_path, f"--{kind}", plain / f"AAA_x_{kind}.parquet", symbol="EUR/USD") == 0
    assert f"next: quotelife calibrate --data {data} --train 2020-01-02..2020-01-03 --test 2020-01-04" in (
        capsys.readouterr().out
    )
    assert run(tmp_path, "--trades", plain / "BBB_x_trades.parquet", "--correlated", "EUR/USD", symbol="X/Y") == 0
    params.mkdir()
    for shipped, symbol in (("POOLED", "POOLED"), ("EURUSD", "EUR/USD")):  # as calibrate writes them
        calibrate._write(params, read(SHIPPED / f"{shipped}.json") | {"symbol": symbol}, {})
    assert Parameters.load(params).for_symbol("EUR/USD") == 1
    assert evaluate(data, params, "2020-01-04", tmp_path / "evaluated") == 0
    assumed, options = Assumptions(informed=(0.5,)), BacktestOptions(requests=600, tuning_requests=600)
    assert backtest(data, params, "2020-01-04", "2020-01-03", tmp_path / "tested", assumed, options) == 0
    for name in ("evaluated", "tested"):
        report = json.loads((tmp_path / name / "report.json").read_text())
        assert list(report["symbols"]) == ["EUR/USD"]
        assert "EUR/USD" in (tmp_path / name / "report.html").read_text()
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["report.html", "report.json"]
    evaluated = json.loads((tmp_path / "evaluated" / "report.json").read_text())
    assert evaluated["symbols"]["EUR/USD"]["parameters"] == "EUR/USD"
