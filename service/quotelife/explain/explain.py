"""The explanation of a recorded quote: its record, and the sum that its features contribute to."""

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from quotelife.config import Config, ConfigError, Instrument
from quotelife.decision.policies import policy_of
from quotelife.explain.attribution import GROUPS, LogOdds, log_odds
from quotelife.explain.document import (
    CovariateTerm,
    CurvePoint,
    Explanation,
    FeatureContribution,
    HitDetails,
    LegDetails,
    LegRisk,
    NotAccepted,
    ParametersUsed,
    Predictor,
    QuoteDetails,
    QuoteOutcome,
    SideDetails,
    Value,
)
from quotelife.explain.legs import ExplainedLeg, ExplainedLegs, leg_risk
from quotelife.explain.lookup import RecordedQuote
from quotelife.explain.rules import ConfigurationHistory
from quotelife.journal.record import DecidedSide, Record, decisive_side
from quotelife.ledger.client_layout import HORIZON_NAMES
from quotelife.ledger.history import HitRow
from quotelife.market.grid import Grid
from quotelife.parameters.versions import Versions, load_configured
from quotelife.runtime.clock import NS_PER_MS, NS_PER_US, utc_timestamp
from quotelife_models import decide as D
from quotelife_models import hazard as H
from quotelife_models import schema as S
from quotelife_models.covariates import COVARIATES
from quotelife_models.decide import decide
from quotelife_models.enums import BUY, LIQUIDITY_PROVIDER, MARKET_STATES, MODELS, RISK_AVERSE, SIDE_TEXTS, TWO_WAY
from quotelife_models.multileg.decision import decide_multileg, leg_memory, prepare_legs
from quotelife_models.reasons import REASONS

Grids = tuple[Grid, Grid] | None

REASON_TEXTS = {
    "none": "no reason",
    "tolerance_curve": "step of the configured tolerance curve",
    "risk_bound": "upper confidence bound of the move probability reaches epsilon",
    "risk_bound_in_shock": "upper confidence bound reaches epsilon, earlier because the market is in shock",
    "fill_target": "target fill probability of the client is reached",
    "loss_budget": "expected-loss budget of the tier is reached",
    "value_peak": "expected value is at its maximum",
    "no_value": "no lifetime has a positive expected value",
    "client_limit": "limited by the client's ValidUntilTime or ExpireTime",
    "instrument_maximum": "limited by the maximum of the instrument",
    "session_maximum": "limited by the maximum of the trading phase",
    "below_minimum": "below the minimum useful lifetime of the client",
}

ENDING_TEXTS = {
    "market_moved": "what it could still earn was no longer worth the risk of being picked off",
    "no_market": "its book could not be trusted any more",
    "replaced": "a newer quote of its subscription replaced it",
    "cancelled_by_client": "its client cancelled it",
    "session_ended": "its client's session ended",
    "stopped": "the service stopped",
    "stopped_by_desk": "the desk stopped or closed quoting",
    "expired": "its client let it expire",
    "cover": "its client dealt elsewhere; this quote was the next best",
    "done_away": "its client dealt elsewhere",
    "end_trade": "its client ended the trade",
    "timed_out": "it timed out at its client",
    "tied": "its client dealt elsewhere at the same price",
    "tied_cover": "its client dealt elsewhere; this quote was among the next best",
}

# Words of a decision that depend on the model alone, not on the bounds applied after it.
_MODEL_WORDS = {
    "model_lifetime_ms": [D.OUT_MODEL_MS],
    "model_reason": [D.OUT_MODEL_REASON],
    "one_tick_probability": [D.OUT_P_ONE_TICK],
    "loss_if_picked_off_ticks": [D.OUT_LOSS],
    "expected_value_ticks": [D.OUT_VALUE],
    "shock": [D.OUT_SHOCK],
    "curve": list(range(D.OUT_CURVE_ONE_TICK, D.OUT_RECORD)),
}
_NO_BOUNDS = np.array([np.inf, np.inf, np.inf, 0.0])


class _ParameterRows(NamedTuple):
    """Parameters of an instrument, or of each leg: hash of the version, names of the configured files, and rows
    float64[n, N_PARAMETERS]."""

    hash: str
    names: list[str]
    table: NDArray[np.float64]


class Explainer:
    """Explains each quote with the configuration that was in force when it was decided, if that is on disk, otherwise
    with the present one. ConfigError if the present one cannot be used."""

    def __init__(self, config: Config) -> None:
        self._present = _Explainer(config)
        self._history = ConfigurationHistory(config)
        self._config = config
        self._by_version: dict[str, _Explainer | None] = {}

    def explain(self, recorded: RecordedQuote) -> Explanation:
        """The explanation; from the history row alone if the record has been deleted."""
        version = self._history.of(recorded)
        explainer = None
        if version is not None:
            if version.hash not in self._by_version:
                self._by_version[version.hash] = _make(version.config)
            explainer = self._by_version[version.hash]
        explanation = (explainer or self._present).explain(recorded)
        used = self._history.used_for(recorded, version if explainer is not None else None, self._config)
        explanation.configuration = used
        return explanation


def _make(config: Config) -> "_Explainer | None":
    """None if files that the configuration names are not there any more."""
    try:
        return _Explainer(config)
    except ConfigError:
        return None


class _Explainer:
    """Explains with one configuration and, if they can be restored, the parameters of the decision."""

    def __init__(self, config: Config) -> None:
        self._parameters = load_configured(config)
        self._versions = Versions(config, self._parameters)
        self._active = self._versions.active()
        self._policies = [policy_of(config, name) for name in MODELS]
        self._rows = list(config.instrument)
        self._instruments = {i.symbol: i for i in config.instrument}

    def _legs(self, recorded: RecordedQuote) -> ExplainedLegs | None:
        """The legs of a multileg; None for an instrument, or if a leg is no longer configured."""
        try:
            return ExplainedLegs(recorded.legs, self._rows) if recorded.legs else None
        except ValueError:
            return None

    def explain(self, recorded: RecordedQuote) -> Explanation:
        """The explanation; from the history row alone if the record has been deleted."""
        quote, record = recorded.quote, recorded.record
        instrument, legs = self._instruments.get(quote.symbol or ""), self._legs(recorded)
        grids = _grids(instrument, legs)
        outcome = QuoteOutcome(
            quote.state,
            quote.because,
            ENDING_TEXTS.get(quote.because or "", ""),
            None if quote.ended_ns is None else utc_timestamp(quote.ended_ns),
            [_hit(hit, grids) for hit in recorded.hits],
            [NotAccepted(r.kind, r.exec_id, utc_timestamp(r.wall_ns), r.reason) for r in recorded.rejects],
        )
        decided = record.sides if record is not None else []
        explanation = Explanation(_quote_details(recorded, grids, legs), outcome, None, None, None, None, [], [], [])
        if record is None or not decided or (quote.symbol is None and legs is None):
            return explanation
        x = record.features
        symbols: list[str | None] = [quote.symbol] if legs is None else [leg.symbol for leg in legs.legs]
        used = self._decision_parameters(quote.parameters, symbols)
        model = record.model
        decisive = decisive_side(decided)
        explanation.market_state = MARKET_STATES[record.market_state]
        explanation.decided_us = record.decision_ns / NS_PER_US
        explanation.features = [_value(f, v) for f, v in zip(S.FEATURES, x, strict=True)]
        explanation.sides = [self._side(side, side.name == decisive.name, used, model, x, legs) for side in decided]
        explanation.legs = [] if legs is None else [_leg(leg, used) for leg in legs.legs]
        explanation.parameters = self._compare(quote.parameters, record, decided, used, model, legs)
        return explanation

    def _decision_parameters(self, recorded: str, symbols: list[str | None]) -> _ParameterRows:
        """The parameters of the decision, or the active ones if they cannot be restored."""
        restored = self._active if recorded == self._active.hash else self._versions.find(recorded)
        version = restored or self._active
        names, rows = [], []
        for symbol in symbols:
            instrument = self._instruments.get(symbol or "")
            configured = self._parameters.for_symbol((instrument and instrument.parameters) or symbol or "")
            names.append(self._parameters.names[configured])
            if instrument is None:
                rows.append(self._parameters.table[configured])
            else:
                rows.append(version.table[self._versions.symbols.index(instrument.symbol)])
        return _ParameterRows(version.hash, names, np.stack(rows))

    def _compare(
        self,
        recorded: str,
        record: Record,
        decided: list[DecidedSide],
        used: _ParameterRows,
        model: int,
        legs: ExplainedLegs | None,
    ) -> ParametersUsed:
        """Repeat the decision and compare it with the recorded one."""
        differs, out = [], np.zeros(D.OUT_WORDS)
        if legs is not None:
            places, states, work = leg_memory(len(legs.legs))
            prepare_legs(used.table, places, places, legs.xs, states)
        for side in decided:
            policy, ctx = self._policies[model], side.context.copy()
            if legs is None:
                decide(used.table, 0, model, policy, record.features, ctx, _NO_BOUNDS, out)
            else:
                decide_multileg(
                    used.table, places, places, float(ctx[S.SIDE]) * legs.sides, legs.weights, legs.xs, states,
                    model, policy, record.features, ctx, _NO_BOUNDS, work, out,
                )  # fmt: skip
            for name, words in _MODEL_WORDS.items():
                if not np.array_equal(out[words], side.decision[words], equal_nan=True):
                    differs.append(f"{side.name} {name}")
        name = ", ".join(dict.fromkeys(used.names))
        return ParametersUsed(recorded, self._active.hash, recorded == used.hash, used.hash, name, not differs, differs)

    def _side(
        self,
        side: DecidedSide,
        decides: bool,
        used: _ParameterRows,
        model: int,
        x: NDArray[np.float64],
        legs: ExplainedLegs | None,
    ) -> SideDetails:
        out, table_row, policy = side.decision, used.table[0], self._policies[model]
        towards, barrier = float(side.context[S.SIDE]), float(side.context[S.PICK_OFF_BARRIER])
        one_tick = pick_off = None
        if legs is None:
            one_tick = _predictor(log_odds(table_row, policy, x, towards, 1.0))
            pick_off = _predictor(log_odds(table_row, policy, x, towards, barrier)) if barrier > 0.0 else None
        return SideDetails(
            side=side.name,
            decides=decides,
            lifetime_ms=side.lifetime_ns / NS_PER_MS,
            reason=side.reason,
            model_lifetime_ms=float(out[D.OUT_MODEL_MS]),
            model_reason=REASONS[int(out[D.OUT_MODEL_REASON])],
            one_tick_probability=side.one_tick_probability,
            pick_off_probability=side.pick_off_probability,
            expected_loss_ticks=float(out[D.OUT_EXPECTED_LOSS]),
            loss_if_picked_off_ticks=float(out[D.OUT_LOSS]),
            share_of_responses=float(out[D.OUT_FILL]),
            expected_value_ticks=float(out[D.OUT_VALUE]) if model == LIQUIDITY_PROVIDER else None,
            upper_bound=float(out[D.OUT_P_UPPER]) if model == RISK_AVERSE else None,
            shock=float(out[D.OUT_SHOCK]) if model == RISK_AVERSE else None,
            curve=[
                CurvePoint(ms, float(out[D.OUT_CURVE_ONE_TICK + k]), float(out[D.OUT_CURVE_PICK_OFF + k]))
                for k, ms in enumerate(S.BIN_ENDS_MS)
            ],
            context=[_value(f, v) for f, v in zip(S.CONTEXT, side.context, strict=True)],
            one_tick=one_tick,
            pick_off=pick_off,
            legs=[] if legs is None else [_leg_risk(leg, side, used.table[leg.number], policy) for leg in legs.legs],
        )


def _leg_risk(
    leg: ExplainedLeg, side: DecidedSide, table_row: NDArray[np.float64], policy: NDArray[np.float64]
) -> LegRisk:
    towards, barrier = float(side.context[S.SIDE]), float(side.context[S.PICK_OFF_BARRIER])
    lifetime_ms = side.lifetime_ns / NS_PER_MS
    one_tick, p_one_tick = leg_risk(leg, table_row, policy, towards, 1.0, S.REFERENCE_HORIZON_MS)
    if barrier <= 0.0:
        return LegRisk(leg.symbol, _predictor(one_tick), None, p_one_tick, 1.0)
    pick_off, p_pick_off = leg_risk(leg, table_row, policy, towards, barrier, lifetime_ms)
    return LegRisk(leg.symbol, _predictor(one_tick), _predictor(pick_off), p_one_tick, p_pick_off)


def _leg(leg: ExplainedLeg, used: _ParameterRows) -> LegDetails:
    prices = Grid(leg.instrument.tick)
    bid, offer = (prices.text(px) if px else None for px in (leg.record.bid_ticks, leg.record.offer_ticks))
    features = [_value(f, v) for f, v in zip(S.FEATURES, leg.record.features, strict=True)]
    name = used.names[leg.number]
    return LegDetails(leg.symbol, leg.weight > 0, leg.ratio, abs(leg.weight), bid, offer, name, features)


def _predictor(odds: LogOdds) -> Predictor:
    return Predictor(
        barrier_ticks=odds.barrier_ticks,
        bin_end_ms=S.BIN_ENDS_MS[H.REFERENCE_BIN],
        constant=odds.constant,
        news=odds.news,
        by_feature=[
            FeatureContribution(list(names), list(covariates), odds.of(covariates)) for names, covariates in GROUPS
        ],
        covariates=[
            CovariateTerm(name, float(raw), float(z), float(part))
            for name, raw, z, part in zip(COVARIATES, odds.raw, odds.standardised, odds.parts, strict=True)
        ],
        log_odds=odds.total,
        hazard=odds.hazard,
    )


def _value(feature: S.Feature, value: float) -> Value:
    return Value(feature.name, feature.unit, float(value), feature.meaning)


def _grids(instrument: Instrument | None, legs: ExplainedLegs | None) -> Grids:
    """Grids of prices and sizes; None if they are unknown."""
    if legs is not None:
        return legs.prices, legs.sizes
    return None if instrument is None else (Grid(instrument.tick), Grid(instrument.lot))


def _quote_details(recorded: RecordedQuote, grids: Grids, legs: ExplainedLegs | None) -> QuoteDetails:
    quote = recorded.quote
    return QuoteDetails(
        quote_id=quote.quote_id or "",
        request_id=quote.request_id,
        client=quote.client,
        session=quote.session,
        symbol=quote.symbol if legs is None else legs.name,
        wants=SIDE_TEXTS[quote.side],
        bid=_price(quote.bid_ticks, grids) if quote.side != BUY else None,
        offer=_price(quote.offer_ticks, grids) if quote.side in (TWO_WAY, BUY) else None,
        quantity=_quantity(quote.quantity_lots, grids),
        legs=quote.legs,
        received=utc_timestamp(quote.wall_ns),
        valid_until=utc_timestamp(quote.valid_until_ns) if quote.valid_until_ns else "",
        lifetime_ms=quote.lifetime_ns / NS_PER_MS,
        model=quote.model,
        reason=quote.reason,
        reason_in_words=REASON_TEXTS.get(quote.reason, ""),
        stated=msgspec.json.decode(recorded.terms, type=dict[str, object]) if recorded.terms else {},
    )


def _hit(hit: HitRow, grids: Grids) -> HitDetails:
    return HitDetails(
        response_id=hit.response_id,
        outcome=hit.outcome,
        at=utc_timestamp(hit.wall_ns),
        response_ms=hit.response_ns / NS_PER_MS,
        price=_price(hit.price_ticks, grids),
        quantity=_quantity(hit.quantity_lots, grids),
        edge_ticks=hit.edge_ticks,
        markouts_ticks=dict(zip(HORIZON_NAMES, hit.markouts, strict=True)),
    )


def _price(ticks: int, grids: Grids) -> str:
    return f"{ticks} ticks" if grids is None else grids[0].text(ticks)


def _quantity(lots: int, grids: Grids) -> str:
    return f"{lots} lots" if grids is None else grids[1].short(lots)
