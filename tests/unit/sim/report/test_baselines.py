"""The best fixed lifetime per client: tuned on quotes worked out by hand, compared, and said in words."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from quotelife.config.shipped import DEMO
from quotelife.runtime.clock import NS_PER_S
from quotelife_research.data import l3
from quotelife_sim.clients.deal import FILLED, PICKED_OFF, WITHDRAWN, Deal
from quotelife_sim.clients.requests import ORDINARY, SNIPER, Intention
from quotelife_sim.configuration import configuration_file
from quotelife_sim.options import Options
from quotelife_sim.outcome import TRANSIT_NS, VIEW_NS, judge_with_through
from quotelife_sim.plan import Plan
from quotelife_sim.report.baseline_tables import print_baselines, verdict
from quotelife_sim.report.baselines import GRID_MS, compare_with_fixed, tune, tuned_on
from quotelife_sim.report.minutes_before import BEFORE_S, TAIL_S, MinutesBefore, quote_minutes_before
from quotelife_sim.venue.history import History

MS = 1_000_000
# 100 / 102, from 1.5 s on 104 / 106
HISTORY = History(np.array([(0, 0, 100, 102), (1_500 * MS, 0, 104, 106)], np.int64))
HISTORIES = {"S": HISTORY}
QUOTED = 1_000 * MS


def quote(number: int, client: str, style: str, response_ms: int, at_ms: int = 1_000, **more) -> Deal:
    intention = Intention(
        number=number,
        at_ns=0,
        client=client,
        session=client,
        style=style,
        symbol="S",
        buys=True,
        two_way=False,
        quantity="1",
        override=None,
        response_ns=response_ms * MS,
        accepts=style == ORDINARY,
    )
    return Deal(intention=intention, intended_ns=at_ms * MS, answered_ns=at_ms * MS, bid=99.0, offer=103.0, **more)


# Before 1.5 s the fills of the quick client pay: at 300 ms the mid is 101 a second later only for a quote at 0 s.
BEFORE = MinutesBefore(
    60.0,
    [quote(1, "Desk", ORDINARY, 120, at_ms=0), quote(2, "Desk", ORDINARY, 600), quote(3, "Fox", SNIPER, 2)],
    HISTORIES,
)


def test_each_client_gets_the_shortest_of_its_best_lifetimes() -> None:
    """Desk: 150 ms take the fill at 120 ms (+2) and not the one at 600 ms, which is a pick-off (-2). Fox only costs."""
    assert tune(BEFORE, None) == {"Desk": 150.0, "Fox": GRID_MS[0]}


def test_a_desk_that_withdraws_is_tuned_with_it() -> None:
    """The same two requests, but the second hits after the market is through: withdrawn, so a long lifetime is free."""
    late = BEFORE._replace(
        quotes=[quote(1, "Desk", ORDINARY, 120, at_ms=0), quote(2, "Desk", ORDINARY, 700, at_ms=900)]
    )
    assert tune(late, None)["Desk"] == 150.0
    outcome = judge_with_through(late.quotes[1].intention, 103.0, 900 * MS, 2_000 * MS, HISTORY, MS)
    assert outcome == (WITHDRAWN, 0)
    slow = judge_with_through(late.quotes[1].intention, 103.0, 900 * MS, 2_000 * MS, HISTORY, 200 * MS)
    assert slow == (PICKED_OFF, 1_600 * MS + TRANSIT_NS)


@pytest.mark.parametrize(
    ("own_ns", "kind"), [(VIEW_NS + 2 * MS + TRANSIT_NS, PICKED_OFF), (VIEW_NS + 2 * MS + TRANSIT_NS - 1, WITHDRAWN)]
)
def test_whoever_comes_first_wins_the_race(own_ns: int, kind: str) -> None:
    sniper = quote(1, "Fox", SNIPER, 2).intention
    assert judge_with_through(sniper, 103.0, QUOTED, QUOTED + 2_000 * MS, HISTORY, own_ns).kind == kind


def test_a_quote_that_expires_first_is_not_withdrawn() -> None:
    willing = quote(1, "Desk", ORDINARY, 100).intention
    assert judge_with_through(willing, 103.0, QUOTED, QUOTED + 500 * MS, HISTORY, 0).kind == FILLED
    late = quote(1, "Desk", ORDINARY, 900).intention
    assert judge_with_through(late, 103.0, QUOTED, QUOTED + 500 * MS, HISTORY, 0).kind == "missed"


def compared(*deals: Deal) -> dict:
    return compare_with_fixed(deals, HISTORIES, tuned_on(BEFORE), MS)


def test_both_are_applied_to_the_same_quotes() -> None:
    """The service fills Desk at 600 ms, which costs 2 ticks; 150 ms would not have. It loses, and the text says so."""
    result = compared(
        quote(1, "Desk", ORDINARY, 600, outcome=PICKED_OFF, hit_ns=1_600 * MS),
        quote(2, "Desk", ORDINARY, 100, at_ms=0, outcome=FILLED, hit_ns=100 * MS),
        quote(3, "Fox", SNIPER, 2, outcome=WITHDRAWN),
    )
    fixed = result["desks"]["fixed"]
    assert result["quotelife"]["net_ticks"] == pytest.approx((-2 + 2) / 3)
    assert fixed["net_ticks"] == pytest.approx(2 / 3) and fixed["picked_off"] == 0
    assert fixed["difference_ticks"] == pytest.approx(-2 / 3)
    assert fixed["lifetime_ms"] == {"Desk": 150.0, "Fox": GRID_MS[0]}
    assert result["quotelife"]["clients"]["Desk"] == {"quotes": 2, "net_ticks": 0.0, "picked_off": 1}
    console = Console(width=140, record=True, file=io.StringIO())
    assert result["quotelife"]["instruments"]["S"]["quotes"] == fixed["instruments"]["S"]["quotes"] == 3
    print_baselines(console, result, ["S"])
    text = " ".join(console.export_text().split())
    assert "does not win with Desk in net (+0.00 against +1.00), Desk in pick-offs (1 against 0), S in net" in text
    assert "S, recorded" in text
    assert "withdrawals (1000 us after the market)" in text and "Tuned on 3 requests of the 60 s before" in text


def test_latency_is_assumed_without_a_withdrawal() -> None:
    result = compare_with_fixed([], HISTORIES, tuned_on(BEFORE), None)
    assert (result["withdrawal_latency_us"], result["latency_is_measured"]) == (500.0, False)
    print_baselines(Console(width=140, quiet=True), result)


def test_error_is_that_of_blocks() -> None:
    """Two blocks of 5 s with a gain of 1 and of 3 ticks a quote: the mean is 2, its error that of two observations."""
    deals = [quote(n, "Fox", SNIPER, 2, at_ms=at, outcome=FILLED, hit_ns=1) for n, at in ((1, 0), (2, 6_000))]
    deals[1].offer = 105.0
    result = compared(*deals)["desks"]["fixed"]
    assert result["difference_ticks"] == pytest.approx((2 + 4) / 2)
    assert result["difference_error_ticks"] == pytest.approx(math.sqrt(2 * 2.0) / 2)


@pytest.mark.parametrize(
    ("difference", "error", "theirs", "words"),
    [
        (0.5, 0.1, 3, ("(better)", "picked off 1 times, not 3 (better)")),
        (0.5, 0.4, 1, ("(better, but not significantly)", "as often as there (equal)")),
        (-0.5, 0.1, 0, ("(WORSE)", "picked off 1 times, not 0 (WORSE)")),
        (0.001, 0.1, 1, ("(equal)",)),
    ],
)
def test_the_verdict_is_plain(difference: float, error: float, theirs: int, words: tuple[str, ...]) -> None:
    other = {
        "difference_ticks": difference,
        "difference_error_ticks": error,
        "picked_off": theirs,
        "clients": {},
        "instruments": {},
    }
    text = verdict("a desk", {"picked_off": 1, "clients": {}, "instruments": {}}, other)
    assert all(word in text for word in words)


def check(before: MinutesBefore, again: MinutesBefore) -> None:
    assert before.quotes == again.quotes and len(before.quotes) > 1_000
    assert {q.intention.client for q in before.quotes} == {"Strategic Fund", "Ordinary Desk", "Sniper"}
    assert {q.intention.symbol for q in before.quotes} == set(before.histories)
    last_ns = max(q.answered_ns for q in before.quotes)
    assert last_ns + TAIL_S * NS_PER_S <= (BEFORE_S + 1) * NS_PER_S
    for q in before.quotes[::97]:
        bid, ask = before.histories[q.intention.symbol].top(q.answered_ns)
        assert q.bid < ask and q.offer > bid  # no price that the market is through at once


def plan(market: str, config: Path) -> Plan:
    return Plan(market=market, config=str(config), directory="", seed=1, duration_s=60.0, instruments=1)


@pytest.mark.skipif(l3.find_sample() is None, reason="the order-book sample (package ob-analytics) is not installed")
def test_the_minutes_before_the_sample_are_the_same_each_time() -> None:
    check(*(quote_minutes_before(plan("sample", DEMO)) for _ in range(2)))


def test_the_minutes_before_a_generated_market_are_the_same_each_time(tmp_path: Path) -> None:
    config = configuration_file(Options(market="synthetic"), tmp_path)
    check(*(quote_minutes_before(plan("synthetic", config)) for _ in range(2)))
