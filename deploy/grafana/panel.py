"""A dashboard panel, declared in a few lines and rendered as Grafana's JSON model."""

from collections.abc import Iterator
from typing import Any, NamedTuple

HEIGHT = 8
RATE = "$__rate_interval"  # a variable that Grafana defines
SOURCE = {"type": "prometheus", "uid": "${source}"}


class Panel(NamedTuple):
    """One panel. `shown` are (expression, legend) pairs; a panel without any is a row title."""

    title: str
    shown: tuple[tuple[str, str], ...] = ()
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    about: str = ""
    limits: tuple[float, ...] = ()  # yellow above the first, red above the second


def quantiles(
    family: str, by: str, where: str = "", levels: tuple[float, ...] = (0.5, 0.99)
) -> tuple[tuple[str, str], ...]:
    """The quantiles of a histogram, one line per value of the label `by` (none if empty)."""
    grouped = f"le, {by}" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    return tuple(
        (
            f"histogram_quantile({q}, sum by ({grouped}) (rate({family}_bucket{{{where}}}[{RATE}])))",
            f"{legend}p{q * 100:g}",
        )
        for q in levels
    )


def rate(metric: str, by: str, where: str = "") -> tuple[tuple[str, str], ...]:
    return ((f"sum by ({by}) (rate({metric}{{{where}}}[{RATE}]))", f"{{{{{by}}}}}"),)


def placed(panels: tuple[Panel, ...]) -> Iterator[dict[str, Any]]:
    """Panels from left to right, with a new line when one does not fit."""
    x = y = 0
    for number, panel in enumerate(panels, 1):
        if not panel.shown:
            y += HEIGHT * (x > 0)
            x = 0
            yield {"id": number, "type": "row", "title": panel.title, "gridPos": _place(0, y, 24, 1), "panels": []}
            y += 1
            continue
        if x + panel.width > 24:
            x, y = 0, y + HEIGHT
        yield _panel(number, panel) | {"gridPos": _place(x, y, panel.width, HEIGHT)}
        x += panel.width


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    steps = [{"color": "green", "value": None}]
    if panel.kind == "stat" and panel.limits == (1,):  # up or down
        steps = [{"color": "red", "value": None}, {"color": "green", "value": 1}]
    else:
        colours = ("yellow", "red")
        steps += [{"color": c, "value": v} for c, v in zip(colours, panel.limits, strict=False)]
    defaults: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind == "timeseries":
        defaults["custom"] = {"lineWidth": 1, "fillOpacity": 8, "showPoints": "never"}
    options: dict[str, Any] = {}
    if panel.kind == "timeseries":
        options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    elif panel.kind == "stat":
        text = "name" if "build_info" in panel.shown[0][0] else "auto"
        options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "textMode": text, "graphMode": "none"}
    elif panel.kind == "heatmap":
        options = {"calculate": False, "yAxis": {"unit": panel.unit}, "color": {"scheme": "Oranges", "mode": "scheme"}}
    targets = [
        {
            "refId": chr(ord("A") + n),
            "datasource": SOURCE,
            "expr": expression,
            "legendFormat": legend,
            "format": "heatmap" if panel.kind == "heatmap" else "time_series",
        }
        for n, (expression, legend) in enumerate(panel.shown)
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": targets,
    }
