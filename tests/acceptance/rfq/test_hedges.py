"""Hedge sessions over the wire: reports with the groups that a broker's have, answers, a kill -9, and the limits."""

import asyncio
import json
from pathlib import Path

import pytest

from quotelife.config.paths import RunPaths
from quotelife.ledger.store import Ledger
from quotelife.runtime.line_socket import ask as ask_process
from tests.acceptance.client import Client, Fields
from tests.acceptance.conftest import CLIENTS, INSTRUMENTS, Service
from tests.acceptance.rfq.test_hits import filled, respond
from tests.acceptance.rfq.test_quote_request import ask, new_id, related

SESSIONS = {"EMS": "FIX.4.4", "EMS42": "FIX.4.2", "EMS50": "FIXT.1.1"}
HEDGES = """
[[client]]
name = "Hedges"
sessions = ["EMS", "EMS42", "EMS50"]
role = "hedge"
versions = { EMS42 = "FIX.4.2", EMS50 = "FIX.5.0SP2" }
"""
SMALL = INSTRUMENTS.replace("max_quantity = 20.0", "max_quantity = 20.0\nmax_position = 2.0", 1)
PARTIES = [(453, 2), (448, "BROKER"), (447, "D"), (452, 1), (448, "CLEARER"), (447, "D"), (452, 4)]


@pytest.fixture(scope="module")
def service(engine, tmp_path_factory):
    with Service(tmp_path_factory.mktemp("hedges"), instruments=SMALL, clients=CLIENTS + HEDGES) as running:
        yield running


def log_on(service: Service, session: str = "EMS") -> Client:
    client = Client(service.port, session, begin=SESSIONS[session])
    client.logon()
    return client


def execution(exec_id: str, side: int = 1, quantity: str = "1", price: str = "101", old: bool = False) -> Fields:
    kind = [(20, 0), (150, 1), (39, 1)] if old else [(150, "F"), (39, 2)]
    return [
        (37, "o1"), (17, exec_id), *kind, *([] if old else PARTIES), (55, "BTC-USD"), (54, side), (32, quantity),
        (31, price), (151, 0), (14, quantity), (6, price), (60, "20260105-10:00:00.000"),
        (382, 2), (375, "ONE"), (437, 1), (375, "TWO"), (437, 2),
    ]  # fmt: skip


def capture(report_id: str, side: int = 2, more: Fields = ()) -> Fields:
    return [
        (571, report_id), (570, "N"), *more, (55, "BTC-USD"), (32, "1"), (31, "101"), (75, "20260105"),
        (60, "20260105-10:00:00"), (552, 1), (54, side), (37, "NONE"), *PARTIES, (1, "HEDGES"),
    ]  # fmt: skip


def lots(service: Service) -> int:
    """Of BTC-USD, read back as after a crash."""
    ledger = Ledger(Path(service.config).parent / "var" / "ledger.sqlite")
    try:
        return ledger.positions().get("BTC-USD", 0)
    finally:
        ledger.close()


def wait_for(client: Client) -> None:
    """Everything sent before has been handled."""
    client.send("1", [(112, "done")])
    while client.receive("0").get(112) != "done":
        continue


def test_reports_of_every_version_move_the_position_once(service):
    at = lots(service)
    for session in SESSIONS:
        client = log_on(service, session)
        for _ in range(2):
            client.send("8", execution(f"{session}-1", old=session == "EMS42"))
        wait_for(client)
        at += 1_000
        assert lots(service) == at, session
        client.send("8", execution(f"{session}-2", side=2, old=session == "EMS42"))
        unknown = execution(f"{session}-3", old=session == "EMS42")
        client.send("8", [(tag, "DOGE" if tag == 55 else value) for tag, value in unknown])
        refused = client.receive("Q", "3", "j")
        assert (refused.type, refused[17], refused[127]) == ("Q", f"{session}-3", "A"), refused
        at -= 1_000
        assert lots(service) == at
        client.logout()
        client.close()


@pytest.mark.parametrize("session", ["EMS", "EMS50"])
def test_a_trade_capture_report_is_answered(service, session):
    client, at = log_on(service, session), lots(service)
    for report_id, more, after in (
        (f"{session}-T1", [], -1_000),
        (f"{session}-T1", [], -1_000),
        (f"{session}-T2", [(487, 1), (572, f"{session}-T1")], 0),
    ):
        client.send("AE", capture(report_id, more=more))
        answer = client.receive("AR", "3", "j")
        assert (answer.type, answer[571], answer[939]) == ("AR", report_id, "0"), answer
        assert lots(service) == at + after
    client.send("AE", capture(f"{session}-T3", side=8))
    answer = client.receive("AR", "3", "j")
    assert (answer[939], answer[751]) == ("1", "99") and "Side (54) is '8'" in answer[58]
    client.logout()
    client.close()


def test_other_sessions_report_no_hedges_and_hedge_sessions_ask_for_no_quotes(service):
    at, client = lots(service), service.client("ORD1")
    client.send("8", execution("x"))
    assert client.receive("j", "3").type in ("j", "3")
    client.send("AE", capture("x"))
    assert client.receive("j", "3").type in ("j", "3")
    client.close()
    hedger = log_on(service)
    hedger.send("R", [(131, new_id()), (146, 1), *related()])
    assert hedger.receive("j", "3", "S", "AG").type == "j"
    hedger.close()
    assert lots(service) == at


def test_a_desk_that_hedges_goes_on_quoting_also_after_a_kill(service):
    client, hedger = service.client("ORD1"), log_on(service)
    start = lots(service)
    hedger.send("8", execution("zero", side=1 if start < 0 else 2, quantity=f"{abs(start) / 1000 or 0.001}"))
    quote = ask(client, related(quantity="2"))
    assert quote.type == "S", quote
    filled(respond(client, quote[117]), "2", quote[133])
    assert ask(client, related(quantity="1"))[658] == "9"
    hedger.send("8", execution("hedge", quantity="1.5"))
    wait_for(hedger)
    assert ask(client, related(quantity="1")).type == "S"
    at = lots(service)
    service.quoting.kill()
    client.close()
    hedger.close()
    service.start_quoting()
    assert lots(service) == at
    hedger = log_on(service)
    hedger.send("8", [*execution("hedge", quantity="1.5"), (97, "Y")])
    wait_for(hedger)
    assert lots(service) == at
    client = service.client("ORD1")
    assert ask(client, related(quantity="1")).type == "S"
    assert ask(client, related(quantity="2.5"))[658] == "9"
    client.close()
    hedger.close()


def test_the_desk_sets_its_position_through_the_quoting_process(service):
    path = RunPaths(service.run_directory).positions_socket
    change = {"id": new_id(), "symbol": "BTC-USD", "set": "2", "price": "101"}
    for changed in (True, False):
        answer = asyncio.run(ask_process(path, json.dumps(change).encode()))
        assert (answer["changed"], answer["position"]) == (changed, "2")
    client = service.client("ORD1")
    assert ask(client, related(side=2, quantity="0.5"))[658] == "9"
    assert ask(client, related(quantity="0.5")).type == "S"
    client.close()
