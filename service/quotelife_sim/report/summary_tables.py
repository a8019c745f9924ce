"""Prints the summary of a simulation as tables."""

from typing import Any

from rich.console import Console
from rich.table import Table

from quotelife_models.enums import MODELS

_NAMES = {
    **{name.upper(): name.replace("_", " ").title() for name in MODELS},
    "patient": "patient clients",
    "ordinary": "ordinary clients",
    "sniper": "snipers",
}


def print_summary(console: Console, summary: dict[str, Any], with_fixed: bool = True) -> None:
    """Print the table by expiry model, with `with_fixed` that of the fixed expiry for all, and a legend."""
    refused = sum(summary["refusals"].values())
    console.print(
        f"\n{summary['requests']} requests: {summary['quotes']} quoted, {refused} refused"
        f"{_codes(summary['refusals'])}, {summary['unanswered']} unanswered, {summary['open']} still open"
        f"\n{_ends(summary['all']['ends'])}; hits refused: {_refused_hits(summary['refused_hits'])}"
    )
    if not summary["quotes"]:
        return
    console.print(_models(summary))
    if with_fixed:
        console.print(_comparison(summary))
    console.print(
        "Fill rate: share of quotes that were filled. Expired: not hit before ValidUntilTime, or too late. Withdrawn: "
        "cancelled by the service. Served: share of filled requests among those whose client meant "
        "to deal. Picked off: filled when the market was already through the price. Markout: our gain in ticks per "
        "unit against the mid 1 s after the fill. Latency: from the scheduled sending to the quote, at the client. The "
        "behaviour of clients is an assumption; the market is the venue's tape, from which all results are computed "
        f"(actual outcomes agree with it for {_percent(summary['tape_agrees'])} of the quotes not withdrawn). "
        "Refused requests had no price and are in no column.",
        style="dim",
        highlight=False,
    )


def _models(summary: dict[str, Any]) -> Table:
    table = Table(title="By expiry model", title_justify="left", header_style="bold")
    headings = (
        "",
        "quotes",
        "lifetime ms p50 (p10-p90)",
        "fill rate",
        "expired",
        "withdrawn",
        "picked off",
        "markout",
        "latency us p50 / p99",
    )
    for name in headings:
        table.add_column(name, justify="left" if name == "" else "right")
    for name, group in [*summary["models"].items(), ("all", summary["all"])]:
        life, result, latency = group["lifetime_ms"], group["dynamic"], group["latency_us"]
        table.add_row(
            _NAMES.get(name, name),
            str(group["quotes"]),
            f"{life['p50']:.0f} ({life['p10']:.0f}-{life['p90']:.0f})",
            _percent(result["fill_rate"]),
            str(group["ends"]["expired"]),
            str(group["ends"]["withdrawn"]),
            str(result["picked_off"]),
            _ticks(result["markout_ticks"]),
            f"{latency['p50']:.0f} / {latency['p99']:.0f}",
            end_section=name != "all" and name == list(summary["models"])[-1],
        )
    return table


def _comparison(summary: dict[str, Any]) -> Table:
    fixed = f"{summary['fixed_ms'] / 1000:g} s"
    table = Table(title=f"The same quotes with a fixed expiry of {fixed}", title_justify="left", header_style="bold")
    table.add_column("")
    for measure in ("served", "picked off", "markout", "sum of markouts"):
        table.add_column(f"{measure}\nquotelife", justify="right")
        table.add_column(f"\n{fixed}", justify="right")
    groups = [*summary["clients"].items(), *summary["models"].items(), ("all", summary["all"])]
    for name, group in groups:
        ours, theirs = group["dynamic"], group["fixed"]
        table.add_row(
            _NAMES.get(name, name),
            _percent(ours["wanted_filled"]),
            _percent(theirs["wanted_filled"]),
            str(ours["picked_off"]),
            str(theirs["picked_off"]),
            _ticks(ours["markout_ticks"]),
            _ticks(theirs["markout_ticks"]),
            _ticks(ours["markout_total_ticks"]),
            _ticks(theirs["markout_total_ticks"]),
            end_section=name in (list(summary["clients"])[-1], list(summary["models"])[-1]),
        )
    return table


def _codes(refusals: dict[str, int]) -> str:
    if not refusals:
        return ""
    return " (" + ", ".join(f"reason {code}: {count}" for code, count in sorted(refusals.items())) + ")"


def _ends(ends: dict[str, int]) -> str:
    return "quotes: " + ", ".join(f"{count} {end}" for end, count in ends.items())


def _refused_hits(refused: dict[str, int]) -> str:
    """`3 (1 expired, 2 withdrawn)`: what had become of their quotes."""
    if not refused:
        return "0"
    named = (f"{n} {reason}" if not reason.isdigit() else f"{n} with reason {reason}" for reason, n in refused.items())
    return f"{sum(refused.values())} ({', '.join(named)})"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _ticks(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"
