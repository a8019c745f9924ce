"""Commands of the desk: `status`, `stop`, `resume`, `hold`, `model`. On the service's machine its user and root need no
token for them, see `quotelife.admin.commands.service_request`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from quotelife.runtime.options import ConfigFile
from quotelife.runtime.process import EXIT_CONFIG, EXIT_FAILED

_Everything = Annotated[bool, typer.Option("--all", help="All instruments and clients.")]
_OneInstrument = Annotated[str | None, typer.Option(help="One instrument, by its symbol.")]
_OneClient = Annotated[str | None, typer.Option(help="One client, by its name in the configuration.")]
_Reason = Annotated[str, typer.Option(help="Shown in the log and on the desk page.")]
_Release = Annotated[bool, typer.Option("--release", help="End it.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def status(config: ConfigFile, as_json: _AsJson = False) -> None:
    """Show the running service: processes, venues, sessions, positions, and what the desk has stopped or set."""
    from quotelife.admin.commands.command_target import command_target
    from quotelife.admin.commands.service_request import request
    from quotelife.admin.commands.status_text import status_lines

    document = request(command_target(config), "GET", "/v1/status")
    if document is None:
        raise typer.Exit(EXIT_FAILED)
    print(json.dumps(document, indent=2) if as_json else "\n".join(status_lines(document)))


def stop(
    config: ConfigFile,
    everything: _Everything = False,
    instrument: _OneInstrument = None,
    client: _OneClient = None,
    reason: _Reason = "",
    as_json: _AsJson = False,
) -> None:
    """Kill switch: stop quoting at once and withdraw open quotes, until `resume`. It survives a restart."""
    scope = _scope("stop", everything, instrument, client)
    _send(config, "/v1/stop", {**scope, "reason": reason}, as_json)


def resume(
    config: ConfigFile,
    everything: _Everything = False,
    instrument: _OneInstrument = None,
    client: _OneClient = None,
    reason: _Reason = "",
    as_json: _AsJson = False,
) -> None:
    """Resume quoting after `stop`."""
    scope = _scope("resume", everything, instrument, client)
    _send(config, "/v1/resume", {**scope, "reason": reason}, as_json)


def hold(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="The instrument.")],
    config: ConfigFile,
    state: Annotated[
        str | None, typer.Argument(metavar="[STATE]", help="calm, active, stressed, news, auction or closed.")
    ] = None,
    release: _Release = False,
    reason: _Reason = "",
    as_json: _AsJson = False,
) -> None:
    """Hold the market state of an instrument, by which the rules select the expiry model, until --release."""
    if (state is None) == (not release):
        raise _usage_error("hold", "allowed: a STATE (calm, active, stressed, news, auction, closed) or --release")
    _send(config, "/v1/market-state", {"symbol": symbol, "state": state, "reason": reason}, as_json)


def model(
    config: ConfigFile,
    name: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="client_priority, risk_averse or liquidity_provider.")
    ] = None,
    everything: _Everything = False,
    instrument: _OneInstrument = None,
    client: _OneClient = None,
    release: _Release = False,
    reason: _Reason = "",
    as_json: _AsJson = False,
) -> None:
    """Force the expiry model of new quotes, before the rules and before what a request names, until --release."""
    if (name is None) == (not release):
        raise _usage_error("model", "allowed: a MODEL (client_priority, risk_averse, liquidity_provider) or --release")
    scope = _scope("model", everything, instrument, client)
    _send(config, "/v1/model", {**scope, "model": name, "reason": reason}, as_json)


COMMANDS = (status, stop, resume, hold, model)


def _scope(command: str, everything: bool, instrument: str | None, client: str | None) -> dict[str, object]:
    scopes = {"all": "" if everything else None, "instrument": instrument, "client": client}
    named = [(scope, name) for scope, name in scopes.items() if name is not None]
    if len(named) != 1:
        raise _usage_error(command, "allowed: exactly one of --all, --instrument and --client")
    return dict(zip(("scope", "name"), named[0], strict=True))


def _usage_error(command: str, problem: str) -> typer.Exit:
    print(f"quotelife {command}: {problem}", file=sys.stderr)
    return typer.Exit(EXIT_CONFIG)


def _send(config: Path, path: str, control: dict[str, object], as_json: bool) -> None:
    """Send a control to the running service and print the controls then in force."""
    from quotelife.admin.commands.command_target import command_target
    from quotelife.admin.commands.service_request import request
    from quotelife.admin.commands.status_text import control_lines

    document = request(command_target(config), "POST", path, control)
    if document is None:
        raise typer.Exit(EXIT_FAILED)
    if as_json:
        print(json.dumps(document, indent=2))
        return
    print("done" if document.pop("changed") else "no change")
    print("\n".join(control_lines(document) or ["nothing is stopped or set by the desk"]))
