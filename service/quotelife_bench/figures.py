"""Results of a bench, in one form for the tables, the JSON file, the plots and the README."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from quotelife_bench.machine import Conditions, Machine
from quotelife_bench.spread import Spread, spread

Limit = tuple[Literal["at most", "at least"], float, Literal["times", "absolute"]]


class Figure(msgspec.Struct, kw_only=True):
    """One line of a table: the service's figure, the baselines' figures of the same run, and the ratio to the first
    baseline, computed per repeat. `met` is None without a target."""

    name: str
    unit: str
    ours: Spread
    beside: dict[str, Spread] = msgspec.field(default_factory=dict)
    ratio: Spread | None = None
    target: str = ""
    met: bool | None = None


class Table(msgspec.Struct, kw_only=True):
    """Figures side by side: for each row, a side, a figure per column."""

    title: str
    columns: list[str]
    rows: dict[str, list[Spread]]


class Chart(msgspec.Struct, kw_only=True):
    """A plot; `lines` holds lists of (x, y) by name."""

    name: str
    title: str
    x: str
    y: str
    log_x: bool = False
    log_y: bool = False
    labels: list[str] = msgspec.field(default_factory=list)  # of x = 0, 1, 2 ...
    lines: dict[str, list[tuple[float, float]]]


class Topic(msgspec.Struct, kw_only=True):
    """One bench. `counts` are for checking that nothing was lost; any of `problems` makes the command fail."""

    topic: str
    title: str
    figures: list[Figure]
    tables: list[Table] = msgspec.field(default_factory=list)
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    problems: list[str] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)
    charts: list[Chart] = msgspec.field(default_factory=list)


class Results(msgspec.Struct, kw_only=True):
    """A complete run of the command."""

    command: str
    machine: Machine
    conditions: Conditions
    seconds: float
    topics: list[Topic]


def counted(n: int, what: str) -> str:
    """A number with its noun: "1 session", "1,000 instruments"."""
    return f"{n:,} {what}{'s' if n > 1 else ''}"


def figure(
    name: str,
    unit: str,
    ours: Sequence[float],
    beside: dict[str, Sequence[float]] | None = None,
    limit: Limit | None = None,
) -> Figure:
    """A line from the repeats of each side, paired by repeat.

    `limit` is the target for the median of the ratio to the first baseline ("times") or of the figure itself.
    """
    beside = beside or {}
    ratios = [o / b for o, b in zip(ours, next(iter(beside.values())), strict=True) if b] if beside else []
    found = Figure(
        name=name,
        unit=unit,
        ours=spread(ours),
        beside={side: spread(figures) for side, figures in beside.items()},
        ratio=spread(ratios) if ratios else None,
    )
    if limit is not None:
        direction, value, kind = limit
        checked = found.ratio if kind == "times" else found.ours
        found.target = f"{direction} {value:,g} {'times' if kind == 'times' else unit}".rstrip()
        if checked is not None:
            found.met = checked.median <= value if direction == "at most" else checked.median >= value
    return found
