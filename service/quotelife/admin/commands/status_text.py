"""The service's status and its controls as lines for a terminal of 80 columns; all times are UTC."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

WIDTH = 80
_MAX_NAME = 24
_GAP = "  "


def status_lines(document: dict[str, Any]) -> list[str]:
    """The document of /v1/status."""
    return [
        *_service(document["service"]),
        "",
        *_processes(document["processes"]),
        "",
        *_venues(document["venues"]),
        "",
        *_books(document["books"]),
        *_sessions(document["sessions"]),
        *_controls(document["controls"]),
        *_positions(document["positions"]),
    ]


def control_lines(controls: dict[str, Any]) -> list[str]:
    """A line or two for each control in force, stops first; none if nothing is stopped or set."""
    lines = [
        *_scoped(controls, lambda stop: "stopped"),
        *(
            _sentence(f"{symbol}: market state held at {held['state']}", held)
            for symbol, held in controls["market_states"].items()
        ),
        *_scoped(controls["models"], lambda forced: f"expiry model {forced['model']} forced"),
    ]
    return [line for text in lines for line in _wrapped(text)]


def _scoped(controls: dict[str, Any], what: Any) -> Iterator[str]:
    if controls["all"]:
        yield _sentence(f"all: {what(controls['all'])}", controls["all"])
    for kind in ("instruments", "clients"):
        for name, control in controls[kind].items():
            yield _sentence(f"{kind[:-1]} {name}: {what(control)}", control)


def _sentence(text: str, control: dict[str, Any]) -> str:
    since = f" since {moment(control['since'])}" if control["since"] else ""
    return text + since + (f" ({control['reason']})" if control["reason"] else "")


def _service(service: dict[str, Any]) -> list[str]:
    configuration = service["configuration"]
    state = "ready" if service["ready"] else f"NOT READY ({', '.join(service['failing'])})"
    return [
        f"quotelife {service['version']}: {state}, since {moment(service['since'])} UTC",
        *_wrapped(
            f"configuration {configuration['version']} ({configuration['hash'][:16]}) since "
            f"{moment(configuration['since'])}: {configuration['file']}"
        ),
    ]


def _processes(processes: list[dict[str, Any]]) -> list[str]:
    def state(process: dict[str, Any]) -> str:
        return "ready" if process["ready"] else "starting" if process["pid"] else "DOWN"

    rows = [
        (p["name"], str(p["pid"] or "-"), state(p), moment(p["since"]) if p["since"] else "-", str(p["restarts"]))
        for p in processes
    ]
    return _table(("PROCESS", "PID", "STATE", "SINCE", "RESTARTS"), rows)


def _venues(venues: list[dict[str, Any]]) -> list[str]:
    states = {True: "up", False: "DOWN", None: "NOT KNOWN"}
    rows = [(v["name"], states[v["up"]], _or_never(v["since"]), _or_never(v["last_message"])) for v in venues]
    return _table(("VENUE", "STATE", "SINCE", "LAST MESSAGE"), rows)


def _books(books: dict[str, Any] | None) -> list[str]:
    if books is None:
        return []
    lines = [f"{books['quotable']} of {books['of']} instruments can be quoted"]
    for other in books.get("others", []):
        since = f"since {moment(other['since'])}" if other["since"] else "its venue was never logged on"
        lines.append(f"  {_cut(other['instrument'])}: {other['status'].replace('_', ' ')}, {since}")
    if books.get("not_named"):
        lines.append(f"  and {books['not_named']} more")
    return [*lines, ""]


def _sessions(sessions: list[dict[str, Any]]) -> list[str]:
    up = [s["name"] for s in sessions if s["up"]]
    lines = [f"{len(up)} of {len(sessions)} client sessions are logged on"]
    if up:
        lines += _wrapped(f"  up: {', '.join(up)}")
    if len(up) < len(sessions):
        lines += _wrapped(f"  down: {', '.join(s['name'] for s in sessions if not s['up'])}")
    return [*lines, ""]


def _controls(controls: dict[str, Any]) -> list[str]:
    lines = control_lines(controls)
    return ["STOPPED OR SET BY THE DESK", *(f"  {line}" for line in lines), ""] if lines else []


def _positions(positions: dict[str, Any]) -> list[str]:
    held = positions["positions"]
    if not held:
        return ["no positions"]
    rows = [
        (p["symbol"], p["position"], _number(p["average_price"]), _number(p["mark"]), _number(_result(p))) for p in held
    ]
    return _table(("POSITION", "QUANTITY", "AVERAGE", "MID", "RESULT"), rows, right=(1, 2, 3, 4))


def _result(position: dict[str, Any]) -> float | None:
    """Realised and, where there is a mid, marked."""
    return float(position["realised"] + (position["marked"] or 0.0))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.8g}"


def _or_never(time: str | None) -> str:
    return moment(time) if time else "never"


def moment(time: str) -> str:
    """A UTCTimestamp to the second, as people write it."""
    return f"{time[:4]}-{time[4:6]}-{time[6:8]} {time[9:17]}"


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_NAME else f"{text[: _MAX_NAME - 1]}…"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    cells = [head, *([_cut(cell) for cell in row] for row in rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(head))]

    def line(row: Sequence[str]) -> str:
        aligned = (c.rjust(w) if n in right else c.ljust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True)))
        return _GAP.join(aligned).rstrip()

    return [line(row) for row in cells]


def _wrapped(text: str) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip()))
    return textwrap.wrap(
        text.strip(), WIDTH - 2, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False
    )
