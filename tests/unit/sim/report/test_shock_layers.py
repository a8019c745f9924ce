"""The stress case through the service's kernels, on the scripted market: with and without any news.

The request after the start of the shock is quoted by the real decision, and followed in the market of the script.
"""

import io
from typing import NamedTuple

import pytest
from rich.console import Console

from quotelife.config import load
from quotelife.config.shipped import ETH_NEWS_SHOCK
from quotelife.decision import pricing
from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.client_state import client_states
from quotelife.decision.quoter import Quoter
from quotelife.decision.request import BY_RULES, RelatedSymbol
from quotelife.journal import layout as J
from quotelife.parameters.versions import load_configured
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, NS_PER_US
from quotelife_models.enums import SELL
from quotelife_models.reasons import REASONS
from quotelife_sim.clients.deal import EXPIRED, PICKED_OFF, WITHDRAWN, Deal
from quotelife_sim.clients.requests import intentions
from quotelife_sim.markets.replay import MarketReplay
from quotelife_sim.markets.shock import ShockMarket
from quotelife_sim.options import SHOCK as SCENARIO
from quotelife_sim.report.shock_layers import CURVE, FIXED, FOLLOWED_NS, NEWS, SHOCK, Layer, QuoteLayers
from quotelife_sim.report.shock_report import print_shock
from quotelife_sim.venue.history import History

START_NS = 5 * NS_PER_S
OWN_NS = 700 * NS_PER_US  # the default latency of a withdrawal, and the wire from the venue
FIXED_MS = 2_000.0
SEEDS = range(1, 6)


class Case(NamedTuple):
    deal: Deal
    history: History
    layers: dict[str, Layer]


def stress_case(seed: int, news: bool, own_ns: int = OWN_NS) -> Case:
    """The quote of the service's decision in the shock, its market, and its layers."""
    config, market = load(ETH_NEWS_SHOCK), ShockMarket(seed, news)
    *_, intention = intentions(config, SCENARIO, market.symbols, seed, 0.0)
    at_ns = START_NS + intention.at_ns
    replay = MarketReplay(config, market, START_NS)
    replay.advance(at_ns)
    replay.touch(at_ns)
    quoter, buffers = Quoter(config, load_configured(config), pricing.default), DecisionBuffers()
    quoter.board = replay.board
    client = client_states(config)[intention.session]
    related = RelatedSymbol(intention.symbol, SELL, intention.quantity, 0, 1)
    decision = quoter.quote(client, related, BY_RULES, 0, NS_PER_S, at_ns, buffers)
    record = buffers.record
    record.kind, record.mono_ns, record.row = J.KIND_QUOTE, at_ns, decision.row
    record.client, record.side, record.quantity_lots = client.index, SELL, decision.size_lots
    deal = Deal(
        intention=intention, answered_ns=at_ns, bid=float(decision.bid_ticks), lifetime_ns=decision.lifetime_ns,
        reason=REASONS[decision.reason], expires_ns=at_ns + decision.lifetime_ns,
    )  # fmt: skip
    replay.advance(at_ns + FOLLOWED_NS)
    history = replay.histories()[market.symbols.index(intention.symbol)]
    layers = QuoteLayers(config, market, START_NS, deal, record).layers(history, FIXED_MS, own_ns)
    return Case(deal, history, {layer.name: layer for layer in layers})


@pytest.mark.parametrize("seed", SEEDS)
def test_without_any_news_the_dynamic_quote_survives_and_the_fixed_one_does_not(seed: int) -> None:
    deal, _, layers = stress_case(seed, news=False)
    assert set(layers) == {FIXED, CURVE, SHOCK}
    assert layers[FIXED].alone.kind == PICKED_OFF
    # As quoted, from its features: it survives even if it is never withdrawn.
    assert layers[SHOCK].lifetime_ns == deal.lifetime_ns and layers[SHOCK].reason == deal.reason.lower()
    assert layers[SHOCK].market == "stressed"
    assert layers[SHOCK].alone.kind == EXPIRED and layers[SHOCK].outcome.kind in (EXPIRED, WITHDRAWN)
    # With the rule for stress off too, the curve is too long, and the withdrawal saves the quote.
    assert layers[CURVE].outcome.kind == WITHDRAWN


@pytest.mark.parametrize("seed", SEEDS)
def test_the_layer_of_the_news_is_the_decision_as_it_was_made(seed: int) -> None:
    deal, _, layers = stress_case(seed, news=True)
    assert (layers[NEWS].market, layers[NEWS].lifetime_ns) == ("news", deal.lifetime_ns)
    assert layers[NEWS].one_tick_probability > layers[SHOCK].one_tick_probability
    without = stress_case(seed, news=False).layers
    for name in (FIXED, CURVE, SHOCK):  # the same as where the venue has sent no news
        assert layers[name] == without[name]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_withdrawal_is_due_when_the_market_is_through_at_the_latest(seed: int) -> None:
    deal, history, layers = stress_case(seed, news=False)
    through_ns = history.through(False, deal.bid, deal.answered_ns, deal.answered_ns + FOLLOWED_NS)
    assert layers[FIXED].withdrawn_ns == through_ns
    due_ns = layers[CURVE].withdrawn_ns
    assert due_ns is not None and deal.answered_ns < due_ns <= through_ns


def test_a_slow_desk_loses_the_race() -> None:
    """Where the market comes through without a warning, a latency above the sniper's decides."""
    layers = stress_case(1, news=False, own_ns=500 * NS_PER_MS).layers
    assert layers[FIXED].outcome.kind == layers[CURVE].outcome.kind == PICKED_OFF


@pytest.mark.parametrize("news", [True, False])
def test_the_report_shows_every_layer(news: bool) -> None:
    case = stress_case(1, news)
    case.deal.outcome = EXPIRED
    console = Console(width=140, record=True, file=io.StringIO())
    symbol = case.deal.intention.symbol
    print_shock(console, [case.deal], {symbol: case.history}, FIXED_MS, list(case.layers.values()))
    text = console.export_text()
    for title in ("fixed lifetime", "curve alone", "and the shock"):
        assert title in text
    assert ("and the news" in text) == news and ("The venue sent no news." in text) != news
    assert "Without any news input the quote survives, by its lifetime alone." in text
    assert "picked off at 1.50 s" in text and "comes through the price 1.50 s after the quote" in text
