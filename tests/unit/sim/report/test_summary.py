"""The summary's figures on a handful of deals worked out by hand, and what is printed of them."""

import io

import numpy as np
import pytest
from rich.console import Console

from quotelife_sim.clients.deal import EXPIRED, FILLED, MISSED, PICKED_OFF, REFUSED, STALE, TOO_LATE, WITHDRAWN, Deal
from quotelife_sim.clients.requests import ORDINARY, SNIPER, Intention
from quotelife_sim.options import Options
from quotelife_sim.plan import Plan
from quotelife_sim.report.baselines import Tuned
from quotelife_sim.report.final_report import FinalReport
from quotelife_sim.report.live_comparison import LiveComparison
from quotelife_sim.report.live_display import LiveTable, PlainLines
from quotelife_sim.report.live_page import LivePage
from quotelife_sim.report.summary import summarise
from quotelife_sim.report.summary_tables import print_summary
from quotelife_sim.venue.history import History
from tests.acceptance.simulation import configuration

MS = 1_000_000
# 100 / 102, from 1.5 s on 104 / 106
TUNED = Tuned(seconds=60.0, quotes=3, fixed={}, retuned={})
HISTORY = History(np.array([(0, 0, 100, 102), (1_500 * MS, 0, 104, 106)], np.int64))


def deal(number: int, style: str, model: str, lifetime_ms: int, outcome: str, **more) -> Deal:
    wish = Intention(
        number=number,
        at_ns=0,
        client="c",
        session="C",
        style=style,
        symbol="S",
        buys=True,
        two_way=False,
        quantity="1",
        override=None,
        response_ns=more.pop("response_ms", 2) * MS,
        accepts=style == ORDINARY,
    )
    return Deal(
        intention=wish,
        outcome=outcome,
        intended_ns=1_000 * MS - 200_000,
        answered_ns=1_000 * MS,
        bid=99.0,
        offer=103.0,
        model=model,
        lifetime_ns=lifetime_ms * MS,
        expires_ns=(1_000 + lifetime_ms) * MS,
        **more,
    )


DEALS = [
    deal(1, ORDINARY, "CLIENT_PRIORITY", 500, FILLED, response_ms=300, hit_ns=1_300 * MS),
    deal(2, ORDINARY, "CLIENT_PRIORITY", 500, MISSED, response_ms=900),
    deal(3, SNIPER, "RISK_AVERSE", 100, EXPIRED),
    deal(4, SNIPER, "LIQUIDITY_PROVIDER", 600, PICKED_OFF, hit_ns=1_504 * MS),
]
REFUSAL = deal(5, SNIPER, "", 0, REFUSED, reject_code=8)
REFUSAL.bid = REFUSAL.offer = None


def test_both_expiries_are_evaluated_on_the_same_quotes() -> None:
    summary = summarise([*DEALS, REFUSAL], {"S": HISTORY}, 2_000.0)
    assert (summary["requests"], summary["quotes"], summary["refusals"]) == (5, 4, {"8": 1})
    ours, theirs = summary["all"]["dynamic"], summary["all"]["fixed"]
    assert (ours["fills"], ours["picked_off"], ours["wanted"], ours["wanted_filled"]) == (2, 1, 2, 0.5)
    # Under 2 s the slow client is served, behind the market by then, and both snipers hit.
    assert (theirs["fills"], theirs["picked_off"], theirs["wanted_filled"]) == (4, 3, 1.0)
    assert ours["markout_total_ticks"] == 2 * (103 - 105)
    assert theirs["markout_total_ticks"] == 4 * (103 - 105)
    assert summary["tape_agrees"] == 1.0
    assert summary["latency_us"]["p50"] == 200.0
    assert summary["models"]["RISK_AVERSE"]["lifetime_ms"]["p50"] == 100.0


def test_withdrawn_quotes_are_told_from_expired_ones() -> None:
    more = [
        deal(6, SNIPER, "RISK_AVERSE", 100, WITHDRAWN),
        deal(7, ORDINARY, "RISK_AVERSE", 100, WITHDRAWN, refused_hit=STALE),
        deal(8, SNIPER, "RISK_AVERSE", 100, EXPIRED, refused_hit=TOO_LATE),
        deal(9, ORDINARY, "RISK_AVERSE", 100, MISSED, refused_hit=6),
    ]
    summary = summarise([*DEALS, *more, REFUSAL], {"S": HISTORY}, 2_000.0)
    assert summary["all"]["ends"] == {"filled": 2, "expired": 4, "withdrawn": 2}
    assert summary["models"]["RISK_AVERSE"]["ends"] == {"filled": 0, "expired": 3, "withdrawn": 2}
    assert summary["clients"][SNIPER]["ends"] == {"filled": 1, "expired": 2, "withdrawn": 1}
    assert (summary["withdrawn"], summary["refused_hits"]) == (2, {"expired": 1, "6": 1, "withdrawn": 1})
    console = Console(width=140, record=True, file=io.StringIO())
    print_summary(console, summary)
    text = console.export_text()
    assert "quotes: 2 filled, 4 expired, 2 withdrawn; hits refused: 3 (1 expired, 1 with reason 6, 1 withdrawn)" in text
    risk_averse = next(line for line in text.splitlines() if "Risk Averse" in line)
    cells = [cell.strip() for cell in risk_averse.split("│")]
    assert cells[4:7] == ["0 %", "3", "2"]  # fill rate, expired, withdrawn


def test_summary_without_deals() -> None:
    summary = summarise([], {"S": HISTORY}, 2_000.0)
    assert (summary["quotes"], summary["tape_agrees"], summary["latency_us"]) == (0, None, None)
    print_summary(Console(width=140, quiet=True), summary)


def test_printed_summary_names_every_model() -> None:
    console = Console(width=140, record=True, file=io.StringIO())
    print_summary(console, summarise([*DEALS, REFUSAL], {"S": HISTORY}, 2_000.0))
    text = console.export_text()
    for name in (
        "Client Priority",
        "Risk Averse",
        "Liquidity Provider",
        "snipers",
        "fixed expiry of 2 s",
        "reason 8: 1",
    ):
        assert name in text


def test_plain_lines_and_the_live_table_show_deals() -> None:
    plain = Console(width=140, record=True, file=io.StringIO())
    comparison = LiveComparison(("S",), TUNED)
    PlainLines(plain, 0, "title", "free", comparison).deal(DEALS[0])
    assert "Client Priority" in plain.export_text()
    terminal = Console(width=140, height=30, record=True, file=io.StringIO(), force_terminal=True)
    table = LiveTable(terminal, LivePage(0, "title", "free", comparison, ["recorded"]))
    for one in [*DEALS, REFUSAL]:
        table.deal(one)
    table.refresh("S 100 / 102")
    table.close()
    text = terminal.export_text()
    assert "picked off" in text and "600 ms" in text and "refused" in text


@pytest.mark.parametrize(("deals", "code", "says"), [([], 1, "0 requests: 0 quoted"), (DEALS, 0, "explain --last 3")])
def test_exit_code_and_report_with_and_without_quotes(tmp_path, deals, code, says) -> None:
    config = configuration(tmp_path)
    plan = Plan(market="sample", config=str(config), directory=str(tmp_path), seed=1, duration_s=1.0, instruments=1)
    console = Console(width=140, record=True, file=io.StringIO())
    report = FinalReport(Options(), plan, console, data_persists=True)
    by_number = {deal.intention.number: deal for deal in deals}
    assert report.write(by_number, {"S": HISTORY}, TUNED, {}, 0, 0) == code
    assert says in console.export_text()
