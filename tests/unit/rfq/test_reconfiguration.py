"""Another version of the configuration in the handler: from the next message on, with the quotes that are open."""

from decimal import Decimal
from itertools import count

import msgspec
import pytest

from quotelife.api.expiry_calculator import ExpiryCalculator
from quotelife.api.messages import ExpiryRequest
from quotelife.config import Client, Config, Rule
from quotelife.config.versions.succession import numbered_sessions, owners, succeed
from quotelife.controls.region import Controls
from quotelife.decision import pricing
from quotelife.decision.client_state import configure_clients
from quotelife.decision.refusal import UNKNOWN_CLIENT, Refusal
from quotelife.decision.settings import DecisionSettings
from quotelife.ledger.client_layout import FILL_RATE
from quotelife.ledger.quote_state import OPEN, WITHDRAWN
from quotelife.recorder.client_statistics import ClientStatistics
from quotelife_models.enums import RISK_AVERSE
from tests.unit.rfq import rfq_rig
from tests.unit.rfq.rfq_rig import CLIENTS, Rig

NEW = Client(name="New", sessions=["NEW"])


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def reconfigure(rig: Rig, clients: list[dict] | None = None, **sections) -> Config:
    """Put another version in force, with these clients and sections."""
    rig.clients = clients or rig.clients
    new = msgspec.structs.replace(rig.configure(), **sections)
    states = {s.client.client.name: s.client for s in rig.handler.sessions.values() if s.client is not None}
    config = succeed(rig.config, new)
    states = configure_clients(config, states)
    clients_of = {session: states[client.name] for session, client in owners(config).items()}
    rig.handler.quoter.controls = Controls.none(len(config.instrument), len(config.client))
    rig.handler.metrics.extend(numbered_sessions(config))
    rig.handler.configure(DecisionSettings.of(config), clients_of, rig.wall_ns, rig.mono_ns)
    rig.config = config
    return config


_ids = count(1)


def request(rig: Rig, session: str = "ORD", quantity: object = 1) -> dict[str, str]:
    symbol = rfq_rig.INSTRUMENTS[0]["symbol"]
    return rig.send("R", f"131=r{next(_ids)}|146=1|55={symbol}|54=1|38={quantity}", session)[0]


def test_a_limit_holds_from_the_next_request_on_and_open_quotes_stay(rig):
    quote = request(rig)
    assert quote["35"] == "S"
    reconfigure(rig, [{**CLIENTS[0], "max_quantity": 2.0}, *CLIENTS[1:]])
    assert rig.handler.open_quotes.find(quote["117"]).state == OPEN
    assert request(rig, quantity=2)["35"] == "S"
    assert "at most 2" in request(rig, quantity=3)["58"]


def test_a_new_session_is_answered_and_numbers_stay(rig):
    before = {name: session.number for name, session in rig.handler.sessions.items()}
    reconfigure(rig, [{"name": "New", "sessions": ["NEW"]}, *CLIENTS])
    after = {name: session.number for name, session in rig.handler.sessions.items()}
    assert after == before | {"NEW": len(before) + 1}
    assert request(rig, "NEW")["35"] == "S"
    assert rig.handler.sessions["NEW"].client.index == len(CLIENTS)
    rig.handler.on_logon("NEW")  # its metrics are there
    assert rig.handler.sessions["ORD"].client.index == 0


def test_quotes_of_a_removed_client_are_withdrawn_and_others_stay(rig):
    rig.handler.on_logon("FUND")
    gone, stays = request(rig, "FUND"), request(rig)
    reconfigure(rig, [CLIENTS[0], CLIENTS[2]])
    outcomes = rig.handler.drain_cancels(rig.wall_ns, rig.mono_ns)
    assert [outcome.session.name for outcome in outcomes] == ["FUND"]
    assert "\x0135=Z\x01" in outcomes[0].messages[0] and gone["117"] in outcomes[0].messages[0]
    assert rig.handler.open_quotes.find(gone["117"]).state == WITHDRAWN
    assert rig.handler.open_quotes.find(stays["117"]).state == OPEN
    assert "no client is configured" in request(rig, "FUND")["58"]


def test_statistics_of_a_client_survive_other_terms(rig):
    state = rig.handler.sessions["ORD"].client
    context = state.context
    state.context[:] += 0.25
    measured = state.context.copy()
    reconfigure(rig, [{**CLIENTS[0], "margin_ticks": 3.0, "tier": "restricted"}, *CLIENTS[1:]])
    assert rig.handler.sessions["ORD"].client is state and state.context is context
    assert state.margin_ticks >= 3.0
    assert (state.context != measured).sum() == 2  # tier and round trip are configured


def test_margin_and_rules_decide_the_next_quote(rig):
    tight = float(request(rig)["133"])
    reconfigure(rig, [{**CLIENTS[0], "margin_ticks": 4.0}, *CLIENTS[1:]])
    assert float(request(rig)["133"]) > tight
    reconfigure(rig, rule=[Rule(model="risk_averse")])
    quote = request(rig)
    assert rig.handler.open_quotes.find(quote["117"]).decision.model == RISK_AVERSE


def test_the_api_decides_for_a_new_client_and_by_new_limits(rig):
    calculator = ExpiryCalculator(rig.config, rig.parameters, pricing.default)
    known = calculator.clients["Ordinary"]
    config = reconfigure(rig, [{**CLIENTS[0], "max_quantity": 2.0}, *CLIENTS[1:], {"name": "New", "sessions": []}])
    calculator.configure(DecisionSettings.of(config))
    assert calculator.clients["Ordinary"] is known and known.client.max_quantity == 2.0
    assert calculator.clients["New"].index == len(CLIENTS)
    assert len(calculator.quoter.exposure.client_lots) == len(CLIENTS) + 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sessions": []}, "no client named Fund is configured"),
        ({"role": "hedge"}, "client Fund has the role hedge: it gets no quotes"),
        ({"role": "drop_copy"}, "client Fund has the role drop_copy: it gets no quotes"),
    ],
)
def test_the_api_decides_for_no_client_that_is_removed_or_gets_no_quotes(rig, changed, words):
    client = msgspec.structs.replace(rig.config.client[1], **changed)
    config = msgspec.structs.replace(rig.config, client=[rig.config.client[0], client])
    calculator = ExpiryCalculator(config, rig.parameters, pricing.default)
    request = ExpiryRequest(symbol="BTC-USD", side="buy", quantity=Decimal(1), client="Fund")
    with pytest.raises(Refusal, match=words) as refused:
        calculator.decide(request, rig.wall_ns, rig.mono_ns)
    assert refused.value.reason is UNKNOWN_CLIENT


def test_measured_statistics_stay_and_new_clients_begin_with_theirs(rig):
    statistics = ClientStatistics(rig.config)
    statistics.add_hit(1, rig.wall_ns, 5_000_000, in_time=True)
    measured = statistics.rows[1].copy()
    new = succeed(rig.config, msgspec.structs.replace(rig.config, client=[*rig.config.client[::-1], NEW]))
    assert statistics.configure(new) == {"New"}
    assert statistics.names == ["Ordinary", "Fund", "Far", "New"] and statistics.number("New") == 3
    assert (statistics.rows[1] == measured).all() and statistics.rows.shape[0] == 4
    assert statistics.estimate(3, rig.wall_ns)[FILL_RATE] > 0
    assert statistics.changed >= {0, 1, 2}
