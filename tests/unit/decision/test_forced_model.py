"""A model that the desk forces decides instead of the rules and of the model that a request names."""

import msgspec
import pytest

from quotelife.config.paths import RunPaths
from quotelife.controls.store import ControlsStore
from quotelife.journal import layout as J
from quotelife_models.enums import MODELS
from tests.unit.rfq.rfq_rig import Rig

MULTILEG = "55=[N/A]|54=1|38=3|555=2|600=BTC-USD|623=1|624=1|600=ETH-USD|623=2|624=2"
NAMED = "|20001=CLIENT_PRIORITY"


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


@pytest.fixture
def controls(rig, tmp_path):
    paths = msgspec.structs.replace(rig.config.paths, data="data")
    controls = ControlsStore(msgspec.structs.replace(rig.config, paths=paths), RunPaths(tmp_path), lambda _: None)
    rig.handler.quoter.controls = controls.region
    for session in ("ORD", "FUND"):
        rig.handler.on_logon(session)
    return controls


@pytest.fixture
def decided(rig):
    """The model of the quote for a request, and whether its record says that it was forced."""

    def decided(request_id: str, related: str = "55=BTC-USD|54=1|38=1.5", session: str = "ORD") -> tuple[str, bool]:
        assert rig.ask(request_id, related, session)["35"] == "S"
        record = [record for record in rig.reader.read() if record.kind == J.KIND_QUOTE][-1]
        return MODELS[record.model], record.is_model_forced

    return decided


@pytest.mark.parametrize(("scope", "name"), [("all", ""), ("instrument", "BTC-USD"), ("client", "Ordinary")])
def test_a_forced_model_decides_until_it_is_left_to_the_rules(decided, controls, scope, name):
    assert decided("r1") == ("liquidity_provider", False)
    controls.force_model(scope, name, "risk_averse")
    assert decided("r2") == ("risk_averse", True)
    controls.force_model(scope, name, None)
    assert decided("r3") == ("liquidity_provider", False)


def test_it_leaves_other_instruments_and_clients_to_the_rules(decided, controls):
    controls.force_model("instrument", "ETH-USD", "risk_averse")
    controls.force_model("client", "Fund", "risk_averse")
    assert decided("r1") == ("liquidity_provider", False)


def test_it_decides_instead_of_the_model_that_a_request_names(decided, controls):
    request = f"55=BTC-USD|54=1|38=1.5{NAMED}"
    assert decided("r1", request, "FUND") == ("client_priority", False)
    controls.force_model("client", "Fund", "risk_averse")
    assert decided("r2", request, "FUND") == ("risk_averse", True)


def test_a_client_that_may_not_choose_a_model_is_still_refused(rig, controls):
    controls.force_model("all", "", "client_priority")
    refused = rig.ask("r1", f"55=BTC-USD|54=1|38=1.5{NAMED}")
    assert refused["35"] == "AG" and "20001" in refused["58"]


def test_it_decides_on_a_multileg_of_which_it_is_forced_for_one_leg(decided, controls):
    assert decided("p1", MULTILEG + NAMED, "FUND") == ("client_priority", False)
    controls.force_model("instrument", "ETH-USD", "risk_averse")
    assert decided("p2", MULTILEG + NAMED, "FUND") == ("risk_averse", True)


def test_the_next_quote_of_a_subscription_is_by_the_forced_model(rig, controls):
    rig.handler.subscriptions.configure(msgspec.structs.replace(rig.config.streaming, enabled=True))
    rig.ask("s1", "263=1|55=BTC-USD|54=1|38=1.5")
    controls.force_model("all", "", "risk_averse")
    rig.sleep(60_000, alive=True)
    rig.run_timers()
    first, *_, last = [record for record in rig.reader.read() if record.kind == J.KIND_QUOTE]
    assert [(MODELS[r.model], r.is_model_forced, r.is_subscribed) for r in (first, last)] == [
        ("liquidity_provider", False, True),
        ("risk_averse", True, True),
    ]


def test_a_record_tells_that_the_market_state_was_held(rig, controls):
    controls.hold_market("BTC-USD", "stressed")
    rig.ask("r1")
    *_, record = rig.reader.read()
    assert record.is_state_held and not record.is_model_forced
