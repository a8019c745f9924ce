"""The report of a client, from a history whose every row is known; its page; its command."""

import json
import re
from html import unescape

import msgspec
import pytest

from quotelife.config.paths import data_paths
from quotelife.config.sections import Paths
from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.ledger.history import HistoryReader, HitRow, QuoteRow
from quotelife.recorder.history_writer import HistoryWriter
from quotelife.report.client_page import render
from quotelife.report.client_report import client_report
from quotelife.report.command import read_days, run_client
from quotelife.report.provenance import provenance
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, NS_PER_US
from tests.unit.rfq.rfq_rig import Rig

NOON_NS = 1_767_614_400 * NS_PER_S  # 2026-01-05 12:00:00
DAY = "2026-01-05"


def quote(n, *, side=1, lifetime_ms=100.0, client="Ordinary", state="open", because=None, reason="value_peak", at_ns=0):
    quote_id = None if state == "refused" else f"Q{n}"
    wall_ns = NOON_NS + (at_ns or n * NS_PER_S)
    until_ns = wall_ns + round(lifetime_ms * NS_PER_MS)
    return QuoteRow(
        0, quote_id, f"r{n}", "ORD", client, "BTC-USD", side, 200, 201, 1_000, 1, "risk_averse", reason,
        until_ns - wall_ns, wall_ns, until_ns, 0.1, 0.2, "00", state, because, None,
    )  # fmt: skip


def record(decided_us):
    made = Record()
    made.words[J.DECIDED_NS] = round(decided_us * NS_PER_US)
    return made.words.tobytes()


def hit(n, outcome, *, side=1, after_ms=50.0, client="Ordinary", edge=None, markouts=(None, None, None)):
    at_ns = NOON_NS + n * NS_PER_S + round(after_ms * NS_PER_MS)
    return HitRow(
        0, f"Q{n}", f"h{n}", outcome, client, "BTC-USD", side, 201, 1_000, at_ns, at_ns, round(after_ms * NS_PER_MS),
        0, edge, *markouts,
    )  # fmt: skip


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    rig.config = msgspec.structs.replace(rig.config, paths=Paths(data=str(tmp_path / "data")))
    return rig


@pytest.fixture
def history(rig):
    writer = HistoryWriter(data_paths(rig.config).history)
    quotes = [
        (quote(1, state="filled", lifetime_ms=100), record(10)),
        (quote(2, state="filled", lifetime_ms=300), record(30)),
        (quote(3, state="expired", lifetime_ms=200), None),
        (quote(4, state="withdrawn", because="market_moved"), record(20)),
        (quote(5, side=2, state="withdrawn", because="market_moved"), record(20)),
        (quote(6, side=0, state="withdrawn", because="no_market"), record(20)),
        (quote(7, state="withdrawn", because="session_ended", reason="risk_bound"), record(20)),
        (quote(8, state="passed", because="done_away"), record(20)),
        (quote(9, state="passed"), record(20)),
        (quote(10, state="refused", reason="stale_book"), None),
        (quote(11, state="refused", reason="stale_book"), None),
        (quote(12, state="filled", client="Fund"), record(99)),
        (quote(13, state="filled", at_ns=86_400 * NS_PER_S), record(99)),
    ]
    for row, blob in quotes:
        writer.add_quote(row, blob)
    for row in (
        hit(1, "filled", edge=1.0, markouts=(1.0, 2.0, None)),
        hit(2, "filled_in_grace", after_ms=301, edge=0.5, markouts=(-1.0, 0.0, None)),
        hit(3, "late", after_ms=203),
        hit(4, "withdrawn", markouts=(3.0, 3.0, 3.0)),
        hit(5, "withdrawn", side=2),
        hit(12, "filled", client="Fund", edge=9.0),
    ):
        writer.add_hit(row)
    for n, moved in ((4, 2.0), (5, 3.0), (6, None)):
        writer.add_withdrawal(f"Q{n}", "market_moved", NOON_NS + n * NS_PER_S)
        writer.store_move(f"Q{n}", moved)
    writer.commit()
    return HistoryReader(data_paths(rig.config).history)


@pytest.fixture
def report(history):
    return client_report(history, "Ordinary", *read_days(DAY))[0]


def test_quotes_refusals_and_ends_are_counted(report):
    assert report.quotes == 9 and report.refusals == {"stale_book": 2}
    assert report.states == {"withdrawn": 4, "filled": 2, "passed": 2, "expired": 1}
    assert report.ends_by_client == {"done_away": 1, "passed": 1}
    assert report.lifetime_reasons == {"value_peak": 8, "risk_bound": 1}
    assert (report.first_request, report.last_request) == ("20260105-12:00:01.000000", "20260105-12:00:11.000000")


def test_lifetimes_and_decision_times_have_their_spread(report):
    assert report.lifetimes_ms["risk_averse"].n == 9
    assert report.lifetimes_ms["risk_averse"].mean == pytest.approx((100 + 300 + 200 + 6 * 100) / 9)
    assert (report.decision_us.n, report.decision_us.p50) == (8, 20) and report.unreadable == 1


def test_hits_by_outcome_with_the_time_of_the_late_ones(report):
    assert {h.outcome: h.n for h in report.hits} == {"filled": 1, "filled_in_grace": 1, "late": 1, "withdrawn": 2}
    assert report.late_by_ms.n == 1 and report.late_by_ms.p50 == pytest.approx(3)
    assert report.edge_ticks.n == 2 and report.edge_ticks.mean == pytest.approx(0.75)


def test_withdrawals_by_the_direction_of_the_price(report):
    """The mid rose by 2 ticks after a quote to a buyer, which is for the client, by 3 after one to a seller."""
    assert report.withdrawals == {"market_moved": 2, "no_market": 1}, "the end of a session is none"
    assert report.withdrawn_after == {"for_client": 1, "for_desk": 1, "unchanged": 0, "unknown": 0}
    assert report.withdrawn_two_way == 1
    assert report.withdrawn_hits_after == {"for_client": 1, "for_desk": 1, "unchanged": 0, "unknown": 0}


def test_markouts_by_outcome_and_horizon(report):
    found = {(m.outcome, m.horizon): (m.against_desk, m.for_desk, m.unchanged, m.ticks.mean) for m in report.markouts}
    assert found["filled", "1s"] == (1, 0, 0, 2.0)
    assert found["filled_in_grace", "1s"] == (0, 0, 1, 0.0) and found["filled_in_grace", "100ms"] == (0, 1, 0, -1.0)
    assert found["withdrawn", "10s"] == (1, 0, 0, 3.0) and ("late", "1s") not in found


def test_page_shows_the_figures_and_refers_to_nothing_outside(report):
    page = unescape(re.sub(r"<[^>]+>", " ", render(report, provenance([]))))
    words = re.sub(r"\s+", " ", page)
    assert "11 requests: 9 quotes, 2 refusals" in words
    assert "after the withdrawal of the quote, refused 2 40.0%" in words
    assert "for you: the quote had become better than the market for you 1 50.0% 1 50.0%" in words
    assert "last look" in words and "Principle 17" in words
    # Plotly's own code, whose offline behaviour the browser test shows, is the first script
    written = re.sub(r"<script>.*?</script>", "", render(report, provenance([])), count=1, flags=re.DOTALL)
    assert not re.search(r"https?://|src=|href=|@import|url\(", written)


def test_names_are_escaped(report):
    report.client = "<b>&"
    assert "<b>&" not in render(report, provenance([])) and "&lt;b&gt;&amp;" in render(report, provenance([]))


def test_command_writes_page_and_json(rig, history, tmp_path, capsys):
    path = tmp_path / "page.html"
    assert run_client(rig.config, "Ordinary", DAY, path, as_json=False) == 0
    assert path.read_text().startswith("<!doctype html>")
    written, next_line = capsys.readouterr().out.splitlines()
    assert written == f"{path} written: 9 quotes, 5 hits of Ordinary"
    assert next_line == f"next: quotelife report desk --days {DAY} --config {rig.config.file}"
    assert run_client(rig.config, "Ordinary", "2026-01-05..2026-01-06", None, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["quotes"] == 10 and found["provenance"]["data"][0]["rows"] == 10 + 2 + 5


@pytest.mark.parametrize(
    ("client", "days", "code", "expected"),
    [
        ("Ordinary", "last week", 2, "--days is 'last week'; allowed: a day, 2026-11-28, the first and the last"),
        ("Ordinary", "2026-01-06..2026-01-05", 2, "whose last day is before its first"),
        ("Ordinary", "2026-02-30", 2, "--days is '2026-02-30'"),
        ("Ordinary", "2025-01-05", 1, "no request of Ordinary on 2025-01-05 (UTC); the history keeps 30 days"),
        ("Nobody", DAY, 2, "no client 'Nobody'; allowed: Ordinary, Fund, Far"),
    ],
)
def test_error_says_what_is_allowed(rig, history, capsys, client, days, code, expected):
    assert run_client(rig.config, client, days, None, as_json=False) == code
    assert expected in capsys.readouterr().err


def test_page_that_cannot_be_written_is_an_error(rig, history, tmp_path, capsys):
    assert run_client(rig.config, "Ordinary", DAY, tmp_path / "no" / "page.html", as_json=False) == 1
    assert "No such file" in capsys.readouterr().err
