"""Positions over HTTP, from a terminal and as metrics: of the ledger, at the mid of the market."""

import json

import msgspec
import pytest
from typer.testing import CliRunner

from quotelife.admin.app import admin_application
from quotelife.admin.collectors import PositionsCollector
from quotelife.admin.commands.position_command import change_position, show_positions
from quotelife.admin.positions import PositionsRoutes
from quotelife.cli import app
from quotelife.config.paths import RunPaths
from quotelife.dashboard.positions import PositionView
from quotelife.market.board import layout as L
from quotelife.rfq.positions.desk_changes import DeskChanges
from quotelife.runtime.line_socket import LineServer
from tests.unit.admin.http_rig import ask, serving
from tests.unit.rfq.rfq_rig import Rig

TOKEN = "a-token-of-the-desk"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


@pytest.fixture
def view(rig, tmp_path):
    view = PositionView(rig.config, RunPaths(tmp_path), tmp_path / "ledger.sqlite")
    yield view
    view.close()


@pytest.fixture
def port(rig, view, tmp_path):
    """A supervisor's HTTP, and the quoting process behind its socket."""
    server = LineServer(RunPaths(tmp_path).positions_socket, DeskChanges(rig.handler.positions).answer)
    routes = PositionsRoutes(view, RunPaths(tmp_path)).routes()
    with serving(lambda: admin_application("127.0.0.1", TOKEN, [routes])) as http:
        yield http.port
    server.close()


def post(port: int, headers=BEARER, **change: object):
    return ask(port, "/v1/positions", "POST", json.dumps(change).encode(), headers)


def fill(rig: Rig) -> float:
    quote = rig.ask("r1")
    [report] = rig.send("AJ", f"693=a|117={quote['117']}|694=1")
    assert report["39"] == "2"
    return float(report["31"])


def test_a_change_needs_the_token_and_is_in_force_when_answered(port, rig):
    change = {"id": "1", "symbol": "ETH-USD", "adjust": "3", "price": 10.5}
    assert post(port, headers={}, **change).status == 401
    assert rig.ledger.positions() == {}
    answer = post(port, **change)
    assert answer.status == 200 and answer.json() == {
        "changed": True, "id": "1", "symbol": "ETH-USD", "client": "", "added": "3", "position": "3",
        "average_price": 10.5, "realised": 0.0,
    }  # fmt: skip
    assert rig.handler.open_quotes.positions[1] == 3
    assert post(port, **change).json()["changed"] is False


def test_refusals_have_their_status(port):
    change = {"id": "1", "symbol": "ETH-USD", "adjust": "3", "price": 10.5}
    assert post(port, **change).status == 200
    assert post(port, **change | {"adjust": "4"}).status == 409
    wrong = post(port, **change | {"symbol": "DOGE"})
    assert wrong.status == 422 and wrong.json()["field"] == "symbol"
    assert ask(port, "/v1/positions", "POST", b"{", BEARER).status == 400


def test_without_the_quoting_process_nothing_is_lost(view, tmp_path):
    routes = PositionsRoutes(view, RunPaths(tmp_path)).routes()
    with serving(lambda: admin_application("127.0.0.1", TOKEN, [routes])) as http:
        answer = post(http.port, id="1", symbol="ETH-USD", adjust="3", price=10.5)
        assert answer.status == 503 and "with the same id" in answer.json()["detail"]
        assert ask(http.port, "/v1/positions").json()["positions"] == []


def test_positions_are_marked_at_the_mid_of_now(port, rig):
    price = fill(rig)
    mid = int(rig.board.rows[0, L.MID2]) / 4
    listed = ask(port, "/v1/positions").json()
    [desk], [client] = listed["positions"], listed["clients"]
    assert (desk["symbol"], desk["position"], desk["average_price"], desk["mark"]) == ("BTC-USD", "-1.5", price, mid)
    assert desk["marked"] == pytest.approx(-1.5 * (mid - price)) and desk["realised"] == 0
    assert desk["limit"] == 30.0 and client == desk | {"client": "Ordinary", "limit": None}
    assert listed["gross_notional"] == pytest.approx(1.5 * mid) == pytest.approx(-listed["net_notional"])
    rig.shift_book(4)
    [later] = ask(port, "/v1/positions").json()["positions"]
    assert later["mark"] == mid + 2 and later["marked"] == pytest.approx(desk["marked"] - 3.0)
    post(port, id="1", symbol="BTC-USD", adjust="1.5", price=price - 1)
    [flat] = ask(port, "/v1/positions").json()["positions"]
    assert (flat["position"], flat["average_price"], flat["marked"]) == ("0", None, 0.0)
    assert flat["realised"] == pytest.approx(1.5)


def test_without_a_board_there_is_no_mark(rig, tmp_path):
    fill(rig)
    view = PositionView(rig.config, RunPaths(tmp_path / "elsewhere"), tmp_path / "ledger.sqlite")
    [desk] = view.read().desk
    assert (desk.position, desk.mark, desk.marked, desk.notional) == ("-1.5", None, None, None)
    view.close()


def test_metrics(rig, view):
    price = fill(rig)
    metrics = {m.name: m for m in PositionsCollector(view).collect()}
    value = {(name, tuple(sample.labels.values())): sample.value for name, m in metrics.items() for sample in m.samples}
    assert value["quotelife_position", ("BTC-USD",)] == -1.5
    assert value["quotelife_position_average_price", ("BTC-USD",)] == price
    assert value["quotelife_position_realised_result", ("BTC-USD",)] == 0.0
    assert value["quotelife_client_position", ("Ordinary", "BTC-USD")] == -1.5
    mid = int(rig.board.rows[0, L.MID2]) / 4
    marked = pytest.approx(-1.5 * (mid - price))
    assert value["quotelife_client_position_marked_result", ("Ordinary", "BTC-USD")] == marked
    assert value["quotelife_position_marked_result", ("BTC-USD",)] == marked
    assert value["quotelife_notional", ("gross",)] == pytest.approx(1.5 * mid)
    assert value["quotelife_notional", ("net",)] == pytest.approx(-1.5 * mid)


@pytest.fixture
def configured(port, rig, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    admin = msgspec.structs.replace(rig.config.admin, port=port, token_file="token")
    return msgspec.structs.replace(rig.config, admin=admin)


def test_from_a_terminal(configured, rig, capsys):
    change = {"symbol": "ETH-USD", "adjust": "-3", "price": "10.5", "id": None, "client": None, "reason": ""}
    assert change_position(configured, change) == 0
    told = capsys.readouterr()
    assert told.out.startswith("done\n") and rig.handler.open_quotes.positions[1] == -3
    id_ = told.err.removeprefix("id ").strip()
    assert change_position(configured, change | {"id": id_}) == 0
    assert capsys.readouterr().out.startswith("no change: this id")
    assert change_position(configured, change | {"symbol": "DOGE"}) == 1
    assert "allowed: BTC-USD, ETH-USD" in capsys.readouterr().err
    assert show_positions(configured, False) == 0
    shown = capsys.readouterr().out
    assert "ETH-USD" in shown and "-3" in shown and "10.5" in shown and "gross notional" in shown
    assert show_positions(configured, True) == 0
    assert json.loads(capsys.readouterr().out)["positions"][0]["symbol"] == "ETH-USD"


def test_the_command_line(monkeypatch, tmp_path):
    sent = []
    monkeypatch.setattr(
        "quotelife.admin.commands.position_command.change_position", lambda config, change: sent.append(change)
    )
    for words in (["set", "BTC-USD", "-1.5", "--price", "100"], ["adjust", "A", "2", "--id", "7", "--client", "Fund"]):
        result = CliRunner().invoke(app, ["position", "--config", "demo", *words])
        assert result.exit_code == 0, result.output
    assert sent == [
        {"set": "-1.5", "symbol": "BTC-USD", "price": "100", "id": None, "client": None, "reason": ""},
        {"adjust": "2", "symbol": "A", "price": None, "id": "7", "client": "Fund", "reason": ""},
    ]
