"""The commands import, calibrate, evaluate and backtest. Each imports its modules when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from quotelife.runtime.command_line import ListOptions

app = typer.Typer()


@app.command("import", cls=ListOptions)
def import_(
    out: Annotated[Path, typer.Option(help="Folder of the data set in the common layout: Parquet by day and symbol.")],
    symbol: Annotated[str, typer.Option(help="Name of the instrument.")] = "",
    tick: Annotated[float, typer.Option(help="Its price step.")] = 0.0,
    lot: Annotated[
        float | None, typer.Option(help="Its size step, as in the service's configuration; 1 unless set.")
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            help="Files that say what they hold: Databento DBN (mbp-1, mbp-10, tbbo, trades, mbo), LOBSTER pairs "
            "(message, orderbook), Tardis CSV (incremental_book_L2, book_snapshot_N, quotes, trades).",
        ),
    ] = None,
    quotes: Annotated[
        list[Path] | None,
        typer.Option(
            help="Other CSV (plain, gzip, zstd) or Parquet files: ts_ns, bid_px, ask_px, and optionally bid_sz, "
            "ask_sz. A side without a price, or with size 0, is gone."
        ),
    ] = None,
    trades: Annotated[list[Path] | None, typer.Option(help="The same: ts_ns, px, sz.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            help="Their names in these files: ts=NAME bid=NAME bid_size=NAME ask=NAME ask_size=NAME, of trades ts, "
            "price, size and side; or their numbers from 1 in a CSV without a heading."
        ),
    ] = None,
    time_unit: Annotated[
        str | None, typer.Option(help="Unit of times that are numbers: s, ms, us or ns; ns unless set.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="Zone of times without one, such as America/New_York; UTC unless set.")
    ] = None,
    clock: Annotated[
        str, typer.Option(help="Of files with two times: received, as the service sees it, or exchange.")
    ] = "received",
    file_symbol: Annotated[str, typer.Option(help="The instrument's name in --from files that hold several.")] = "",
    correlated: Annotated[
        str | None, typer.Option(help="A correlated instrument whose moves predict this one's.")
    ] = None,
    l3: Annotated[bool, typer.Option("--l3", help="Import the order-by-order sample (package ob-analytics).")] = False,
) -> None:
    """Import market data into the common layout; unusable rows are counted and reported.

    The exit code is 1 if more than 1 % of a file's rows are unusable: the others are written all the same.
    """
    from quotelife_research.calibration.import_command import FileOptions, run_import

    given = FileOptions(columns or [], time_unit, time_zone, lot, file_symbol, clock)
    raise typer.Exit(run_import(symbol, tick, quotes or [], trades or [], out, correlated, l3, files or [], given))


@app.command()
def calibrate(
    out: Annotated[Path, typer.Option(help="Folder for the parameter files, report.json and report.html.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder written by import, or with *_quotes.parquet and *_trades.parquet.")
    ] = None,
    train: Annotated[str, typer.Option(help="Days FROM..TO to fit on; separate several with commas.")] = "",
    test: Annotated[str, typer.Option(help="Later days FROM..TO to test on; separate several with commas.")] = "",
    sample: Annotated[bool, typer.Option("--sample", help="Also fit the order-book sample, split in time.")] = False,
) -> None:
    """Fit the survival curves of the expiry models on recorded market data."""
    from quotelife_research.calibration.command import run

    raise typer.Exit(run(data, train, test, out, sample))


@app.command()
def evaluate(
    data: Annotated[
        Path, typer.Option(help="Folder written by import, or with *_quotes.parquet and *_trades.parquet.")
    ],
    days: Annotated[str, typer.Option(help="Days FROM..TO to test on; separate several with commas.")],
    params: Annotated[Path | None, typer.Option(help="Folder of parameters; default: the shipped ones.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for report.json and report.html.")] = None,
) -> None:
    """Test existing parameters on other data, without a fit."""
    from quotelife_research.calibration.evaluate import run

    raise typer.Exit(run(data, params, days, out))


@app.command()
def backtest(
    data: Annotated[
        Path, typer.Option(help="Folder written by import, or with *_quotes.parquet and *_trades.parquet.")
    ],
    days: Annotated[str, typer.Option(help="Days FROM..TO to test the policies on; separate several with commas.")],
    out: Annotated[Path, typer.Option(help="Folder for report.json and report.html.")],
    plot: Annotated[
        Path | None, typer.Option(help="Draw pick-offs against fills to this PNG; needs matplotlib.")
    ] = None,
    params: Annotated[Path | None, typer.Option(help="Folder of parameters; default: the shipped ones.")] = None,
    tune: Annotated[
        str,
        typer.Option(help="Earlier days for tuning the policies; default: the parameters' training days."),
    ] = "",
    requests: Annotated[int, typer.Option(min=100, help="Requests per day and symbol.")] = 50_000,
    informed: Annotated[
        str, typer.Option(help="Assumed shares of snipers, separated by commas, the main one first.")
    ] = "0.5,0.1,0.3,0.7",
    latency_ms: Annotated[float, typer.Option(min=0.001, help="Assumed median one-way latency, log-normal.")] = 0.5,
    reaction_ms: Annotated[float, typer.Option(min=0.001, help="Assumed median reaction time of a sniper.")] = 1.0,
    own_ms: Annotated[
        float, typer.Option(min=0.001, help="Assumed median time from the desk's sight of a change to its withdrawal.")
    ] = 0.5,
    firm_until: Annotated[
        str, typer.Option(help="A hit counts if it arrives before the decision, or is sent before the cancel arrives.")
    ] = "decision",
    anticipating: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of the snipers that anticipate, in that part of the report."),
    ] = 0.5,
    anticipation_ticks: Annotated[
        float, typer.Option(help="Distance of the micro-price from the price at which these hit, in ticks.")
    ] = 0.1,
    withdrawal_limit: Annotated[
        float, typer.Option(min=0, max=1, help="Share of its quotes that Liquidity Provider may withdraw.")
    ] = 0.15,
    patient: Annotated[
        str,
        typer.Option(help="Assumed patient accounts: mean response in ms, its coefficient of variation, fill rate."),
    ] = "1500,0.7,0.5",
    random: Annotated[str, typer.Option(help="Assumed random accounts: the same three values.")] = "300,1.0,0.3",
    half_spread: Annotated[
        float, typer.Option(min=0, help="Minimum distance of a price from the micro-price, in ticks.")
    ] = 0.5,
    margin: Annotated[float, typer.Option(help="Margin added to the half-spread, in ticks.")] = 0.0,
    hedge_ms: Annotated[float, typer.Option(min=0, help="Time from a hit to its hedge at the mid.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of all random choices.")] = 1,
) -> None:
    """Replay requests of simulated clients against recorded markets and compare the expiry policies."""
    from quotelife_research.backtest.command import assumptions, run
    from quotelife_research.backtest.run import BacktestOptions
    from quotelife_research.calibration.command import check_folders, read_spans, run_command
    from quotelife_research.data import files, sources

    def checked() -> int:
        spans = {"--days": read_spans(days, "--days", required=True), "--tune": read_spans(tune, "--tune")}
        check_folders(data, out)
        for option, wanted in spans.items():
            sources.check_spans(data, files.symbols_in(data).values(), option, wanted)
        return run(data, params, days, tune, out, assumptions(informed, patient, random, **behaviour), options, plot)

    options = BacktestOptions(
        requests=requests, half_spread=half_spread, margin=margin, hedge_ms=hedge_ms,
        withdrawal_limit=withdrawal_limit, seed=seed,
    )  # fmt: skip
    behaviour = {
        "latency_ms": latency_ms, "reaction_ms": reaction_ms, "own_ms": own_ms, "firm_until": firm_until,
        "anticipating": anticipating, "anticipation_ticks": anticipation_ticks,
    }  # fmt: skip
    raise typer.Exit(run_command("backtest", checked))
