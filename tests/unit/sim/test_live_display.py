"""What a terminal has room for: when, who, what, lifetime and outcome are whole at any width."""

import pytest
from rich.console import Console

from quotelife_sim.clients.deal import PICKED_OFF, Deal
from quotelife_sim.clients.requests import ORDINARY, Intention
from quotelife_sim.report.live_display import LiveTable, fit_columns


def deal() -> Deal:
    wish = Intention(
        number=1, at_ns=0, client="Strategic Fund", session="STRATEGIC", style=ORDINARY, symbol="BTC-USD",
        quantity="0.123", two_way=False, buys=True, accepts=True, response_ns=0, override="LIQUIDITY_PROVIDER",
    )  # fmt: skip
    return Deal(
        intention=wish, outcome=PICKED_OFF, intended_ns=1_234_560_000_000, offer=1.0, lifetime_ns=9_876_543_210,
        model="LIQUIDITY_PROVIDER", reason="instrument_maximum", move_probability=0.1234, pick_off_probability=0.0123,
    )  # fmt: skip


def page(width: int) -> list[str]:
    console = Console(width=width, height=30, force_terminal=True, color_system=None)
    table = LiveTable(console, 0, "title", "free")
    table.deal(deal())
    with console.capture() as capture:
        console.print(table._page())
    table.close()
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_main_columns_are_never_cut(width):
    [line] = [line for line in page(width) if "BTC-USD" in line]
    for whole in ("1234.56", "Strategic Fund", "buy ", "Liquidity Prov.*", "9877 ms", "picked off"):
        assert whole in line, line
    assert len(line) <= width
    assert ("12.34 %" in line and "1.23 %" in line) == (width >= 140)
    assert ("0.123" in line) == (width >= 110)


@pytest.mark.parametrize("width", range(76, 200))
def test_the_columns_fit(width):
    columns = fit_columns(width)
    assert sum(columns.values()) + len(columns) - 1 <= max(width, 80)
