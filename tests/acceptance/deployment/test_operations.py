"""The compose file's topology, whole, with a real Prometheus: what the dashboards ask it, and what the alerts say."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

import pytest
import yaml

from quotelife_research.data import l3
from tests.acceptance import script
from tests.acceptance.client import Client
from tests.acceptance.topology import DEPLOY, Topology

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is missing: apt-get install prometheus"),
    pytest.mark.skipif(l3.find_sample() is None, reason="the order-book sample (ob-analytics) is not installed"),
]
CLIENTS = ("strategic", "ordinary", "sniper")
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
VARIABLES = {"$__rate_interval": "10s", "$window": "1m", "$model": ".*", "$tier": ".*", "$client": ".*"}
MODELS = {"client_priority", "risk_averse", "liquidity_provider"}


@pytest.fixture(scope="module")
def topology() -> Iterator[Topology]:
    """Everything started; it quotes, and the first markouts of ten seconds are known."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="quotelife-test-") as folder:
        running = Topology(Path(folder))
        try:
            running.start("venue", "quotelife", *CLIENTS, "prometheus")
            running.await_healthy("prometheus")
            running.until('sum(rate(quotelife_markouts_total{horizon="10s"}[10s])) > 0', 120)
            yield running
        finally:
            running.close()


def panels(path: Path) -> Iterator[tuple[str, str]]:
    for panel in json.loads(path.read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def substituted(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


def test_clients_get_quotes_and_fills(topology):
    assert {json.loads(k)["model"] for k, v in topology.query("quotelife_quotes_total > 0").items()} == MODELS
    up = topology.query("quotelife_client_session_up == 1")
    assert {json.loads(labels)["session"] for labels in up} == {"STRATEGIC", "ORDINARY", "SNIPER"}
    assert topology.query("sum(quotelife_fills_total)")["{}"] > 0


def test_histogram_quantiles_are_numbers(topology):
    for family, by in (
        ("quotelife_stage_seconds", "stage"),
        ("quotelife_lifetime_seconds", "model"),
        ("quotelife_pick_off_probability", "model"),
        ("quotelife_tick_to_board_seconds", "venue"),
        ("quotelife_ledger_seconds", "job"),
        ("quotelife_hit_response_seconds", "tier"),
    ):
        expression = f"histogram_quantile(0.5, sum by ({by}, le) (rate({family}_bucket[20s])))"
        middle = topology.until(expression)
        high = topology.query(expression.replace("0.5,", "0.99,"))
        assert all(0 < value < 10 for value in middle.values()), (family, middle)
        assert all(high[labels] >= value * 0.9 for labels, value in middle.items())
    stages = {
        json.loads(labels)["stage"] for labels in topology.query("sum by (stage) (quotelife_stage_seconds_count)")
    }
    assert stages == {"parse", "decide", "send", "whole"}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_panel_has_series(topology, path):
    """And nearly every one a number: 0 over 0 is not one, where nothing was refused or picked off."""
    numbers = {}
    for title, expression in panels(path):
        found = topology.query(substituted(expression))
        assert found, f"{title}: {expression} gives no series"
        numbers[title, expression] = any(isfinite(value) for value in found.values())
    assert len(numbers) > 15
    assert [named for named, is_number in numbers.items() if not is_number] == []


@pytest.mark.parametrize("name", ["model", "tier", "client"])
def test_dashboard_variables_have_values(topology, name):
    variables = json.loads((DEPLOY / "grafana" / "dashboards" / "desk.json").read_text())["templating"]["list"]
    [definition] = [v["definition"] for v in variables if v["name"] == name]
    match = re.fullmatch(r"label_values\((\w+), (\w+)\)", definition)
    assert match is not None
    values = topology.ask(f"/api/v1/label/{match[2]}/values", **{"match[]": match[1]})
    assert len(values) >= 3


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_metrics_of_alerts_and_dashboards_exist(topology):
    names = set(topology.ask("/api/v1/label/__name__/values"))
    asked = [rule["expr"] for rule in rules()] + [e for path in DASHBOARDS for _, e in panels(path)]
    wanted = {name for expression in asked for name in re.findall(r"quotelife_\w+", expression)}
    assert wanted - names == set()


def test_alerts_are_loaded_and_do_not_fire(topology):
    loaded = topology.ask("/api/v1/rules")["groups"]
    assert {rule["name"] for group in loaded for rule in group["rules"]} == {rule["alert"] for rule in rules()}
    assert {rule["health"] for group in loaded for rule in group["rules"]} == {"ok"}
    quiet = {"QuotelifeDown", "ProcessDown", "MarketDataSessionDown", "BooksNotLive", "NoQuotes", "RecorderDrops"}
    firing = {alert["labels"]["alertname"] for alert in topology.ask("/api/v1/alerts")["alerts"]}
    assert firing & quiet == set()


def test_external_oms_connects_to_the_published_port(topology):
    assert "127.0.0.1:9880:9880" in topology.file["services"]["quotelife"]["ports"]
    with Client(topology.acceptor_port, "EXTERNAL") as oms:
        oms.logon()
        oms.send("R", [(131, "mine"), (146, 1), (55, "BTC-USD"), (54, 1), (38, "0.05")])
        assert oms.receive("S", "AG")[131] == "mine"
    topology.until('quotelife_client_logons_total{session="EXTERNAL"} > 0')
    topology.until('quotelife_client_sequence_resets_total{session="EXTERNAL", direction="received"} > 0')
    [offset] = topology.until('quotelife_client_clock_offset_seconds{session="EXTERNAL"}').values()
    assert abs(offset) < 1


def test_certification_scenarios_of_the_guide_pass(topology):
    found = script.scenarios(DEPLOY / "README.md")
    assert len(found) == 6
    with Client(topology.acceptor_port, "EXTERNAL") as oms:
        for lines in found:
            script.play(oms, lines)
        oms.logout()


def test_venue_restart_ends_the_clients_and_quoting_resumes(topology):
    """`restart: unless-stopped` is the engine's part, played here by the test."""
    assert topology.stop("venue") == 0
    topology.until('quotelife_marketdata_session_up{venue="SIM"} == 0')
    firing = 'ALERTS{alertname="MarketDataSessionDown", alertstate="pending"} or ALERTS{alertstate="firing"}'
    topology.until(firing)
    topology.start("venue")
    for name in CLIENTS:
        assert topology.processes.pop(name).wait(60) == 1, topology.log(name)
    [logons] = topology.until('quotelife_client_logons_total{session="ORDINARY"}').values()
    topology.start("ordinary")
    topology.until('quotelife_marketdata_session_up{venue="SIM"} == 1')
    topology.until(f'quotelife_client_logons_total{{session="ORDINARY"}} > {logons}')  # it can be stopped from then on
    topology.until("sum(rate(quotelife_quotes_total[5s])) > 0")


def test_all_services_stop_with_exit_code_0(topology):
    names = list(topology.processes)
    assert {name: topology.stop(name) for name in reversed(names)} == dict.fromkeys(reversed(names), 0)
