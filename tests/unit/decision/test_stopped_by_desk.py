"""A stop by the desk refuses new requests, withdraws open quotes and refuses later hits."""

import re

import msgspec
import pytest

from quotelife.config.paths import RunPaths
from quotelife.controls.store import ControlsStore
from quotelife.journal import layout as J
from quotelife.metrics.labels import CANCEL_REASONS
from quotelife_models.enums import MARKET_STATES, MODELS
from tests.unit.rfq.rfq_rig import Rig

MULTILEG = "55=[N/A]|54=1|38=3|555=2|600=BTC-USD|623=1|624=1|600=ETH-USD|623=2|624=2|20001=CLIENT_PRIORITY"


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


@pytest.mark.parametrize(
    ("scope", "name", "words"),
    [
        ("all", "", r"all quoting.* since 20\d{6}-"),
        ("instrument", "BTC-USD", "quoting of BTC-USD"),
        ("client", "Ordinary", "this client"),
    ],
)
def test_a_stop_refuses_requests_until_it_is_lifted(rig, controls, scope, name, words):
    controls.stop(scope, name, "secret reason")
    refused = rig.ask("r1")
    assert (refused["35"], refused["658"]) == ("AG", "10")
    assert re.search(words, refused["58"]) and "secret" not in refused["58"]
    controls.resume(scope, name)
    assert rig.ask("r2")["35"] == "S"


def test_a_stop_leaves_other_instruments_and_clients_quoted(rig, controls):
    controls.stop("instrument", "BTC-USD", "")
    controls.stop("client", "Far", "")
    assert rig.ask("r1", "55=ETH-USD|54=1|38=1")["35"] == "S"


def test_a_stop_withdraws_open_quotes_and_sends_a_cancel(rig, controls):
    stopped, other = rig.ask("r1"), rig.ask("r2", "55=ETH-USD|54=1|38=1", "FUND")
    controls.stop("instrument", "BTC-USD", "")
    [(session, text)] = rig.drain_cancels()
    assert session == "ORD" and "35=Z\x01" in text and f"117={stopped['117']}\x01" in text
    assert rig.drain_cancels() == []
    [report] = rig.send("AJ", f"693=b|117={other['117']}|694=1", "FUND")
    assert report["39"] == "2"
    cancels = [r for r in rig.reader.read() if r.kind == J.KIND_CANCEL]
    assert [CANCEL_REASONS[cancel.outcome] for cancel in cancels] == ["stopped_by_desk"]


def test_a_hit_between_the_stop_and_the_withdrawal_is_refused(rig, controls):
    quote = rig.ask("r1")
    controls.stop("all", "", "")
    answer = rig.send("AJ", f"693=a|117={quote['117']}|694=1")
    assert (answer[0]["39"], answer[0]["103"]) == ("8", "8")
    [(_, text)] = rig.drain_cancels()
    assert f"117={quote['117']}\x01" in text


def test_a_stopped_leg_refuses_the_multileg(rig, controls):
    quote = rig.ask("p1", MULTILEG, "FUND")
    assert quote["35"] == "S", quote
    controls.stop("instrument", "ETH-USD", "")
    assert len(rig.drain_cancels()) == 1
    assert "ETH-USD" in rig.ask("p2", MULTILEG, "FUND")["58"]


def test_a_held_market_state_selects_the_model(rig, controls):
    def decided(request_id: str) -> tuple[str, str]:
        assert rig.ask(request_id)["35"] in ("S", "AG")
        *_, record = rig.reader.read()
        return MARKET_STATES[record.market_state], MODELS[record.model]

    assert decided("r1") == ("calm", "liquidity_provider")
    controls.hold_market("BTC-USD", "stressed")
    assert decided("r2") == ("stressed", "risk_averse")
    controls.hold_market("BTC-USD", None)
    assert decided("r3") == ("calm", "liquidity_provider")


def test_the_held_market_state_of_a_leg_applies_to_the_multileg(rig, controls):
    controls.hold_market("ETH-USD", "news")
    rig.ask("p1", MULTILEG, "FUND")
    *_, record = rig.reader.read()
    assert MARKET_STATES[record.market_state] == "news"


def test_a_market_held_closed_is_refused(rig, controls):
    quote = rig.ask("r1")
    controls.hold_market("BTC-USD", "closed")
    refused = rig.ask("r2")
    assert (refused["35"], refused["658"]) == ("AG", "2") and "closed by the desk" in refused["58"]
    [report] = rig.send("AJ", f"693=a|117={quote['117']}|694=1")[:1]
    assert report["39"] == "8"


def test_stops_survive_a_restart(rig, controls):
    quote = rig.ask("r1")
    controls.stop("all", "", "")
    rig.drain_cancels()
    rig.restart()
    refused = rig.send("AJ", f"693=a|117={quote['117']}|694=1")[0]
    assert (refused["39"], refused["103"]) == ("8", "8")
