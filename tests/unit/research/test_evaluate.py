"""The command evaluate: existing parameters on other data."""

import json
from pathlib import Path

import numpy as np
import pytest

from quotelife.cli import app
from quotelife_models import hazard as H
from quotelife_models import schema as S
from quotelife_models.covariates import N_COVARIATES, THROUGH, fill_barrier, fill_base
from quotelife_models.parameters import POOLED, Parameters
from quotelife_research.calibration.evaluate import evaluate, table
from quotelife_research.calibration.testing import SavedHazard
from quotelife_research.data.sources import Span
from tests.unit.research.test_calibrate import make_market


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two symbols; AIG has parameters of its own among the shipped ones, BBB has none."""
    data = make_market(tmp_path_factory.mktemp("market") / "data", minutes=4)
    (data / "AAA_x_quotes.parquet").rename(data / "AIG_x_quotes.parquet")
    (data / "AAA_x_trades.parquet").rename(data / "AIG_x_trades.parquet")
    return data


def test_the_saved_hazard_is_that_of_the_kernels() -> None:
    parameters = Parameters.load()
    rng = np.random.default_rng(3)
    boosted = 0
    for row in range(len(parameters.names)):
        saved = SavedHazard.of(parameters, row)
        boosted += len(saved.trees)
        z, curves = np.empty((40, N_COVARIATES)), np.empty((40, H.N_BINS))
        for i in range(len(z)):
            x = np.abs(rng.normal(2.0, 3.0, S.N_FEATURES))
            x[S.SPREAD] = rng.integers(1, 40)
            fill_base(x, 1.0 - 2.0 * (i % 2), z[i])
            fill_barrier(1.0 + i % 3, THROUGH, z[i])
            mixture = np.empty(H.N_PARAMETERS)
            values = mixture if H.mixed(parameters.table[row], x, mixture) else parameters.table[row]
            level, tilt = H.base_predictor(values, z[i].copy(), np.empty(N_COVARIATES))
            survival = np.empty(H.N_BINS)
            H.barrier_curve(values, z[i].copy(), level, tilt, 1.0 + i % 3, THROUGH, np.empty(N_COVARIATES), survival)
            curves[i] = 1.0 - survival
        assert saved.p_at_ends(z) == pytest.approx(curves, rel=1e-6, abs=1e-9)
    assert boosted > 0  # trees are included


def test_each_symbol_is_tested_with_its_own_or_the_pooled_parameters(market: Path) -> None:
    parameters, lines = Parameters.load(), []
    days = [Span.parse("2020-01-03..2020-01-04")]
    report = evaluate(market, parameters, days, lines.append)
    assert {name: s["parameters"] for name, s in report["symbols"].items()} == {"AIG": "AIG", "BBB": POOLED}
    for s in report["symbols"].values():
        assert s["test"] == "2020-01-03..2020-01-04" and s["warning"] == ""
        assert s["auc"] > 0.55  # the imbalance is predictive here too
        assert s["n"] == s["through"]["n"] == s["pick_off"]["n"] > 0
    assert [line.partition(":")[0] for line in lines] == ["AIG", "BBB"]
    printed = table(report).splitlines()
    assert printed[0].split()[:3] == ["symbol", "parameters", "event"]
    assert [line.split()[:3] for line in printed[1:5]] == [
        ["AIG", "own", "touch"],
        ["AIG", "own", "through"],
        ["AIG", "own", "pick-off"],
        ["BBB", POOLED, "touch"],
    ]
    loss = f"{report['symbols']['AIG']['log_loss_base']:.4f} -> {report['symbols']['AIG']['log_loss']:.4f}"
    assert loss in printed[1]
    assert f"BBB: no parameters of its own, {POOLED} used" in printed
    aig = report["symbols"]["AIG"]
    aig["log_loss"] = aig["pick_off"]["log_loss"] = 0.001
    aig["through"]["log_loss"] = 9.0
    assert "AIG: predicts worse than the base rate alone: through" in table(report).splitlines()


def test_training_days_are_no_test(market: Path) -> None:
    parameters = Parameters.load()
    parameters.documents[parameters.for_symbol("AIG")]["train"] = "2020-01-02..2020-01-03"
    parameters.documents[0]["train"] = "IBM 2019-01-02..2019-01-03, EURUSD 2020-01-04T10:00..2020-01-05"
    found = evaluate(market, parameters, [Span.parse("2020-01-03")])["symbols"]
    assert "training days" in found["AIG"]["warning"] and not found["BBB"]["warning"]
    assert f"AIG: {found['AIG']['warning']}" in table(evaluate(market, parameters, [Span.parse("2020-01-03")]))


def test_the_command_prints_and_writes_the_report(market: Path, tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit) as end:
        app(["evaluate", "--data", str(market), "--days", "2020-01-04", "--out", str(tmp_path / "out")])
    assert end.value.code == 0
    printed = capsys.readouterr()
    assert "pick-off" in printed.out and "BBB: testing the parameters of POOLED on 1 sessions" in printed.err
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert set(report["symbols"]["AIG"]["reliability"][0]) == {"p", "rate", "n"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("data-figure=") == 1 + 2 * 5 and "Parameters of POOLED." in page
    assert printed.out.splitlines()[-2] == f"{tmp_path / 'out' / 'report.html'} written"
    assert printed.out.splitlines()[-1] == f"next: quotelife backtest --data {market} --days 2020-01-04 --out tested"
    assert {Path(file["name"]).parent for file in report["provenance"]["data"]} == {market}
