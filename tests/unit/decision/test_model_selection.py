"""Selection, phases, the state of the market, and the allowance of requests."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from quotelife.config import Client, Config, Instrument
from quotelife.config.client_sections import TierTerms
from quotelife.config.instrument_sections import Session
from quotelife.config.sections import MarketStates, Rule, Withdrawal
from quotelife.decision import model_selection
from quotelife.decision.client_state import ClientState, client_states
from quotelife.decision.kernel import NO_LIMIT
from quotelife.decision.model_selection import compile_rules, market_state, select, thresholds
from quotelife.decision.trading_phases import TradingPhases
from quotelife.ledger import client_layout as L
from quotelife.ledger.client_estimates import configured_row
from quotelife.runtime.clock import NS_PER_S, parse_utc_timestamp
from quotelife_models import schema as S
from quotelife_models.enums import (
    MARKET_ACTIVE,
    MARKET_AUCTION,
    MARKET_CALM,
    MARKET_CLOSED,
    MARKET_NEWS,
    MARKET_STATES,
    MARKET_STRESSED,
    MODELS,
)

CP, RA, LP = range(3)
INSTRUMENT = Instrument(symbol="X", tick="1", lot="1", venue="V")


def config(*rules: Rule) -> Config:
    venue = {"name": "V", "port": 1, "sender_comp_id": "a", "target_comp_id": "b"}
    raw = {
        "venue": [venue],
        "instrument": [msgspec.to_builtins(INSTRUMENT)],
        "client": [{"name": "C", "sessions": ["S"]}],
    }
    return msgspec.structs.replace(msgspec.convert(raw, Config), rule=list(rules), file=str(Path("x.toml")))


def chosen(rules, tier="ordinary", name="C", legs=1, size=0.0, phase=0, market=MARKET_CALM) -> int:
    compiled = compile_rules(config(*rules), Client(name=name, sessions=["S"], tier=tier), [INSTRUMENT.symbol])
    return select(compiled, legs, size, phase, market)


@pytest.mark.parametrize(
    ("arguments", "model"),
    [
        ({"tier": "strategic", "legs": 2}, CP),
        ({"tier": "strategic", "size": model_selection.LARGE}, CP),
        ({"tier": "strategic", "size": model_selection.LARGE - 0.01}, LP),
        ({"tier": "strategic", "legs": 2, "market": MARKET_ACTIVE}, LP),
        ({"tier": "strategic", "legs": 2, "market": MARKET_STRESSED}, RA),
        ({"tier": "ordinary", "legs": 2}, LP),
        ({"market": MARKET_NEWS}, RA),
        ({"market": MARKET_AUCTION}, RA),
        ({"market": MARKET_ACTIVE}, LP),
    ],
)
def test_the_default_rules_select_the_model(arguments, model):
    assert chosen((), **arguments) == model


def test_the_first_rule_whose_conditions_all_match_wins():
    rules = (
        Rule(model="risk_averse", client=["Other"]),
        Rule(model="risk_averse", instrument=["Y"]),
        Rule(model="risk_averse", phase=["open"]),
        Rule(model="client_priority", tier=["ordinary"], min_legs=1),
        Rule(model="risk_averse"),
    )
    assert chosen(rules) == CP
    assert chosen(rules, phase=1) == RA
    assert chosen(rules, name="Other") == RA
    assert chosen(rules, tier="restricted") == RA


def test_without_a_matching_rule_the_model_is_liquidity_provider():
    assert MODELS[chosen((Rule(model="risk_averse", min_legs=5),))] == "liquidity_provider"


@pytest.mark.parametrize(
    ("features", "phase", "state"),
    [
        ({}, 0, MARKET_CALM),
        ({S.REALISED_VOLATILITY_1S: 3.9}, 0, MARKET_CALM),
        ({S.REALISED_VOLATILITY_1S: 4.0}, 0, MARKET_ACTIVE),
        ({S.REALISED_VOLATILITY_1S: 10.0}, 0, MARKET_STRESSED),
        ({S.SPREAD: 12.0}, 0, MARKET_STRESSED),
        ({S.NEWS_SENTIMENT: -0.5, S.SPREAD: 12.0}, 0, MARKET_NEWS),
        ({S.NEWS_SENTIMENT: 0.49}, 0, MARKET_CALM),
        ({S.NEWS_SENTIMENT: 1.0}, 3, MARKET_AUCTION),
        ({}, 4, MARKET_CLOSED),
    ],
)
def test_features_and_phase_determine_the_market_state(features, phase, state):
    x = np.zeros(S.N_FEATURES)
    for index, value in features.items():
        x[index] = value
    found = market_state(x, phase, 2.0, 3.0, thresholds(MarketStates()))
    assert MARKET_STATES[found] == MARKET_STATES[state]


def test_an_instrument_that_hardly_moves_is_not_stressed_by_one_move():
    x = np.zeros(S.N_FEATURES)
    x[S.REALISED_VOLATILITY_1S] = 0.5
    assert market_state(x, 0, 0.0, 0.0, thresholds(MarketStates())) == MARKET_CALM


def at(text: str) -> int:
    return parse_utc_timestamp(f"20260105-{text}")


def test_phases_cover_the_day_and_cross_midnight():
    phases = TradingPhases(
        [
            Session(phase="open", start="09:00", end="09:30", max_lifetime_ms=100.0),
            Session(phase="closed", start="22:00", end="06:00:30"),
        ]
    )
    assert phases.at(at("08:59:59.999")).code == 0
    assert (phases.at(at("09:00:00")).code, phases.at(at("09:00:00")).limit_ns) == (1, 100_000_000)
    assert phases.at(at("09:30:00")).code == 0
    assert [phases.at(at(t)).code for t in ("22:00:00", "23:59:59", "00:00:00", "06:00:29", "06:00:30")] == [
        4,
        4,
        4,
        4,
        0,
    ]
    assert phases.at(at("12:00:00")).limit_ns == NO_LIMIT


def test_the_request_allowance_refills_evenly_up_to_one_second():
    state = ClientState(0, Client(name="C", sessions=["S"], requests_per_second=10.0), TierTerms(), Withdrawal())
    now = 1_000 * NS_PER_S
    assert sum(state.allow_request(now) for _ in range(20)) == 10
    assert not state.allow_request(now + NS_PER_S // 20)
    assert state.allow_request(now + NS_PER_S // 10)
    assert not state.allow_request(now + NS_PER_S // 10)
    assert sum(state.allow_request(now + 100 * NS_PER_S) for _ in range(20)) == 10


def test_client_statistics_are_the_assumed_ones_until_measured():
    client, terms = Client(name="C", sessions=["S"], response_ms=100.0), TierTerms(fill_rate=0.3)
    state = ClientState(0, client, terms, Withdrawal())
    assert (state.context[S.CLIENT_RESPONSE], state.context[S.CLIENT_FILL_RATE]) == (100.0, 0.3)
    row = configured_row(client, terms, Withdrawal())
    row[L.RESPONSE_MS] = 40.0
    state.update_statistics(row)
    assert (state.context[S.CLIENT_RESPONSE], state.context[S.CLIENT_FILL_RATE]) == (40.0, 0.3)
    assert state.context[S.CLIENT_ROUND_TRIP] == client.round_trip_ms


def test_sessions_of_one_client_share_its_state():
    made = msgspec.structs.replace(config(), client=[Client(name="C", sessions=["S1", "S2"])])
    states = client_states(made)
    assert states["S1"] is states["S2"]
