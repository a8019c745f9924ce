"""The running comparison counts a quote once both results are known, and then as the summary does."""

import numpy as np
import pytest

from quotelife_sim.clients.deal import EXPIRED, FILLED, OPEN, PICKED_OFF, REFUSED, WITHDRAWN, Deal
from quotelife_sim.clients.requests import ORDINARY, SNIPER, Intention
from quotelife_sim.report.baselines import GRID_MS, Tuned, compare_with_fixed
from quotelife_sim.report.live_comparison import LiveComparison
from quotelife_sim.venue.history import History

MS = 1_000_000
# 100 / 102, from 1.5 s on 104 / 106
HISTORIES = {
    symbol: History(np.array([(0, 0, 100, 102), (1_500 * MS, 0, 104, 106)], np.int64)) for symbol in ("S", "T")
}
TUNED = Tuned(seconds=60.0, quotes=3, fixed={"Desk": 1_000.0}, retuned={"Desk": 1_000.0})


def deal(number: int, outcome: str, hit_ms: int = 0, symbol: str = "S", style: str = ORDINARY, **more) -> Deal:
    intention = Intention(
        number=number, at_ns=0, client="Desk" if style == ORDINARY else "Fox", session="X", style=style, symbol=symbol,
        buys=True, two_way=False, quantity="1", override=None, response_ns=300 * MS, accepts=style == ORDINARY,
    )  # fmt: skip
    at_ns = 1_000 * MS
    return Deal(
        intention=intention, outcome=outcome, intended_ns=at_ns, answered_ns=at_ns, bid=99.0, offer=103.0,
        hit_ns=hit_ms * MS, **more,
    )  # fmt: skip


DEALS = [
    deal(1, FILLED, 1_300),  # a second later the mid is 105: -2 for both
    deal(2, WITHDRAWN, symbol="T"),  # quotelife has spared the -2 of the fixed lifetime
    deal(3, EXPIRED, style=SNIPER),  # without a tuned lifetime: the shortest
]


def test_totals_are_those_of_the_summary() -> None:
    comparison = LiveComparison(("S", "T"), TUNED)
    for one in DEALS:
        comparison.deal(one)
    comparison.settle(10_000 * MS, lambda: HISTORIES)
    summary = compare_with_fixed(DEALS, HISTORIES, TUNED, None)
    for totals, ours, fixed in (
        (comparison.all, summary["quotelife"], summary["desks"]["fixed"]),
        *(
            (totals, summary["quotelife"]["instruments"][symbol], summary["desks"]["fixed"]["instruments"][symbol])
            for symbol, totals in comparison.by_symbol.items()
        ),
    ):
        assert totals.quotes == ours["quotes"]
        assert totals.net_ticks / totals.quotes == pytest.approx(ours["net_ticks"])
        assert totals.fixed_net_ticks / totals.quotes == pytest.approx(fixed["net_ticks"])
        assert (totals.picked_off, totals.fixed_picked_off) == (ours["picked_off"], fixed["picked_off"])
    assert (comparison.all.net_ticks, comparison.all.fixed_net_ticks) == (-2.0, -4.0)
    assert comparison.latest is not None and comparison.latest.deal.intention.number == 2


def test_a_quote_counts_once_both_results_are_known() -> None:
    comparison = LiveComparison(("S", "T"), TUNED)
    comparison.deal(DEALS[1])
    for now_ms, quotes in ((2_000, 0), (3_000, 0), (3_002, 1), (9_000, 1)):  # 1,000 + 1,000 + a markout of 1,000
        comparison.settle(now_ms * MS, lambda: HISTORIES)
        assert comparison.all.quotes == quotes, now_ms


def test_quotes_of_the_time_before_the_tuning_are_counted_after_it() -> None:
    comparison = LiveComparison(("S", "T"))
    comparison.deal(DEALS[0])
    comparison.settle(9_000 * MS, lambda: pytest.fail("nothing to count yet"))
    assert comparison.all.quotes == 0 and comparison.lifetime_ms("Desk") is None
    comparison.tuned = TUNED
    comparison.settle(9_000 * MS, lambda: HISTORIES)
    assert comparison.all.quotes == 1
    assert (comparison.lifetime_ms("Desk"), comparison.lifetime_ms("Fox")) == (1_000.0, GRID_MS[0])


@pytest.mark.parametrize("outcome", [OPEN, REFUSED])
def test_what_has_no_result_is_not_counted(outcome: str) -> None:
    comparison = LiveComparison(("S", "T"), TUNED)
    one = deal(1, outcome)
    if outcome == REFUSED:
        one.offer = None
    comparison.deal(one)
    comparison.settle(9_000 * MS, lambda: pytest.fail("nothing to count"))
    assert comparison.all.quotes == 0


def test_pick_off_of_quotelife_is_shown_as_it_is() -> None:
    comparison = LiveComparison(("S", "T"), TUNED)
    comparison.deal(deal(1, PICKED_OFF, 1_600, style=SNIPER))
    comparison.settle(9_000 * MS, lambda: HISTORIES)
    assert (comparison.all.picked_off, comparison.all.fixed_picked_off) == (1, 0)
