"""What differs between venues' sessions: version, SubIDs, decimals of times, resends and TestRequests."""

import pytest

from quotelife.fix.encode import Identity, encode
from quotelife.fix.events import Disconnect, GapDetected, GapFilled, LoggedOn, Rejected
from quotelife.fix.fields import split_fields
from quotelife.fix.initiator import InitiatorSession
from quotelife.fix.logon_recipe import password_logon
from quotelife.fix.session import IN_SEQUENCE, State
from quotelife.fix.settings import SessionSettings

S = 1_000_000_000
WALL = 1_767_225_600 * S + 123_456_789
TIME = "20260101-00:00:00.000"


class Peer:
    """A session of this identity, and the venue's side of it, which may have another."""

    def __init__(self, own: Identity, **settings):
        self.session = InitiatorSession(SessionSettings(own, heartbeat_s=10, **settings))
        self.venue = Identity(own.target_comp_id, own.sender_comp_id, own.begin_string)
        self.now, self.seq = 1_000 * S, 1

    def receive(self, msg_type, *body, skip=0, venue=None):
        self.seq += skip
        message = encode(venue or self.venue, msg_type, self.seq, TIME, body)
        self.seq += 1
        return self.session.receive(message, self.now, WALL)

    def logged_on(self):
        self.session.connected(self.now, WALL)
        self.sent()
        assert self.receive("A", (98, 0), (108, 10), (141, "Y")) == [LoggedOn(True)]
        return self

    def after(self, seconds):
        self.now += int(seconds * S)
        return self.session.on_timer(self.now, WALL)

    def sent(self):
        """What the session sent, each message as a dict."""
        begin = f"8={self.venue.begin_string}\x01".encode()
        parts = self.session.drain().split(begin)[1:]
        return [{tag: value.decode() for tag, value in split_fields(begin + part)} for part in parts]


@pytest.mark.parametrize("begin_string", ["FIX.4.2", "FIX.4.4", "FIXT.1.1"])
def test_session_layer_is_the_same_in_every_version(begin_string):
    own = Identity("DESK", "VENUE", begin_string, "D1", "Q1", 6)
    appl_ver_id = "9" if begin_string == "FIXT.1.1" else None
    peer = Peer(own, appl_ver_id=appl_ver_id)
    peer.session.connected(peer.now, WALL)
    (logon,) = peer.sent()
    assert (logon[8], logon.get(1137)) == (begin_string, appl_ver_id)
    assert peer.receive("A", (98, 0), (108, 10), (141, "Y")) == [LoggedOn(True)]
    peer.session.send("V", ((262, 1),), peer.now, WALL)
    assert peer.receive("1", (112, "there")) == []
    assert peer.receive("2", (7, 1), (16, 0)) == []
    assert isinstance(peer.receive("0", skip=3)[0], GapDetected)
    assert peer.session.receive(encode(peer.venue, "4", 4, TIME, ((123, "Y"), (36, 8))), peer.now, WALL) == [
        GapFilled(7)
    ]
    peer.after(10)
    peer.session.logout(peer.now, WALL)
    found = peer.sent()
    assert [message[35] for message in found] == ["V", "0", "4", "V", "4", "2", "0", "5"]
    assert {(message[8], message[50], message[57], message[52]) for message in found} == {
        (begin_string, "D1", "Q1", "20260101-00:00:00.123456")
    }
    resent = found[3]
    assert (resent[43], resent[122]) == ("Y", "20260101-00:00:00.123456")
    assert not any(1137 in message for message in found)
    assert peer.receive("5") == [Disconnect("logged out")]


@pytest.mark.parametrize("begin_string", ["FIX.4.2", "FIX.4.4", "FIXT.1.1"])
def test_second_logon_and_message_before_the_logon_end_every_version(begin_string):
    own = Identity("DESK", "VENUE", begin_string)
    assert Peer(own).logged_on().receive("A", (108, 10)) == [Disconnect("Logon in an established session")]
    for msg_type, reason in (("5", "logon refused: no reason given"), ("0", "first message is 0, not Logon")):
        peer = Peer(own)
        peer.session.connected(peer.now, WALL)
        assert peer.receive(msg_type) == [Disconnect(reason)]
        assert peer.session.state is State.DISCONNECTED


# --- SubIDs


OWN = Identity("DESK", "VENUE", "FIX.4.4", "D1", "Q1")


@pytest.mark.parametrize(
    "venue",
    [
        Identity("VENUE", "DESK"),
        Identity("VENUE", "DESK", sender_sub_id="Q1"),
        Identity("VENUE", "DESK", target_sub_id="D1"),
        Identity("VENUE", "DESK", sender_sub_id="Q1", target_sub_id="D1"),
    ],
)
def test_venue_may_return_our_sub_ids(venue):
    assert Peer(OWN).logged_on().receive("0", venue=venue) == []


@pytest.mark.parametrize(
    ("venue", "name"),
    [
        (Identity("VENUE", "DESK", sender_sub_id="Q2", target_sub_id="D1"), "SenderSubID"),
        (Identity("VENUE", "DESK", sender_sub_id="Q1", target_sub_id="D2"), "TargetSubID"),
    ],
)
def test_sub_id_of_another_session_ends_the_session(venue, name):
    peer = Peer(OWN).logged_on()
    (event,) = peer.receive("0", venue=venue)
    assert event.reason.startswith(f"{name} is ")
    assert [message[35] for message in peer.sent()] == ["3", "5"]


def test_venue_may_send_sub_ids_to_a_session_without():
    venue = Identity("VENUE", "DESK", sender_sub_id="Q1", target_sub_id="D1")
    assert Peer(Identity("DESK", "VENUE")).logged_on().receive("0", venue=venue) == []


# --- resends and TestRequests


def test_gap_ends_the_session_where_the_venue_resends_nothing():
    peer = Peer(Identity("DESK", "VENUE"), resends=False).logged_on()
    events = peer.receive("0", skip=2)
    assert events == [GapDetected(2, 4), Disconnect("sequence gap, and the peer resends nothing")]
    assert [message[35] for message in peer.sent()] == ["5"]
    assert not peer.session.sequence[IN_SEQUENCE]


def test_silence_without_test_requests_ends_the_session_after_two_intervals():
    peer = Peer(Identity("DESK", "VENUE"), test_request=False).logged_on()
    assert peer.after(23) == []
    assert {message[35] for message in peer.sent()} == {"0"}
    assert peer.after(2) == [Disconnect("no message for more than two heartbeat intervals")]
    peer = Peer(Identity("DESK", "VENUE"), test_request=False).logged_on()
    peer.after(23)
    peer.receive("0")
    assert peer.after(2) == []


# --- secrets


def test_text_of_the_venue_is_reported_without_the_password():
    def peer():
        return Peer(Identity("DESK", "VENUE"), logon=password_logon("desk", "pass-word"))

    refused = peer()
    refused.session.connected(refused.now, WALL)
    assert refused.receive("5", (58, "pass-word is wrong")) == [Disconnect("logon refused: *** is wrong")]
    assert peer().logged_on().receive("5", (58, "pass-word")) == [Disconnect("peer logged out: ***")]
    assert peer().logged_on().receive("3", (45, 1), (58, "554=pass-word")) == [Rejected(1, "554=***")]


def test_settings_are_shown_without_the_password():
    settings = SessionSettings(Identity("DESK", "VENUE"), logon=password_logon("desk", "pass-word"))
    assert "pass-word" not in repr(settings) and "553" in repr(settings)
