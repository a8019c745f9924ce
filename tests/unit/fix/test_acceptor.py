"""Every rule of the acceptor's session, with given bytes and times."""

import pytest

from quotelife.fix.encode import Identity, encode, frame_bytes
from quotelife.fix.events import Disconnect, GapDetected, LoggedOn, ReceivedText
from quotelife.fix.session import EXPECTED, IN_SEQUENCE, NEXT_OUT, State
from tests.unit.fix.client_rig import QUOTE, REPORT, TIME, WALL, ClientRig, kinds, relaxed

EARLIER = "20251231-23:59:59"
REQUEST = ((131, "r"), (146, 1), (55, "BTC-USD"), (38, 1))


@pytest.fixture(scope="module")
def dictionaries(tmp_path_factory):
    names = ("FIX44.xml", "FIX42.xml", "FIXT11.xml", "FIX50SP2.xml")
    return dict(zip(names, relaxed(tmp_path_factory.mktemp("dictionaries"), *names), strict=True))


@pytest.fixture
def new(tmp_path, dictionaries):
    """A session to which nobody has logged on."""
    rig = ClientRig(tmp_path, dictionaries["FIX44.xml"])
    yield rig
    rig.close()


@pytest.fixture
def rig(new):
    return new.logged_on()


@pytest.fixture
def rig50(tmp_path, dictionaries):
    rig = ClientRig(tmp_path, dictionaries["FIXT11.xml"], dictionaries["FIX50SP2.xml"], "FIXT.1.1")
    yield rig.logged_on()
    rig.close()


@pytest.fixture
def rig42(tmp_path, dictionaries):
    rig = ClientRig(tmp_path, dictionaries["FIX42.xml"], begin_string="FIX.4.2")
    yield rig.logged_on()
    rig.close()


def includes(message, **fields):
    """Whether a message has these values; t45="2" is tag 45."""
    return {int(name[1:]): value for name, value in fields.items()}.items() <= message.items()


# --- logon


def test_a_logon_is_answered(new):
    new.session.connected(new.now)
    events = new.logon()
    assert kinds(events) == ["A", "LoggedOn"] and events[-1] == LoggedOn(True)
    (logon,) = new.sent()
    assert includes(logon, t35="A", t34="1", t49="QUOTELIFE", t56="FUND", t98="0", t108="10", t141="Y")
    assert new.session.sequence[IN_SEQUENCE] == 1


def test_a_logon_of_fixt_names_the_application_version(rig50):
    rig50.session.disconnected()
    rig50.session.connected(rig50.now)
    rig50.logon()
    assert includes(rig50.sent()[0], t8="FIXT.1.1", t35="A", t1137="9")


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


def test_a_reset_forgets_what_was_sent(rig):
    rig.send(REPORT.format(1), stored=True)
    rig.session.disconnected()
    rig.session.connected(rig.now)
    assert rig.logon()[-1] == LoggedOn(True)
    assert rig.sent()[0][34] == "1"
    assert len(rig.session.store) == 0 and rig.session.sequence[EXPECTED] == 2


def test_a_message_before_the_logon_ends_the_connection(new):
    new.session.connected(new.now)
    assert new.receive("0") == [Disconnect("first message is 0, not Logon")]
    assert new.session.drain() == b""


@pytest.mark.parametrize("body", [((98, 0),), ((98, 0), (108, "x")), ((98, 1), (108, 10)), ((98, 0), (108, 10)) * 2])
def test_a_logon_with_wrong_fields_ends_the_connection(new, body):
    new.session.connected(new.now)
    events = new.receive("A", *body)
    assert kinds(events) == ["Disconnect"] and new.session.drain() == b""
    assert new.session.sequence.tolist()[:2] == [1, 1]


def test_a_logon_without_default_appl_ver_id_ends_the_connection(rig50):
    rig50.session.disconnected()
    rig50.session.connected(rig50.now)
    assert kinds(rig50.receive("A", (98, 0), (108, 10))) == ["Disconnect"]


def test_an_unreadable_logon_ends_the_connection(new):
    new.session.connected(new.now)
    (event,) = new.receive_bytes(frame_bytes(b"FIX.4.4", b"35=A\x01garbage\x01"))
    assert event.reason.startswith("unreadable Logon")


def test_a_logon_of_another_sender_ends_the_connection(new):
    new.session.connected(new.now)
    other = Identity("OTHER", "QUOTELIFE")
    assert new.receive("A", (98, 0), (108, 10), identity=other) == [Disconnect("logout before the logon was answered")]
    assert new.session.drain() == b"" and new.session.sequence.tolist()[:2] == [1, 1]


@pytest.mark.parametrize("dup", [((43, "Y"),), ((43, "Y"), (122, "20270101-00:00:00")), ((43, "Y"), (122, EARLIER))])
def test_a_possible_duplicate_of_a_logon_ends_the_connection(rig, dup):
    rig.session.disconnected()
    rig.session.connected(rig.now)
    assert kinds(rig.logon(*dup, reset=False, seq=1)) == ["Disconnect"]
    assert rig.session.drain() == b""


def test_a_second_logon_of_another_sender_does_not_start_the_numbers_again(rig):
    other = Identity("OTHER", "QUOTELIFE")
    assert rig.receive("A", (98, 0), (108, 10), (141, "Y"), identity=other) == []
    assert rig.sent_types() == ["3", "5"] and rig.session.sequence.tolist()[:2] == [2, 4]


def test_a_logon_with_msg_seq_num_too_low_is_told_so(rig):
    rig.session.disconnected()
    rig.session.connected(rig.now)
    text = "MsgSeqNum too low, expecting 2 but received 1"
    assert rig.logon(reset=False, seq=1) == [Disconnect(text)]
    assert [(m[35], m[58]) for m in rig.sent()] == [("5", text)]


def test_a_logon_with_msg_seq_num_too_high_is_answered_and_the_gap_requested(new):
    new.session.connected(new.now)
    assert kinds(new.logon(reset=False, seq=5)) == ["A", "GapDetected", "LoggedOn"]
    assert [(m[35], m.get(7)) for m in new.sent()] == [("A", None), ("2", "1")]
    new.receive("4", (123, "Y"), (36, 5), seq=1, dup=EARLIER)
    assert new.session.sequence[EXPECTED] == 6 and new.session.sequence[IN_SEQUENCE]


def test_a_second_logon_ends_the_connection(rig):
    assert rig.logon(reset=False) == [Disconnect("Logon in an established session")]
    assert rig.session.drain() == b""


def test_a_second_logon_may_start_the_numbers_again(rig):
    rig.send(REPORT.format(1), stored=True)
    rig.receive("0", seq=9)  # a gap, which is forgotten
    rig.sent()
    assert kinds(rig.logon()) == ["A", "LoggedOn"]
    assert [(m[35], m[34], m[141]) for m in rig.sent()] == [("A", "1", "Y")]
    assert rig.session.sequence.tolist()[:4] == [2, 2, 1, 0]


def test_nothing_is_received_before_the_logon_is_processed(new):
    new.session.connected(new.now)
    message = encode(new.client, "A", 1, TIME, ((98, 0), (108, 10)))
    new.session.receive(message, new.now, WALL)
    assert new.session.sequence[IN_SEQUENCE] == 0
    with pytest.raises(AssertionError):
        new.session.receive(message, new.now, WALL)
    new.session.processed(new.now, WALL)
    assert new.session.sequence[IN_SEQUENCE] == 1


# --- NextExpectedMsgSeqNum


def test_what_a_logon_misses_is_sent_again_after_what_is_due_at_a_logon(rig):
    rig.send(QUOTE.format(1))
    rig.send(REPORT.format("lost"), stored=True)
    rig.session.disconnected()
    rig.session.connected(rig.now)
    message = encode(rig.client, "A", rig.seq, TIME, ((98, 0), (108, 10), (789, 2)))
    assert rig.session.receive(message, rig.now, WALL)[-1] == LoggedOn(False)
    rig.send(REPORT.format("due"), stored=True)
    rig.session.processed(rig.now, WALL)
    found = [(m[35], m[34], m.get(36) or m.get(37)) for m in rig.sent()]
    assert found == [
        ("A", "4", None), ("8", "5", "due"), ("4", "2", "3"), ("8", "3", "lost"), ("4", "4", "5"), ("8", "5", "due")
    ]  # fmt: skip


@pytest.mark.parametrize("wanted", ["2", "x", "0"])
def test_a_logon_that_misses_nothing_is_sent_nothing(rig, wanted):
    rig.session.disconnected()
    rig.session.connected(rig.now)
    rig.logon((789, wanted) if wanted != "x" else (58, "none"), reset=False)
    assert rig.sent_types() == ["A"]


@pytest.mark.parametrize("wanted", ["-5", "x", ""])
def test_fix42_has_no_next_expected_msg_seq_num_so_any_text_may_be_there(rig42, wanted):
    rig42.session.disconnected()
    rig42.session.connected(rig42.now)
    rig42.logon((789, wanted), reset=False)
    assert rig42.sent_types() == ["A"]


def test_a_logon_that_expects_more_than_was_sent_is_told_so(rig):
    rig.session.disconnected()
    rig.session.connected(rig.now)
    text = "NextExpectedMsgSeqNum too high, expecting 2 but received 9"
    assert rig.logon((789, 9), reset=False) == [Disconnect(text)]
    assert [m[58] for m in rig.sent()] == [text]


# --- messages in sequence


def test_an_application_message_is_counted_once_it_is_processed(rig):
    (event,) = rig.session.receive(encode(rig.client, "R", 2, TIME, REQUEST), rig.now, WALL)
    assert isinstance(event, ReceivedText) and event.msg_type == "R"
    assert event.text.split("\x01")[3:6] == ["34=2", "49=FUND", f"52={TIME}"]
    assert rig.session.sequence.tolist()[:3] == [2, 2, 0]
    assert rig.session.processed(rig.now, WALL) == []
    assert rig.session.sequence.tolist()[:3] == [3, 2, 1]


def test_a_message_is_counted_though_its_connection_has_ended(rig):
    rig.session.receive(encode(rig.client, "R", 2, TIME, REQUEST), rig.now, WALL)
    rig.session.disconnected()
    assert rig.session.processed(rig.now, WALL) == []
    assert rig.session.sequence.tolist()[:3] == [3, 2, 0]


def test_a_message_that_was_not_processed_is_asked_for_on_the_next_connection(rig):
    rig.session.receive(encode(rig.client, "R", 2, TIME, REQUEST), rig.now, WALL)
    rig.session.disconnected()
    rig.session.connected(rig.now)
    assert GapDetected(2, 3) in rig.logon(reset=False, seq=3)
    assert rig.session.sequence[EXPECTED] == 2


def test_an_unsupported_message_is_rejected_and_counted(rig):
    rig.session.receive(encode(rig.client, "AI", 2, TIME, ((117, "q"),)), rig.now, WALL)
    assert rig.session.unsupported(rig.now, WALL) == []
    (reject,) = rig.sent()
    assert includes(reject, t35="j", t45="2", t58="Unsupported Message Type", t372="AI", t380="3")
    assert rig.session.sequence[EXPECTED] == 3


def test_a_heartbeat_is_reported(rig):
    (event,) = rig.receive("0", (112, "heard-1"))
    assert (event.msg_type, event.values[112]) == ("0", b"heard-1")
    assert rig.session.sequence[EXPECTED] == 3


@pytest.mark.parametrize("test_req_id", ["ping", "", "\udcff\udcfe"])
def test_a_test_request_is_answered_with_its_id(rig, test_req_id):
    assert kinds(rig.receive("1", (112, test_req_id))) == ["1"]
    assert f"\x01112={test_req_id}\x01".encode("utf-8", "surrogateescape") in rig.session.drain()


def test_a_reject_is_for_the_handler_too(rig):
    assert kinds(rig.receive("3", (45, 1), (58, "no"))) == ["3", "ReceivedText"]
    assert len(rig.texts) == 1 and rig.session.sequence[EXPECTED] == 3


def test_a_reject_that_the_handler_does_not_know_is_not_rejected(rig):
    rig.session.receive(encode(rig.client, "3", 2, TIME, ((45, 1),)), rig.now, WALL)
    assert rig.session.unsupported(rig.now, WALL) == []
    assert rig.session.drain() == b"" and rig.session.sequence[EXPECTED] == 3


# --- what is rejected


@pytest.mark.parametrize(
    ("msg_type", "body", "reason", "tag"),
    [
        ("ZZ", (), "11", None),
        ("", (), "11", None),
        ("W", ((55, "A"),), "11", None),
        ("1", (), "1", "112"),
        ("2", ((16, 0),), "1", "7"),
        ("2", ((7, "x"), (16, 0)), "6", "7"),
        ("4", ((123, "Q"), (36, 5)), "6", "123"),
        ("R", ((131, "a"), (131, "b")), "13", "131"),
        ("R", ((131, "a"), (43, "Q")), "6", "43"),
        ("R", ((131, "a"), (97, "")), "6", "97"),
    ],
)
def test_a_wrong_message_is_rejected_and_counted(rig, msg_type, body, reason, tag):
    assert rig.receive(msg_type, *body) == []
    (reject,) = rig.sent()
    assert (reject[35], reject[45], reject.get(371), reject[373]) == ("3", "2", tag, reason)
    assert reject.get(372) == (msg_type or None)
    assert rig.session.sequence[EXPECTED] == 2 + (msg_type != "4") and rig.texts == []


def test_a_wrong_message_out_of_sequence_is_rejected_and_not_counted(rig):
    rig.receive("ZZ", seq=9)
    assert rig.sent_types() == ["3"] and rig.session.sequence[EXPECTED] == 2


def test_fix42_has_no_reason_for_a_repeated_tag(rig42):
    rig42.receive("R", (131, "a"), (131, "b"))
    rig42.receive("ZZ")
    repeated, unknown = rig42.sent()
    assert 373 not in repeated and includes(repeated, t371="131", t58="Tag appears more than once")
    assert unknown[373] == "11"


def test_a_reject_goes_back_the_way_the_message_came(rig):
    rig.receive("ZZ", (115, "DESK"), (116, "SUB"), (128, "FIRM"), (144, ""))
    assert includes(rig.sent()[0], t128="DESK", t129="SUB", t115="FIRM")


@pytest.mark.parametrize("missing", [49, 56])
def test_a_message_without_comp_id_is_rejected(rig, missing):
    for seq, msg_type in enumerate((b"D", b"0"), 2):
        content = b"35=%b\x0134=%d\x0149=FUND\x0152=%b\x0156=QUOTELIFE\x01" % (msg_type, seq, TIME.encode())
        before, _, after = content.partition(b"%d=" % missing)
        rig.receive_bytes(frame_bytes(b"FIX.4.4", before + after.partition(b"\x01")[2]))
    business, reject = rig.sent()
    assert includes(business, t35="j", t58=f"Conditionally Required Field Missing ({missing})", t380="5")
    assert includes(reject, t35="3", t371=str(missing), t373="1")
    assert rig.session.sequence[EXPECTED] == 4


@pytest.mark.parametrize("seq_num", [b"", b"x", b"-1", b"18446744073709551616", None])
@pytest.mark.parametrize("msg_type", [b"D", b"0"])
def test_a_message_without_a_number_is_ignored(rig, msg_type, seq_num):
    number = b"" if seq_num is None else b"34=%b\x01" % seq_num
    content = b"35=%b\x01%b49=FUND\x0152=%b\x0156=QUOTELIFE\x01" % (msg_type, number, TIME.encode())
    assert rig.receive_bytes(frame_bytes(b"FIX.4.4", content)) == []
    assert rig.session.drain() == b"" and rig.session.sequence[EXPECTED] == 2


def test_a_message_of_fixt_without_sending_time_ends_the_connection(rig50):
    content = b"35=D\x0134=2\x0149=FUND\x0156=QUOTELIFE\x01"
    assert kinds(rig50.receive_bytes(frame_bytes(b"FIXT.1.1", content))) == ["Disconnect"]


def test_a_message_of_another_application_version_is_rejected(rig50):
    rig50.receive("R", (131, "a"), (1128, "9"))
    assert len(rig50.texts) == 1
    rig50.receive("R", (131, "a"), (1128, "8"))
    rig50.receive("ZZ", (1128, "8"))  # which may be a message of that version
    assert all(includes(reject, t371="1128", t373="5") for reject in rig50.sent())


def test_garbled_fields_are_ignored(rig):
    assert rig.receive_bytes(frame_bytes(b"FIX.4.4", b"35=R\x01garbage\x01")) == []
    assert rig.session.drain() == b"" and rig.session.sequence[EXPECTED] == 2


def test_a_message_whose_third_field_is_not_its_type_is_ignored(rig):
    fields = [b"35=0\x01", b"34=2\x01", b"49=FUND\x01", b"56=QUOTELIFE\x01", b"52=%b\x01" % TIME.encode()]
    for n in (1, 2, 4):
        moved = [*fields[1 : n + 1], fields[0], *fields[n + 1 :]]
        assert rig.receive_bytes(frame_bytes(b"FIX.4.4", b"".join(moved))) == []
    assert rig.session.drain() == b"" and rig.session.sequence[EXPECTED] == 2
    rig.receive_bytes(frame_bytes(b"FIX.4.4", b"".join(fields)))
    assert rig.session.sequence[EXPECTED] == 3


@pytest.mark.parametrize("identity", [Identity("OTHER", "QUOTELIFE"), Identity("FUND", "OTHER")])
def test_another_comp_id_is_rejected_and_logged_out(rig, identity):
    assert rig.receive("0", identity=identity) == []
    reject, logout = rig.sent()
    assert includes(reject, t35="3", t58="CompID problem", t373="9") and logout[35] == "5"
    assert rig.session.state is State.LOGOUT_SENT
    assert rig.after(1.9) == [] and rig.after(0.2) == [Disconnect("no answer to Logout")]


def test_another_begin_string_is_logged_out(rig):
    rig.receive("0", identity=Identity("FUND", "QUOTELIFE", "FIX.4.2"))
    assert [(m[35], m[58]) for m in rig.sent()] == [("5", "Incorrect BeginString")]
    assert rig.session.sequence[EXPECTED] == 3


def test_a_logout_of_another_begin_string_is_answered(rig):
    assert kinds(rig.receive("5", identity=Identity("FUND", "QUOTELIFE", "FIX.4.2"))) == ["5", "Disconnect"]
    assert rig.sent_types() == ["5"]


# --- order


def test_messages_after_a_gap_are_processed_once_it_is_filled(rig):
    assert rig.receive("R", (131, "c"), seq=4) == [GapDetected(2, 4)]
    assert rig.receive("R", (131, "d"), seq=5) == []
    assert [(m[35], m[7], m[16]) for m in rig.sent()] == [("2", "2", "0")]
    assert not rig.session.sequence[IN_SEQUENCE]
    rig.receive("R", (131, "a"), seq=2, dup=EARLIER)
    rig.receive("4", (123, "Y"), (36, 4), seq=3, dup=EARLIER)
    assert [text.split("\x01131=")[1][0] for text in rig.texts] == ["a", "c", "d"]
    assert rig.session.sequence[EXPECTED] == 6 and rig.session.sequence[IN_SEQUENCE]


def test_what_is_gap_filled_does_not_wait_any_longer(rig):
    rig.receive("R", (131, "c"), seq=4)
    rig.receive("4", (123, "Y"), (36, 6), seq=2, dup=EARLIER)
    assert rig.texts == [] and rig.session.sequence[EXPECTED] == 6 and rig.session.sequence[IN_SEQUENCE]


def test_a_second_gap_is_requested_once_the_first_is_filled(rig):
    rig.receive("0", seq=4)
    rig.receive("0", seq=7)
    rig.sent()
    rig.receive("4", (123, "Y"), (36, 4), seq=2, dup=EARLIER)
    assert rig.session.drain() == b"" and rig.session.sequence[EXPECTED] == 5
    assert rig.receive("0", seq=8) == [GapDetected(5, 8)]


def test_messages_beyond_the_limit_are_requested_again(tmp_path, dictionaries):
    rig = ClientRig(tmp_path, dictionaries["FIX44.xml"], max_queued=2).logged_on()
    for n in (3, 4, 5, 6):
        rig.receive("R", (131, n), seq=n)
    rig.receive("R", (131, 2), seq=2, dup=EARLIER)
    assert len(rig.texts) == 3 and rig.session.sequence[EXPECTED] == 5
    assert rig.receive("R", (131, 7), seq=7) == [GapDetected(5, 7)]
    rig.close()


@pytest.mark.parametrize("msg_type", ["0", "1", "D", "3", "4"])
def test_msg_seq_num_too_low_ends_the_session(rig, msg_type):
    body = {"1": ((112, "x"),), "3": ((45, 1),), "4": ((123, "Y"), (36, 9))}.get(msg_type, ())
    text = "MsgSeqNum too low, expecting 2 but received 1"
    assert rig.receive(msg_type, *body, seq=1) == [Disconnect(text)]
    assert [(m[35], m[58]) for m in rig.sent()] == [("5", text)]
    assert rig.session.sequence[EXPECTED] == 2


def test_a_possible_duplicate_is_dropped(rig):
    assert rig.receive("D", seq=1, dup=EARLIER) == []
    assert rig.session.drain() == b"" and rig.texts == []


def test_a_possible_duplicate_has_to_say_when_it_was_sent(rig):
    rig.receive("D", (43, "Y"), seq=1)
    assert includes(rig.sent()[0], t35="3", t371="122", t373="1")
    rig.receive("D", seq=1, dup="20260101-00:00:00.0000001")
    assert [(m[35], m.get(373)) for m in rig.sent()] == [("3", "10"), ("5", None)]


def test_a_possible_duplicate_in_sequence_is_processed(rig):
    rig.receive("R", *REQUEST, dup=EARLIER)
    assert "\x0143=Y\x01" in rig.texts[0]


def test_a_reject_beyond_a_gap_is_heard_at_once_and_counted_in_its_turn(rig):
    assert kinds(rig.receive("3", (45, 1), seq=4)) == ["3", "GapDetected", "ReceivedText"]
    assert rig.session.sequence[EXPECTED] == 2
    rig.receive("R", *REQUEST, seq=2, dup=EARLIER)
    rig.receive("R", *REQUEST, seq=3, dup=EARLIER)
    assert rig.session.sequence[EXPECTED] == 5 and len(rig.texts) == 3


# --- SequenceReset


def test_a_gap_fill_ahead_of_sequence_waits(rig):
    assert rig.receive("4", (123, "Y"), (36, 9), seq=4) == [GapDetected(2, 4)]
    rig.receive("0", seq=2)
    rig.receive("0", seq=3)
    assert rig.session.sequence[EXPECTED] == 9


@pytest.mark.parametrize("flag", [((123, "N"),), ()])
def test_a_reset_ignores_its_own_number(rig, flag):
    for seq, new in ((99, 30), (1, 40)):
        assert kinds(rig.receive("4", *flag, (36, new), seq=seq)) == ["4"]
        assert rig.session.sequence[EXPECTED] == new
    assert rig.session.sequence_resets == 3  # that of the Logon too


@pytest.mark.parametrize("number", [1, 2**63 - 1, 2**64 - 1])
def test_a_reset_to_an_impossible_number_is_rejected(rig, number):
    rig.receive("4", (36, number))
    assert includes(rig.sent()[0], t35="3", t373="5", t372="4")
    assert rig.session.sequence[EXPECTED] == 2


def test_a_reset_beyond_a_gap_ends_it(rig):
    rig.receive("R", (131, "late"), seq=6)
    rig.sent()
    rig.receive("4", (36, 6), seq=7)
    assert len(rig.texts) == 1 and rig.session.sequence[EXPECTED] == 7
    assert rig.receive("0", seq=9) == [GapDetected(7, 9)]


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
    assert includes(report, t122=TIME, t52=TIME) and first[122] == first[52]
    assert rig.session.sequence[NEXT_OUT] == 6


@pytest.mark.parametrize(
    ("begin", "end", "found"),
    [
        (2, 2, [("8", "2")]),
        (2, 3, [("8", "2"), ("4", "3", "4")]),
        (3, 9, [("4", "3", "5")]),
        (0, 1, [("4", "1", "2")]),
        (4, 3, []),
        (9, 0, []),
        (2**64 - 1, 2**64 - 1, []),
    ],
)
def test_a_range_is_sent_again(rig, begin, end, found):
    rig.send(REPORT.format(1), stored=True)
    rig.send(QUOTE.format(1))
    rig.send(QUOTE.format(2))
    rig.sent()
    assert kinds(rig.receive("2", (7, begin), (16, end))) == ["2"]
    assert [(m[35], m[34], m[36]) if m[35] == "4" else (m[35], m[34]) for m in rig.sent()] == found
    assert rig.session.sequence[EXPECTED] == 3


def test_999999_is_the_last_message_in_fix42(rig42):
    rig42.send(REPORT.format(1).replace("FIX.4.4", "FIX.4.2"), stored=True)
    rig42.sent()
    rig42.receive("2", (7, 2), (16, 999_999))
    assert rig42.sent_types() == ["8"]


def test_a_resend_request_beyond_a_gap_is_answered_and_counted_in_its_turn(rig):
    rig.send(REPORT.format(1), stored=True)
    rig.sent()
    rig.receive("2", (7, 2), (16, 0), seq=3)
    assert rig.sent_types() == ["8"] and rig.session.sequence[EXPECTED] == 2
    rig.receive("2", (7, 2), (16, 0), seq=1)
    assert rig.sent_types() == ["8"] and rig.session.state is State.ESTABLISHED


def test_reports_of_an_earlier_process_are_sent_again(rig):
    rig.send(REPORT.format("early"), stored=True)
    rig.close()
    rig.open()
    rig.logged_on(reset=False)
    rig.receive("2", (7, 2), (16, 2))
    assert [(m[34], m[37]) for m in rig.sent()] == [("2", "early")]


def test_a_resend_may_be_sent_in_parts(rig):
    for n in range(3):
        rig.send(REPORT.format(n), stored=True)
    rig.sent()
    rig.session.replays_at_once = False
    rig.receive("2", (7, 1), (16, 0))
    assert rig.sent() == [] and rig.session.replaying
    assert rig.session.replay(2, rig.now, WALL) == 2
    assert rig.session.replay(9, rig.now, WALL) == 2 and not rig.session.replaying
    assert rig.sent_types() == ["4", "8", "8", "8"]


# --- sending


def test_a_text_becomes_a_message_with_the_sessions_header(rig):
    text = "8=FIX.4.4\x019=0\x0135=8\x01115=ORD1\x0197=Y\x0137=€\x0110=000\x01"
    assert rig.send(text, stored=True) == 2
    body = f"35=8\x0134=2\x0149=QUOTELIFE\x0152={TIME}\x0156=FUND\x0197=Y\x01115=ORD1\x0137=€\x01".encode()
    assert rig.session.drain() == frame_bytes(b"FIX.4.4", body) == rig.session.store.find(2)


def test_what_is_sent_without_a_connection_waits_for_a_resend_request(rig):
    rig.session.disconnected()
    assert rig.send(REPORT.format("away"), stored=True) == 2
    assert rig.session.drain() == b""
    rig.session.connected(rig.now)
    rig.logon(reset=False)
    assert [m[34] for m in rig.sent()] == ["3"]
    rig.receive("2", (7, 2), (16, 0))
    assert [(m[35], m[34]) for m in rig.sent()] == [("8", "2"), ("4", "3")]


def test_what_cannot_be_stored_is_not_sent(rig, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(rig.session.store, "append", full)
    with pytest.raises(OSError, match="no space left"):
        rig.send(REPORT.format(1), stored=True)
    assert rig.session.drain() == b"" and rig.session.sequence[NEXT_OUT] == 2


# --- time and ends


def test_an_idle_session_sends_heartbeats_at_the_clients_interval(rig):
    rig.after(9.9)
    assert rig.sent_types() == []
    rig.receive("0")
    rig.after(0.2)
    assert rig.sent_types() == ["0"]


def test_an_answer_of_a_kernel_is_activity(rig):
    rig.now += 9 * 1_000_000_000
    rig.session.answered(rig.now)
    rig.after(9)
    assert rig.sent_types() == []


def test_silence_leads_to_a_test_request_and_then_a_disconnect(rig):
    rig.after(12.1)
    assert "1" in rig.sent_types()
    assert rig.after(11.9) == []
    assert rig.after(0.2) == [Disconnect("no answer to TestRequest")]
    assert "5" not in rig.sent_types() and rig.session.state is State.DISCONNECTED


def test_messages_that_wait_for_others_are_no_sign_of_life(rig):
    for _ in range(2):
        rig.now += 12 * 1_000_000_000
        rig.receive("0", seq=9)
    assert rig.after(0.1) == []
    assert rig.after(12.1) == [Disconnect("no answer to TestRequest")]


def test_a_connection_without_a_logon_ends(new):
    new.session.connected(new.now)
    assert new.after(9.9) == []
    assert new.after(0.2) == [Disconnect("no Logon")]


@pytest.mark.parametrize("seq", [None, 9, 1])
def test_a_logout_is_answered_whatever_its_number(rig, seq):
    events = rig.receive("5", (58, "end of day"), seq=seq)
    assert kinds(events) == ["5", "Disconnect"] and events[-1].reason == "peer logged out: end of day"
    assert rig.sent_types() == ["5"] and rig.session.sequence[EXPECTED] == 3


def test_own_logout_is_answered(rig):
    assert rig.session.logout(rig.now, WALL, "not configured") == []
    assert rig.sent()[0][58] == "not configured"
    rig.receive("R", *REQUEST)  # what was under way is still processed
    assert len(rig.texts) == 1
    assert rig.receive("5")[-1] == Disconnect("logged out")
    assert rig.sent_types() == []


def test_nothing_is_processed_after_the_end(rig):
    rig.session.disconnected()
    assert rig.receive("0") == [] and rig.after(100) == [] and rig.session.logout(rig.now, WALL) == []
    assert rig.session.drain() == b""
