"""Results as a table on the terminal and as Markdown."""

import re

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from quotelife_bench import figures
from quotelife_bench.figures import Figure, Results, Topic
from quotelife_bench.spread import Spread

_TABLE = re.compile(r"^\| ([^|\n]+?) \|.*\n(?:\|.*\n)*", re.MULTILINE)
_WORDS = {True: "met", False: "**not met**", None: ""}


def show(console: Console, topic: Topic) -> None:
    """Print the topic's table, counts, notes and problems."""
    console.print(f"\n[bold]{escape(topic.title)}[/]", highlight=False, soft_wrap=True)
    for each in topic.tables:
        _show_table(console, each)
    baselines = _baselines(topic)
    table = Table("", "quotelife", *baselines, "ratio", "target", "", box=None, pad_edge=False)
    for f in topic.figures:
        met = {True: "[green]met[/]", False: "[red]not met[/]", None: ""}[f.met]
        table.add_row(*map(escape, _cells(f, baselines)), met)
    console.print(table, highlight=False)
    if topic.counts:
        console.print(", ".join(f"{name} {n:,}" for name, n in topic.counts.items()), highlight=False, soft_wrap=True)
    for note in topic.notes:
        console.print(escape(note), highlight=False, soft_wrap=True)
    for problem in topic.problems:
        console.print(f"[red]{escape(problem)}[/]", highlight=False, soft_wrap=True)


def _show_table(console: Console, shown: figures.Table) -> None:
    table = Table(escape(shown.title), *map(escape, shown.columns), box=None, pad_edge=False)
    for side, cells in shown.rows.items():
        table.add_row(escape(side), *map(_median, cells))
    console.print(table, highlight=False)


def markdown(results: Results, plots: str | None = None) -> str:
    """A section with a table for each bench; figures are medians over the repeats with minimum and maximum.

    `plots` is the folder of the charts, relative to the file.
    """
    parts = [
        "# Benchmark results\n",
        f"`{results.command}`, {results.seconds / 60:.1f} minutes.\n",
        f"Machine: {results.machine}.\n",
        f"Conditions: {results.conditions}.\n",
    ]
    for topic in results.topics:
        parts.append(f"## {topic.topic}: {topic.title}\n")
        parts += [f"{markdown_table(table)}\n" for table in topic.tables]
        parts += [f"{_markdown_figures(topic)}\n"] if topic.figures else []
        if topic.counts:
            parts.append("Counts: " + ", ".join(f"{name} {n:,}" for name, n in topic.counts.items()) + ".\n")
        parts += [f"{note}.\n" for note in topic.notes]
        if plots is not None:
            parts += [f"![{chart.title}]({plots}/{chart.name}.png)\n" for chart in topic.charts]
        parts += [f"**{problem}**\n" for problem in topic.problems]
    return "\n".join(parts)


def markdown_table(table: figures.Table) -> str:
    """Medians over the repeats."""
    lines = ["| " + " | ".join([table.title, *table.columns]) + " |", "|---" * (1 + len(table.columns)) + "|"]
    lines += [f"| {' | '.join([side, *map(_median, cells)])} |" for side, cells in table.rows.items()]
    return "\n".join(lines)


def replace_tables(page: str, results: Results) -> str:
    """The page with each of its tables of sides, known by the first cell of its heading, as measured by this run."""
    fresh = {table.title: markdown_table(table) for topic in results.topics for table in topic.tables}

    def measured(found: re.Match[str]) -> str:
        return f"{fresh[found[1]]}\n" if found[1] in fresh else found[0]

    return _TABLE.sub(measured, page)


def _median(cell: Spread) -> str:
    return number(cell.median)


def _markdown_figures(topic: Topic) -> str:
    baselines = _baselines(topic)
    lines = ["| " + " | ".join(["", "quotelife", *baselines, "ratio", "target", ""]) + " |"]
    lines.append("|---" * (5 + len(baselines)) + "|")
    lines += [f"| {' | '.join((*_cells(f, baselines), _WORDS[f.met]))} |" for f in topic.figures]
    return "\n".join(lines)


def _baselines(topic: Topic) -> list[str]:
    return list(dict.fromkeys(name for f in topic.figures for name in f.beside))


def _cells(f: Figure, baselines: list[str]) -> list[str]:
    beside = [text(f.beside[name]) if name in f.beside else "" for name in baselines]
    name = f"{f.name}, {f.unit}" if f.unit else f.name
    return [name, text(f.ours), *beside, text(f.ratio) if f.ratio else "", f.target]


def text(s: Spread) -> str:
    """The median, and minimum to maximum if they differ."""
    if number(s.least) == number(s.most):
        return number(s.median)
    return f"{number(s.median)} ({number(s.least)} to {number(s.most)})"


def number(value: float) -> str:
    """A number with three significant digits."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
