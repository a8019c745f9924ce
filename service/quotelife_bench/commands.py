"""The command line of `quotelife bench`: one command per bench; without a command a short run of four."""

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

Json = Annotated[Path | None, typer.Option("--json", help="Write all figures to this file as JSON.")]
Plots = Annotated[Path | None, typer.Option("--plots", help="Write charts as PNG to this folder; needs matplotlib.")]
Markdown = Annotated[Path | None, typer.Option("--markdown", help="Write the tables to this file as Markdown.")]
Page = Annotated[Path | None, typer.Option("--page", help="Update the tables of sides in this Markdown page.")]
Repeats = Annotated[int, typer.Option(min=1, help="Repeats of each side, alternating.")]
Duration = Annotated[
    float, typer.Option("--duration", "--seconds", min=0.2, help="Duration of one measured repeat in seconds.")
]
Rate = Annotated[float, typer.Option(min=1, help="Requests per second.")]
MarketRate = Annotated[float, typer.Option(min=0, help="Market-data messages per second at the same time.")]
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
    """Measure the service on this machine against baselines. Without a command: a short run of market-data kernel,
    decision, and request to Quote, closed and open loop."""
    if context.invoked_subcommand is not None:
        return
    from quotelife_bench import benches

    closed_loop = partial(benches.closed_loop, int(500 * duration), repeats)
    open_loop = partial(benches.rfq, rate, market_rate, duration, repeats)
    first = [partial(benches.kernel, repeats), partial(benches.decision, repeats)]
    _run([*first, closed_loop, open_loop], json, plots, markdown)


@app.command()
def rfq(
    duration: Duration = 4.0,
    repeats: Repeats = 7,
    rate: Rate = 500.0,
    market_rate: MarketRate = 20_000.0,
    requests: Annotated[int, typer.Option(min=10, help="Requests of a repeat of the closed loop.")] = 3_000,
    sessions: Annotated[int, typer.Option(min=1, help="Sessions of the open loop, used in turn.")] = 1,
    budget: Annotated[bool, typer.Option("--budget", help="Show the time per stage.")] = False,
    sustained: Annotated[
        bool, typer.Option("--sustained", help="Find the highest rate with p99 under 2 ms instead.")
    ] = False,
    json: Json = None,
    plots: Plots = None,
    markdown: Markdown = None,
    page: Page = None,
) -> None:
    """Request to Quote with all processes running, closed and open loop, for each engine, against bare engines with a
    constant answer and an echo server: about six minutes. The C++ engine takes part once `cpp-engine` has built it."""
    from quotelife_bench import benches

    if sustained:
        wanted = [partial(benches.sustained, market_rate, min(duration, 1.0), repeats)]
    else:
        open_loop = partial(benches.rfq, rate, market_rate, duration, repeats, sessions, budget)
        wanted = [partial(benches.closed_loop, requests, repeats), open_loop]
    _run(wanted, json, plots, markdown, page)


@app.command()
def marketdata(
    duration: Duration = 3.0,
    repeats: Repeats = 5,
    rate: Annotated[
        float, typer.Option(min=1, help="Base rate in messages per second; a burst is ten times that.")
    ] = 20_000,
    instruments: Instruments = 10,
    json: Json = None,
    plots: Plots = None,
    markdown: Markdown = None,
) -> None:
    """Market data through kernel, socket and session, tick to board, bursts; against an initiator with a dictionary."""
    from quotelife_bench import benches

    _run([partial(benches.marketdata, rate, duration, instruments, repeats)], json, plots, markdown)


@app.command()
def decision(repeats: Repeats = 9, json: Json = None, plots: Plots = None, markdown: Markdown = None) -> None:
    """One decision, from Python and inside the kernels: one instrument, and multilegs with 2, 4 and 8 legs."""
    from quotelife_bench import benches

    _run([partial(benches.decision, repeats)], json, plots, markdown)


@app.command()
def hits(
    hits_: Annotated[int, typer.Option("--hits", min=10, help="Hits of a repeat.")] = 500,
    repeats: Repeats = 7,
    json: Json = None,
    plots: Plots = None,
    markdown: Markdown = None,
) -> None:
    """Hit to ExecutionReport, disk included, from one session and from eight at the same time, for each engine; against
    a bare engine that writes one row and waits for the disk."""
    from quotelife_bench import benches

    _run([partial(benches.hits, hits_, repeats)], json, plots, markdown)


@app.command()
def withdrawal(
    duration: Duration = 10.0,
    repeats: Repeats = 3,
    market_rate: MarketRate = 20_000.0,
    json: Json = None,
    plots: Plots = None,
    markdown: Markdown = None,
) -> None:
    """From a change of the market to the QuoteCancel, with 1,000 open quotes on 100 instruments."""
    from quotelife_bench import benches

    _run([partial(benches.withdrawal, market_rate, duration, repeats)], json, plots, markdown)


@app.command()
def memory(
    requests: Annotated[int, typer.Option(min=1_000, help="Total number of requests.")] = 500_000,
    sessions: Annotated[int, typer.Option(min=1, help="Sessions, used in turn.")] = 10,
    json: Json = None,
    plots: Plots = None,
    markdown: Markdown = None,
) -> None:
    """Growth of the resident set of every process from a tenth of the requests to the last, with fills."""
    from quotelife_bench import benches

    _run([partial(benches.memory, requests, sessions)], json, plots, markdown)


@app.command()
def scale(
    duration: Duration = 3.0,
    repeats: Repeats = 3,
    rate: Rate = 500.0,
    market_rate: MarketRate = 5_000.0,
    most_instruments: Annotated[int, typer.Option(min=1, help="Highest number of instruments.")] = 10_000,
    most_sessions: Annotated[int, typer.Option(min=1, help="Highest number of sessions.")] = 500,
    json: Json = None,
    plots: Plots = None,
    markdown: Markdown = None,
) -> None:
    """Cost of a request and of a market-data message for 1 to 10,000 instruments and 1 to 500 sessions."""
    from quotelife_bench import benches

    bench = partial(benches.scale, rate, market_rate, duration, repeats, most_instruments, most_sessions)
    _run([bench], json, plots, markdown)


@app.command()
def machine(
    requests: Annotated[int, typer.Option(min=10, help="Requests of a repeat.")] = 2_000,
    repeats: Repeats = 3,
    json: Json = None,
    plots: Plots = None,
    markdown: Markdown = None,
) -> None:
    """What pinned cores, short slices and polling bring on this machine, closed and open loop, for each engine."""
    from quotelife_bench import benches

    _run([partial(benches.machine, requests, repeats)], json, plots, markdown)


@app.command()
def startup(
    repeats: Repeats = 5,
    cold: Annotated[bool, typer.Option(help="Also measure the first start, which compiles the kernels.")] = True,
    json: Json = None,
    plots: Plots = None,
    markdown: Markdown = None,
) -> None:
    """Time until ready to quote, by stage, with cached kernels and on the first start."""
    from quotelife_bench import benches

    _run([partial(benches.startup, repeats, cold)], json, plots, markdown)


@app.command()
def cpp_engine() -> None:
    """Build the bare C++ engine that `rfq` measures beside the service: about four minutes, once; it is kept."""
    from quotelife_bench import benches

    raise typer.Exit(benches.build_cpp_engine())


@app.command("all")
def all_(
    quick: Annotated[bool, typer.Option("--quick", help="Three minutes instead of thirty; rough figures.")] = False,
    json: Json = None,
    plots: Plots = None,
    markdown: Markdown = None,
    page: Page = None,
) -> None:
    """Every bench, in about half an hour."""
    from quotelife_bench import benches

    _run(benches.everything(quick), json, plots, markdown, page)


def _run(
    wanted: Sequence[Callable[[], Any]], json: Path | None, plots: Path | None, markdown: Path | None,
    page: Path | None = None,
) -> None:  # fmt: skip
    from quotelife_bench.command import Output, run

    raise typer.Exit(run(list(wanted), Output(json=json, plots=plots, markdown=markdown, page=page)))
