"""Commands `quotelife calibrate` and `quotelife import`: parse options, report progress, print the results."""

import sys
import time
from pathlib import Path
from typing import Any

from quotelife_research.calibration.calibrate import calibrate
from quotelife_research.calibration.charts import text_table
from quotelife_research.data import l3
from quotelife_research.data.files import DataError
from quotelife_research.data.importer import import_files, import_sample
from quotelife_research.data.sources import Span

EXIT_OK, EXIT_WRONG_INPUT = 0, 2


def read_spans(text: str) -> list[Span]:
    """Parse `FROM..TO` or single days, separated by commas; DataError otherwise."""
    try:
        return [Span.parse(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise DataError(f"{error}; allowed: FROM..TO such as 2013-10-07..2013-10-08, separated by commas") from None


def run(data: Path | None, train: str, test: str, out: Path, sample: bool = False) -> int:
    """Calibrate and print the results. Returns the exit code: 0, or 2 after one line about wrong input."""
    started = time.monotonic()

    def progress(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", file=sys.stderr, flush=True)

    try:
        folder = l3.find_sample() if sample else None
        if sample and folder is None:
            raise DataError("the order-book sample is not installed: see deploy/requirements/sample.txt")
        if data is not None and not data.is_dir():
            raise DataError(f"--data {data}: allowed: a folder of *_quotes.parquet files")
        train_spans, test_spans = read_spans(train), read_spans(test)
        report = calibrate(data, train_spans, test_spans, out, folder, progress)
    except DataError as error:
        print(f"calibrate: {error}", file=sys.stderr)
        return EXIT_WRONG_INPUT
    print(table(report))
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


def run_import(
    symbol: str, tick: float, quotes: list[Path], trades: list[Path], out: Path, correlated: str | None, sample: bool
) -> int:
    """Import and print the result for each file. Returns the exit code as `run` does."""
    try:
        if sample:
            folder = l3.find_sample()
            if folder is None:
                raise DataError("the order-book sample is not installed: see deploy/requirements/sample.txt")
            done = import_sample(folder, out)
        elif not symbol or not (quotes or trades):
            raise DataError(
                "missing options; required: --symbol, --tick and at least one of --quotes and --trades, or --l3"
            )
        else:
            done = import_files(symbol, tick, quotes, trades, out, correlated)
    except DataError as error:
        print(f"import: {error}", file=sys.stderr)
        return EXIT_WRONG_INPUT
    for line in done:
        print(line)
    return EXIT_OK
