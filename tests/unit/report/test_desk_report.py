"""The report of a live period, from a history whose every row is known: nets, intervals, fixed lifetimes, command."""

import json

import msgspec
import numpy as np
import pytest

from quotelife.config.paths import data_paths
from quotelife.config.sections import Paths
from quotelife.config.shipped import DEMO, ETH_NEWS_SHOCK
from quotelife.ledger.history import HistoryReader
from quotelife.recorder.history_writer import HistoryWriter
from quotelife.report import command, desk_page
from quotelife.report.command import read_days, run_desk
from quotelife.report.counterfactual import LIFETIMES_MS
from quotelife.report.desk_report import EVERYONE, NO_MODEL, DeskReport, instrument_reports
from quotelife.report.desk_rows import block_length_ns, read_requests
from quotelife.report.provenance import provenance
from quotelife.report.statistics import BLOCK_NS, interval, known_interval
from quotelife.runtime.clock import NS_PER_S
from tests.unit.report.test_client_report import DAY, hit, quote
from tests.unit.rfq.rfq_rig import Rig

N = 400  # requests of each client, one every 15 s
SPACING_NS = 15 * NS_PER_S


def store(writer):
    """A patient client, which hits at 200 ms and is worth 1 tick, and a sniper, worth -2; some late, some withdrawn."""
    for n in range(N):
        for number, client, state in ((2 * n, "Ordinary", "filled"), (2 * n + 1, "Fund", "filled")):
            at_ns = (n + 1) * SPACING_NS
            late, withdrawn = client == "Fund" and n % 4 == 1, client == "Fund" and n % 4 == 2
            state = "expired" if late else "withdrawn" if withdrawn else state
            made = quote(
                number, client=client, state=state, lifetime_ms=1_000 if client == "Ordinary" else 50, at_ns=at_ns,
                because="market_moved" if withdrawn else None,
            )  # fmt: skip
            writer.add_quote(made._replace(ended_ns=made.wall_ns + 20_000_000 if withdrawn else None), None)
            outcome = "late" if late else "withdrawn" if withdrawn else "filled"
            # half of a tick that comes and goes: the interval has a width
            noise = 0.5 * (-1) ** (n // 50)
            edge, markouts = (0.5 + noise, (-0.5, -0.5, -0.5)) if client == "Ordinary" else (1.0, (3.0, 3.0, 3.0))
            came = hit(
                number,
                outcome,
                client=client,
                after_ms=200 if client == "Ordinary" else 30,
                edge=edge,
                markouts=markouts,
            )
            if late:
                came = came._replace(response_ns=80_000_000)
            writer.add_hit(came._replace(wall_ns=made.wall_ns + 1))
    writer.add_quote(quote(9_001, state="refused", reason="stale_book", at_ns=NS_PER_S)._replace(model=None), None)
    writer.add_quote(quote(9_002, state="indicative", at_ns=NS_PER_S), None)
    writer.add_quote(quote(9_003, client="Fund", at_ns=86_400 * NS_PER_S), None)
    writer.commit()


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    rig = Rig(folder)
    rig.config = msgspec.structs.replace(rig.config, paths=Paths(data=str(folder / "data")))
    store(HistoryWriter(data_paths(rig.config).history))
    return rig


@pytest.fixture(scope="module")
def requests(rig):
    return read_requests(HistoryReader(data_paths(rig.config).history), *read_days(DAY))[0]


@pytest.fixture(scope="module")
def found(requests):
    (report,) = instrument_reports(requests)
    return report


def test_requests_of_the_period_are_read_with_the_hit_that_judges_them(requests):
    assert len(requests) == 2 * N + 1, "neither an indicative quote nor the next day's"
    assert requests.refused.sum() == 1
    assert requests.filled.sum() == N + N // 2 and requests.late.sum() == requests.hit_withdrawn.sum() == N // 4
    assert (requests.withdrawn == "market_moved").sum() == N // 4
    assert requests.open_ms[requests.withdrawn != ""].tolist() == [20.0] * (N // 4)


def test_net_per_request_by_client_is_the_edge_less_the_markout(found):
    everyone, fund, ordinary = found.clients
    assert (everyone.name, fund.name, ordinary.name) == (EVERYONE, "Fund", "Ordinary"), "the lowest first"
    assert fund.net["100ms"].mean == pytest.approx(-2.0 * 0.5), "half of its requests were filled"
    assert fund.net["0ms"].mean == pytest.approx(1.0 * 0.5)
    assert ordinary.requests == N + 1 and ordinary.refused == 1
    assert ordinary.net["1s"].mean == pytest.approx(1.0 * N / (N + 1))
    net = everyone.net["100ms"]
    assert net.low < net.mean < net.high
    assert (fund.picked_off.mean, ordinary.picked_off.mean) == (0.5, 0.0)
    assert fund.withdrawn.mean == 0.25 and fund.withdrawn_because == {"market_moved": N // 4}
    assert fund.withdrawn_hits.mean == fund.late_hits.mean == -2.0 and fund.late_hits.n == N // 4
    assert (fund.markouts["1s"].mean, fund.lifetime_ms.p50) == (3.0, 50.0)


def test_requests_that_no_model_decided_are_told_apart(found):
    assert {group.name: group.requests for group in found.models} == {"risk_averse": 2 * N, NO_MODEL: 1}


def test_fixed_lifetimes_count_late_and_withdrawn_hits_as_far_as_they_are_known(found):
    fund, ordinary = found.fixed
    nets = {each.lifetime_ms: each for each in fund.lifetimes}
    assert list(nets) == list(LIFETIMES_MS)
    assert nets[20.0].net == 0.0, "it hits after 30 ms"
    assert nets[50.0].net == pytest.approx(-2.0 * 0.75), "also what was withdrawn"
    assert nets[100.0].net == pytest.approx(-2.0), "also what was late"
    assert fund.chosen.lifetime_ms in (5.0, 10.0, 20.0) and fund.chosen.net == 0.0
    assert fund.chosen.difference == pytest.approx(-1.0) and fund.chosen.own_net == pytest.approx(-1.0)
    assert ordinary.chosen.lifetime_ms >= 500.0 and ordinary.chosen.difference == pytest.approx(0.0)
    assert ordinary.lifetimes[-1].seen == 1.0, "each quote has a hit"


def test_few_requests_choose_no_fixed_lifetime(requests):
    (few,) = instrument_reports(requests.where(np.arange(len(requests)) < 60))
    assert all(fixed.chosen is None for fixed in few.fixed)


def test_fills_of_unknown_worth_are_left_out(requests):
    edge = requests.edge.copy()
    edge[:100] = np.nan
    (report,) = instrument_reports(type(requests)(**(vars(requests) | {"edge": edge})))
    everyone = report.clients[0]
    assert everyone.unknown == np.isnan(edge[requests.filled]).sum() > 0
    assert everyone.net["100ms"].n == len(requests) - everyone.unknown


def test_blocks_are_those_of_a_backtest_unless_the_period_is_short():
    assert block_length_ns(np.array([0, 10**14])) == BLOCK_NS
    assert block_length_ns(np.array([0, 600 * NS_PER_S])) == 30 * NS_PER_S
    assert block_length_ns(np.array([0, NS_PER_S])) == 10 * NS_PER_S
    assert block_length_ns(np.array([], np.int64)) == BLOCK_NS


def test_few_blocks_have_no_interval():
    values, block = np.arange(40.0), np.repeat([7, 9, 11, 13], 10)
    assert known_interval(values, block) == (19.5, None, None)
    assert known_interval(values[:0], block[:0]) == (None, None, None)
    more = np.repeat([7, 9, 11, 13, 99], 8)
    assert known_interval(values, more) == interval(values, np.repeat(np.arange(5), 8)), "numbers may have gaps"


def test_page_begins_with_net_per_request(rig, requests):
    report = DeskReport(provenance([]), "2026-01-05", "2026-01-05", instrument_reports(requests))
    html = desk_page.render(report)
    order = [html.index(f"<h3>{title}") for title in ("BTC-USD: net per request by client", "Pick-offs by client")]
    assert order == sorted(order) and html.index("the desk netted") < order[0]
    assert "<tr class=best><td>all clients" in html and "A counterfactual, only as far as" in html
    assert html.count("data-figure=") == 1 + 7 + 2


def test_command_writes_page_and_json_and_names_the_next_one(rig, tmp_path, capsys):
    path = tmp_path / "desk.html"
    assert run_desk(rig.config, DAY, path, as_json=False) == 0
    assert f"<h1>The desk, {DAY}</h1>" in path.read_text()
    written, next_line = capsys.readouterr().out.splitlines()
    assert written == f"{path} written: {2 * N + 1} requests, {N + N // 2} fills"
    assert next_line == f"next: quotelife report client Fund --days {DAY} --config {rig.config.file}"
    assert run_desk(rig.config, DAY, None, as_json=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["instruments"][0]["clients"][0]["name"] == EVERYONE
    assert document["provenance"]["data"][0]["rows"] == 4 * N + 2
    assert document["first_day"] == document["last_day"] == DAY
    assert run_desk(rig.config, "2026-01-04", None, as_json=False) == 1
    assert "no request on 2026-01-04 (UTC)" in capsys.readouterr().err
    assert run_desk(rig.config, "soon", None, as_json=False) == 2


def test_the_next_command_names_the_configuration_unless_it_is_found_without(rig, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for file, option in ((ETH_NEWS_SHOCK, " --config eth-news-shock"), (DEMO, ""), (tmp_path / "quotelife.toml", "")):
        if file.parent == tmp_path:
            file.touch()
        config = msgspec.structs.replace(rig.config, file=str(file))
        monkeypatch.setattr(command, "data_paths", lambda _: data_paths(rig.config))
        assert run_desk(config, DAY, tmp_path / "desk.html", as_json=False) == 0
        assert capsys.readouterr().out.endswith(f"next: quotelife report client Fund --days {DAY}{option}\n")


def test_today_and_yesterday_are_days():
    today, yesterday = read_days("today"), read_days("yesterday")
    assert yesterday[1] == today[0] and today[1] - today[0] == 86_400 * NS_PER_S
