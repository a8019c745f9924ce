"""Charts of the reports as Plotly figures: plain documents, which `quotelife.report.page` embeds.

Colours are tokens, `@0` to `@7` for series and `@text`, `@grid`, `@faint`, `@paper` for the rest: the page replaces
them by those of its light or dark scheme. The series colours are told apart by colour-blind eyes as well, and every
series also has a marker and a dash of its own, so that no line hides another.
"""

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import Any, Literal, NamedTuple

from msgspec import Struct

MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "star", "triangle-down", "cross")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "5px,2px,1px,2px", "2px,4px")
N_STYLES = len(MARKERS)
INTERVAL = "95 % interval"
_ROW_PX, _BAR_PX, _AXIS_PX, _HEIGHT_PX, _LEGEND_PX = 38, 24, 96, 380, 20
_NAME_WIDTH = 30  # characters of a line of a row's name
_APART = 0.012  # of the width: intervals at the same place stand beside each other
Emphasis = Literal["answer", "plain", "reference"]


class Chart(Struct, frozen=True):
    """A Plotly figure with what the page says about it. `height` is in px; `wide` charts get a row of their own."""

    title: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]
    note: str = ""
    height: int = _HEIGHT_PX
    wide: bool = False


class Measured(NamedTuple):
    """A named value with its interval, None where there is none. A reference is drawn hollow: it is no candidate."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    hover: str = ""
    emphasis: Emphasis = "plain"


class Series(NamedTuple):
    """Named points, drawn as a line with markers, or as markers alone. `low` and `high` are ends of intervals, `style`
    the number of colour, marker and dash; its position among the series if None."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float | None] | None = None
    high: Sequence[float | None] | None = None
    line: bool = True
    markers: bool = True
    hover: Sequence[str] | None = None
    style: int | None = None


class Axis(NamedTuple):
    """The title of an axis, with its unit, and its scale. `percent` axes show shares of 0 to 1."""

    title: str
    log: bool = False
    percent: bool = False
    ticks: Sequence[float] | None = None
    zero: bool = False  # the axis begins at zero
    labels: Sequence[str] | None = None  # of the ticks, whose values then have no meaning


def intervals(
    title: str,
    axis: Axis,
    rows: Sequence[Measured],
    note: str = "",
    *,
    between: str = INTERVAL,
    digits: int = 4,
    wide: bool = False,
) -> Chart:
    """Values with intervals as points, one row each, the first on top; the answer in its own colour and marker."""
    data = []
    for emphasis, style in (("plain", 0), ("answer", 1), ("reference", 6)):
        chosen = [row for row in rows if row.emphasis == emphasis]
        if not chosen:
            continue
        symbol = MARKERS[0] if emphasis == "plain" else "diamond" if emphasis == "answer" else "square-open"
        known = [row._replace(low=row.value, high=row.value) if row.low is None else row for row in chosen]
        data.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "x": [row.value for row in chosen],
                "y": [row.name for row in chosen],
                "text": [number(row.value, digits, axis.percent) for row in chosen],
                "textposition": "top center",
                "textfont": {"size": 11, "color": "@text"},
                "cliponaxis": False,
                "marker": {"size": 11 if emphasis == "answer" else 9, "symbol": symbol, "color": f"@{style}"},
                "error_x": _errors(
                    [row.value for row in chosen], [r.low for r in known], [r.high for r in known], style
                ),
                "customdata": [[_between(row, between, digits, axis.percent), row.hover] for row in chosen],
                "hovertemplate": "<b>%{y}</b><br>%{text}<br>%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
                "showlegend": False,
            }
        )
    layout = _layout(axis, Axis(""), legend=False)
    layout["yaxis"] |= _rows([row.name for row in rows]) | {"range": [-0.6, len(rows) - 0.35]}
    layout["xaxis"] |= {"zeroline": True, "zerolinewidth": 2, "zerolinecolor": "@faint"}
    return Chart(title, data, layout, note, _AXIS_PX + _ROW_PX * len(rows), wide)


def lines(
    title: str,
    x: Axis,
    y: Axis,
    series: Sequence[Series],
    note: str = "",
    *,
    diagonal: bool = False,
) -> Chart:
    """Series over common axes; `diagonal` adds the line of equal values. Logarithmic axes omit what is not positive."""
    data: list[dict[str, Any]] = []
    places = _apart(x, series)
    if diagonal:
        values = [v for s in series for v in (*s.x, *s.y) if v > 0 or not (x.log or y.log)]
        ends = [min(values), max(values)] if values else [0.0, 1.0]
        data.append(
            {"type": "scatter", "mode": "lines", "x": ends, "y": ends, "name": "as predicted", "hoverinfo": "skip"}
            | {"line": {"color": "@faint", "dash": "dot", "width": 1.5}}
        )
    for n, s in enumerate(series):
        data.append(_line(s, places[n], n if s.style is None else s.style, x, y))
    height = _HEIGHT_PX + _LEGEND_PX * len(series)
    return Chart(title, data, _layout(x, y, legend=len(series) > 1), note, height)


def _apart(axis: Axis, series: Sequence[Series]) -> list[list[float]]:
    """Where the points of each series are drawn: those with intervals beside each other, so that none hides another."""
    if len(series) < 2 or all(s.low is None for s in series):
        return [list(s.x) for s in series]
    values = [float(v) for s in series for v in s.x if v > 0 or not axis.log]
    if not values:
        return [list(s.x) for s in series]
    scale = [math.log10(v) for v in values] if axis.log else values
    step = _APART * (max(scale) - min(scale))
    shifts = [(n - (len(series) - 1) / 2) * step for n in range(len(series))]
    if axis.log:
        return [[v * 10**shift for v in s.x] for s, shift in zip(series, shifts, strict=True)]
    return [[v + shift for v in s.x] for s, shift in zip(series, shifts, strict=True)]


def _line(s: Series, places: list[float], style: int, x: Axis, y: Axis) -> dict[str, Any]:
    style %= N_STYLES
    mode = "+".join(part for part, drawn in (("lines", s.line), ("markers", s.markers)) if drawn)
    drawn: dict[str, Any] = {
        "type": "scatter",
        "mode": mode,
        "name": s.name,
        "x": places,
        "y": list(s.y),
        "marker": {"size": 8, "symbol": MARKERS[style], "color": f"@{style}"},
        "line": {"color": f"@{style}", "dash": DASHES[style], "width": 2},
        "customdata": [[_value(v, x), ""] for v in s.x],
        "hovertemplate": f"<b>{_plain(s.name)}</b><br>{_plain(x.title)}: %{{customdata[0]}}"
        f"<br>{_plain(y.title)}: %{{y{_format(y)}}}",
    }
    if s.low is not None and s.high is not None:
        drawn["error_y"] = _errors(s.y, s.low, s.high, style)
        for each, low, high in zip(drawn["customdata"], s.low, s.high, strict=True):
            each[1] = ends(low, high, percent=y.percent)
        drawn["hovertemplate"] += f"<br>{INTERVAL}: %{{customdata[1]}}"
    if s.hover is not None:
        drawn["text"] = list(s.hover)
        drawn["hovertemplate"] += "<br>%{text}"
    drawn["hovertemplate"] += "<extra></extra>"
    return drawn


def bars(title: str, axis: Axis, rows: Sequence[Measured], note: str = "", *, digits: int = 4) -> Chart:
    """Horizontal bars, the first on top; negative ones are hatched and of another colour."""
    negative = [row.value < 0 for row in rows]
    bar: dict[str, Any] = {
        "type": "bar",
        "orientation": "h",
        "x": [row.value for row in rows],
        "y": [row.name for row in rows],
        "marker": {
            "color": ["@1" if below else "@0" for below in negative],
            "pattern": {"shape": ["/" if below else "" for below in negative], "fgcolor": "@paper"},
        },
        "customdata": [[number(row.value, digits, axis.percent), row.hover] for row in rows],
        "hovertemplate": "<b>%{y}</b><br>%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
        "showlegend": False,
    }
    if any(row.low is not None for row in rows):
        low, high = ([end if end is not None else row.value for row, end in zip(rows, ends, strict=True)]
                     for ends in ([row.low for row in rows], [row.high for row in rows]))  # fmt: skip
        bar["error_x"] = _errors(bar["x"], low, high, 7)
    layout = _layout(axis, Axis(""), legend=False)
    layout["yaxis"] |= _rows([row.name for row in rows])
    layout["xaxis"] |= {"zeroline": True, "zerolinewidth": 2, "zerolinecolor": "@faint"}
    return Chart(title, [bar] if rows else [], layout, note, _AXIS_PX + _BAR_PX * len(rows))


def number(value: float | None, digits: int = 4, percent: bool = False) -> str:
    """A value as text, a share as per cent; a dash for None."""
    if value is None:
        return "–"
    return f"{value:.{max(digits - 2, 0)}%}" if percent else f"{value:.{digits}f}"


def ends(low: float | None, high: float | None, digits: int = 4, percent: bool = False) -> str:
    """An interval as text; a dash if it is not known."""
    if low is None or high is None:
        return "–"
    return f"{number(low, digits, percent)} to {number(high, digits, percent)}"


def _between(row: Measured, between: str, digits: int, percent: bool) -> str:
    if row.low is None or row.high is None:
        return f"{between}: not known"
    return f"{between}: {ends(row.low, row.high, digits, percent)}"


def _errors(
    values: Sequence[float], low: Sequence[float | None], high: Sequence[float | None], style: int
) -> dict[str, Any]:
    """Bars from `low` to `high` around the values; none where an end is not known."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [0.0 if end is None else max(end - v, 0.0) for v, end in zip(values, high, strict=True)],
        "arrayminus": [0.0 if end is None else max(v - end, 0.0) for v, end in zip(values, low, strict=True)],
        "color": f"@{style}",
        "thickness": 2,
        "width": 5,
    }


def _value(value: float, axis: Axis) -> str:
    if axis.labels is not None and axis.ticks is not None:
        return axis.labels[list(axis.ticks).index(value)]
    return f"{value:.2%}" if axis.percent else f"{value:g}"


def _rows(names: Sequence[str]) -> dict[str, Any]:
    """The axis of named rows, the first on top; long names have several lines."""
    broken = ["<br>".join(wrap(name, _NAME_WIDTH)) or name for name in names]
    return {
        "categoryorder": "array",
        "categoryarray": list(reversed(names)),
        "tickmode": "array",
        "tickvals": list(names),
        "ticktext": broken,
        "tickfont": {"size": 12},
        "title": {},
    }


def _plain(text: str) -> str:
    """Text for a template of Plotly, which reads `%{` and tags."""
    return text.replace("%", "&#37;").replace("<", "&lt;").replace("{", "&#123;")


def _format(axis: Axis) -> str:
    return ":.2%" if axis.percent else ":.4~g"


def _layout(x: Axis, y: Axis, *, legend: bool) -> dict[str, Any]:
    return {
        "xaxis": _axis(x),
        "yaxis": _axis(y),
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}},
        "margin": {"l": 64, "r": 28, "t": 24, "b": 56},
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": "@paper", "bordercolor": "@faint", "font": {"color": "@text"}, "align": "left"},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "@text"},
        "paper_bgcolor": "@paper",
        "plot_bgcolor": "@paper",
    }


def _axis(axis: Axis) -> dict[str, Any]:
    made: dict[str, Any] = {
        "title": {"text": axis.title, "standoff": 10, "font": {"size": 13}},
        "type": "log" if axis.log else None,
        "gridcolor": "@grid",
        "linecolor": "@faint",
        "zerolinecolor": "@grid",
        "ticks": "outside",
        "tickcolor": "@faint",
        "automargin": True,
        "showline": True,
    }
    if axis.percent:
        made["tickformat"] = "~%"
    elif axis.log:
        made["tickformat"] = "~g"
        made["dtick"] = 1
    if axis.ticks is not None:
        made |= {"tickmode": "array", "tickvals": list(axis.ticks)}
        made["ticktext"] = list(axis.labels or (f"{tick:g}" for tick in axis.ticks))
        made.pop("dtick", None)
    if axis.zero:
        made["rangemode"] = "tozero"
    return {key: value for key, value in made.items() if value is not None}
