"""What a client did not accept is found, and journalled with its reason."""

import pytest

from quotelife.journal import layout as J
from quotelife.ledger.store import Fill
from quotelife.metrics.labels import CLIENT_REJECTS
from quotelife.rfq.delivery.client_rejects import FILL, OTHER, QUOTE, REFUSED_HIT, RecentlySent, read_reject
from tests.unit.rfq.rfq_rig import Rig

QUOTE_TEXT = "8=FIX.4.4|9=0|35=S|117=Q1|131=r|55=BTC-USD|10=000|"
FILLED = "8=FIX.4.4|9=0|35=8|37=Q1|17=E1|39=2|55=BTC-USD|10=000|"
REFUSED = "8=FIX.4.4|9=0|35=8|37=Q1|17=E2|39=8|55=BTC-USD|10=000|"
CANCEL = "8=FIX.4.4|9=0|35=Z|117=Q1|298=1|55=BTC-USD|10=000|"
IN_LEDGER = Fill("E9", "Q9", "OMS", "Fund", "ETH-USD", 1, 1, 1, 1, 1, "r")


def read(fields: dict[str, str], sent: str = ""):
    return read_reject(
        {"35": "3", **fields},
        lambda seq_num: sent.replace("|", "\x01") if seq_num == 7 else None,
        lambda exec_id: IN_LEDGER if exec_id == "E9" else None,
    )


@pytest.mark.parametrize(
    ("sent", "kind", "exec_id"),
    [(QUOTE_TEXT, QUOTE, ""), (FILLED, FILL, "E1"), (REFUSED, REFUSED_HIT, "E2"), (CANCEL, OTHER, "")],
)
def test_rejected_message_is_found_by_its_number(sent, kind, exec_id):
    found = read({"45": "7", "58": "no such tag", "371": "117", "373": "2"}, sent)
    assert (found.kind, found.quote_id, found.exec_id, found.symbol) == (kind, "Q1", exec_id, "BTC-USD")
    assert found.reason == "no such tag, RefTagID (371) 117, SessionRejectReason (373) 2"
    if kind == FILL:
        assert str(found).startswith("client did not accept fill E1 of quote Q1: no such tag")


def test_fill_is_found_in_the_ledger_by_its_id():
    found = read({"35": "j", "45": "99", "372": "8", "379": "E9", "380": "0"}, FILLED)
    assert (found.kind, found.quote_id, found.exec_id, found.symbol) == (FILL, "Q9", "E9", "ETH-USD")


@pytest.mark.parametrize("fields", [{}, {"45": ""}, {"45": "x"}, {"45": "-1"}, {"45": "9" * 30}, {"45": "8"}])
def test_reject_of_something_unknown_is_still_read(fields):
    found = read(fields, FILLED)
    assert (found.kind, found.quote_id, found.exec_id) == (OTHER, "", "")
    assert "no Text" in found.reason


def test_only_the_last_messages_are_remembered():
    recent = RecentlySent(int, 3)
    for number in range(1, 6):
        recent.add(str(number), f"message {number}")
    assert [recent.find(n) for n in (2, 3, 5)] == [None, "message 3", "message 5"]
    recent.add("3", "after a reset")
    assert recent.find(3) == "after a reset"
    recent.clear()
    assert recent.find(5) is None


@pytest.mark.parametrize("msg_type", ["3", "j"])
def test_reject_is_journalled_and_counted(tmp_path, msg_type):
    rig = Rig(tmp_path)
    rig.handler.client_rejects.find_sent = lambda session, seq_num: FILLED.replace("|", "\x01")
    assert rig.send(msg_type, "45=7|372=8|380=0|58=" + "who knows " * 40) == []
    [record] = [r for r in rig.reader.read() if r.kind == J.KIND_CLIENT_REJECT]
    assert CLIENT_REJECTS[record.outcome] == FILL
    assert (record.quote_id, record.request_id, record.session) == ("Q1", "E1", 1)
    assert record.reject_text.startswith("who knows who knows")
    word = rig.handler.metrics._client_rejects["ORD", FILL]
    assert rig.handler.metrics.values[word] == 1
