"""Writes the dashboards into `dashboards/`: run `python deploy/grafana/dashboards.py`. A test checks the files."""

import json
from pathlib import Path
from typing import Any

from desk import DESK, VARIABLES
from operations import OPERATIONS
from panel import placed

FOLDER = Path(__file__).with_name("dashboards")

DASHBOARDS = {
    "operations": ("quotelife: operations", OPERATIONS, []),
    "desk": ("quotelife: desk", DESK, VARIABLES),
}


def dashboard(name: str) -> dict[str, Any]:
    """Grafana's JSON model of a dashboard."""
    title, panels, variables = DASHBOARDS[name]
    source = {"name": "source", "label": "Source", "type": "datasource", "query": "prometheus", "hide": 2}
    return {
        "uid": f"quotelife-{name}",
        "title": title,
        "tags": ["quotelife"],
        "schemaVersion": 39,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "utc",
        "time": {"from": "now-15m", "to": "now"},
        "refresh": "5s",
        "links": [{"type": "dashboards", "title": "quotelife", "tags": ["quotelife"], "keepTime": True}],
        "templating": {"list": [source | {"current": {"text": "Prometheus", "value": "prometheus"}}, *variables]},
        "panels": list(placed(panels)),
    }


def text(name: str) -> str:
    """Contents of the dashboard's file."""
    return json.dumps(dashboard(name), indent=1) + "\n"


if __name__ == "__main__":
    for each in DASHBOARDS:
        (FOLDER / f"{each}.json").write_text(text(each))
