"""Clients as the desk judges them: totals of fills, results by currency, the worst first, limits in use."""

import msgspec
import pytest

from quotelife.config.sections import Limits
from quotelife.dashboard.clients import FillFigures, result_of
from quotelife.dashboard.desk import DeskView
from quotelife.dashboard.limits import LimitsInUse
from quotelife.dashboard.positions import MarkedPosition, Positions, PositionView
from quotelife.ledger.history import FillTotals, HistoryReader, HitRow
from quotelife.runtime.clock import NS_PER_S
from tests.unit.dashboard.desk_rig import DeskRig


@pytest.fixture
def rig(tmp_path):
    return DeskRig(tmp_path)


def position(symbol="BTC-USD", client="", quantity="2", realised=5.0, marked: float | None = -1.0, limit=None):
    return MarkedPosition(symbol, client, quantity, 100.0, realised, 99.5, marked, 199.0, limit)


def hit(number: int, edge: float | None = None, second: float | None = None, unmarked: int = 0, outcome="filled"):
    return HitRow(
        0, f"Q{number}", f"h{number}", outcome, "Ordinary", "BTC-USD", 1, 100, 5, number, number, 7, unmarked, edge,
        None, second, None,
    )  # fmt: skip


def test_fills_are_counted_once_with_pick_offs_and_markouts(rig):
    path = rig.folder / "history.sqlite"
    figures = FillFigures(HistoryReader(path))
    figures.poll()
    assert figures.totals == {}
    for each in (hit(1, -2.0, 3.0), hit(2, 1.0, -1.0), hit(3, outcome="late"), hit(4, 0.5, 1.0, unmarked=1)):
        rig.history.add_hit(each)
    rig.history.add_hit(hit(5, outcome="filled_in_grace"))
    rig.history.commit()
    for _ in range(2):
        figures.poll()
        assert figures.totals["Ordinary"] == FillTotals(4, 3, 1, (0, 3, 0), (0.0, 3.0, 0.0))
    rig.history.store_markout(4, edge_ticks=None, horizon=2, ticks=6.0, last=True)
    rig.history.add_hit(hit(6, -1.0, unmarked=1))
    rig.history.commit()
    figures.poll()
    assert figures.totals["Ordinary"] == FillTotals(5, 4, 2, (0, 3, 1), (0.0, 3.0, 6.0))
    again = FillFigures(HistoryReader(path))
    again.poll()
    assert again.totals == figures.totals


def test_results_are_added_up_in_one_currency_only():
    currencies = {"BTC-USD": "USD", "ETH-USD": "USD", "BTC-EUR": "EUR"}
    both = [position(), position("ETH-USD", marked=3.0)]
    assert result_of(both, currencies) == {"result": 12.0, "result_currency": "USD", "results": {"USD": 12.0}}
    mixed = result_of([*both, position("BTC-EUR")], currencies)
    assert mixed["result"] is None and mixed["results"] == {"USD": 12.0, "EUR": 4.0}
    assert result_of([position(marked=None)], currencies)["result"] is None
    assert result_of([position(quantity="0", marked=None)], currencies)["result"] == 5.0
    assert result_of([], {"A": "USD"}) == {"result": 0.0, "result_currency": "USD", "results": {}}


def test_the_client_that_costs_most_is_first(rig):
    view = PositionView(rig.config, rig.run)
    desk = DeskView(rig.config, rig.run, view)
    rig.fill("r1")
    rig.shift_book(400)  # the client has bought, the market has risen
    rig.record()
    found = desk.read([{"name": "ORD", "client": "Ordinary", "up": True, "expected": True, "since_ms": None}])
    clients = found["clients"]
    assert [client["name"] for client in clients] == ["Ordinary", "Far", "Fund"]
    assert clients[0]["result"] < 0 and clients[1]["result"] == 0.0 and clients[0]["fill_rate"] == 1.0
    assert clients[0]["sessions"] == [{"name": "ORD", "up": True, "expected": True, "since_ms": None}]
    assert found["desk"]["result"] == pytest.approx(clients[0]["result"])
    view.close()


def test_limits_tell_what_is_used_of_them(rig):
    limited = msgspec.structs.replace(rig.config.client[0], max_position=4.0, requests_per_second=10.0)
    limits = Limits(max_gross_notional=1_000.0, max_net_notional=500.0)
    config = msgspec.structs.replace(rig.config, client=[limited, *rig.config.client[1:]], limits=limits)
    positions = Positions(
        [position(limit=30.0)], [position(client="Ordinary", quantity="-3", limit=4.0)], 400.0, -250.0
    )
    found = LimitsInUse(config).read(positions, {"Ordinary": 2.5})
    told = {(one["scope"], one["name"], one["limit_name"]): (one["used"], one["limit"], one["unit"]) for one in found}
    assert told["desk", "", "max_gross_notional"] == (400.0, 1_000.0, "")  # the instruments have several currencies
    assert told["desk", "", "max_net_notional"] == (250.0, 500.0, "")
    assert told["instrument", "BTC-USD", "max_position"] == (2.0, 30.0, "BTC")
    assert told["client", "Ordinary", "max_position BTC-USD"] == (3.0, 4.0, "BTC")
    assert told["client", "Ordinary", "requests_per_second"] == (2.5, 10.0, "1/s")


def test_requests_a_second_are_measured_between_two_readings(rig):
    counts = DeskView(rig.config, rig.run, PositionView(rig.config, rig.run))._clients.counts
    counts.poll(0)
    for n in range(8):
        rig.ask(f"r{n}")
    rig.record()
    counts.poll(4 * NS_PER_S)
    assert counts.requests_per_second("Ordinary") == 2.0 and counts.quotes("Ordinary") == 8
