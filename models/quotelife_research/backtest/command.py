"""Command `quotelife backtest`: reads its assumptions, reports progress on standard error, prints a table."""

from pathlib import Path
from typing import Any

from quotelife_models.enums import MODELS
from quotelife_models.parameters import Parameters
from quotelife_research.backtest.clients import FIRM_UNTIL, Account, Assumptions
from quotelife_research.backtest.run import BacktestOptions, backtest
from quotelife_research.backtest.symbol import BASE, EDGE, FREE, RISK, THROUGH, TUNED
from quotelife_research.calibration.command import EXIT_OK, progress_on_stderr, read_spans, show_written, text_table
from quotelife_research.data.files import DataError

_SHOWN = (
    "fixed_best", BASE, *(f"{name}_{rule}" for name in (BASE, TUNED) for rule in (THROUGH, EDGE, RISK)), *MODELS, FREE,
    "oracle",
)  # fmt: skip


def run(
    data: Path,
    params: Path | None,
    days: str,
    tune: str,
    out: Path,
    assumed: Assumptions,
    options: BacktestOptions,
    plot: Path | None = None,
) -> int:
    """Run the backtest, print the results and draw them to the file `plot`. DataError or ParametersError on wrong
    input."""
    tuned = read_spans(tune, "--tune") if tune else None
    spans = read_spans(days, "--days", required=True)
    report = backtest(data, Parameters.load(params), spans, tuned, out, assumed, options, progress_on_stderr())
    print(table(report))
    if plot is not None:
        from quotelife_research.backtest.plot import draw

        draw(report, plot)
        print(f"{plot} written")
    show_written(out, ["report", "desk", "--days", "yesterday"])
    return EXIT_OK


def assumptions(informed: str, patient: str, random: str, **behaviour: Any) -> Assumptions:
    """The assumptions from the options' texts; `behaviour` are further fields of `Assumptions`. Raises DataError."""
    try:
        shares = tuple(float(part) for part in informed.split(","))
        accounts = tuple(
            Account(name, *(float(part) for part in text.split(",")))
            for name, text in (("patient", patient), ("random", random))
        )
    except (ValueError, TypeError):
        raise DataError(
            "--informed, --patient, --random: allowed: numbers separated by commas, three for each account"
        ) from None
    if not all(0 <= share <= 1 for share in shares):
        raise DataError(f"--informed {informed}: allowed: shares from 0 to 1")
    if not all(a.response_ms > 0 and a.response_cv > 0 and 0 <= a.fill_rate <= 1 for a in accounts):
        raise DataError("--patient, --random: allowed: positive response times and variations, fill rates from 0 to 1")
    if behaviour.get("firm_until", FIRM_UNTIL[0]) not in FIRM_UNTIL:
        raise DataError(f"--firm-until {behaviour['firm_until']}: allowed: {', '.join(FIRM_UNTIL)}")
    return Assumptions(accounts=accounts, informed=shares, **behaviour)


def table(report: dict[str, Any]) -> str:
    """The main policies of each symbol at the main share of informed requests, and Liquidity Provider at the others."""
    head = (
        *("symbol", "informed", "policy", "net", "minus per account", "95 % interval", "to oracle", "withdrawn"),
        *("picked off", "genuine fills", "genuine refused"),
    )
    rows = []
    for symbol, s in report["symbols"].items():
        for share, found in s["by_informed_share"].items():
            names = _SHOWN if float(share) == s["informed"] else ("liquidity_provider",)
            rows += [(symbol, share, name.replace("_", " "), *_row(found["policies"][name])) for name in names]
    return text_table(head, rows)


def _row(p: dict[str, Any]) -> tuple[str, ...]:
    compared, closed = p["above_per_account"], p["closed_share"]
    return (
        f"{p['net_per_request']:.4f}",
        f"{compared['difference']:+.5f}",
        f"{compared['low']:+.5f}..{compared['high']:+.5f}",
        "-" if closed is None else f"{closed:.0%}",
        f"{p['withdrawn_share']:.1%}",
        f"{p['pickoff_rate']:.2%}",
        "-" if p["fill_rate"] is None else f"{p['fill_rate']:.1%}",
        f"{p['refused_genuine']:.1%}",
    )
