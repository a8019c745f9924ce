"""Prints the comparison with the best fixed lifetimes, and says in words where the service does not win."""

from typing import Any

from rich.console import Console
from rich.table import Table

_DESKS = {
    "fixed": "the best fixed lifetime per client",
    "withdrawn": "the same, withdrawn when the market is through the price",
    "retuned": "fixed lifetimes that were tuned with that withdrawal",
}


def print_baselines(console: Console, compared: dict[str, Any]) -> None:
    """Print a table with a row for each desk and client, and a sentence for each desk."""
    console.print(_table(compared))
    for name, desk in compared["desks"].items():
        console.print(verdict(_DESKS[name], compared["quotelife"], desk), highlight=False)
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
    return text + _losing_clients(ours["clients"], theirs["clients"])


def _losing_clients(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    lost = []
    for client, own in ours.items():
        other = theirs[client]
        if own["net_ticks"] < other["net_ticks"] - 5e-3:
            lost.append(f"{client} in net ({own['net_ticks']:+.2f} against {other['net_ticks']:+.2f})")
        if own["picked_off"] > other["picked_off"]:
            lost.append(f"{client} in pick-offs ({own['picked_off']} against {other['picked_off']})")
    return f" quotelife does not win with {', '.join(lost)}." if lost else ""


def _word(better: float, least: float) -> str:
    return "equal" if abs(better) < least else "better" if better > 0 else "WORSE"


def _table(compared: dict[str, Any]) -> Table:
    ours, desks = compared["quotelife"], compared["desks"]
    table = Table(title="The same quotes with the best fixed lifetime per client", title_justify="left")
    table.header_style = "bold"
    table.add_column("", no_wrap=True)
    for measure in ("net", "picked off"):
        table.add_column(f"{measure}\nquotelife", justify="right")
        for desk in desks:
            table.add_column(f"\n{desk}", justify="right")
    table.add_column("lifetime ms\nfixed", justify="right")
    table.add_column("\nretuned", justify="right")
    last = list(ours["clients"])[-1:]
    for client, own in [*ours["clients"].items(), ("all", ours)]:
        groups = [own, *(desk if client == "all" else desk["clients"][client] for desk in desks.values())]
        lifetimes = [desks[name]["lifetime_ms"].get(client) for name in ("fixed", "retuned")]
        table.add_row(
            client,
            *(_net(group) for group in groups),
            *(str(group["picked_off"]) for group in groups),
            *("" if ms is None else f"{ms:.0f}" for ms in lifetimes),
            end_section=client in last,
        )
    return table


def _net(figures: dict[str, Any]) -> str:
    return "-" if figures["net_ticks"] is None else f"{figures['net_ticks']:+.2f}"
