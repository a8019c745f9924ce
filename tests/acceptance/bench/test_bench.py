"""Short runs of the benches: every figure is present and nothing is lost. Times are not checked."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT


def bench(tmp_path: Path, *arguments: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """The output of the command, and its topics by name."""
    out = tmp_path / "bench.json"
    command = [sys.executable, "-m", "quotelife.cli", "bench", *arguments, "--json", str(out)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert run.returncode == 0, run.stderr + run.stdout
    results = json.loads(out.read_text())
    assert results["machine"]["cores"] >= 1 and 0 <= results["conditions"]["steal"] <= 1
    topics = {topic["topic"]: topic for topic in results["topics"]}
    for topic in topics.values():
        assert topic["problems"] == []
        for figure in topic["figures"]:
            ours = figure["ours"]
            assert ours["least"] <= ours["median"] <= ours["most"], figure
    return run.stdout, topics


def figures(topic: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {figure["name"]: figure for figure in topic["figures"]}


@pytest.mark.slow
def test_the_short_bench_has_all_figures(tmp_path):
    printed, topics = bench(tmp_path, "--seconds", "0.5", "--repeats", "2", "--rate", "200")
    for text in ("p99.99", "bare engine", "echo", "ratio", "load", "stolen"):
        assert text in printed
    assert list(topics) == ["kernel", "decision", "rfq"]
    rfq = topics["rfq"]
    assert rfq["counts"] == {"sent": 600, "quotes": 200, "refusals": 0, "unanswered": 0}
    assert list(figures(rfq)) == ["p50", "p90", "p99", "p99.9", "p99.99", "max"]
    for figure in rfq["figures"]:
        assert set(figure["beside"]) == {"bare engine", "echo"}
        assert figure["ratio"]["median"] > 0
    medians = [figure["ours"]["median"] for figure in rfq["figures"]]
    assert medians == sorted(medians) and medians[0] > 0
    decision = figures(topics["decision"])
    for legs in ("one instrument", "multileg of 2 legs", "multileg of 4 legs", "multileg of 8 legs"):
        assert decision[f"{legs}, kernels"]["ours"]["median"] > 0
        assert decision[f"{legs}, from Python"]["ours"]["median"] > 0


@pytest.mark.slow
def test_no_market_data_is_lost_in_a_burst(tmp_path):
    _, topics = bench(tmp_path, "marketdata", "--duration", "0.2", "--repeats", "1", "--rate", "2000")
    [topic] = topics.values()
    for side in ("quotelife", "dictionary book"):
        assert topic["counts"][f"{side}: entries"] > 30_000
        assert topic["counts"][f"{side}: lost"] == topic["counts"][f"{side}: wrong books"] == 0
    assert figures(topic)["the same, against the baseline"]["ratio"]["median"] > 0


@pytest.mark.slow
@pytest.mark.timeout(560)
def test_every_bench_writes_its_figures(tmp_path):
    table = tmp_path / "table.md"
    _, topics = bench(tmp_path, "all", "--quick", "--plots", str(tmp_path), "--markdown", str(table))
    assert list(topics) == ["rfq", "marketdata", "decision", "withdrawal", "sustained", "memory", "scale", "startup"]
    written = table.read_text()
    for topic in topics.values():
        assert f"## {topic['topic']}: " in written
        for chart in topic["charts"]:
            assert 0 < (tmp_path / f"{chart['name']}.png").stat().st_size < 100_000
    counts = topics["memory"]["counts"]
    assert counts["quotes"] + counts["refusals"] == 5_000 and counts["hits"] == counts["reports"] > 400
    assert "growth of the cost of a request over sessions" in figures(topics["scale"])
    assert figures(topics["startup"])["ready to quote, cached kernels"]["ours"]["median"] > 0
