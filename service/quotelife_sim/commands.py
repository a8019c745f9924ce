"""The commands simulate, simulated-venue and clients. Each imports what it needs when it runs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from quotelife.runtime.command_line import ListOptions
from quotelife.runtime.options import ConfigFile, OptionalConfigFile

app = typer.Typer()


@app.command()
def simulate(
    market: Annotated[
        Literal["sample", "synthetic"] | None,
        typer.Option(help="The recorded BTC/USD sample, which is the default, or a generated market."),
    ] = None,
    instruments: Annotated[
        int | None, typer.Option(min=1, help="Number of instruments of the synthetic market; default 1.")
    ] = None,
    scenario: Annotated[
        Literal["eth-news-shock"] | None, typer.Option(help="A stress case with a market of its own.")
    ] = None,
    news: Annotated[bool, typer.Option(help="Whether the venue of a scenario sends its news.")] = True,
    duration: Annotated[float, typer.Option(min=0, help="Seconds; 0 runs until interrupted.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Seed of all random numbers.")] = 1,
    json: Annotated[Path | None, typer.Option(help="Write the measurements to this file as JSON.")] = None,
    config: OptionalConfigFile = None,
    fixed_ms: Annotated[
        float | None,
        typer.Option(min=1, help="Compare with this fixed expiry for all clients, too, in milliseconds."),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE.cast", help="Record the live page to this file, as asciicast v2.")
    ] = None,
) -> None:
    """Run a venue, the service and simulated clients on this machine, connected by FIX, and report."""
    from quotelife_sim.options import Options
    from quotelife_sim.simulate import simulate as run

    options = Options(
        market=market,
        instruments=instruments,
        scenario=scenario,
        news=news,
        duration=duration,
        seed=seed,
        json=json,
        config=config,
        fixed_ms=fixed_ms,
        record=record,
    )
    raise typer.Exit(run(options))


Folder = Annotated[Path, typer.Option(help="Folder in shared memory; the same one for venue and clients.")]


@app.command("simulated-venue")
def simulated_venue(
    config: ConfigFile,
    folder: Folder = Path("/dev/shm/quotelife-market"),
    market: Annotated[
        Literal["sample", "synthetic"], typer.Option(help="The recorded BTC/USD sample, or a generated market.")
    ] = "sample",
    seed: Annotated[int, typer.Option(help="Seed of all random numbers.")] = 1,
    listen: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on; 0.0.0.0 for all, as in a container.")
    ] = "127.0.0.1",
) -> None:
    """Run the simulated venue alone, for example in a container: it replays a market endlessly."""
    from quotelife_sim.standalone import run_venue

    raise typer.Exit(run_venue(config, folder, market, seed, listen))


@app.command(cls=ListOptions)
def clients(
    config: ConfigFile,
    folder: Folder = Path("/dev/shm/quotelife-market"),
    host: Annotated[str, typer.Option(help="Host of the service.")] = "127.0.0.1",
    session: Annotated[
        list[str] | None, typer.Option(help="SenderCompID of one client session; all simulated ones if absent.")
    ] = None,
) -> None:
    """Run the simulated clients alone, for example in a container: they send requests and hit quotes."""
    from quotelife_sim.standalone import run_clients

    raise typer.Exit(run_clients(config, folder, host, session or []))
