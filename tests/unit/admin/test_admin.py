"""From integers in shared memory to Prometheus text over HTTP, checked with Prometheus' own parsers."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from quotelife.admin import health
from quotelife.admin.app import admin_application
from quotelife.admin.collectors import MAX_INSTRUMENT_SERIES, BooksCollector, ProcessesCollector
from quotelife.admin.exporter import Exporter
from quotelife.admin.health import CheckResult, Health
from quotelife.admin.machine import BuildCollector, ClockCollector, DisksCollector
from quotelife.admin.metrics import MetricsRoutes
from quotelife.config.paths import RunPaths
from quotelife.decision.refusal import REFUSALS
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board, link_sources
from quotelife.metrics import catalog
from quotelife.metrics.histogram import observe
from quotelife.metrics.region import MetricsRegion
from quotelife.runtime.clock import NS_PER_S, mono_ns, wall_ns
from tests.unit.admin.http_rig import ask, serving


@pytest.fixture
def quoting(tmp_path: Path) -> MetricsRegion:
    path = tmp_path / "metrics-quoting"
    return MetricsRegion.create(
        path, catalog.QUOTING, process=["quoting"], session=['odd"name\\', "B"], reason=REFUSALS
    )


@pytest.fixture
def marketdata(tmp_path: Path) -> MetricsRegion:
    return MetricsRegion.create(
        tmp_path / "metrics-marketdata", catalog.MARKETDATA, process=["marketdata"], venue=["V"]
    )


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (s.name, frozenset(s.labels.items())): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def test_values_are_exported_with_their_scale(tmp_path, quoting, marketdata):
    quoting.values[quoting.counter("quotelife_rejects_total", reason="risk")] = 5
    quoting.values[quoting.gauge("quotelife_client_session_up", session='odd"name\\')] = 1
    marketdata.values[marketdata.gauge("quotelife_heartbeat_timestamp_seconds", process="marketdata")] = 1_500_000_000
    seen = samples(Exporter(RunPaths(tmp_path)).render())
    assert seen["quotelife_rejects_total", frozenset({("reason", "risk")})] == 5
    assert seen["quotelife_client_session_up", frozenset({("session", 'odd"name\\')})] == 1
    assert seen["quotelife_heartbeat_timestamp_seconds", frozenset({("process", "marketdata")})] == 1.5
    assert seen["quotelife_heartbeat_timestamp_seconds", frozenset({("process", "quoting")})] == 0


def test_histograms_are_cumulative_in_seconds(tmp_path, quoting):
    word = quoting.histogram("quotelife_lifetime_seconds", model="risk_averse")
    for value_ns in (1, 2**20, 2**20 + 1, 250_000_000, 2**50):
        observe(quoting.values, word, value_ns)
    family = next(
        f
        for f in text_string_to_metric_families(Exporter(RunPaths(tmp_path)).render())
        if f.name == "quotelife_lifetime_seconds"
    )
    mine = [s for s in family.samples if s.labels["model"] == "risk_averse"]
    buckets = [(float(s.labels["le"]), s.value) for s in mine if s.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[0] == (pytest.approx(2**20 * 1e-9, rel=1e-5), 2)
    assert buckets[-1] == (float("inf"), 5)
    assert max(n for le, n in buckets if le < 0.25) == 3
    assert next(s.value for s in mine if s.name.endswith("_count")) == 5
    total = next(s.value for s in mine if s.name.endswith("_sum"))
    assert total == pytest.approx((1 + 2**20 + 2**20 + 1 + 250_000_000 + 2**50) * 1e-9)


def test_a_restarted_process_is_followed(tmp_path, quoting):
    exporter = Exporter(RunPaths(tmp_path))
    word = quoting.counter("quotelife_requests_total")
    quoting.values[word] = 9
    assert samples(exporter.render())["quotelife_requests_total", frozenset()] == 9
    again = MetricsRegion.create(quoting.path, catalog.QUOTING, process=["quoting"], session=["B"], reason=REFUSALS)
    again.values[again.counter("quotelife_requests_total")] = 2
    assert samples(exporter.render())["quotelife_requests_total", frozenset()] == 2
    quoting.path.unlink()
    assert exporter.render() == ""


def test_a_broken_region_does_not_affect_others(tmp_path, quoting):
    (tmp_path / "metrics-other").write_bytes(b"nonsense")
    assert list(Exporter(RunPaths(tmp_path)).regions()) == ["quoting"]


def test_process_metrics_of_running_processes_only():
    metrics = {m.name: m for m in ProcessesCollector(lambda: {"quoting": os.getpid(), "gone": 2**22 + 1}).collect()}
    memory = metrics["quotelife_process_resident_memory_bytes"].samples
    assert [s.labels for s in memory] == [{"process": "quoting"}]
    assert memory[0].value > 1_000_000


def test_the_stalest_books_are_exported(tmp_path):
    n = MAX_INSTRUMENT_SERIES + 20
    symbols = [f"S{i}" for i in range(n)]
    books = BooksCollector(tmp_path / "board", symbols, ["V"])
    assert list(books.collect()) == []
    now = mono_ns()
    board = Board.create(tmp_path / "board", n, now - 1000 * NS_PER_S)
    for i in range(n):
        board.rows[i, L.LAST_EVENT_NS] = now - i * NS_PER_S
    board.rows[:3, L.STATE] = L.BOOK_LIVE
    board.venues[0, L.V_LAG_NS] = 1_500_000_000
    metrics = {m.name: m for m in books.collect()}
    ages = {s.labels["instrument"]: s.value for s in metrics["quotelife_book_age_seconds"].samples}
    assert len(ages) == MAX_INSTRUMENT_SERIES
    assert ages[f"S{n - 1}"] == pytest.approx(n - 1, abs=1)
    assert "S0" not in ages
    [lag] = metrics["quotelife_marketdata_lag_seconds"].samples
    assert (lag.labels, lag.value) == ({"venue": "V"}, 1.5)
    states = {s.labels["state"]: s.value for s in metrics["quotelife_books"].samples}
    assert states == {"empty": n - 3, "live": 3, "gap": 0, "disconnected": 0}
    assert metrics["quotelife_board_heartbeat_age_seconds"].samples[0].value == pytest.approx(1000, abs=1)
    Board.create(tmp_path / "board", 1, now)  # of another configuration
    assert list(books.collect()) == []


def test_the_clock_is_compared_with_the_venues(tmp_path):
    """The most recently written row of each venue counts."""
    books = BooksCollector(tmp_path / "board", ["A", "B", "C"], ["V", "W"])
    clock = ClockCollector(books)
    assert {s.name for m in clock.collect() for s in m.samples} <= {
        "quotelife_clock_synchronised", "quotelife_clock_offset_seconds", "quotelife_clock_max_error_seconds",
    }  # fmt: skip
    board = Board.create(tmp_path / "board", 3, mono_ns())
    now, wall = mono_ns(), wall_ns()
    board.rows[:, L.VENUE] = 0, 0, 1
    board.rows[:, L.LAST_EVENT_NS] = now - 2 * NS_PER_S, now - NS_PER_S, now
    board.rows[:, L.EXCHANGE_WALL_NS] = wall - 9 * NS_PER_S, wall - 3 * NS_PER_S, 0
    lags = next(m for m in clock.collect() if m.name == "quotelife_venue_time_lag_seconds").samples
    assert [(s.labels, s.value) for s in lags] == [({"venue": "V"}, pytest.approx(2, abs=0.5))]


def test_the_clock_is_compared_with_each_venue_of_an_instrument(tmp_path):
    board = Board.create(tmp_path / "board", 1, mono_ns(), 2)
    link_sources(board, 0, 1, 2, L.COMBINE_CONSOLIDATED)
    now, wall = mono_ns(), wall_ns()
    board.all_rows[:, L.VENUE] = 1, 0, 1  # the combined book has data of one and is as stale as the other
    board.all_rows[:, L.LAST_EVENT_NS] = now, now, now - NS_PER_S
    board.all_rows[:, L.EXCHANGE_WALL_NS] = wall - NS_PER_S, wall - NS_PER_S, wall - 6 * NS_PER_S
    clock = ClockCollector(BooksCollector(tmp_path / "board", ["A"], ["V", "W"]))
    lags = next(m for m in clock.collect() if m.name == "quotelife_venue_time_lag_seconds").samples
    assert [(s.labels["venue"], round(s.value)) for s in lags] == [("V", 1), ("W", 5)]


def test_disks_and_build(tmp_path):
    free, size = DisksCollector({"data": tmp_path, "run": tmp_path / "not there"}).collect()
    assert [s.labels for s in free.samples] == [{"folder": "data"}]
    assert 0 < free.samples[0].value < size.samples[0].value
    [build] = BuildCollector().collect()
    assert build.samples[0].name == "quotelife_build_info" and build.samples[0].value == 1
    assert build.samples[0].labels["engine"].startswith("quickfix")


async def alive() -> Health:
    return Health({"loop": CheckResult(True, {})})


async def stale() -> Health:
    return Health({"books": CheckResult(False, {"of": 3})})


@pytest.fixture
def port(tmp_path, quoting, marketdata) -> Iterator[int]:
    registry = CollectorRegistry()
    exporter = Exporter(RunPaths(tmp_path))
    registry.register(ProcessesCollector(lambda: {name: region.pid for name, region in exporter.regions().items()}))
    page = MetricsRoutes(exporter, registry)
    probes = health.routes(alive, stale)
    with serving(lambda: admin_application("127.0.0.1", None, [page.routes(), probes])) as server:
        yield server.port
    page.close()


def test_metrics_and_probes_over_http(port):
    answer = ask(port, "/metrics?x=1")
    assert answer.status == 200
    assert answer.kind.startswith("text/plain; version=0.0.4")
    assert ("quotelife_requests_total", frozenset()) in samples(answer.body.decode())
    assert ask(port, "/livez").status == 200
    answer = ask(port, "/readyz")
    assert (answer.status, answer.json()) == (503, {"good": False, "checks": {"books": {"good": False, "of": 3}}})
    assert answer.kind == "application/json"
    assert ask(port, "/").json()["allowed"] == ["/livez", "/metrics", "/readyz"]
    assert ask(port, "/metrics", "HEAD").body == b""
    assert ask(port, "/metrics", "POST").status == 403


def test_probes_without_the_token_return_no_details(tmp_path):
    probes = health.routes(alive, stale)
    with serving(lambda: admin_application("0.0.0.0", "a-token-of-the-desk", [probes])) as server:
        assert ask(server.port, "/livez").json() == {"good": True}
        assert ask(server.port, "/readyz").json() == {"good": False}


def test_promtool_accepts_the_output(port):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is missing: apt-get install prometheus")
    text = ask(port, "/metrics").body
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
