"""Command `quotelife backtest`: parses options, reports progress on standard error, prints a table."""

import sys
import time
from pathlib import Path
from typing import Any

from quotelife_models.parameters import Parameters, ParametersError
from quotelife_research.backtest.clients import Account, Assumptions
from quotelife_research.backtest.run import BacktestOptions, backtest
from quotelife_research.calibration.charts import text_table
from quotelife_research.calibration.command import EXIT_OK, EXIT_WRONG_INPUT, read_spans
from quotelife_research.data.files import DataError


def run(
    data: Path,
    params: Path | None,
    days: str,
    tune: str,
    out: Path,
    assumed: Assumptions | str,
    options: BacktestOptions,
    plot: Path | None = None,
) -> int:
    """Run the backtest, print the results and draw them to the file `plot`. Returns the exit code: 0, or 2 after one
    line about wrong input."""
    started = time.monotonic()

    def progress(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", file=sys.stderr, flush=True)

    try:
        if isinstance(assumed, str):
            raise DataError(assumed)
        if not data.is_dir():
            raise DataError(f"--data {data}: allowed: a folder of market data")
        tuned = read_spans(tune) if tune else None
        report = backtest(data, Parameters.load(params), read_spans(days), tuned, out, assumed, options, progress)
    except (DataError, ParametersError) as error:
        print(f"backtest: {error}", file=sys.stderr)
        return EXIT_WRONG_INPUT
    print(table(report))
    if plot is not None:
        from quotelife_research.backtest.plot import draw

        draw(report, plot)
    return EXIT_OK


def assumptions(informed: str, latency_ms: float, reaction_ms: float, patient: str, random: str) -> Assumptions | str:
    """The assumptions from the options' texts, or an error message."""
    try:
        shares = tuple(float(part) for part in informed.split(","))
        accounts = tuple(
            Account(name, *(float(part) for part in text.split(",")))
            for name, text in (("patient", patient), ("random", random))
        )
    except (ValueError, TypeError):
        return "--informed, --patient, --random: allowed: numbers separated by commas, three for each account"
    if not all(0 <= share <= 1 for share in shares):
        return f"--informed {informed}: allowed: shares from 0 to 1"
    if not all(a.response_ms > 0 and a.response_cv > 0 and 0 <= a.fill_rate <= 1 for a in accounts):
        return "--patient, --random: allowed: positive response times and variations, fill rates from 0 to 1"
    return Assumptions(accounts=accounts, informed=shares, latency_ms=latency_ms, reaction_ms=reaction_ms)


def table(report: dict[str, Any]) -> str:
    """One line per symbol and informed share: net results, and Liquidity Provider against the best fixed lifetimes."""
    head = (
        "symbol",
        "informed",
        "LP net",
        "best fixed",
        "oracle",
        "vs fixed",
        "vs per account",
        "95 % interval",
        "share of oracle",
    )
    rows = []
    for symbol, s in report["symbols"].items():
        for share, found in s["by_informed_share"].items():
            net = [
                f"{found['policies'][p]['net_per_request']:.4f}" for p in ("liquidity_provider", "fixed_best", "oracle")
            ]
            fixed, each = found["paired"]["fixed_best"], found["paired"]["fixed_best_per_account"]
            rows.append(
                (
                    *(symbol, share, *net, f"{fixed['difference']:+.5f}", f"{each['difference']:+.5f}"),
                    f"{each['low']:+.5f}..{each['high']:+.5f}",
                    f"{fixed['share_of_distance_to_oracle']:.0%}, {each['share_of_distance_to_oracle']:.0%}",
                )
            )
    return text_table(head, rows)
