"""Prints the comparison with the best fixed lifetimes, and says in words where the service does not win."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

_ALL_DESKS_WIDTH = 112
_DESKS = {
    "fixed": "the best fixed lifetime per client",
    "withdrawn": "the same, withdrawn when the market is through the price",
    "retuned": "fixed lifetimes that were tuned with that withdrawal",
}


def print_baselines(console: Console, compared: dict[str, Any], recorded: Sequence[str] = ()) -> None:
    """Print a table with a row for each client and instrument, and a sentence for each desk. `recorded` are the
    instruments whose market is no generated one."""
    console.print(baseline_table(compared, recorded, console.width))
    for text in verdicts(compared):
        console.print(text, highlight=False, markup=False)
    tuned, us = compared["tuned_on"], compared["withdrawal_latency_us"]
    latency = f"{us:.0f} us after the market" if compared["latency_is_measured"] else f"assumed: {us:.0f} us"
    console.print(
        f"Tuned on {tuned['quotes']} requests of the {tuned['seconds']:.0f} s before the run, with the same behaviour "
        f"of the clients, for the highest net. Net: sum of the markouts, in ticks per quote. Through: the client could "
        f"close the trade in the market at once without a loss; such a quote is withdrawn with the latency of the "
        f"service's own withdrawals ({latency}). +/-: two standard errors, from blocks of 5 s.",
        style="dim",
        highlight=False,
    )


def verdicts(compared: dict[str, Any]) -> list[str]:
    """A sentence about each desk."""
    return [verdict(_DESKS[name], compared["quotelife"], desk) for name, desk in compared["desks"].items()]


def verdict(name: str, ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """One sentence: whether the service wins in net and in pick-offs, and for which clients it does not."""
    difference, error = theirs["difference_ticks"], theirs["difference_error_ticks"]
    if difference is None:
        return f"Against {name}: no quotes to compare."
    interval = f" +/- {2 * error:.2f}" if error is not None else ""
    net = _word(difference, 5e-3)
    if net != "equal" and error is not None and abs(difference) < 2 * error:
        net += ", but not significantly"
    fewer = theirs["picked_off"] - ours["picked_off"]
    text = (
        f"Against {name}: net {difference:+.2f}{interval} ticks per quote ({net}); "
        f"picked off {ours['picked_off']} times, not {theirs['picked_off']} ({_word(fewer, 0.5)})."
    )
    if fewer == 0:
        text = text.replace(f"times, not {theirs['picked_off']}", "times, as often as there")
    lost = [*_losing(ours, theirs, "clients"), *_losing(ours, theirs, "instruments")]
    return text + (f" quotelife does not win with {', '.join(lost)}." if lost else "")


def _losing(ours: dict[str, Any], theirs: dict[str, Any], by: str) -> list[str]:
    lost = []
    for name, own in ours[by].items():
        other = theirs[by][name]
        if own["net_ticks"] < other["net_ticks"] - 5e-3:
            lost.append(f"{name} in net ({own['net_ticks']:+.2f} against {other['net_ticks']:+.2f})")
        if own["picked_off"] > other["picked_off"]:
            lost.append(f"{name} in pick-offs ({own['picked_off']} against {other['picked_off']})")
    return lost


def _word(better: float, least: float) -> str:
    return "equal" if abs(better) < least else "better" if better > 0 else "WORSE"


def baseline_table(compared: dict[str, Any], recorded: Sequence[str], width: int) -> Table:
    """A row for each client, each instrument, and all: net per quote and pick-offs of every desk, or of the first one
    where a terminal of `width` characters has no room for more."""
    ours, desks = compared["quotelife"], dict(compared["desks"])
    if width < _ALL_DESKS_WIDTH:
        desks = {"fixed": desks["fixed"]}
    title = "The same quotes with the best fixed lifetime per client"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    table.header_style = "bold"
    table.add_column("", no_wrap=True)
    table.add_column("\nquotes", justify="right")
    for measure in ("net", "picked off"):
        table.add_column(f"{measure}\nquotelife", justify="right")
        for desk in desks:
            table.add_column(f"\n{desk}", justify="right")
    tuned = [desk for desk in ("fixed", "retuned") if desk in desks]
    for n, desk in enumerate(tuned):
        table.add_column(f"{'' if n else 'life ms'}\n{desk}", justify="right")
    for by in ("clients", "instruments"):
        names = list(ours[by])
        for name in names:
            groups = [ours[by][name], *(desk[by][name] for desk in desks.values())]
            lifetimes = [desks[desk]["lifetime_ms"].get(name) for desk in tuned]
            label = name if by == "clients" else f"{name}, {'recorded' if name in recorded else 'generated'}"
            table.add_row(*_row(label, groups, lifetimes), end_section=name == names[-1])
    table.add_row(*_row("all", [ours, *desks.values()], [None] * len(tuned)))
    return table


def _row(label: str, groups: Sequence[dict[str, Any]], lifetimes: Sequence[float | None]) -> list[str]:
    return [
        label,
        str(groups[0]["quotes"]),
        *(_net(group) for group in groups),
        *(str(group["picked_off"]) for group in groups),
        *("" if ms is None else f"{ms:.0f}" for ms in lifetimes),
    ]


def _net(figures: dict[str, Any]) -> str:
    return "-" if figures["net_ticks"] is None else f"{figures['net_ticks']:+.2f}"
