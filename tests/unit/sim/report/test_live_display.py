"""What a terminal has room for: when, who, what, lifetime and outcome are whole at any width."""

import io
import re

import pytest
from rich.console import Console

from quotelife_sim.clients.deal import PICKED_OFF, WITHDRAWN, Deal
from quotelife_sim.clients.requests import ORDINARY, Intention
from quotelife_sim.report.baselines import Result, Tuned
from quotelife_sim.report.live_comparison import Difference, LiveComparison
from quotelife_sim.report.live_display import PlainLines
from quotelife_sim.report.live_page import LivePage, fit_columns


def deal() -> Deal:
    wish = Intention(
        number=1, at_ns=0, client="Strategic Fund", session="STRATEGIC", style=ORDINARY, symbol="BTC-USD",
        quantity="0.123", two_way=False, buys=True, accepts=True, response_ns=0, override="LIQUIDITY_PROVIDER",
    )  # fmt: skip
    return Deal(
        intention=wish, outcome=PICKED_OFF, intended_ns=1_234_560_000_000, offer=1.0, lifetime_ns=9_876_543_210,
        model="LIQUIDITY_PROVIDER", reason="instrument_maximum", move_probability=0.1234, pick_off_probability=0.0123,
    )  # fmt: skip


TUNED = Tuned(seconds=278.0, quotes=4_000, fixed={"Strategic Fund": 2_500.0}, retuned={"Strategic Fund": 3_000.0})


def page(width: int, comparison: LiveComparison | None = None) -> list[str]:
    console = Console(width=width, height=30, force_terminal=True, color_system=None)
    shown = LivePage(0, "title", "free", comparison or LiveComparison(("BTC-USD",), TUNED), ["recorded"])
    shown.deal(deal(), 10)
    with console.capture() as capture:
        console.print(shown.render(width))
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [80, 100, 120, 140, 160])
def test_main_columns_are_never_cut(width):
    line = next(line for line in page(width) if "Strategic Fund" in line)
    for whole in ("1234.56", "Strategic Fund", "buy ", "Liquidity Prov.*", "9877 ms", "2500 ms", "picked off"):
        assert whole in line, line
    assert len(line) <= width
    assert ("12.34 %" in line and "1.23 %" in line) == (width >= 140)
    assert ("0.123" in line) == (width >= 120)


@pytest.mark.parametrize("width", range(76, 200))
def test_the_columns_fit(width):
    columns = fit_columns(width)
    assert sum(columns.values()) + len(columns) - 1 <= max(width, 80)


def compared() -> LiveComparison:
    comparison = LiveComparison(("BTC-USD", "ETH-USD"), TUNED)
    won, lost = Result(1.0, False, WITHDRAWN), Result(-3.0, True, PICKED_OFF)
    for symbol, ours, fixed in (("BTC-USD", won, lost), ("ETH-USD", lost, won)):
        comparison.by_symbol[symbol].add(ours, fixed)
        comparison.all.add(ours, fixed)
    comparison.latest = Difference(deal(), 2_500.0, lost, won)
    return comparison


def test_both_sides_of_the_comparison_are_shown_also_where_quotelife_loses():
    console = Console(width=120, height=40, force_terminal=True, color_system="standard")
    shown = LivePage(0, "title", "free", compared(), ["recorded", "generated"])
    with console.capture() as capture:
        console.print(shown.render(120))
    lines = capture.get().splitlines()
    btc, eth = (next(line for line in lines if name in line) for name in ("BTC-USD, recorded", "ETH-USD, generated"))
    green, red = (rf"\x1b\[1;{code}m *" for code in (32, 31))
    assert re.search(rf"{green}\+1\.00.* -3\.00.*{green}0.* 1 *$", btc), btc
    assert re.search(rf"{red}-3\.00.* \+1\.00.*{red}1.* 0 *$", eth), eth
    said = "last difference: Strategic Fund buy BTC-USD: picked off -3.0 ticks; with 2500 ms fixed withdrawn +1.0"
    assert any(said in line for line in lines)


def test_plain_lines_tell_the_comparison_so_far():
    console = Console(width=200, record=True, file=io.StringIO())
    lines = PlainLines(console, 0, "title", "free", compared())
    lines.deal(deal())
    lines.refresh("")
    lines.refresh("")
    text = console.export_text()
    assert "net per quote -1.00 ticks, with the best fixed lifetime per client -1.00; picked off 1, with it 1" in text
    assert text.count("last difference") == 1, "not at each refresh"
    assert " 2500 ms " in text


def test_before_the_tuning_has_ended_the_page_says_so():
    shown = page(120, LiveComparison(("BTC-USD",)))
    assert any("Tuning the best fixed lifetime per client" in line for line in shown)
    assert not any("2500 ms" in line for line in shown)
