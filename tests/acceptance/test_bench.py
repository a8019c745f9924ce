"""A short bench: every figure is there and nothing is lost. Times are not judged here."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_short_bench(tmp_path):
    out = tmp_path / "bench.json"
    command = ["bench", "--seconds", "0.5", "--repeats", "2", "--rate", "200", "--json", str(out)]
    run = subprocess.run(
        [sys.executable, "-m", "service.cli", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    for text in ("market data", "decision", "p99.99", "bare engine", "ratio"):
        assert text in run.stdout
    results = json.loads(out.read_text())
    assert [r["side"] for r in results["rfq"]] == ["quotelife", "bare"] * 2
    for repeat in results["rfq"]:
        assert repeat["unanswered"] == 0
        assert repeat["quotes"] + repeat["rejects"] == 100
        assert repeat["percentiles_ns"] == sorted(repeat["percentiles_ns"])
    assert results["marketdata_messages_per_s"]["median"] > 0
    assert 0 < results["decision_kernel_ns"]["median"] < results["decision_quoter_ns"]["median"]
    assert len(results["ratio"]) == len(results["percentiles"]) == 5
