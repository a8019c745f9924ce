"""The commands of the simulation. Each imports what it needs when it is run."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from quotelife.runtime.options import ConfigFile, OptionalConfigFile

app = typer.Typer()


@app.command()
def simulate(
    market: Annotated[
        Literal["sample", "synthetic"] | None,
        typer.Option(help="The real BTC/USD sample (unless told otherwise), or a generated market."),
    ] = None,
    instruments: Annotated[
        int | None, typer.Option(min=1, help="Instruments of the synthetic market; 1 unless told otherwise.")
    ] = None,
    scenario: Annotated[
        Literal["eth-news-shock"] | None, typer.Option(help="A stress case with a market of its own.")
    ] = None,
    duration: Annotated[float, typer.Option(min=0, help="Seconds; 0 runs until interrupted.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Of all random choices.")] = 1,
    json: Annotated[Path | None, typer.Option(help="Write what was measured to this file.")] = None,
    config: OptionalConfigFile = None,
    fixed_ms: Annotated[float, typer.Option(min=1, help="The fixed expiry to compare with, in milliseconds.")] = 2000.0,
) -> None:
    """The main job to watch: a venue, the service and its clients, over FIX on this machine."""
    from quotelife.runtime import kernel_compilation

    kernel_compilation.ensure()
    from quotelife_sim.command import simulate as run
    from quotelife_sim.options import Options

    options = Options(
        market=market,
        instruments=instruments,
        scenario=scenario,
        duration=duration,
        seed=seed,
        json=json,
        config=config,
        fixed_ms=fixed_ms,
    )
    raise typer.Exit(run(options))


Folder = Annotated[Path, typer.Option(help="Where venue and clients meet: in shared memory, the same for both.")]


@app.command()
def venue(
    config: ConfigFile,
    folder: Folder = Path("/dev/shm/quotelife-market"),
    market: Annotated[
        Literal["sample", "synthetic"], typer.Option(help="The real BTC/USD sample, or a generated market.")
    ] = "sample",
    seed: Annotated[int, typer.Option(help="Of all random choices.")] = 1,
) -> None:
    """The simulation's venue alone, as in a container: plays a market without end."""
    from quotelife_sim.standalone import run_venue

    raise typer.Exit(run_venue(config, folder, market, seed))


@app.command()
def clients(
    config: ConfigFile,
    folder: Folder = Path("/dev/shm/quotelife-market"),
    host: Annotated[str, typer.Option(help="Where the service listens.")] = "127.0.0.1",
    session: Annotated[
        list[str] | None, typer.Option(help="SenderCompID of a client; all that are simulated if absent.")
    ] = None,
) -> None:
    """The simulation's clients alone, as in a container: they ask a running service, and hit."""
    from quotelife_sim.standalone import run_clients

    raise typer.Exit(run_clients(config, folder, host, session or []))
