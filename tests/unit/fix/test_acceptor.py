"""Every transition of the acceptor's session, with given bytes and times."""

import pytest

from quotelife.fix.events import Disconnect, GapDetected, LoggedOn
from quotelife.fix.session import EXPECTED, IN_SEQUENCE, NEXT_OUT
from tests.unit.fix.client_rig import QUOTE, REPORT, ClientRig, kinds, relaxed


@pytest.fixture(scope="session")
def fix44(tmp_path_factory):
    return relaxed(tmp_path_factory.mktemp("dictionaries"), "FIX44.xml")[0]


@pytest.fixture
def new(tmp_path, fix44):
    """A session to which nobody has logged on."""
    rig = ClientRig(tmp_path, fix44)
    yield rig
    rig.close()


@pytest.fixture
def rig(new):
    return new.logged_on()


# --- logon


def test_a_logon_is_answered(new):
    new.session.connected(new.now)
    events = new.logon()
    assert kinds(events) == ["A", "LoggedOn"] and events[-1] == LoggedOn(True)
    (logon,) = new.sent()
    assert {35: "A", 34: "1", 49: "QUOTELIFE", 56: "FUND", 98: "0", 108: "10", 141: "Y"}.items() <= logon.items()
    assert new.session.sequence[IN_SEQUENCE] == 1


def test_numbers_continue_over_connections_and_processes(new):
    new.logged_on()
    new.session.disconnected()
    new.logged_on(reset=False)
    new.session.disconnected()
    new.close()
    new.open()
    new.session.connected(new.now)
    assert new.logon(reset=False)[-1] == LoggedOn(False)
    assert new.sent()[0][34] == "3"
    assert new.session.sequence[EXPECTED] == 4


def test_a_message_before_the_logon_ends_the_connection(new):
    new.session.connected(new.now)
    assert new.receive("0") == [Disconnect("first message is 0, not Logon")]
    assert new.session.drain() == b""


# --- order


def test_messages_after_a_gap_are_processed_once_it_is_filled(rig):
    assert rig.receive("R", (131, "c"), seq=4) == [GapDetected(2, 4)]
    assert rig.receive("R", (131, "d"), seq=5) == []
    assert [(m[35], m[7], m[16]) for m in rig.sent()] == [("2", "2", "0")]
    assert not rig.session.sequence[IN_SEQUENCE]
    rig.receive("R", (131, "a"), seq=2, dup="20260101-00:00:00")
    rig.receive("4", (123, "Y"), (36, 4), seq=3, dup="20260101-00:00:00")
    assert [text.split("\x01131=")[1][0] for text in rig.texts] == ["a", "c", "d"]
    assert rig.session.sequence[EXPECTED] == 6 and rig.session.sequence[IN_SEQUENCE]


# --- resends


def test_reports_are_sent_again_and_all_else_is_gap_filled(rig):
    for n in range(2):
        rig.send(QUOTE.format(n))
        rig.send(REPORT.format(n), stored=True)
    rig.sent()
    rig.receive("2", (7, 1), (16, 0))
    first, report, second, other = rig.sent()
    assert [(m[35], m[34], m[36]) for m in (first, second)] == [("4", "1", "3"), ("4", "4", "5")]
    assert [(m[35], m[34], m[37], m[43]) for m in (report, other)] == [("8", "3", "0", "Y"), ("8", "5", "1", "Y")]
    assert rig.session.sequence[NEXT_OUT] == 6
