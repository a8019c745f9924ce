"""Copies of ExecutionReports for sessions that only receive: whose, when they are durable, how often they are sent."""

import threading

import pytest

from quotelife.rfq.delivery.drop_copies import CopySender, copy_of
from tests.unit.rfq.rfq_rig import CLIENTS, Rig, fields

COPIES = [
    {"name": "All", "sessions": ["ALL"], "role": "drop_copy"},
    {"name": "One", "sessions": ["ONE"], "role": "drop_copy", "copies": {"clients": ["Fund"]}},
    {"name": "Ether", "sessions": ["ETHER"], "role": "drop_copy", "copies": {"instruments": ["ETH-USD"]}},
    {
        "name": "Neither",
        "sessions": ["NEITHER"],
        "role": "drop_copy",
        "copies": {"clients": ["Fund"], "instruments": ["ETH-USD"]},
    },
]


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path, clients=[*CLIENTS, *COPIES])


def copies(rig: Rig, session: str) -> list[dict[str, str]]:
    """The fields of the copies that are in the ledger for a session and not sent."""
    return [fields(text) for _, texts in rig.handler.deliveries.new(session) for text in texts]


def fill(rig: Rig, n: str, symbol: str = "BTC-USD", session: str = "ORD"):
    quote = rig.ask(f"r{n}", f"55={symbol}|54=1|38=1", session)
    return rig.receive_and_store("AJ", f"693=h{n}|117={quote['117']}|694=1", session)


def test_copy_is_in_the_ledger_before_the_original_leaves(rig):
    outcome = fill(rig, "1")
    [original] = outcome.messages
    [copy] = copies(rig, "ALL")
    assert copy == fields(original) | {"797": "Y", "115": "ORD"}
    assert copies(rig, "ONE") == copies(rig, "ETHER") == copies(rig, "NEITHER") == []
    assert outcome.pending_hit.copied_to == ["ALL"]


def test_copies_are_by_client_and_instrument(rig):
    fill(rig, "1", session="FUND")
    fill(rig, "2", "ETH-USD")
    fill(rig, "3", "ETH-USD", "FUND")
    told = {s: [c["693"] for c in copies(rig, s)] for s in ("ALL", "ONE", "ETHER", "NEITHER")}
    assert told == {"ALL": ["h1", "h2", "h3"], "ONE": ["h1", "h3"], "ETHER": ["h2", "h3"], "NEITHER": ["h3"]}


def test_copies_of_a_client_without_sessions_are_none(tmp_path):
    removed = [{"name": "Removed", "sessions": []}, {**COPIES[1], "copies": {"clients": ["Removed"]}}]
    rig = Rig(tmp_path, clients=[*CLIENTS, *removed])
    fill(rig, "1", session="FUND")
    assert copies(rig, "ONE") == []


def test_refused_hit_is_copied_too_and_a_repeated_one_is_not(rig):
    fill(rig, "1")
    assert rig.receive_and_store("AJ", "693=x|117=Q0-0|694=1").messages
    rig.receive_and_store("AJ", "693=x|117=Q0-0|694=1")
    assert [c["39"] for c in copies(rig, "ALL")] == ["2", "8"]


def test_refusal_without_an_id_under_a_used_one_and_after_an_error_are_copied(rig, monkeypatch):
    fill(rig, "1")
    outcomes = [rig.receive_and_store("AJ", body) for body in ("117=Q0-0|694=1", "693=h1|117=Q0-0|694=1")]
    rig.restart()  # so that only the ledger knows the id
    outcomes.append(rig.receive_and_store("AJ", "693=h1|117=Q0-1|694=1"))
    rig.receive_and_store("AJ", "693=h1|117=Q0-1|694=1")
    monkeypatch.setattr(rig.handler._decider, "decide", lambda *_: 1 / 0)
    outcomes.append(rig.receive_and_store("AJ", "693=h9|117=Q0-0|694=1"))
    refused = [fields(outcome.messages[0])["17"] for outcome in outcomes]
    assert len(set(refused)) == 4 and {fields(outcome.messages[0])["39"] for outcome in outcomes} == {"8"}
    told = [copy["17"] for copy in copies(rig, "ALL")]
    assert [exec_id for exec_id in told if exec_id in refused] == refused
    assert all(outcome.pending_hit.copied_to == ["ALL"] for outcome in outcomes)


def test_copy_is_delivered_like_the_original(rig):
    fill(rig, "1")
    rig.restart()
    [(key, [text])] = rig.handler.deliveries.on_logon("ALL", is_renumbered=False)
    assert fields(text)["97"] == "Y" and fields(text)["797"] == "Y"
    rig.handler.deliveries.on_sent(key, [text])
    assert copies(rig, "ALL") == []
    assert [session for session, _ in rig.handler.deliveries.due()] == ["ALL"]
    assert len(rig.handler.deliveries.on_logon("ALL", is_renumbered=True)) == 1


def test_drop_copy_session_asks_for_nothing(rig):
    text = "8=FIX.4.4|9=1|35=R|34=2|49=ALL|52=x|56=Q|131=r|146=1|55=BTC-USD|54=1|38=1|10=000|".replace("|", "\x01")
    assert rig.handler.receive(text, rig.wall_ns, rig.mono_ns) is None


def test_copy_of_a_report_names_the_session():
    text = "8=FIX.4.4\x019=0\x0135=8\x0137=Q1\x0110=000\x01"
    assert copy_of(text, "FUND") == "8=FIX.4.4\x019=0\x0135=8\x01115=FUND\x01797=Y\x0137=Q1\x0110=000\x01"


def test_sender_goes_on_after_a_failure():
    sent, done = [], threading.Event()

    def send(session: str) -> None:
        if session == "FAILS":
            raise OSError("lost")
        sent.append(session)
        done.set()

    sender = CopySender(send)
    sender.start()
    sender.put(["FAILS", "WORKS"])
    assert done.wait(5)
    sender.stop()
    assert sent == ["WORKS"]
