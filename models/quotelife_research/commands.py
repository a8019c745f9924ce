"""The commands of research. Each imports what it needs when it is run."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command("import")
def import_(
    out: Annotated[Path, typer.Option(help="Folder of the neutral data set: by day and symbol, Parquet.")],
    symbol: Annotated[str, typer.Option(help="Name of the instrument.")] = "",
    tick: Annotated[float, typer.Option(help="Its price step.")] = 0.0,
    quotes: Annotated[
        list[Path] | None, typer.Option(help="Parquet or CSV: ts_ns, bid_px, ask_px, and bid_sz, ask_sz if known.")
    ] = None,
    trades: Annotated[list[Path] | None, typer.Option(help="Parquet or CSV: ts_ns, px, sz.")] = None,
    correlated: Annotated[str | None, typer.Option(help="The instrument whose moves foretell this one's.")] = None,
    l3: Annotated[bool, typer.Option("--l3", help="Import the order-by-order sample (package ob-analytics).")] = False,
) -> None:
    """Bring market data into one layout; rows that cannot be used are counted and named."""
    from quotelife_research.calibration.command import run_import

    raise typer.Exit(run_import(symbol, tick, quotes or [], trades or [], out, correlated, l3))


@app.command()
def calibrate(
    out: Annotated[Path, typer.Option(help="Folder for the parameter files, report.json and report.html.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder that import wrote, or of *_quotes.parquet and *_trades.parquet.")
    ] = None,
    train: Annotated[str, typer.Option(help="Days FROM..TO to fit on, several with commas.")] = "",
    test: Annotated[str, typer.Option(help="Later days FROM..TO to test on, several with commas.")] = "",
    sample: Annotated[bool, typer.Option("--sample", help="Fit the order-book sample too, cut in time.")] = False,
) -> None:
    """Fit the survival curves of the expiry models on recorded market data."""
    from quotelife_research.calibration.command import run

    raise typer.Exit(run(data, train, test, out, sample))


@app.command()
def backtest(
    data: Annotated[Path, typer.Option(help="Folder that import wrote, or of *_quotes.parquet and *_trades.parquet.")],
    days: Annotated[str, typer.Option(help="Days FROM..TO to judge the policies on, several with commas.")],
    out: Annotated[Path, typer.Option(help="Folder for report.json and report.html.")],
    plot: Annotated[
        Path | None, typer.Option(help="Draw pick-offs against fills to this PNG; needs matplotlib.")
    ] = None,
    params: Annotated[Path | None, typer.Option(help="Folder of parameters; the shipped ones if absent.")] = None,
    tune: Annotated[
        str,
        typer.Option(help="Earlier days on which fixed lifetimes are tuned; the parameters' training days if absent."),
    ] = "",
    requests: Annotated[int, typer.Option(min=100, help="Requests a day and symbol.")] = 50_000,
    informed: Annotated[
        str, typer.Option(help="Assumed shares of snipers, the main one first, with commas.")
    ] = "0.5,0.1,0.3,0.7",
    latency_ms: Annotated[float, typer.Option(min=0.001, help="Assumed median of one way, log-normal.")] = 0.5,
    reaction_ms: Annotated[float, typer.Option(min=0.001, help="Assumed median time a sniper takes.")] = 1.0,
    patient: Annotated[
        str, typer.Option(help="Assumed patient accounts: mean response in ms, its variation, fill rate.")
    ] = "1500,0.7,0.5",
    random: Annotated[str, typer.Option(help="Assumed random accounts, the same three.")] = "300,1.0,0.3",
    half_spread: Annotated[float, typer.Option(min=0, help="Least distance of a price from the micro-price.")] = 0.5,
    margin: Annotated[float, typer.Option(help="Added to it, in ticks.")] = 0.0,
    hedge_ms: Annotated[float, typer.Option(min=0, help="Time from a hit to its hedge at the mid.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of all random choices.")] = 1,
) -> None:
    """Play requests of simulated clients against recorded markets, under every expiry policy side by side."""
    from quotelife_research.backtest.command import assumptions, run
    from quotelife_research.backtest.run import Options

    options = Options(requests=requests, half_spread=half_spread, margin=margin, hedge_ms=hedge_ms, seed=seed)
    assumed = assumptions(informed, latency_ms, reaction_ms, patient, random)
    raise typer.Exit(run(data, params, days, tune, out, assumed, options, plot))
