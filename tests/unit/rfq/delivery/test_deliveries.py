"""Which answers are sent again after a Logon, and when a client is asked for what it has."""

import json

import pytest

from quotelife.ledger.store import Answer, Ledger
from quotelife.rfq.delivery.deliveries import Deliveries

REPORT = "8=FIX.4.4\x019=0\x0135=8\x0117=E1\x0110=000\x01"
STATUS = "8=FIX.4.4\x019=0\x0135=AI\x01117=Q1\x0110=000\x01"


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.sqlite")


def stored(ledger: Ledger, id_: str, *messages: str, session: str = "OMS") -> tuple[str, str, str]:
    ledger.record_refusal(Answer(session, "D", id_, 1, json.dumps(messages), int(id_)))
    return session, "D", id_


def again(deliveries: Deliveries, *, is_renumbered: bool) -> list[str]:
    """Ids of the answers that are sent after a Logon."""
    return [key[2] for key, _ in deliveries.on_logon("OMS", is_renumbered)]


def test_answer_that_was_not_sent_is_sent_as_a_possible_resend(ledger):
    key = stored(ledger, "1", REPORT)
    stored(ledger, "2", REPORT, session="OTHER")
    [(found, [text])] = Deliveries(ledger).on_logon("OMS", is_renumbered=False)
    assert found == key and text == REPORT.replace("35=8\x01", "35=8\x0197=Y\x01")


@pytest.mark.parametrize("restarts", [False, True])
def test_unconfirmed_report_is_sent_again_only_if_the_numbers_start_again(ledger, restarts):
    deliveries = Deliveries(ledger)
    deliveries.on_sent(stored(ledger, "1", REPORT), [REPORT])
    if restarts:
        deliveries.flush()
        deliveries = Deliveries(ledger)
    assert again(deliveries, is_renumbered=False) == []
    assert again(deliveries, is_renumbered=True) == ["1"]


def test_confirmed_report_is_not_sent_again(ledger):
    deliveries = Deliveries(ledger)
    deliveries.on_sent(stored(ledger, "1", REPORT), [REPORT])
    [(session, test_req_id)] = deliveries.due()
    deliveries.on_sent(stored(ledger, "2", REPORT), [REPORT])  # after the TestRequest: not covered by its answer
    assert session == "OMS" and deliveries.due() == [], "one TestRequest at a time"
    deliveries.on_heartbeat("OMS", "of the engine")
    deliveries.on_heartbeat("OTHER", test_req_id)
    assert deliveries.due() == []
    deliveries.on_heartbeat("OMS", test_req_id)
    assert [session for session, _ in deliveries.due()] == ["OMS"]
    assert again(deliveries, is_renumbered=True) == ["2"]


def test_an_empty_heartbeat_confirms_nothing(ledger):
    """A Heartbeat may have an empty TestReqID, whether anything was asked or not."""
    deliveries = Deliveries(ledger)
    deliveries.on_heartbeat("OMS", "")
    deliveries.on_sent(stored(ledger, "1", REPORT), [REPORT])
    deliveries.due()
    deliveries.on_heartbeat("OMS", "")
    assert again(deliveries, is_renumbered=True) == ["1"]


def test_heartbeat_of_an_earlier_connection_confirms_nothing(ledger):
    deliveries = Deliveries(ledger)
    deliveries.on_sent(stored(ledger, "1", REPORT), [REPORT])
    [(_, test_req_id)] = deliveries.due()
    again(deliveries, is_renumbered=False)
    deliveries.on_heartbeat("OMS", test_req_id)
    assert [session for session, _ in deliveries.due()] == ["OMS"], "asked again on the new connection"
    assert again(deliveries, is_renumbered=True) == ["1"]


def test_answer_without_a_report_needs_no_confirmation(ledger):
    deliveries = Deliveries(ledger)
    deliveries.on_sent(stored(ledger, "1", STATUS), [STATUS])
    assert deliveries.due() == []
    assert again(deliveries, is_renumbered=True) == []


def test_only_the_report_of_an_answer_is_sent_again(ledger):
    stored(ledger, "1", REPORT, STATUS)
    [(_, texts)] = Deliveries(ledger).on_logon("OMS", is_renumbered=False)
    assert texts == [REPORT.replace("35=8\x01", "35=8\x0197=Y\x01")]


def test_without_a_ledger_nothing_is_sent_again():
    deliveries = Deliveries(None)
    deliveries.on_sent(("OMS", "D", "1"), [REPORT])
    assert again(deliveries, is_renumbered=True) == []
