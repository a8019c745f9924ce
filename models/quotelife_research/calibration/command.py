"""Command `quotelife calibrate`: parses options, reports progress, prints the results. Shared by the other commands."""

import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from quotelife_models.parameters import ParametersError
from quotelife_research.calibration.calibrate import Progress, calibrate
from quotelife_research.data import l3
from quotelife_research.data.files import DataError
from quotelife_research.data.sources import Span

EXIT_OK, EXIT_WRONG_INPUT = 0, 2
_SPANS = "allowed: FROM..TO such as 2013-10-07..2013-10-08, separated by commas"
NO_SAMPLE = "--{option}: the order-book sample is not installed: see deploy/requirements/sample.txt"


def run_command(name: str, command: Callable[[], int]) -> int:
    """The exit code of `command`; 2 after one line on standard error if its input is wrong."""
    try:
        return command()
    except (DataError, ParametersError) as error:
        problem = str(error)
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    print(f"{name}: {' '.join(problem.split())}", file=sys.stderr)
    return EXIT_WRONG_INPUT


def progress_on_stderr() -> Progress:
    """A function that prints a line with the seconds since now."""
    started = time.monotonic()

    def progress(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", file=sys.stderr, flush=True)

    return progress


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of right-aligned text."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in (head, *rows))


def show_written(out: Path | None, next_command: Sequence[object]) -> None:
    """Print where the report is, and the command that comes next."""
    if out is not None:
        print(f"{out / 'report.html'} written")
    print(f"next: {shlex.join(['quotelife', *map(str, next_command)])}")


def read_spans(text: str, option: str = "", required: bool = False) -> list[Span]:
    """Parse `FROM..TO` or single days, separated by commas. DataError, which names the option, for other text, spans
    that overlap, or no span where one is required."""
    where = f"{option} {text}: " if option else ""
    try:
        spans = [Span.parse(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise DataError(f"{where}{error}; {_SPANS}") from None
    if required and not spans:
        raise DataError(f"{option} is missing; {_SPANS}")
    ordered = sorted(spans, key=lambda span: span.first_ns)
    for one, next_one in pairwise(ordered):
        if next_one.first_ns < one.end_ns:
            raise DataError(f"{where}{one} and {next_one} overlap; allowed: spans without a common time")
    return spans


def check_folders(data: Path, out: Path | None) -> None:
    """DataError unless `data` is a folder and `out`, where set, can be written."""
    if not data.is_dir():
        what = "is no folder" if data.exists() else "does not exist"
        raise DataError(f"--data {data}: {what}; allowed: a folder of market data, as import writes it")
    if out is not None:
        check_out(out)


def check_out(out: Path) -> None:
    """DataError, before any work, unless the folder exists or can be made, and can be written."""
    there = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        what = "cannot be written" if there.is_dir() else "is no folder"
        raise DataError(f"--out {out}: {there} {what}; allowed: a folder to write to")


def run(data: Path | None, train: str, test: str, out: Path, sample: bool = False) -> int:
    """Calibrate and print the results. Returns the exit code: 0, or 2 after one line about wrong input."""
    return run_command("calibrate", lambda: _calibrate(data, train, test, out, sample))


def _calibrate(data: Path | None, train: str, test: str, out: Path, sample: bool) -> int:
    folder = l3.find_sample() if sample else None
    if sample and folder is None:
        raise DataError(NO_SAMPLE.format(option="sample"))
    if data is None and folder is None:
        raise DataError("--data is missing; required: --data with --train, or --sample")
    if data is None and (train or test):
        raise DataError("--train and --test without --data; required: the folder of their days")
    train_spans = read_spans(train, "--train", required=data is not None)
    test_spans = read_spans(test, "--test")
    if data is not None:
        check_folders(data, None)
    check_out(out)
    report = calibrate(data, train_spans, test_spans, out, folder, progress_on_stderr())
    print(table(report))
    if data is not None:
        days = test or train
        tested = ["backtest", "--data", data, "--params", out, "--days", days, "--out", "tested"]
        known = ["evaluate", "--data", data, "--params", out, "--days", days, "--out", "evaluated"]
        show_written(out, tested if test else known)
    else:
        show_written(out, ["calibrate", "--help"])
    return EXIT_OK


def table(report: dict[str, Any]) -> str:
    """One line per symbol, starting with the one-tick move within the reference horizon."""
    head = (
        "symbol",
        "n",
        "base rate",
        "AUC",
        "log loss",
        "base rate only",
        "slope",
        "AUC through",
        "AUC pick-off",
        "AUC as new",
    )
    rows = [
        (
            symbol,
            f"{s['n']}",
            f"{s['base_rate']:.4f}",
            f"{s['auc']:.3f}",
            f"{s['log_loss']:.4f}",
            f"{s['log_loss_base']:.4f}",
            f"{s['calibration_slope']:.2f}",
            f"{s['through']['auc']:.3f}",
            f"{s['pick_off']['auc']:.3f}",
            f"{s['as_new_instrument']['auc']:.3f}" if "as_new_instrument" in s else "-",
        )
        for symbol, s in report["symbols"].items()
        if "auc" in s
    ]
    return text_table(head, rows)
