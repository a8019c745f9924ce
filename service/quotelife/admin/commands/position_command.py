"""Command `quotelife position`: shows and changes the desk's positions over the service's HTTP API."""

import json
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quotelife.admin.commands.service_request import request
from quotelife.runtime.options import ConfigFile
from quotelife.runtime.process import EXIT_FAILED

if TYPE_CHECKING:
    from rich.table import Table

    from quotelife.config import Config

_PATH = "/v1/positions"

position_commands = typer.Typer(help="Show and change the desk's positions.", invoke_without_command=True)
_NEGATIVE_NUMBERS = {"ignore_unknown_options": True}  # -1.5 is a quantity
_Symbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="The instrument.")]
_Quantity = Annotated[
    str, typer.Argument(metavar="QUANTITY", help="In units of the instrument; below 0: short or sold.")
]
_Price = Annotated[str | None, typer.Option(help="Default: the average price of the position.")]
_ChangeId = Annotated[
    str | None, typer.Option("--id", help="Your id of the change: sent again it changes nothing. Default: a new one.")
]
_PositionOf = Annotated[str | None, typer.Option("--client", help="The position from this client's fills instead.")]
_Reason = Annotated[str, typer.Option(help="Kept in the ledger and in the log.")]


@position_commands.callback()
def position(
    context: typer.Context,
    config: ConfigFile,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the positions of the desk and those with each client, with average price and result."""
    if context.invoked_subcommand is None:
        from quotelife.config import load

        raise typer.Exit(show_positions(load(config), as_json))


@position_commands.command("set", context_settings=_NEGATIVE_NUMBERS)
def position_set(
    symbol: _Symbol,
    quantity: _Quantity,
    config: ConfigFile,
    price: _Price = None,
    id_: _ChangeId = None,
    client: _PositionOf = None,
    reason: _Reason = "",
) -> None:
    """State a position and its average price; the realised result stays."""
    _change(config, {"set": quantity, "symbol": symbol, "price": price, "id": id_, "client": client, "reason": reason})


@position_commands.command("adjust", context_settings=_NEGATIVE_NUMBERS)
def position_adjust(
    symbol: _Symbol,
    quantity: _Quantity,
    config: ConfigFile,
    price: _Price = None,
    id_: _ChangeId = None,
    client: _PositionOf = None,
    reason: _Reason = "",
) -> None:
    """Add to a position, for example what was hedged elsewhere, at the price of that."""
    _change(
        config, {"adjust": quantity, "symbol": symbol, "price": price, "id": id_, "client": client, "reason": reason}
    )


def _change(config: Path, change: dict[str, object]) -> None:
    from quotelife.config import load

    raise typer.Exit(change_position(load(config), change))


def show_positions(config: "Config", as_json: bool) -> int:
    """Print all positions; the exit code."""
    from rich.console import Console

    document = request(config, "GET", _PATH)
    if document is None:
        return EXIT_FAILED
    if as_json:
        print(json.dumps(document, indent=2))
        return 0
    console = Console()
    console.print(_table("desk", document["positions"]))
    if document["clients"]:
        console.print(_table("client", document["clients"]))
    gross, net = document["gross_notional"], document["net_notional"]
    console.print(f"gross notional {gross:,.2f}   net notional {net:,.2f}", highlight=False)
    return 0


def change_position(config: "Config", change: dict[str, object]) -> int:
    """Send a change and print the position then; the exit code. A change without an id gets a new one, which is printed
    first: with it the same change can be sent again if there is no answer."""
    if not change.get("id"):
        change = change | {"id": uuid.uuid4().hex}
        print(f"id {change['id']}", file=sys.stderr)
    document = request(config, "POST", _PATH, {key: value for key, value in change.items() if value not in (None, "")})
    if document is None:
        return EXIT_FAILED
    print("done" if document.pop("changed") else "no change: this id has been applied before")
    print(json.dumps(document, indent=2))
    return 0


def _table(whose: str, positions: list[dict]) -> "Table":
    from rich.table import Table

    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in (whose, "instrument"):
        table.add_column(name)
    for name in ("position", "average", "mid", "realised", "marked"):
        table.add_column(name, justify="right")
    for each in positions:
        numbers = (each[key] for key in ("average_price", "mark", "realised", "marked"))
        average, mark, realised, marked = ("–" if value is None else f"{value:,.10g}" for value in numbers)
        table.add_row(each.get("client", ""), each["symbol"], each["position"], average, mark, realised, marked)
    return table
