"""Short runs of the benches: every figure is present and nothing is lost. Times are not checked."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from quotelife_bench.sides import CPP, CPP_MEMORY, ENGINES, NAMES
from quotelife_bench.topics import closed, rfq
from quotelife_bench.topics.cores import variants
from tests.paths import ROOT


def bench(tmp_path: Path, *arguments: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """The output of the command, and its topics by name."""
    out = tmp_path / "bench.json"
    command = [sys.executable, "-m", "quotelife.cli", "bench", *arguments, "--json", str(out)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=840, check=False)
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


def assert_sides_are_measured(topic: dict[str, Any]) -> None:
    """Each is in the table, or a note names it with the reason for which it is left out."""
    left_out = {note.partition(":")[0] for note in topic["notes"] if ": left out, " in note}
    wanted = {NAMES[side] for side in {"closed": closed.SIDES, "rfq": rfq.SIDES}[topic["topic"]]}
    [table] = topic["tables"]
    assert table["rows"].keys() == wanted - left_out
    assert left_out <= {NAMES[CPP], NAMES[CPP_MEMORY]}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_short_bench_has_all_figures(tmp_path):
    printed, topics = bench(tmp_path, "--seconds", "0.5", "--repeats", "2", "--rate", "200")
    for text in ("p99.99", "minimum", "echo", "ratio", "load", "stolen"):
        assert text in printed
    assert list(topics) == ["kernel", "decision", "closed", "rfq"]
    for topic in (topics["closed"], topics["rfq"]):
        [table] = topic["tables"]
        assert_sides_are_measured(topic)
        for cells in table["rows"].values():
            *latencies, cpu, answer = [cell["median"] for cell in cells]
            assert latencies == sorted(latencies) and 0 < answer <= cpu and latencies[0] > 0
        assert topic["figures"] and all(figure["ratio"]["median"] > 0 for figure in topic["figures"])
    counts = topics["rfq"]["counts"]
    assert counts["quotes"] == 200 * len(ENGINES) and counts["refusals"] == counts["unanswered"] == 0
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
@pytest.mark.timeout(600)
def test_every_setting_of_the_machine_is_measured_for_every_engine(tmp_path):
    _, topics = bench(tmp_path, "machine", "--requests", "20", "--repeats", "1")
    cores = sorted(os.sched_getaffinity(0))
    wanted = {f"{NAMES[engine]}, {name}" for engine in ENGINES for name in variants(engine, cores)}
    [table] = topics["machine"]["tables"]
    assert table["rows"].keys() == wanted
    assert all(cell["median"] > 0 for cells in table["rows"].values() for cell in cells)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_bench_writes_its_figures(tmp_path):
    table = tmp_path / "table.md"
    _, topics = bench(tmp_path, "all", "--quick", "--plots", str(tmp_path), "--markdown", str(table))
    assert list(topics) == [
        "closed",
        "rfq",
        "marketdata",
        "decision",
        "hits",
        "withdrawal",
        "sustained",
        "memory",
        "scale",
        "startup",
    ]
    written = table.read_text()
    for topic in topics.values():
        assert f"## {topic['topic']}: " in written
        for chart in topic["charts"]:
            assert 0 < (tmp_path / f"{chart['name']}.png").stat().st_size < 100_000
    counts = topics["memory"]["counts"]
    assert counts["quotes"] + counts["refusals"] == 5_000 and counts["hits"] == counts["reports"] > 400
    for side in ENGINES:
        assert f"growth of the cost, {NAMES[side]}: request over sessions" in figures(topics["scale"])
    assert [table["title"] for table in topics["sustained"]["tables"]] == ["1 session", "50 sessions"]
    assert figures(topics["startup"])["ready to quote, cached kernels"]["ours"]["median"] > 0
