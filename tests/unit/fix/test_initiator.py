"""Every transition of the initiator's session, with given bytes and times."""

import pytest

from quotelife.fix import fields, tags
from quotelife.fix.encode import Identity, encode
from quotelife.fix.events import ApplicationMessage, Disconnect, GapDetected, GapFilled, LoggedOn, Rejected
from quotelife.fix.initiator import InitiatorSession
from quotelife.fix.logon_recipe import password_logon
from quotelife.fix.session import (
    AWAITING_RESEND,
    EXPECTED,
    HIGHEST,
    IN_SEQUENCE,
    NEXT_OUT,
    State,
)
from quotelife.fix.settings import SessionSettings

S = 1_000_000_000
WALL = 1_767_225_600 * S
VENUE = Identity("VENUE", "DESK")
TIME = "20260101-00:00:00.000"


class Peer:
    """The session under test, and the venue's side of it."""

    def __init__(self, **settings):
        self.session = InitiatorSession(SessionSettings(Identity("DESK", "VENUE"), heartbeat_s=10, **settings))
        self.now = 1_000 * S
        self.seq = 1

    def logged_on(self):
        self.session.connected(self.now, WALL)
        self.sent()
        events = self.receive("A", (98, 0), (108, 10), (141, "Y"))
        assert events == [LoggedOn(True)]
        return self

    def receive(self, msg_type, *body, seq=None, dup=False, identity=VENUE):
        """The session receives a message, with the venue's next MsgSeqNum unless `seq` is given. Returns the events."""
        if seq is None:
            seq, self.seq = self.seq, self.seq + 1
        message = encode(identity, msg_type, seq, TIME, body, TIME if dup else None)
        return self.session.receive(message, self.now, WALL)

    def after(self, seconds):
        self.now += int(seconds * S)
        return self.session.on_timer(self.now, WALL)

    def sent(self):
        """Messages that the session sent, each a dict of first values."""
        found = []
        for part in self.session.drain().split(b"8=FIX.4.4\x01")[1:]:
            values = {}
            for tag, value in fields.split_fields(b"8=FIX.4.4\x01" + part):
                values.setdefault(tag, value.decode())
            found.append(values)
        return found

    def sent_types(self):
        return [m[35] for m in self.sent()]


@pytest.fixture
def peer():
    return Peer().logged_on()


# --- logon


def test_logon_carries_reset_and_credentials():
    peer = Peer(logon=password_logon("desk", "secret"))
    peer.session.connected(peer.now, WALL)
    (logon,) = peer.sent()
    expected = {35: "A", 34: "1", 49: "DESK", 56: "VENUE", 98: "0", 108: "10", 141: "Y", 553: "desk", 554: "secret"}
    assert expected.items() <= logon.items()
    assert peer.session.state is State.LOGON_SENT
    assert not peer.session.sequence[IN_SEQUENCE]


def test_logon_without_credentials_or_reset():
    peer = Peer(reset_seq_num=False)
    peer.session.connected(peer.now, WALL)
    (logon,) = peer.sent()
    assert not {141, 553, 554} & logon.keys()


def test_answered_logon_establishes_the_session(peer):
    assert peer.session.state is State.ESTABLISHED
    assert peer.session.sequence[IN_SEQUENCE] == 1
    assert peer.session.sequence[EXPECTED] == 2


def test_sequence_numbers_continue_over_a_reconnect_without_reset():
    peer = Peer(reset_seq_num=False)
    peer.session.connected(peer.now, WALL)
    peer.receive("A", (108, 10))
    peer.session.disconnected()
    peer.session.connected(peer.now, WALL)
    assert peer.sent()[-1][34] == "2"
    assert peer.receive("A", (108, 10)) == [LoggedOn(False)]
    assert peer.session.sequence[EXPECTED] == 3


def test_venue_may_reset_sequence_numbers():
    peer = Peer(reset_seq_num=False)
    peer.session.connected(peer.now, WALL)
    peer.session.sequence[EXPECTED] = 40
    assert peer.receive("A", (108, 10), (141, "Y")) == [LoggedOn(True)]
    assert peer.session.sequence[EXPECTED] == 2
    assert peer.session.sequence_resets == 1


def test_venue_heartbeat_interval_is_adopted():
    peer = Peer()
    peer.session.connected(peer.now, WALL)
    peer.receive("A", (108, 3), (141, "Y"))
    peer.sent()
    peer.after(3)
    assert peer.sent_types() == ["0"]


def test_logon_refused_by_logout():
    peer = Peer()
    peer.session.connected(peer.now, WALL)
    assert peer.receive("5", (58, "wrong password")) == [Disconnect("logon refused: wrong password")]
    assert peer.session.state is State.DISCONNECTED


def test_first_message_must_be_logon():
    peer = Peer()
    peer.session.connected(peer.now, WALL)
    assert peer.receive("0") == [Disconnect("first message is 0, not Logon")]


def test_unanswered_logon_times_out():
    peer = Peer()
    peer.session.connected(peer.now, WALL)
    assert peer.after(9.9) == []
    assert peer.after(0.2) == [Disconnect("no answer to Logon")]


def test_logon_with_a_gap():
    peer = Peer(reset_seq_num=False)
    peer.session.connected(peer.now, WALL)
    peer.sent()
    assert peer.receive("A", (108, 10), seq=5) == [LoggedOn(False), GapDetected(1, 5)]
    (request,) = peer.sent()
    assert {35: "2", 7: "1", 16: "0"}.items() <= request.items()


def test_logon_with_msg_seq_num_too_low():
    peer = Peer(reset_seq_num=False)
    peer.session.connected(peer.now, WALL)
    peer.session.sequence[EXPECTED] = 9
    assert peer.receive("A", (108, 10), seq=2) == [Disconnect("MsgSeqNum too low, expecting 9 but received 2")]
    assert peer.sent_types() == ["A", "5"]


def test_logon_in_an_established_session(peer):
    assert peer.receive("A", (108, 10)) == [Disconnect("Logon in an established session")]


def test_logout_before_the_logon_was_answered():
    peer = Peer()
    peer.session.connected(peer.now, WALL)
    assert peer.session.logout(peer.now, WALL) == [Disconnect("logout before the logon was answered")]


# --- time


def test_idle_session_sends_a_heartbeat(peer):
    peer.after(9)
    assert peer.sent_types() == []
    peer.session.on_activity(peer.now)
    peer.after(1)
    assert peer.sent_types() == ["0"]


def test_silence_leads_to_a_test_request_and_then_a_disconnect(peer):
    peer.after(12.1)
    first = peer.sent()
    assert [m[35] for m in first] == ["1"]
    assert peer.after(6) == []
    assert peer.after(6.1) == [Disconnect("no answer to TestRequest")]
    assert peer.sent_types()[-1] == "5"
    assert peer.session.state is State.DISCONNECTED


def test_any_message_answers_the_test_request(peer):
    peer.after(12.1)
    peer.now += S
    peer.receive("0", (112, "whatever"))
    assert peer.after(11) == []
    assert peer.after(1.1) == []  # sends another
    assert peer.sent_types().count("1") == 2


def test_test_request_is_answered_with_its_id(peer):
    peer.receive("1", (112, "ping"))
    (heartbeat,) = peer.sent()
    assert (heartbeat[35], heartbeat[112]) == ("0", "ping")


# --- gaps


def test_gap_is_requested_once_and_filled(peer):
    assert peer.receive("0", seq=5) == [GapDetected(2, 5)]
    assert peer.receive("0", seq=6) == []
    assert peer.sent_types() == ["2"]
    assert peer.session.sequence[AWAITING_RESEND] == 1
    assert peer.session.sequence[HIGHEST] == 6
    assert peer.receive("B", (148, "late"), seq=2, dup=True)[0].msg_type == "B"
    assert peer.receive("4", (123, "Y"), (36, 7), seq=3, dup=True) == [GapFilled(6)]
    assert peer.session.sequence[AWAITING_RESEND] == 0
    assert peer.session.sequence[EXPECTED] == 7


def test_a_kernel_may_fill_the_gap(peer):
    peer.receive("0", seq=3)
    peer.session.sequence[EXPECTED] = 4
    assert peer.session.on_activity(peer.now) == [GapFilled(3)]
    assert peer.session.on_activity(peer.now) == []


def test_unanswered_resend_request_is_repeated_and_then_ends_the_session(peer):
    peer.receive("0", seq=5)
    for _ in range(2):
        peer.sent()
        peer.session.on_activity(peer.now + 5 * S)
        assert peer.after(5) == []
        assert "2" in peer.sent_types()
    peer.session.on_activity(peer.now + 5 * S)
    assert peer.after(5) == [Disconnect("no answer to ResendRequest")]
    assert peer.session.resend_requests == 3


def test_msg_seq_num_too_low_ends_the_session(peer):
    peer.seq = 1
    assert peer.receive("0") == [Disconnect("MsgSeqNum too low, expecting 2 but received 1")]
    assert peer.sent()[-1][58].startswith("MsgSeqNum too low")


def test_msg_seq_num_too_low_with_poss_dup_is_ignored(peer):
    assert peer.receive("B", (148, "again"), seq=1, dup=True) == []
    assert peer.session.state is State.ESTABLISHED


def test_gap_fill_ahead_of_sequence_is_a_gap(peer):
    resets = peer.session.sequence_resets
    assert peer.receive("4", (123, "Y"), (36, 9), seq=4) == [GapDetected(2, 4)]
    assert peer.session.sequence_resets == resets


def test_gap_fill_too_low(peer):
    assert peer.receive("4", (123, "Y"), (36, 9), seq=1, dup=True) == []
    assert peer.session.sequence[EXPECTED] == 2
    assert isinstance(peer.receive("4", (123, "Y"), (36, 9), seq=1)[0], Disconnect)


@pytest.mark.parametrize(("new", "reason"), [((36, 2), "5"), ((36, 1), "5"), ((58, "no number"), "1")])
def test_gap_fill_that_does_not_advance_is_rejected(peer, new, reason):
    assert peer.receive("4", (123, "Y"), new) == []
    (reject,) = peer.sent()
    assert (reject[35], reject[373], reject[45]) == ("3", reason, "2")
    assert peer.session.sequence[EXPECTED] == 2


def test_sequence_reset_ignores_its_own_msg_seq_num(peer):
    resets = peer.session.sequence_resets
    assert peer.receive("4", (36, 30), seq=99) == []
    assert peer.session.sequence[EXPECTED] == 30
    assert peer.session.sequence_resets == resets + 1


def test_sequence_reset_never_lowers_the_expected_number(peer):
    peer.session.sequence[EXPECTED] = 30
    assert peer.receive("4", (36, 10)) == []
    assert peer.sent()[0][373] == "5"
    assert peer.session.sequence[EXPECTED] == 30


def test_sequence_reset_ends_the_wait_for_a_resend(peer):
    peer.receive("0", seq=50)
    assert peer.receive("4", (36, 20)) == [GapFilled(19)]


# --- resend requested by the venue


def test_application_messages_are_resent_and_others_gap_filled(peer):
    session = peer.session
    session.send("V", ((262, 1),), peer.now, WALL)  # 2
    peer.receive("1", (112, "x"))  # 3: Heartbeat
    session.send("V", ((262, 2),), peer.now, WALL)  # 4
    peer.sent()
    assert peer.receive("2", (7, 1), (16, 0)) == []
    gap, first, heartbeat, second = peer.sent()
    assert {35: "4", 34: "1", 36: "2", 123: "Y", 43: "Y"}.items() <= gap.items()
    assert {35: "V", 34: "2", 262: "1", 43: "Y", 122: "20260101-00:00:00.000"}.items() <= first.items()
    assert {35: "4", 34: "3", 36: "4"}.items() <= heartbeat.items()
    assert {34: "4", 262: "2"}.items() <= second.items()
    assert session.sequence[NEXT_OUT] == 5


def test_closed_range_is_resent(peer):
    for n in range(4):
        peer.session.send("V", ((262, n),), peer.now, WALL)
    peer.sent()
    peer.receive("2", (7, 3), (16, 4))
    assert [m[34] for m in peer.sent()] == ["3", "4"]


def test_messages_beyond_the_capacity_are_gap_filled():
    peer = Peer(resend_capacity=1).logged_on()
    peer.session.send("V", ((262, 1),), peer.now, WALL)
    peer.session.send("V", ((262, 2),), peer.now, WALL)
    peer.sent()
    peer.receive("2", (7, 2), (16, 0))
    assert [(m[35], m[34]) for m in peer.sent()] == [("4", "2"), ("V", "3")]


@pytest.mark.parametrize("begin", ["-5", "0", "x", "9" * 5000])
def test_resend_request_without_a_usable_begin_is_answered_from_the_first(peer, begin):
    peer.receive("2", (7, begin), (16, 0))
    (gap,) = peer.sent()
    assert {35: "4", 34: "1", 36: "2"}.items() <= gap.items()


def paced(*bodies):
    """A peer whose owner replays; `bodies` were sent from MsgSeqNum 2 on, None: a Heartbeat."""
    peer = Peer().logged_on()
    peer.session.replays_at_once = False
    for body in bodies:
        if body is None:
            peer.receive("1", (112, "x"))
        else:
            peer.session.send("V", ((262, body),), peer.now, WALL)
    peer.sent()
    return peer


def replayed(peer, limit):
    """The next part of the replay: type, MsgSeqNum, and NewSeqNo or MDReqID."""
    assert peer.session.replay(limit, peer.now, WALL) <= limit
    return [(m[35], m[34], m.get(36) or m.get(262)) for m in peer.sent()]


def test_a_replay_in_parts_is_what_it_is_at_once():
    peer = paced(1, 2, None, 3, None)
    peer.receive("2", (7, 1), (16, 0))
    assert peer.sent() == [] and peer.session.replaying
    assert replayed(peer, 0) == [] and peer.session.replaying
    assert replayed(peer, 2) == [("4", "1", "2"), ("V", "2", "1")]
    assert replayed(peer, 1) == [("V", "3", "2")]
    assert replayed(peer, 1) == [("4", "4", "5")]
    assert replayed(peer, 1) == [("V", "5", "3")] and peer.session.replaying
    assert replayed(peer, 9) == [("4", "6", "7")] and not peer.session.replaying
    assert replayed(peer, 9) == []


def test_a_replay_to_the_end_includes_what_is_sent_meanwhile():
    peer = paced(1, 2)
    peer.receive("2", (7, 2), (16, 0))
    assert replayed(peer, 1) == [("V", "2", "1")]
    peer.receive("1", (112, "x"))
    peer.sent()
    assert replayed(peer, 9) == [("V", "3", "2"), ("4", "4", "5")]


def test_a_repeated_resend_request_does_not_begin_the_replay_again():
    peer = paced(1, 2, 3)
    peer.receive("2", (7, 3), (16, 3))
    peer.receive("2", (7, 2), (16, 0))
    assert replayed(peer, 2) == [("V", "2", "1"), ("V", "3", "2")]
    peer.receive("2", (7, 2), (16, 0))
    assert replayed(peer, 9) == [("V", "4", "3")] and not peer.session.replaying
    peer.receive("2", (7, 2), (16, 0))
    assert len(replayed(peer, 9)) == 3


def test_a_new_session_replays_nothing_of_the_last_one():
    peer = paced(1, 2)
    peer.receive("2", (7, 2), (16, 0))
    peer.session.disconnected()
    peer.seq = 1
    peer.logged_on()
    assert not peer.session.replaying and replayed(peer, 9) == []


# --- rejections of the venue's messages


def test_wrong_sequence_resets_are_rejected_a_few_times_a_second(peer):
    for _ in range(1_000):
        peer.receive("4", (36, 1))
    assert peer.sent_types() == ["3"] * 4
    assert (peer.session.rejections.sent, peer.session.rejections.withheld) == (4, 996)


def test_unsupported_messages_are_rejected_and_that_is_not_repeated(peer):
    for n in range(1_000):
        peer.session.reject_unsupported(n, "BP", peer.now, WALL)
    sent = peer.sent()
    assert [m[35] for m in sent] == ["j"] * 4
    assert {45: "0", 372: "BP", 380: "3"}.items() <= sent[0].items()
    peer.receive("2", (7, 1), (16, 0))
    assert peer.sent_types() == ["4"]


def test_resend_request_beyond_a_gap_is_answered_at_once(peer):
    assert peer.receive("2", (7, 1), (16, 0), seq=7) == [GapDetected(2, 7)]
    assert peer.sent_types() == ["4", "2"]


# --- ends


def test_own_logout_is_answered(peer):
    assert peer.session.logout(peer.now, WALL, "bye") == []
    assert peer.sent()[0][58] == "bye"
    assert peer.session.state is State.LOGOUT_SENT
    assert peer.receive("5") == [Disconnect("logged out")]
    assert peer.sent_types() == []


def test_own_logout_times_out(peer):
    peer.session.logout(peer.now, WALL)
    assert peer.after(1.9) == []
    assert peer.after(0.2) == [Disconnect("no answer to Logout")]


def test_venue_logout_is_answered(peer):
    assert peer.receive("5", (58, "end of day")) == [Disconnect("peer logged out: end of day")]
    assert peer.sent_types() == ["5"]
    assert not peer.session.sequence[IN_SEQUENCE]


def test_logout_beyond_a_gap_is_processed(peer):
    assert peer.receive("5", seq=9) == [Disconnect("peer logged out: no reason given")]


@pytest.mark.parametrize("identity", [Identity("OTHER", "DESK"), Identity("VENUE", "OTHER")])
def test_wrong_comp_id_is_rejected_and_ends_the_session(peer, identity):
    (event,) = peer.receive("0", identity=identity)
    assert "CompID" in event.reason
    assert [m[35] for m in peer.sent()] == ["3", "5"]


def test_wrong_begin_string_ends_the_session(peer):
    (event,) = peer.receive("0", identity=Identity("VENUE", "DESK", "FIX.4.2"))
    assert "FIX.4.2" in event.reason


def test_missing_msg_seq_num_ends_the_session(peer):
    message = b"8=FIX.4.4\x019=5\x0135=0\x0149=VENUE\x0156=DESK\x0110=000\x01"
    assert peer.session.receive(message, peer.now, WALL) == [Disconnect("MsgSeqNum is missing")]


def test_malformed_message_ends_the_session(peer):
    (event,) = peer.session.receive(b"8=FIX.4.4\x01garbage\x01", peer.now, WALL)
    assert "unreadable" in event.reason


def test_tag_of_thousands_of_digits_ends_the_session(peer):
    message = b"8=FIX.4.4\x019=9\x0135=B\x01" + b"1" * 5000 + b"=x\x0110=000\x01"
    (event,) = peer.session.receive(message, peer.now, WALL)
    assert "unreadable" in event.reason


def test_nothing_is_processed_after_the_end(peer):
    peer.session.disconnected()
    assert peer.receive("0") == []
    assert peer.after(100) == []
    assert peer.session.drain() == b""
    assert peer.session.logout(peer.now, WALL) == []


# --- other messages


def test_received_reject_is_reported(peer):
    assert peer.receive("3", (45, 2), (58, "no such field")) == [Rejected(2, "no such field")]


def test_sent_reject_has_its_fields(peer):
    peer.session.reject(7, "X", tags.INCORRECT_DATA_FORMAT, "what", peer.now, WALL)
    (reject,) = peer.sent()
    assert {35: "3", 45: "7", 372: "X", 373: "6", 58: "what"}.items() <= reject.items()


def test_application_message_is_passed_on(peer):
    (event,) = peer.receive("B", (148, "news"), (146, 2), (55, "A"), (55, "B"))
    assert isinstance(event, ApplicationMessage)
    assert event.get(148) == b"news"
    assert event.all(55) == [b"A", b"B"]
    assert event.get(9999) is None


def test_messages_sent_are_numbered_and_dated(peer):
    assert peer.session.send("V", ((262, 1),), peer.now, WALL) == 2
    (message,) = peer.sent()
    assert (message[34], message[52]) == ("2", "20260101-00:00:00.000")
