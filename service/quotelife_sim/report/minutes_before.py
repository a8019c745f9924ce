"""The minutes before a run: requests of the same clients, at the prices that the service would have quoted them.

What a desk without the service would have learnt from: it tunes its fixed lifetimes on these, and on nothing later.
"""

from collections.abc import Mapping
from typing import NamedTuple

from quotelife.decision import kernel as K
from quotelife.decision import pricing
from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.client_state import ClientState, client_states
from quotelife.decision.quoter import REQUEST, Quoter
from quotelife.decision.request import BY_RULES
from quotelife.journal import layout as J
from quotelife.market.board import layout as L
from quotelife.parameters.versions import load_configured
from quotelife.runtime.clock import NS_PER_S
from quotelife_models.enums import TWO_WAY
from quotelife_sim.clients.deal import Deal
from quotelife_sim.clients.requests import Intention, intentions, rate_factor
from quotelife_sim.markets.catalog import market_before
from quotelife_sim.markets.replay import MarketReplay
from quotelife_sim.plan import Plan
from quotelife_sim.venue.history import History

BEFORE_S = 300.0  # for a few instruments; the more requests a second, the shorter
WARM_UP_S = 10.0  # of the market, before the first request
TAIL_S = 12.0  # of the market, after the last request, for the longest lifetime and its markout


class MinutesBefore(NamedTuple):
    """Quotes without a lifetime, on times of their own, and the market after them by symbol."""

    seconds: float
    quotes: list[Deal]
    histories: Mapping[str, History]


def quote_minutes_before(plan: Plan) -> MinutesBefore:
    """The requests that the plan's clients would have sent before its start.

    Deterministic in the plan. Prices are those of the default pricing, without inventory; refusals are ignored.
    """
    config = plan.configuration()
    market = market_before(plan, BEFORE_S)
    seconds = max(BEFORE_S / rate_factor(market.symbols), WARM_UP_S + 2 * TAIL_S)
    replay = MarketReplay(config, market, NS_PER_S)
    first_ns, last_ns = round((1 + WARM_UP_S) * NS_PER_S), round((1 + seconds - TAIL_S) * NS_PER_S)
    quoter = Quoter(config, load_configured(config), pricing.default)
    quoter.board = replay.board
    states, buffers = client_states(config), DecisionBuffers()
    quotes = []
    for intention in intentions(config, plan.market, market.symbols, f"{plan.seed}/before", 0.0):
        at_ns = first_ns + intention.at_ns
        if at_ns > last_ns:
            break
        replay.advance(at_ns)
        replay.touch(at_ns)
        deal = _quote(quoter, states[intention.session], intention, at_ns, buffers)
        if deal is not None:
            quotes.append(deal)
    replay.advance(last_ns + round(TAIL_S * NS_PER_S))
    histories = dict(zip(market.symbols, replay.histories(), strict=True))
    return MinutesBefore((last_ns - first_ns) / NS_PER_S, quotes, histories)


def _quote(
    quoter: Quoter, client: ClientState, intention: Intention, at_ns: int, buffers: DecisionBuffers
) -> Deal | None:
    """A quote at the service's price; None where it does not quote this instrument or its book at this moment."""
    instrument = quoter.instruments.get(intention.symbol)
    if instrument is None:
        return None
    lots = round(float(intention.quantity) / float(instrument.config.lot))
    REQUEST.pack_into(
        buffers.request_memory, 0, at_ns, instrument.row, TWO_WAY, lots, 1, 0, BY_RULES, 0, instrument.parameters,
        K.NO_LIMIT, K.NO_LIMIT, 0,
    )  # fmt: skip
    if not 0 < lots <= instrument.max_lots or quoter.observe(buffers) != L.STATUS_OK:
        return None
    quoter.price(buffers, quoter.terms(client, instrument).values)
    bid, offer = (int(px) for px in buffers.record.words[J.BID_PX : J.OFFER_PX + 1])
    return Deal(intention=intention, intended_ns=at_ns, answered_ns=at_ns, bid=float(bid), offer=float(offer))
