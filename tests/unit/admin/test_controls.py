"""The desk's controls over HTTP: authorisation, responses, and their effect on quoting processes."""

import json

import msgspec
import pytest

from quotelife.admin.app import admin_application
from quotelife.admin.controls import ControlsRoutes
from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.controls.layout import BY_RULES
from quotelife.controls.region import Controls
from quotelife.controls.store import ControlsStore
from quotelife_models.enums import RISK_AVERSE
from tests.unit.admin.http_rig import ask, serving

TOKEN = "a-token-of-the-desk"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Desk:
    def __init__(self, port: int, controls: Controls, said: list[str]) -> None:
        self.port, self.controls, self.said = port, controls, said

    def order(self, path: str, headers=BEARER, **body: object):
        return ask(self.port, path, "POST", json.dumps(body).encode(), headers)


@pytest.fixture
def config(tmp_path):
    raw = {
        "paths": {"data": "data"},
        "venue": [{"name": "SIM", "port": 1, "sender_comp_id": "Q", "target_comp_id": "V"}],
        "instrument": [{"symbol": s, "venue": "SIM", "tick": "1", "lot": "1"} for s in ("A", "B")],
        "client": [{"name": "Fund", "sessions": ["F"]}],
    }
    return msgspec.structs.replace(msgspec.convert(raw, Config), file=str(tmp_path / "q.toml"))


@pytest.fixture
def desk(config, tmp_path):
    said: list[str] = []
    controls = ControlsStore(config, RunPaths(tmp_path), said.append)
    with serving(lambda: admin_application("127.0.0.1", TOKEN, [ControlsRoutes(controls).routes()])) as server:
        yield Desk(server.port, Controls.attach(tmp_path / "controls", 2, 1), said)


def test_a_stop_is_in_force_when_it_is_answered(desk):
    answer = desk.order("/v1/stop", scope="instrument", name="B", reason="fat finger")
    assert answer.status == 200 and answer.json()["changed"] is True
    assert answer.json()["instruments"]["B"]["reason"] == "fat finger"
    assert desk.controls.stopped(1, 0) is not None and desk.controls.stopped(0, 0) is None
    assert desk.order("/v1/stop", scope="instrument", name="B").json()["changed"] is False
    assert desk.order("/v1/resume", scope="instrument", name="B").json()["instruments"] == {}
    assert desk.controls.stopped(1, 0) is None
    assert ask(desk.port, "/v1/orders").json()["all"] is None
    assert [text.split(" stopped")[0] for text in desk.said[:1]] == ["instrument B"]


def test_a_market_state_is_held_and_released(desk):
    held = desk.order("/v1/market-state", symbol="A", state="stressed", reason="news").json()["market_states"]["A"]
    assert (held["state"], held["reason"]) == ("stressed", "news") and held["since"].startswith("20")
    assert desk.controls.held_state(0) == 2
    assert desk.order("/v1/market-state", symbol="A", state=None).json() == {
        "changed": True, "all": None, "instruments": {}, "clients": {}, "market_states": {},
        "models": {"all": None, "instruments": {}, "clients": {}},
    }  # fmt: skip


def test_a_model_is_forced_and_left_to_the_rules_again(desk):
    answer = desk.order("/v1/model", scope="client", name="Fund", model="risk_averse", reason="picked off")
    forced = answer.json()["models"]["clients"]["Fund"]
    assert (forced["model"], forced["reason"]) == ("risk_averse", "picked off") and forced["since"].startswith("20")
    assert desk.controls.forced_model([0], 0) == RISK_AVERSE
    assert desk.order("/v1/model", scope="client", name="Fund", model="risk_averse").json()["changed"] is False
    assert desk.order("/v1/model", scope="client", name="Fund", model=None).json()["models"]["clients"] == {}
    assert desk.controls.forced_model([0], 0) == BY_RULES


@pytest.mark.parametrize("path", ["/v1/stop", "/v1/resume", "/v1/market-state", "/v1/model"])
def test_changing_controls_needs_the_token(desk, path):
    assert desk.order(path, headers={}, scope="all").status == 401
    assert desk.order(path, headers={"Authorization": "Bearer another-token-of-desks"}, scope="all").status == 401
    assert desk.controls.generation == 1


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/v1/stop", {"scope": "instrument", "name": "C"}, "allowed: A, B"),
        ("/v1/stop", {"scope": "desk"}, "allowed: all, instrument, client"),
        ("/v1/stop", {"scope": "all", "name": "A"}, "name is 'A'"),
        ("/v1/stop", {"scope": "all", "why": "?"}, "why"),
        ("/v1/stop", {}, "scope"),
        ("/v1/resume", {"scope": "client", "name": "Bank"}, "allowed: Fund"),
        ("/v1/market-state", {"symbol": "A", "state": "wild"}, "calm, active"),
        ("/v1/market-state", {"symbol": "A"}, "state"),
        ("/v1/model", {"scope": "all", "model": "brave"}, "client_priority, risk_averse"),
        ("/v1/model", {"scope": "instrument", "name": "C", "model": None}, "allowed: A, B"),
        ("/v1/model", {"scope": "all"}, "model"),
    ],
)
def test_an_invalid_request_is_refused_with_the_allowed_values(desk, path, body, said):
    answer = desk.order(path, **body)
    assert answer.status == 422 and said in answer.json()["detail"]
    assert desk.controls.generation == 1


def test_a_body_that_is_not_json_is_refused(desk):
    assert ask(desk.port, "/v1/stop", "POST", b"{", BEARER).status == 400


def test_a_control_that_cannot_be_saved_is_in_force_and_reported(desk, config, tmp_path):
    (tmp_path / "data").write_text("a file instead of the folder")
    answer = desk.order("/v1/stop", scope="all")
    assert answer.status == 507 and answer.json()["type"].endswith(":not-kept")
    assert desk.controls.stopped(0, 0) is not None
