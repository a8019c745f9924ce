"""What each layer of the service does for one quote: its lifetime and its end with the layers added one by one.

    fixed       a fixed lifetime
    curve       the pick-off curve alone: the model that the rules select in a calm market, no shock, no news
    shock       the state of the market from the features, and Risk Averse's shock
    news        the news: its state of the market, its sentiment in curve and shock

Each layer's decision repeats the journalled one, by the same kernel, with the inputs of the other layers removed. It
is made twice: for a desk that never withdraws, whose quote is followed until its deadline, and with a withdrawal behind
it: of a fixed lifetime once the market is through the price, otherwise when the margin falls below zero at a change of
the row (`quotelife_models.remaining`). The rows after the decision are those of the scripted market.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quotelife.config import Config
from quotelife.controls.layout import DERIVED
from quotelife.decision import kernel as K
from quotelife.decision import pricing
from quotelife.decision.client_state import client_states
from quotelife.decision.quoter import Quoter
from quotelife.decision.request import BY_RULES
from quotelife.journal.record import Record, decisive_side
from quotelife.market.board import layout as L
from quotelife.parameters.versions import load_configured
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S
from quotelife_models import decide as D
from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.enums import MARKET_CALM, MARKET_STATES, MODELS
from quotelife_models.reasons import REASONS
from quotelife_models.remaining import WORK_WORDS, remaining_base, remaining_margin
from quotelife_models.stopping import STAKE_WORDS, fill_stake
from quotelife_sim.clients.deal import REFUSED, Deal
from quotelife_sim.markets.market import Market
from quotelife_sim.markets.replay import MarketReplay
from quotelife_sim.outcome import Outcome, judge, withdraw
from quotelife_sim.venue.history import History

Floats = NDArray[np.float64]
FIXED, CURVE, SHOCK, NEWS = "fixed", "curve", "shock", "news"
FOLLOWED_NS = 10 * NS_PER_S
_NO_NEWS_AGE_S = 3600.0  # as of the feature without any news


class Layer(NamedTuple):
    """The quote with the layers up to this one; times are monotonic."""

    name: str
    market: str  # its state; "" for the fixed lifetime, as for the next two
    model: str
    reason: str
    one_tick_probability: float | None  # by the reference horizon
    alone_lifetime_ns: int  # of a desk that never withdraws; 0: refused
    alone: Outcome
    lifetime_ns: int  # with the withdrawal behind it
    withdrawn_ns: int | None  # when the margin falls below zero, or the market comes through a fixed quote
    outcome: Outcome

    def document(self) -> dict[str, Any]:
        """The same with names, for a JSON file."""
        return {**self._asdict(), "alone": self.alone._asdict(), "outcome": self.outcome._asdict()}


class MarketRow(NamedTuple):
    """What the service sees after a change of the quote's row."""

    at_ns: int
    x: Floats  # [N_FEATURES]
    best_bid: int
    best_ask: int


class QuoteLayers:
    """`deal` is a one-sided quote, `record` its journal record; `market` was opened at `start_ns`."""

    def __init__(self, config: Config, market: Market, start_ns: int, deal: Deal, record: Record) -> None:
        self._quoter = Quoter(config, load_configured(config), pricing.default)
        self._config, self._deal, self._record = config, deal, record
        side = decisive_side(record.sides)
        self._context = side.context.copy()
        self._side = float(self._context[S.SIDE])
        self._row = record.row
        self._price = record.offer_ticks if self._side > 0 else record.bid_ticks
        self._rows = _rows_after(MarketReplay(config, market, start_ns), self._row, record.mono_ns)

    def layers(self, history: History, fixed_ms: float, own_ns: int) -> list[Layer]:
        """Every layer; that of the news only where there is some. `own_ns` is the desk's latency from a change of the
        market to a withdrawal."""
        found = [self._fixed(history, fixed_ms, own_ns)]
        quiet = self._quoter.policies.copy()
        quiet[:, P.SHOCK_WEIGHT] = 0.0
        found.append(self._layer(CURVE, MARKET_CALM, quiet, False, history, own_ns))
        found.append(self._layer(SHOCK, DERIVED, self._quoter.policies, False, history, own_ns))
        if self._record.features[S.NEWS_SENTIMENT] != 0.0:
            found.append(self._layer(NEWS, DERIVED, self._quoter.policies, True, history, own_ns))
        return found

    def _fixed(self, history: History, fixed_ms: float, own_ns: int) -> Layer:
        deal, lifetime_ns = self._deal, round(fixed_ms * NS_PER_MS)
        alone = self._judge(lifetime_ns, history)
        expires_ns = deal.answered_ns + lifetime_ns
        through_ns = history.through(deal.intention.buys, self._price, deal.answered_ns, expires_ns)
        outcome = withdraw(alone, None if through_ns is None else through_ns + own_ns, expires_ns)
        return Layer(FIXED, "", "", "", None, lifetime_ns, alone, lifetime_ns, through_ns, outcome)

    def _layer(self, name: str, market: int, policies: Floats, with_news: bool, history: History, own_ns: int) -> Layer:
        never = policies.copy()
        never[:, P.WITHDRAWAL] = 0.0
        alone = self._decide(market, never, with_news)
        record = self._decide(market, policies, with_news)
        decision = record.sides[0].decision
        model, lifetime_ns = record.model, record.lifetime_ns
        text = MARKET_STATES[record.market_state], MODELS[model].upper(), REASONS[int(decision[D.OUT_REASON])]
        below_ns = self._below_zero_ns(model, policies[model], record.sides[0].context, with_news, lifetime_ns)
        expires_ns = self._deal.answered_ns + lifetime_ns
        outcome = self._judge(lifetime_ns, history)
        if lifetime_ns > 0:
            outcome = withdraw(outcome, None if below_ns is None else below_ns + own_ns, expires_ns)
        return Layer(
            *(name, *text, float(decision[D.OUT_P_ONE_TICK])),
            *(alone.lifetime_ns, self._judge(alone.lifetime_ns, history), lifetime_ns, below_ns, outcome),
        )

    def _judge(self, lifetime_ns: int, history: History) -> Outcome:
        """The outcome without a withdrawal; REFUSED without a lifetime."""
        deal = self._deal
        if lifetime_ns <= 0:
            return Outcome(REFUSED, 0)
        return judge(deal.intention, self._price, deal.answered_ns, deal.answered_ns + lifetime_ns, history)

    def _decide(self, market: int, policies: Floats, with_news: bool) -> Record:
        """The decision again, with another state of the market, other policies, and possibly without the news."""
        record = Record.from_bytes(self._record.words.tobytes())
        x = record.features
        if not with_news:
            _remove_news(x)
        client = next(s for s in client_states(self._config).values() if s.index == record.client)
        instrument = self._quoter.instruments[self._deal.intention.symbol]
        terms = self._quoter.terms(client, instrument)
        request = np.zeros(K.REQUEST_WORDS, np.int64)
        request[K.REQUEST_NOW_NS], request[K.REQUEST_ROW] = record.mono_ns, self._row
        request[K.REQUEST_SIDE], request[K.REQUEST_SIZE_LOTS] = record.side, record.quantity_lots
        request[K.REQUEST_LEGS], request[K.REQUEST_PHASE] = 1, int(self._context[S.SESSION_PHASE])
        request[K.REQUEST_POSITION_LOTS] = round(self._context[S.INVENTORY] * terms.values[K.TERM_MAX_POSITION])
        request[K.REQUEST_MODEL], request[K.REQUEST_PARAMETERS] = BY_RULES, instrument.parameters
        request[K.REQUEST_CLIENT_LIMIT_NS] = request[K.REQUEST_SESSION_LIMIT_NS] = K.NO_LIMIT
        request[K.REQUEST_MARKET] = market
        snap, spread = np.zeros(L.SNAP_WORDS, np.int64), round(x[S.SPREAD])
        opposite = self._price - self._side * self._context[S.PICK_OFF_BARRIER]  # best price that can reach the quote
        best_bid = round(opposite) if self._side > 0 else round(opposite) - spread
        snap[L.SNAP_BID_PX], snap[L.SNAP_ASK_PX] = best_bid, best_bid + spread
        work = np.zeros(D.OUT_WORDS + D.N_BOUNDS)
        K.decide_quote(
            request, terms.values, self._context, terms.rules, self._quoter.table, policies, snap, record.words, work
        )
        return record

    def _below_zero_ns(
        self, model: int, policy: Floats, context: Floats, with_news: bool, lifetime_ns: int
    ) -> int | None:
        """When the margin of the open quote first falls below zero; None if it never does."""
        table_row, stake = self._quoter.table[self._row], np.zeros(STAKE_WORDS)
        x, work, survival = self._record.features.copy(), np.zeros(WORK_WORDS), np.zeros(H.N_BINS)
        if not with_news:
            _remove_news(x)
        fill_stake(model, policy, x, context.copy(), stake)
        issued_ns = self._record.mono_ns
        for seen in self._rows:
            elapsed_ns = seen.at_ns - issued_ns
            if elapsed_ns >= lifetime_ns:
                return None
            x[:] = seen.x
            if not with_news:
                _remove_news(x)
            remaining_base(table_row, x, self._side, work)
            barrier = self._side * (self._price - (seen.best_bid if self._side > 0 else seen.best_ask))
            micro = (seen.best_bid + seen.best_ask) / 2 + x[S.MICRO_DEVIATION]
            left_ms = (lifetime_ns - elapsed_ns) / NS_PER_MS
            edge, elapsed_ms = self._side * (self._price - micro), elapsed_ns / NS_PER_MS
            margin = remaining_margin(
                table_row, model, policy, stake, x, work, barrier, edge, elapsed_ms, left_ms, survival
            )
            if margin < 0.0:
                return seen.at_ns
        return None


def _rows_after(replay: MarketReplay, row: int, from_ns: int) -> Sequence[MarketRow]:
    """The row after each of its changes from `from_ns` on, for FOLLOWED_NS."""
    found, snap = [], np.zeros(L.SNAP_WORDS, np.int64)
    replay.advance(from_ns)
    version = replay.board.rows[row, L.VERSION]
    while (at_ns := replay.next_ns()) is not None and at_ns <= from_ns + FOLLOWED_NS:
        replay.advance(at_ns)
        x = np.zeros(S.N_FEATURES)
        if replay.board.rows[row, L.VERSION] == version or replay.observe(row, at_ns, x, snap) != L.STATUS_OK:
            continue
        version = replay.board.rows[row, L.VERSION]
        found.append(MarketRow(at_ns, x, int(snap[L.SNAP_BID_PX]), int(snap[L.SNAP_ASK_PX])))
    return found


def _remove_news(x: Floats) -> None:
    x[S.NEWS_SENTIMENT], x[S.NEWS_AGE] = 0.0, _NO_NEWS_AGE_S
