"""The command line of `quotelife bench`: a command a bench, and without one a short run of three."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="bench",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[Path | None, typer.Option("--json", help="Write every figure to this file.")]
Plots = Annotated[Path | None, typer.Option("--plots", help="Folder for charts as PNG; needs matplotlib.")]
Markdown = Annotated[Path | None, typer.Option("--markdown", help="Write the table to this file.")]
Repeats = Annotated[int, typer.Option(min=1, help="Repeats of each side, in turn.")]
Duration = Annotated[float, typer.Option("--duration", "--seconds", min=0.2, help="Seconds of one measured repeat.")]
Rate = Annotated[float, typer.Option(min=1, help="Requests per second.")]
MarketRate = Annotated[float, typer.Option(min=0, help="Market-data messages per second beside them.")]
Instruments = Annotated[int, typer.Option(min=1, help="Instruments.")]


@app.callback()
def short(
    context: typer.Context,
    duration: Duration = 5.0,
    repeats: Repeats = 5,
    rate: Rate = 500.0,
    market_rate: MarketRate = 1_000.0,
    json: Json = None,
    plots: Plots = None,
    markdown: Markdown = None,
) -> None:
    """Measure on this machine, each figure beside its baseline. Without a command: market-data kernel, decision, and
    request to Quote, shortly."""
    if context.invoked_subcommand is not None:
        return
    from quotelife_bench import benches

    requests = partial(benches.rfq, rate, market_rate, duration, repeats)
    _run([partial(benches.kernel, repeats), partial(benches.decision, repeats), requests], json, plots, markdown)


@app.command()
def rfq(
    duration: Duration = 5.0,
    repeats: Repeats = 5,
    rate: Rate = 500.0,
    market_rate: MarketRate = 20_000.0,
    sessions: Annotated[int, typer.Option(min=1, help="Sessions that take turns.")] = 1,
    budget: Annotated[bool, typer.Option("--budget", help="Show where the time goes, stage by stage.")] = False,
    sustained: Annotated[
        bool, typer.Option("--sustained", help="Look for the highest rate with p99 under 2 ms instead.")
    ] = False,
    json: Json = None,
    plots: Plots = None,
    markdown: Markdown = None,
) -> None:
    """Request to Quote with everything on, beside a bare engine that answers a constant, and an echo."""
    from quotelife_bench import benches

    if sustained:
        bench = partial(benches.sustained, market_rate, min(duration, 2.0), repeats)
    else:
        bench = partial(benches.rfq, rate, market_rate, duration, repeats, sessions, budget)
    _run([bench], json, plots, markdown)


@app.command()
def marketdata(
    duration: Duration = 3.0,
    repeats: Repeats = 5,
    rate: Annotated[float, typer.Option(min=1, help="Usual messages per second; a burst is ten times that.")] = 20_000,
    instruments: Instruments = 10,
    json: Json = None,
    plots: Plots = None,
    markdown: Markdown = None,
) -> None:
    """Market data through kernel, socket and session, tick to board, a burst; beside an initiator with a dictionary."""
    from quotelife_bench import benches

    _run([partial(benches.marketdata, rate, duration, instruments, repeats)], json, plots, markdown)


@app.command()
def decision(repeats: Repeats = 9, json: Json = None, plots: Plots = None, markdown: Markdown = None) -> None:
    """One decision from Python and inside the kernels: an instrument, and packages of 2, 4 and 8 legs."""
    from quotelife_bench import benches

    _run([partial(benches.decision, repeats)], json, plots, markdown)


@app.command()
def memory(
    requests: Annotated[int, typer.Option(min=1_000, help="Requests in all.")] = 500_000,
    sessions: Annotated[int, typer.Option(min=1, help="Sessions that take turns.")] = 10,
    json: Json = None,
    plots: Plots = None,
    markdown: Markdown = None,
) -> None:
    """Resident set of every process from a tenth of the requests to the last, with fills."""
    from quotelife_bench import benches

    _run([partial(benches.memory, requests, sessions)], json, plots, markdown)


@app.command()
def scale(
    duration: Duration = 3.0,
    repeats: Repeats = 3,
    rate: Rate = 500.0,
    market_rate: MarketRate = 5_000.0,
    most_instruments: Annotated[int, typer.Option(min=1, help="Leave out more instruments than this.")] = 10_000,
    most_sessions: Annotated[int, typer.Option(min=1, help="Leave out more sessions than this.")] = 50,
    json: Json = None,
    plots: Plots = None,
    markdown: Markdown = None,
) -> None:
    """Cost of a request and of a market-data message with 1 to 10,000 instruments and 1 to 50 sessions."""
    from quotelife_bench import benches

    bench = partial(benches.scale, rate, market_rate, duration, repeats, most_instruments, most_sessions)
    _run([bench], json, plots, markdown)


@app.command()
def startup(
    repeats: Repeats = 5,
    cold: Annotated[bool, typer.Option(help="Measure the first start too, which compiles.")] = True,
    json: Json = None,
    plots: Plots = None,
    markdown: Markdown = None,
) -> None:
    """Time until ready to quote, stage by stage: with kept kernels, and the first time."""
    from quotelife_bench import benches

    _run([partial(benches.startup, repeats, cold)], json, plots, markdown)


@app.command("all")
def all_(
    quick: Annotated[
        bool, typer.Option("--quick", help="A minute instead of a quarter of an hour: figures, but rough ones.")
    ] = False,
    json: Json = None,
    plots: Plots = None,
    markdown: Markdown = None,
) -> None:
    """Every bench, in about a quarter of an hour: what the README shows."""
    from quotelife_bench import benches

    _run(benches.everything(quick), json, plots, markdown)


def _run(wanted: Sequence[Callable[[], Any]], json: Path | None, plots: Path | None, markdown: Path | None) -> None:
    from quotelife_bench.command import Output, run

    raise typer.Exit(run(list(wanted), Output(json=json, plots=plots, markdown=markdown)))
