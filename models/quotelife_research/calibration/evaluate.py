"""Command `quotelife evaluate`: tests existing parameters on other data, without a fit.

The figures are those of a calibration's test days. A symbol without its own parameters uses the pooled ones, as the
service does.
"""

import re
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from quotelife.report.provenance import DataFile, provenance
from quotelife_models.hazard import REFERENCE_BIN
from quotelife_models.parameters import POOLED, Parameters
from quotelife_models.schema import BIN_ENDS_MS, SCHEMA_VERSION
from quotelife_research.calibration import page
from quotelife_research.calibration.calibrate import Progress, step_ms
from quotelife_research.calibration.command import (
    EXIT_OK,
    check_folders,
    progress_on_stderr,
    read_spans,
    run_command,
    show_written,
    text_table,
)
from quotelife_research.calibration.lifetimes import lifetimes_by_volatility
from quotelife_research.calibration.testing import SavedHazard, evaluate_fit
from quotelife_research.data import files, sources
from quotelife_research.data.files import DataError
from quotelife_research.data.replay import replay
from quotelife_research.data.session import Session
from quotelife_research.data.sources import Span

_SPAN = re.compile(r"\d{4}-\d\d-\d\d[\dT:.]*\.\.\d{4}-\d\d-\d\d[\dT:.]*")


def run(data: Path, params: Path | None, days: str, out: Path | None) -> int:
    """Evaluate and print the results. Returns the exit code: 0, or 2 after one line about wrong input."""
    return run_command("evaluate", lambda: _run(data, params, days, out))


def _run(data: Path, params: Path | None, days: str, out: Path | None) -> int:
    spans = read_spans(days, "--days", required=True)
    check_folders(data, out)
    report = evaluate(data, Parameters.load(params), spans, progress_on_stderr())
    print(table(report))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        sources.write_json(out / "report.json", report)
        (out / "report.html").write_text(page.render(report, "Evaluation"), encoding="utf-8")
    fitted = ["--params", params] if params else []
    show_written(out, ["backtest", "--data", data, *fitted, "--days", days, "--out", "tested"])
    return EXIT_OK


def evaluate(
    data: Path, parameters: Parameters, days: list[Span], progress: Progress = lambda text: None
) -> dict[str, Any]:
    """The report of every symbol under `data` with quotes on these days. DataError if there is none."""
    known = files.symbols_in(data)
    sources.check_spans(data, known.values(), "--days", days)
    report: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "horizon_ms": BIN_ENDS_MS[REFERENCE_BIN],
        "parameters": parameters.hash,
        "symbols": {},
        "provenance": {},
    }
    read: list[DataFile] = []
    for symbol, source in known.items():
        sessions = list(sources.sessions(source, days))
        if not sessions:
            progress(f"{symbol}: left out, no quotes on these days")
            continue
        read += sources.data_files(source, days)
        row = parameters.for_symbol(symbol)
        progress(f"{symbol}: testing the parameters of {parameters.names[row]} on {len(sessions)} sessions")
        step = step_ms(sessions)
        grids = [g for g in (replay(s, step, seed) for seed, s in enumerate(sessions)) if len(g.ts_ns)]
        if not grids:
            progress(f"{symbol}: left out, no usable book for more than 20 s")
            continue
        tested = evaluate_fit(grids, SavedHazard.of(parameters, row), None)
        tested["lifetimes_by_volatility"] = lifetimes_by_volatility(parameters.table[row], grids)
        report["symbols"][symbol] = _origin(parameters, row, sessions) | {"step_ms": step} | tested
    if not report["symbols"]:
        raise DataError(f"{data}: no symbol with a usable book on {', '.join(map(str, days))}")
    report["provenance"] = to_builtins(provenance(read))
    return report


def _origin(parameters: Parameters, row: int, sessions: list[Session]) -> dict[str, Any]:
    """Which parameters were used, the days of their training and of the test, and a warning if these overlap."""
    document = parameters.documents[row]
    trained = [Span.parse(text) for text in _SPAN.findall(document["train"])]
    both = any(s.events[0, 0] < span.end_ns and s.events[-1, 0] >= span.first_ns for s in sessions for span in trained)
    return {
        "parameters": parameters.names[row],
        "train": document["train"],
        "test": f"{sessions[0].day}..{sessions[-1].day}",
        "warning": "These days include training days of the parameters, which are no test." if both else "",
    }


def table(report: dict[str, Any]) -> str:
    """One line per symbol and event, at the reference horizon, and below it what limits the results."""
    head = ("symbol", "parameters", "event", "n", "base rate", "AUC", "log loss base -> model", "slope")
    rows, notes = [], []
    for symbol, s in report["symbols"].items():
        own = s["parameters"] != POOLED
        for event, key in page.EVENTS.items():
            block = page.block(s, key)
            loss = f"{block['log_loss_base']:.4f} -> {block['log_loss']:.4f}"
            measures = (f"{block['base_rate']:.4f}", f"{block['auc']:.3f}", loss, f"{block['calibration_slope']:.2f}")
            rows.append((symbol, "own" if own else POOLED, event, f"{block['n']}", *measures))
        if not own:
            notes.append(f"{symbol}: no parameters of its own, {POOLED} used")
        if worse := page.worse_than_base(s):
            notes.append(f"{symbol}: predicts worse than the base rate alone: {', '.join(worse)}")
        if s["warning"]:
            notes.append(f"{symbol}: {s['warning']}")
    return "\n".join([text_table(head, rows), *notes])
