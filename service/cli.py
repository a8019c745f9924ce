"""The command `quotelife`. Each command imports what it needs when it is run, so that `--help` is quick."""

import contextlib
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import typer

from service.bench.commands import app as bench_app
from service.process import EXIT_CONFIG, EXIT_FAILED

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "deploy" / "quotelife.toml"

# What brings a module that an optional command needs.
_BROUGHT_BY = {
    "quickfix": "the FIX engine; install one of: pip install 'quotelife[binary]' (prebuilt) or 'quotelife[source]'",
    "lightgbm": "calibration; pip install 'quotelife[fit]'",
    "polars": "calibration; pip install 'quotelife[fit]'",
    "pyarrow": "calibration; pip install 'quotelife[fit]'",
    "scipy": "calibration; pip install 'quotelife[fit]'",
    "hdrh": "the bench; pip install 'quotelife[bench]'",
    "matplotlib": "plots; pip install 'quotelife[plots]'",
}

app = typer.Typer(
    help="Decides how long a FIX quote may live.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="Configuration file (TOML).")]


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"quotelife {version('quotelife')}")
        raise typer.Exit


@app.callback()
def _common(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    config: ConfigFile = DEMO,
    of_simulation: Annotated[bool, typer.Option("--of-simulation", hidden=True)] = False,
) -> None:
    """Run the service until SIGTERM: market data in, quotes out, metrics over HTTP."""
    from service import compiling
    from service.config import load, resolve
    from service.process import OF_SIMULATION, end_with_parent

    loaded = load(config)
    if of_simulation:
        end_with_parent()
    else:  # from now on the data are a desk's
        with contextlib.suppress(OSError):
            (resolve(loaded, loaded.paths.data) / OF_SIMULATION).unlink()
    compiling.ensure()
    from service import serving

    raise typer.Exit(serving.run(loaded))


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
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Configuration file; the demo's if absent.")
    ] = None,
    fixed_ms: Annotated[float, typer.Option(min=1, help="The fixed expiry to compare with, in milliseconds.")] = 2000.0,
) -> None:
    """The main job to watch: a venue, the service and its clients, over FIX on this machine."""
    from service import compiling

    compiling.ensure()
    from service.sim.command import simulate as run
    from service.sim.options import Options

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
    folder: Folder = Path("/dev/shm/quotelife-market"),
    market: Annotated[
        Literal["sample", "synthetic"], typer.Option(help="The real BTC/USD sample, or a generated market.")
    ] = "sample",
    seed: Annotated[int, typer.Option(help="Of all random choices.")] = 1,
    config: ConfigFile = DEMO,
) -> None:
    """The simulation's venue alone, as in a container: plays a market without end."""
    from service.sim.alone import run_venue

    raise typer.Exit(run_venue(config, folder, market, seed))


@app.command()
def clients(
    folder: Folder = Path("/dev/shm/quotelife-market"),
    host: Annotated[str, typer.Option(help="Where the service listens.")] = "127.0.0.1",
    session: Annotated[
        list[str] | None, typer.Option(help="SenderCompID of a client; all that are simulated if absent.")
    ] = None,
    config: ConfigFile = DEMO,
) -> None:
    """The simulation's clients alone, as in a container: they ask a running service, and hit."""
    from service.sim.alone import run_clients

    raise typer.Exit(run_clients(config, folder, host, session or []))


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
    from models.fit.command import run_import

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
    from models.fit.command import run

    raise typer.Exit(run(data, train, test, out, sample))


@app.command()
def explain(
    quote_id: Annotated[str | None, typer.Argument(help="QuoteID (117) of a quote this service gave.")] = None,
    last: Annotated[int, typer.Option(min=0, help="Explain the newest so many quotes instead.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    config: ConfigFile = DEMO,
) -> None:
    """Why a quote was given its lifetime, and what became of it."""
    if (quote_id is None) == (last == 0):
        raise typer.BadParameter("give a QuoteID, or --last with a number")
    from service.config import load
    from service.explain.command import run

    raise typer.Exit(run(load(config), quote_id, last, json))


@app.command()
def top(
    instrument: Annotated[str | None, typer.Option(help="Whose market is shown; the first one if absent.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Print it once instead of following.")] = False,
    config: ConfigFile = DEMO,
) -> None:
    """The running service in a terminal: quotes as they live and end, the market, sessions."""
    from service.config import load
    from service.desk.top import run

    raise typer.Exit(run(load(config), instrument, once))


_Everything = Annotated[bool, typer.Option("--all", help="Everything.")]
_OneInstrument = Annotated[str | None, typer.Option(help="One instrument, by its symbol.")]
_OneClient = Annotated[str | None, typer.Option(help="One client, by its name in the configuration.")]


@app.command()
def stop(
    everything: _Everything = False,
    instrument: _OneInstrument = None,
    client: _OneClient = None,
    reason: Annotated[str, typer.Option(help="For the log and whoever looks.")] = "",
    config: ConfigFile = DEMO,
) -> None:
    """Kill switch: stop quoting at once and withdraw open quotes, until `resume`; a restart changes nothing."""
    _order(config, "/v1/stop", everything, instrument, client, {"reason": reason})


@app.command()
def resume(
    everything: _Everything = False,
    instrument: _OneInstrument = None,
    client: _OneClient = None,
    config: ConfigFile = DEMO,
) -> None:
    """Quote again what `stop` has stopped."""
    _order(config, "/v1/resume", everything, instrument, client, {})


def _order(
    config: Path, path: str, everything: bool, instrument: str | None, client: str | None, more: dict[str, str]
) -> None:
    scopes = {"all": "" if everything else None, "instrument": instrument, "client": client}
    named = [(scope, name) for scope, name in scopes.items() if name is not None]
    if len(named) != 1:
        raise typer.BadParameter("give one of --all, --instrument and --client")
    from service.admin.order_command import send
    from service.config import load

    scope, name = named[0]
    raise typer.Exit(send(load(config), path, {"scope": scope, "name": name, **more}))


@app.command()
def backtest(
    data: Annotated[Path, typer.Option(help="Folder that import wrote, or of *_quotes.parquet and *_trades.parquet.")],
    days: Annotated[str, typer.Option(help="Days FROM..TO to judge the policies on, several with commas.")],
    out: Annotated[Path, typer.Option(help="Folder for report.json and report.html.")],
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
    from models.backtest.command import assumptions, run
    from models.backtest.run import Options

    options = Options(requests=requests, half_spread=half_spread, margin=margin, hedge_ms=hedge_ms, seed=seed)
    assumed = assumptions(informed, latency_ms, reaction_ms, patient, random)
    raise typer.Exit(run(data, params, days, tune, out, assumed, options))


@app.command()
def doctor(
    config: ConfigFile = DEMO,
    apply: Annotated[
        bool, typer.Option("--apply", help="Set what it advises and may set, until the machine starts again.")
    ] = False,
) -> None:
    """Check the configuration, the engine's settings and dictionaries, and this machine."""
    from service.doctor import examine, show
    from service.finding import apply as set_as_advised

    findings = examine(config)
    raise typer.Exit(show([set_as_advised(f) for f in findings] if apply else findings))


@app.command("hash-password")
def hash_password_() -> None:
    """Read a password, from the terminal or the first line of the standard input, and print the hash to configure."""
    from getpass import getpass

    from service.config.secrets import hash_password

    password = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not password or (sys.stdin.isatty() and getpass("Once more: ") != password):
        print("quotelife: no hash; allowed: a password of at least one character, twice the same", file=sys.stderr)
        raise typer.Exit(EXIT_FAILED)
    print(hash_password(password))


app.add_typer(bench_app, name="bench")


def main() -> int:
    """Entry point. A wrong configuration is one line and exit code 2, a missing package one line and exit code 1."""
    from service.config import ConfigError

    try:
        app()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _BROUGHT_BY:
            raise
        print(f"quotelife: the package {package} is missing; it is needed for {_BROUGHT_BY[package]}", file=sys.stderr)
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
