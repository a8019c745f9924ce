"""The furniture of every report's page: provenance, tables, charts, light and dark colours, all in one HTML file.

A page loads nothing: Plotly's code (package `plotly`) is in it once. Without that package the page has its tables, and
says what is missing.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from importlib.util import find_spec
from typing import NamedTuple

import msgspec

from quotelife.config.extras import missing
from quotelife.report.charts import Chart
from quotelife.report.provenance import DataFile, Provenance

SHOWN = 8  # rows of a table before the fold
_NOT_WORTH_A_FOLD = 2  # rows more
# by token: text, lines and paper, then the series. Okabe and Ito's colours, each with a contrast of 3 to its paper.
SCHEMES = {
    "light": {
        "text": "#16191d", "paper": "#ffffff", "grid": "#e6e9ec", "faint": "#8a929a", "0": "#0072b2", "1": "#d55e00",
        "2": "#00875f", "3": "#9b3f86", "4": "#8f6b00", "5": "#1f8fc4", "6": "#5d646b", "7": "#16191d",
    },
    "dark": {
        "text": "#e6e8ea", "paper": "#14171a", "grid": "#2b3036", "faint": "#79818a", "0": "#56b4e9", "1": "#ff8a3d",
        "2": "#2fc9a0", "3": "#e592cf", "4": "#f0c541", "5": "#a9d4f5", "6": "#a4abb3", "7": "#e6e8ea",
    },
}  # fmt: skip
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:"
_FILES_SHOWN = 4


class Column(NamedTuple):
    """The heading of a column, and the unit of its values."""

    head: str
    unit: str = ""


class Table(NamedTuple):
    """A table in a fold."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


class Page:
    """Collects the parts of a page in their order; `html` is the document."""

    def __init__(self, title: str, origin: Provenance) -> None:
        self.title, self._origin = title, origin
        self._parts: list[str] = []
        self._figures: list[Chart] = []
        self._without_charts = False

    def heading(self, text: str, level: int = 2) -> None:
        self._parts.append(f"<h{level}>{escape(text)}</h{level}>")

    def text(self, text: str, style: str = "") -> None:
        """A paragraph; `style` is lead, note or nothing."""
        self._parts.append(f"<p{f' class={style}' if style else ''}>{escape(text)}</p>")

    def points(self, texts: Iterable[str]) -> None:
        """A list of sentences."""
        self._parts.append(f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>")

    def charts(self, *charts: Chart | None, narrow: bool = False) -> None:
        """Charts beside each other where there is room, `narrow` ones three from 1280 px on; those without data are
        left out."""
        shown = [chart for chart in charts if chart is not None and chart.data]
        if shown and not can_draw():
            self._without_charts = True
            return
        drawn = [self._figure(chart) for chart in shown]
        if drawn:
            kind = '"charts narrow"' if narrow else "charts"
            self._parts.append(f"<div class={kind}>{''.join(drawn)}</div>")

    def table(
        self,
        columns: Sequence[Column],
        rows: Sequence[Sequence[str]],
        *,
        best: int | None = None,
        every: str = "all rows",
        shown: int = SHOWN,
    ) -> None:
        """A table; `best` is the number of the row that answers, which is marked. Beyond `shown` rows the whole table
        is in a fold with the name `every`."""
        if len(rows) <= shown + _NOT_WORTH_A_FOLD:
            shown = len(rows)
        self._parts.append(_table(columns, rows[:shown], best) if rows else "<p class=note>None.</p>")
        if len(rows) > shown:
            self.fold(f"{every[:1].upper()}{every[1:]} ({len(rows)})", _table(columns, rows, best))

    def fold(self, summary: str, content: str) -> None:
        """HTML that is shown on demand."""
        self._parts.append(f"<details><summary>{escape(summary)}</summary>{content}</details>")

    def folded(self, summary: str, *tables: Table) -> None:
        """Tables that are shown on demand, each with its title; those without rows are left out."""
        shown = [each for each in tables if each.rows]
        if shown:
            content = [f"<h4>{escape(each.title)}</h4>{_table(each.columns, each.rows, None)}" for each in shown]
            self.fold(summary, "".join(content))

    def html(self) -> str:
        problem = f"Without charts: {missing('plotly')}."
        absent = f"<p class=note>{escape(problem)}</p>" if self._without_charts else ""
        script = f"<script>{_plotly()}</script>" if self._figures else ""
        content = {"figures": [_document(chart) for chart in self._figures], "schemes": SCHEMES}
        # no "<" in a script: nothing in the data can end it
        data = msgspec.json.encode(content).decode().replace("<", "\\u003c")
        return (
            "<!doctype html><html lang=en data-scheme=light><head><meta charset=utf-8>"
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            '<meta name=viewport content="width=device-width,initial-scale=1">'
            '<meta name=color-scheme content="light dark">'
            f"<title>{escape(self.title)}</title><style>{_static('report.css')}</style></head><body>"
            f"<header><h1>{escape(self.title)}</h1><button id=scheme type=button hidden></button></header>"
            f"{_provenance(self._origin)}{absent}<main>{''.join(self._parts)}</main>{script}"
            f"<script type=application/json id=figures>{data}</script><script>{_static('report.js')}</script>"
            "</body></html>\n"
        )

    def _figure(self, chart: Chart) -> str:
        self._figures.append(chart)
        note = f"<p>{escape(chart.note)}</p>" if chart.note else ""
        number = len(self._figures) - 1
        return (
            f"<figure{' class=wide' if chart.wide else ''}>"
            f"<figcaption><h3>{escape(chart.title)}</h3>{note}</figcaption>"
            f'<div data-figure={number} role=img aria-label="{escape(chart.title)}" style="height:{chart.height}px">'
            "</div></figure>"
        )


def can_draw() -> bool:
    """Whether the package is there that draws the charts."""
    return find_spec("plotly") is not None


def _document(chart: Chart) -> dict[str, object]:
    return {"data": chart.data, "layout": chart.layout}


def _table(columns: Sequence[Column], rows: Sequence[Sequence[str]], best: int | None) -> str:
    heads = "".join(
        f"<th scope=col>{escape(head)}{f'<span class=unit>{escape(unit)}</span>' if unit else ''}"
        for head, unit in columns
    )
    lines = "".join(
        f"<tr{' class=best' if n == best else ''}>" + "".join(f"<td>{escape(cell)}" for cell in row)
        for n, row in enumerate(rows)
    )
    return f"<div class=scroll tabindex=0><table><thead><tr>{heads}<tbody>{lines}</table></div>"


def _provenance(origin: Provenance) -> str:
    source = f"quotelife {origin.version}{f', revision {origin.git}' if origin.git else ', revision not known'}"
    facts = [
        ("command", f"<code>{escape(origin.command)}</code>"),
        ("version", escape(source)),
        ("created", escape(origin.created)),
        ("machine", escape(f"{origin.cores} cores, {origin.machine}")),
        ("data", _data(origin.data)),
    ]
    return (
        f"<div class=provenance><dl>{''.join(f'<dt>{name}</dt><dd>{value}</dd>' for name, value in facts)}</dl></div>"
    )


def _data(read: Sequence[DataFile]) -> str:
    lines = [f"{escape(each.name)}, {_size(each)}, <code>sha256 {each.sha256}</code>" for each in read]
    if len(lines) <= _FILES_SHOWN:
        return "<br>".join(lines) or "none"
    return f"<details><summary>{len(lines)} files with their hashes</summary>{'<br>'.join(lines)}</details>"


def _size(read: DataFile) -> str:
    if read.rows is not None:
        return f"{read.rows} rows read"
    return f"{(read.bytes or 0) / 1e6:.1f} MB"


def _static(name: str) -> str:
    return files("quotelife.report").joinpath("static", name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())
