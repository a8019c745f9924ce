"""Both outcomes of the stress case side by side, from deals made by hand."""

import io

import numpy as np
from rich.console import Console

from quotelife_models.schema import NAMES
from quotelife_sim.clients.deal import EXPIRED, FILLED, WITHDRAWN, Deal
from quotelife_sim.clients.requests import PATIENT, SNIPER, Intention
from quotelife_sim.report.shock_report import print_shock
from quotelife_sim.venue.history import History

MS = 1_000_000
# 700 / 702, collapsing 1.4 s after the quote at 1 s
HISTORY = History(np.array([(0, 0, 700, 702), (2_400 * MS, 0, 640, 650)], np.int64))


def deal(number: int, style: str, lifetime_ms: int, outcome: str, sentiment: float) -> Deal:
    wish = Intention(
        number=number,
        at_ns=0,
        client="c",
        session="C",
        style=style,
        symbol="CS",
        buys=False,
        two_way=False,
        quantity="1000",
        override=None,
        response_ns=2 * MS,
        accepts=style == PATIENT,
    )
    return Deal(
        intention=wish,
        outcome=outcome,
        answered_ns=1_000 * MS,
        bid=690.0,
        lifetime_ns=lifetime_ms * MS,
        expires_ns=(1_000 + lifetime_ms) * MS,
        model="RISK_AVERSE" if style == SNIPER else "CLIENT_PRIORITY",
        reason="tolerance_curve",
        move_probability=0.3,
        features={**dict.fromkeys(NAMES, 0.0), "news_sentiment": sentiment},
        market="news" if style == SNIPER else "calm",
    )


def printed(*deals: Deal) -> str:
    console = Console(width=120, record=True, file=io.StringIO())
    print_shock(console, deals, {"CS": HISTORY}, 2_000.0)
    return console.export_text()


def test_a_withdrawn_quote_did_not_expire() -> None:
    withdrawn = deal(2, SNIPER, 1_500, WITHDRAWN, -0.99)
    withdrawn.withdrawn_ns = 1_050 * MS
    assert "withdrawn 0.05 s after the quote" in printed(withdrawn)
    withdrawn.withdrawn_ns = 0
    text = printed(withdrawn)
    assert "withdrawn, its hit refused" in text and "expired" not in text


def test_only_the_fixed_quote_is_picked_off() -> None:
    text = printed(deal(1, PATIENT, 900, FILLED, 0.0), deal(2, SNIPER, 150, EXPIRED, -0.99))
    assert "expired, not hit" in text and "picked off 1.40 s after the quote" in text
    assert "-45.0 ticks" in text  # bid 690 against a mid of 645
    assert "150 ms" in text and "900 ms" in text and "-0.99" in text and "CLIENT_PRIORITY" in text


def test_report_without_a_quote() -> None:
    assert "got no quote" in printed(deal(1, PATIENT, 900, FILLED, 0.0))
