"""The routes of the desk page over HTTP, on the files of a service."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from quotelife.admin.app import admin_application
from quotelife.admin.dashboard import DashboardRoutes
from quotelife.controls.store import ControlsStore
from quotelife.dashboard.positions import PositionView
from tests.unit.admin.http_rig import ask, serving
from tests.unit.dashboard.desk_rig import DeskRig


class Desk:
    """The pages of one service."""

    def __init__(self, rig: DeskRig, controls: ControlsStore) -> None:
        self.rig, self.controls, self.port = rig, controls, 0

    def get(self, path: str) -> Any:
        answer = ask(self.port, path)
        assert answer.status == 200, answer.body
        return answer.json()

    def refused(self, path: str, status: int = 422) -> Any:
        answer = ask(self.port, path)
        assert answer.status == status and answer.kind.startswith("application/problem+json")
        return answer.json()

    def events(self, *names: str, path: str = "/desk/events") -> dict[str, Any]:
        """The first event of each name in a new stream."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        found: dict[str, Any] = {}
        try:
            connection.request("GET", path)
            stream = connection.getresponse()
            while not found.keys() >= set(names):
                name = stream.readline().decode().removeprefix("event: ").strip()
                data = json.loads(stream.readline().decode().removeprefix("data: "))
                stream.readline()
                found.setdefault(name, data)
        finally:
            connection.close()
        return found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    rig = DeskRig(tmp_path_factory.mktemp("desk"))
    controls = ControlsStore(rig.config, rig.run, lambda _: None)
    positions = PositionView(rig.config, rig.run)
    pages = DashboardRoutes(rig.config, rig.run, controls, positions)
    made = Desk(rig, controls)

    def application():
        app = admin_application("127.0.0.1", None, [pages.routes()])
        app.on_shutdown.append(pages.end_streams)
        return app

    with serving(application) as server:
        made.port = server.port
        yield made
    pages.close()
    positions.close()


def test_hello_names_units_of_the_instrument_and_what_can_be_chosen(desk):
    hello = desk.events("hello", path="/desk/events?instrument=ETH-USD")["hello"]
    units = {each["symbol"]: (each["base"], each["currency"], each["lot"]) for each in hello["instruments"]}
    assert units["BTC-USD"] == ("BTC", "USD", "0.001") and units["NIGHT"] == ("", "", "1")
    assert {f["unit"] for f in hello["features"] if f["name"] == "bid_depth_1"} == {"ETH"}
    assert hello["clients"] == ["Ordinary", "Fund", "Far"] and "calm" in hello["market_states"]
    assert hello["needs_token"] and not hello["has_token"] and hello["version"]


def test_status_shows_clients_limits_controls_and_sessions(desk):
    desk.rig.fill("s1")
    desk.rig.record()
    desk.controls.stop("client", "Far", "away")
    desk.controls.hold_market("ETH-USD", "news", "statement at noon")
    desk.controls.force_model("all", "", "risk_averse", "thin")
    status = desk.events("status", "market")
    market, status = status["market"], status["status"]
    assert float(market["mid"]) > 0 and float(market["spread"]) > 0 and market["now_ms"] > 1e12
    clients = {client["name"]: client for client in status["clients"]}
    assert clients["Ordinary"]["fills"] >= 1 and clients["Ordinary"]["result_currency"] == "USD"
    assert clients["Fund"]["sessions"] == [{"name": "FUND", "up": False, "expected": False, "since_ms": None}]
    controls = status["controls"]
    assert controls["clients"]["Far"]["reason"] == "away" and controls["clients"]["Far"]["since_ms"] > 1e12
    assert controls["market_states"]["ETH-USD"]["state"] == "news" and controls["all"] is None
    assert controls["models"]["all"]["model"] == "risk_averse" and controls["models"]["clients"] == {}
    [limit] = [one for one in status["limits"] if one["scope"] == "instrument"]
    assert (limit["name"], limit["used"], limit["limit"], limit["unit"]) == ("BTC-USD", 1.5, 30.0, "BTC")
    assert status["positions"]["positions"][0]["limit"] == 30.0 and set(status["desk"]) >= {"result", "picked_off"}


def test_the_history_is_paged_newest_first_across_journal_and_recorder(desk):
    quotes = [desk.rig.ask(f"p{n}")["117"] for n in range(3)]
    desk.rig.record()
    quotes += [desk.rig.ask(f"p{n}")["117"] for n in range(3, 5)]  # in the journal alone
    seen, path = [], "/desk/quotes?client=Ordinary&text=p&limit=2"
    before = ""
    while before is not None and len(seen) < 10:
        page = desk.get(path + (f"&before={before}" if before else ""))
        seen += [quote["id"] for quote in page["quotes"] if quote["request"].startswith("p")]
        before = page["next"]
    assert seen == list(reversed(quotes))


def test_a_bad_query_names_field_value_and_what_is_allowed(desk):
    for field, value in (("outcome", "lost"), ("model", "best"), ("instrument", "X"), ("client", "Nobody"),
                         ("before", "yesterday"), ("limit", "0"), ("limit", "x")):  # fmt: skip
        problem = desk.refused(f"/desk/quotes?{field}={value}")
        assert (problem["field"], problem["value"]) == (field, value) and problem["allowed"]
    assert desk.refused("/desk/quotes?colour=red")["field"] == "colour"
    assert desk.refused("/desk/mids?instrument=X")["field"] == "instrument"
    assert desk.refused("/desk/quotes/none", 404)["value"] == "none"


def test_a_quote_is_explained_with_sentence_curve_features_and_timeline(desk):
    quote = desk.rig.fill("e1", after_ms=12.0)
    desk.rig.record()
    story = desk.get(f"/desk/quotes/{quote}")
    assert story["sentence"].startswith("Ordinary asked to buy 1.5 BTC") and "filled after 12 ms" in story["sentence"]
    assert story["outcome"] == "filled" and story["hit_ms"] == pytest.approx(12.0)
    assert len(story["curve"]["ms"]) == len(story["curve"]["pick_off"]) == 9
    sizes = [abs(feature["log_odds"]) for feature in story["features"]]
    assert sizes == sorted(sizes, reverse=True) and all(feature["meaning"] for feature in story["features"])
    at = [event["at_us"] for event in story["timeline"]]
    assert at == sorted(at) and [event["event"] for event in story["timeline"]][:2] == [
        "request received",
        "quote decided",
    ]
    assert story["explanation"]["quote"]["quote_id"] == quote


def test_the_mids_are_sampled_once_a_page_was_opened(desk):
    desk.events("market")
    found = desk.get("/desk/mids?instrument=BTC-USD")
    assert len(found["at_ms"]) == len(found["mid"]) == len(found["spread"]) >= 1
