"""The command `quotelife`. Each command imports its modules when it runs, so that `--help` is fast."""

import sys
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Annotated

import typer

from quotelife.admin.commands.control_commands import COMMANDS as CONTROL_COMMANDS
from quotelife.admin.commands.position_command import position_commands
from quotelife.config.extras import missing
from quotelife.config.value_types import LogFormat
from quotelife.runtime.command_line import OneLineErrors
from quotelife.runtime.options import ConfigFile
from quotelife.runtime.process import EXIT_CONFIG, EXIT_FAILED

app = typer.Typer(
    cls=OneLineErrors,
    help="Decides how long a FIX quote may live.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", show_default="this folder", help="Created where it does not exist.")
    ] = Path(),
) -> None:
    """Write a commented starter configuration, quotelife.toml, into a folder."""
    from quotelife.config.starter import write_starter

    path = write_starter(folder)
    option = "" if path.parent == Path.cwd() else f" --config {path}"
    print(f"{path} written. Next: edit it, quotelife doctor{option}, quotelife serve{option}")


@app.command()
def serve(
    config: ConfigFile,
    log_format: Annotated[LogFormat | None, typer.Option(help="Format of the log; else that of [log].")] = None,
    from_simulator: Annotated[bool, typer.Option("--from-simulator", hidden=True)] = False,
) -> None:
    """Run the service until SIGTERM: market data in, quotes out, metrics over HTTP."""
    from quotelife.supervisor.command import run

    raise typer.Exit(run(config, log_format, from_simulator))


@app.command()
def explain(
    config: ConfigFile,
    quote_id: Annotated[str | None, typer.Argument(help="QuoteID (117) of a quote that this service issued.")] = None,
    last: Annotated[int, typer.Option(min=0, metavar="N", help="Explain the newest N quotes instead.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Explain the lifetime of a quote and how the quote ended."""
    if (quote_id is None) == (last == 0):
        raise _usage_error("explain", "expected a QuoteID or --last N; allowed: one of them")
    from quotelife.config import load
    from quotelife.explain.command import run

    raise typer.Exit(run(load(config), quote_id, last, json))


@app.command()
def top(
    config: ConfigFile,
    instrument: Annotated[str | None, typer.Option(help="The instrument to show; default: the first one.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Print once and exit.")] = False,
) -> None:
    """Show the running service in a terminal: live quotes, their outcomes, the market, sessions."""
    from quotelife.config import load
    from quotelife.dashboard.top import run

    raise typer.Exit(run(load(config), instrument, once))


for _command in CONTROL_COMMANDS:
    app.command()(_command)
app.add_typer(position_commands, name="position")


@app.command()
def reload(
    config: ConfigFile,
    check: Annotated[bool, typer.Option("--check", help="Only tell what would change.")] = False,
) -> None:
    """Put the changed configuration in force while the service runs: all of it, or nothing and the reason."""
    from quotelife.admin.commands.reload_command import run
    from quotelife.config import load

    raise typer.Exit(run(load(config), check))


def _usage_error(command: str, problem: str) -> typer.Exit:
    print(f"quotelife {command}: {problem}", file=sys.stderr)
    return typer.Exit(EXIT_CONFIG)


@app.command()
def doctor(
    config: ConfigFile,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Apply the advised settings that may be changed, until the next boot."),
    ] = False,
) -> None:
    """Check the configuration, the FIX engine with its settings and dictionaries, and this machine."""
    from quotelife import logs
    from quotelife.config import load
    from quotelife.runtime import kernel_compilation

    logs.configure("doctor", load(config).log)  # an invalid file is reported before kernels are compiled
    kernel_compilation.ensure()
    from quotelife.diagnostics.diagnostic import apply as set_as_advised
    from quotelife.diagnostics.doctor import examine, show

    diagnostics = examine(config)
    raise typer.Exit(show([set_as_advised(f) for f in diagnostics] if apply else diagnostics))


venue_commands = typer.Typer(help="Check a venue's market-data session.", no_args_is_help=True)
app.add_typer(venue_commands, name="venue")


@venue_commands.callback()
def _venue() -> None:
    pass


@venue_commands.command("check")
def venue_check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A [[venue]] of the configuration.")],
    config: ConfigFile,
    symbol: Annotated[str | None, typer.Option(help="The instrument to subscribe; default: the venue's first.")] = None,
    seconds: Annotated[
        float, typer.Option(metavar="N", help="How long to watch, and to wait for each answer at most.")
    ] = 10.0,
) -> None:
    """Log on to a venue, list its instruments, subscribe one, and show what came and what was not understood.

    Needs no running service. One that runs with the same CompIDs may lose its session: stop it first."""
    from quotelife import logs
    from quotelife.config import load
    from quotelife.runtime import kernel_compilation

    loaded = load(config)
    logs.configure("venue", loaded.log)
    kernel_compilation.ensure()
    from quotelife.diagnostics.venue.command import run

    raise typer.Exit(run(loaded, name, symbol, seconds))


report_commands = typer.Typer(help="Reports from the history.", no_args_is_help=True)
app.add_typer(report_commands, name="report")


@report_commands.callback()
def _report() -> None:
    pass


@report_commands.command("client")
def report_client(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A [[client]] of the configuration.")],
    config: ConfigFile,
    days: Annotated[str, typer.Option(metavar="DAY[..DAY]", help="UTC days, 2026-11-01..2026-11-28.")],
    output: Annotated[Path | None, typer.Option(help="The page; default: client-NAME.html in this folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Write a page of one client's quotes, lifetimes, hits, withdrawals, decision times and markouts.

    It holds what principle 17 of the FX Global Code asks a dealer to disclose."""
    from quotelife.config import load
    from quotelife.report.command import run_client

    raise typer.Exit(run_client(load(config), name, days, output, json))


@report_commands.command("desk")
def report_desk(
    config: ConfigFile,
    days: Annotated[str, typer.Option(metavar="DAY[..DAY]", help="UTC days, 2026-11-01..2026-11-28, or yesterday.")],
    output: Annotated[Path | None, typer.Option(help="The page; default: desk-DAYS.html in this folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Write a page that judges a live period as a backtest is judged: net per request by client and model."""
    from quotelife.config import load
    from quotelife.report.command import run_desk

    raise typer.Exit(run_desk(load(config), days, output, json))


@app.command("hash-password")
def hash_password_() -> None:
    """Print the hash of a password, read from the terminal or from the first line of the standard input."""
    from getpass import getpass

    from quotelife.config.password_hash import hash_password

    password = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not password or (sys.stdin.isatty() and getpass("Repeat: ") != password):
        print(
            "quotelife: empty, or not repeated correctly; allowed: a password of at least one character",
            file=sys.stderr,
        )
        raise typer.Exit(EXIT_FAILED)
    print(hash_password(password))


for command in entry_points(group="quotelife.commands"):  # the service imports none of their packages
    app.add_typer(command.load())


def main() -> int:
    """Entry point. A wrong option or configuration is one line and exit code 2, a missing package one with code 1."""
    from quotelife.config import ConfigError

    try:
        app()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    except ModuleNotFoundError as error:
        problem = missing((error.name or "").partition(".")[0])
        if problem is None:
            raise
        print(f"quotelife: {problem}", file=sys.stderr)
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
