"""What is shipped for Prometheus and Grafana, without either running: rules and their tests, dashboards."""

import importlib.util
import json
import shutil
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.paths import ROOT

DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
GRAFANA = DEPLOY / "grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing: apt-get install prometheus"
)


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "alerts.yml"),
        ("check", "config", "--syntax-only", "prometheus.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_accepts(arguments):
    done = subprocess.run(["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_alert_is_tested_both_ways():
    """Calm at one time, firing at another."""
    tested = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    cases = [case for test in tested for case in test["alert_rule_test"]]
    fires = {case["alertname"] for case in cases if case.get("exp_alerts")}
    calm = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    assert fires == calm == {rule["alert"] for rule in alerts()}


def test_prometheus_reads_the_rules_and_the_token():
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert [(PROMETHEUS / name).is_file() for name in config["rule_files"]] == [True]
    [job] = config["scrape_configs"]
    assert job["authorization"]["credentials_file"] == "/run/secrets/admin_token"


@pytest.fixture
def generator(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(GRAFANA))
    spec = importlib.util.spec_from_file_location("grafana_dashboards", GRAFANA / "dashboards.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("panel", "desk", "operations"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return module


def test_the_dashboards_are_what_their_generator_writes(generator):
    assert [path.stem for path in DASHBOARDS] == sorted(generator.DASHBOARDS)
    for path in DASHBOARDS:
        assert path.read_text() == generator.text(path.stem), f"run: python {GRAFANA / 'dashboards.py'}"


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_do_not_overlap_and_use_the_provisioned_source(path):
    board = json.loads(path.read_text())
    source = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"][0]
    [variable] = [v for v in board["templating"]["list"] if v["type"] == "datasource"]
    assert variable["current"]["value"] == source["uid"] and variable["query"] == source["type"]
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
