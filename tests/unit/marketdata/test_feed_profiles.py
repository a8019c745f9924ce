"""What a feed does by its venue's profile: subscriptions, trades, statuses, news, limits, the end of a session."""

import pytest

from quotelife.config.venues.venue_profile import (
    HaltsProfile,
    InstrumentsProfile,
    NewsProfile,
    Pacing,
    SubscriptionProfile,
)
from quotelife.fix.logon_recipe import password_logon
from quotelife.market.board import layout as L
from quotelife.marketdata import layout as M
from tests.unit.marketdata.session_rig import MS, WALL, Rig

S = 1_000 * MS
SECRET = "hunter2secret"
BID = ((279, 0), (269, 0), (270, 101), (271, 4))


def live(**arguments):
    """A rig whose books are live."""
    rig = Rig(**arguments)
    rig.sent()
    for symbol in rig.symbols:
        rig.snapshot(symbol)
    rig.on_timer(20 * S)
    rig.sent()
    return rig


def spoil(rig, symbol="A"):
    """A Delete of an unknown id."""
    rig.receive("X", (268, 1), (279, 2), (269, 0), (55, symbol), (278, "unknown"))
    assert rig.state(symbol) == L.BOOK_GAP


# --- subscriptions


def test_spoiled_book_of_a_batch_is_asked_for_alone_and_the_others_go_on():
    rig = live(symbols="ABC", subscription=SubscriptionProfile(symbols_per_request=0))
    spoil(rig, "B")
    assert rig.requests() == ["+8 B"]
    rig.receive("X", (262, 7), (268, 2), *BID, (55, "A"), *BID, (55, "B"))
    assert rig.board.rows[:, L.BID_PX].tolist()[0] == 202
    assert rig.states() == [L.BOOK_LIVE, L.BOOK_GAP, L.BOOK_LIVE]
    rig.snapshot("B")


def test_spoiled_book_of_a_replacing_venue_takes_all_out_until_their_snapshots():
    rig = live(symbols="ABC", subscription=SubscriptionProfile(symbols_per_request=0, replaces=True))
    spoil(rig, "B")
    assert rig.requests() == ["+8 ABC"]
    assert rig.states() == [L.BOOK_GAP] * 3
    rig.receive("X", (268, 1), *BID, (55, "A"))
    assert rig.states() == [L.BOOK_GAP] * 3
    rig.snapshot("A")
    assert rig.states() == [L.BOOK_LIVE, L.BOOK_GAP, L.BOOK_GAP]


def test_book_without_snapshot_is_live_and_empty_from_the_subscription_on():
    rig = Rig(subscription=SubscriptionProfile(snapshot=False))
    assert rig.requests() == ["+7 A"]
    assert rig.state() == L.BOOK_LIVE and rig.board.rows[0, L.N_BID] == 0
    rig.receive("X", (268, 1), *BID, (55, "A"))
    assert rig.board.rows[0, L.BID_PX] == 202
    rig.now += 20 * S
    rig.receive("X", (268, 1), (279, 2), (269, 0), (55, "A"), (278, "unknown"))
    assert rig.requests() == ["-7 A", "+8 A"]
    assert rig.state() == L.BOOK_LIVE and rig.board.rows[0, L.N_BID] == 0


def test_subscription_by_security_id():
    rig = Rig(instruments=InstrumentsProfile(address="SecurityID", security_id_source="8"))
    request = next(message for message in rig.sent() if message[35] == "V")
    assert (request[48], request[22], 55 in request) == ("1", "8", False)
    rig.receive("W", (48, "1"), (262, 7), (268, 1), (269, 0), (270, 100), (271, 1))
    assert rig.state() == L.BOOK_LIVE


def test_venue_that_leaves_out_the_request_id():
    rig = live()
    rig.receive("X", (268, 1), *BID, (55, "A"))
    assert rig.board.rows[0, L.BID_PX] == 202


def test_messages_of_an_earlier_request_are_ignored():
    rig = live()
    spoil(rig)
    assert rig.requests() == ["-7 A", "+8 A"]
    rig.receive("W", (55, "A"), (262, 7), (268, 1), (269, 0), (270, 100), (271, 1))
    assert rig.state() == L.BOOK_GAP
    rig.snapshot()
    rig.receive("X", (262, 7), (268, 1), *BID, (55, "A"))
    assert rig.board.rows[0, L.BID_PX] == 200 and rig.state() == L.BOOK_LIVE


def test_rejected_batch_is_divided():
    rig = Rig(symbols="ABC", subscription=SubscriptionProfile(symbols_per_request=0))
    assert rig.requests() == ["+7 ABC"]
    rig.receive("Y", (262, 7), (281, "0"), (58, "unknown symbol B"))
    rig.on_timer(100 * MS)
    assert rig.requests() == ["+8 A", "+9 B", "+10 C"]


# --- trades


def test_trades_of_their_own_stream():
    rig = Rig(subscription=SubscriptionProfile(trades="separate"))
    assert rig.requests() == ["+7 A", "+8 A"]
    rig.receive("W", (55, "A"), (262, 7), (268, 1), (269, 0), (270, 100), (271, 1))
    trade = ((268, 1), (279, 0), (269, 2), (55, "A"), (270, 100), (271, 3))
    for request, trades in ((8, 1), (9, 1), (None, 2)):
        rig.receive("X", *(((262, request),) if request else ()), *trade)
        assert rig.board.rows[0, L.TRADES] == trades
    rig.receive("W", (55, "A"), (262, 8), (268, 1), (269, 2), (270, 100), (271, 3))
    assert rig.state() == L.BOOK_LIVE and rig.board.rows[0, L.N_BID] == 1


# --- statuses


def test_halts_by_security_id_and_group():
    rig = live(symbols="ABC", groups="XXY", halts=HaltsProfile(group_tag=1151))
    halted = rig.board.rows[:, L.HALTED]
    rig.receive("f", (48, "2"), (326, 2))
    assert halted.tolist() == [0, 1, 0]
    rig.receive("f", (1151, "X"), (326, 2))
    assert halted.tolist() == [1, 1, 0]
    rig.receive("h", (340, 1))
    assert halted.tolist() == [1, 1, 1]


def test_statuses_are_asked_for_before_the_books():
    rig = Rig(symbols="AB", halts=HaltsProfile(request="SecurityStatusRequest"))
    assert rig.sent_types() == "AeeVV"


# --- news


def test_maintenance_reconnects_once_a_minute():
    rig = live(news=NewsProfile(meaning="maintenance"))
    rig.receive("B", (148, "the connection will be closed"))
    assert rig.sent_types() == "5"
    assert rig.state() == L.BOOK_DISCONNECTED and rig.board.venues[0, L.V_STATE] == L.VENUE_DOWN
    assert rig.feed.reconnect_at_once
    rig.receive("5")
    assert rig.feed.closing == "logged out"
    rig.feed.disconnected(rig.now)
    rig.feed.reconnect_at_once = False
    for after, types in ((10 * S, ""), (60 * S, "5")):
        rig.log_on()
        rig.snapshot()
        rig.sent()
        rig.now += after
        rig.receive("B", (148, "the connection will be closed"))
        assert rig.sent_types() == types
        assert rig.feed.reconnect_at_once == bool(types)


def test_text_is_only_logged():
    rig = live(news=NewsProfile(meaning="text"))
    rig.receive("B", (148, "hello"), (20010, "-1"))
    assert rig.sent_types() == "" and rig.state() == L.BOOK_LIVE
    assert rig.board.rows[0, L.SENTIMENT_NS] == 0


# --- limits


def test_requests_wait_for_the_limit_and_session_messages_do_not():
    """20 messages a minute: heartbeats of 30 s and one in twenty are reserved, the Logon and 16 requests sent."""
    symbols = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    rig = Rig(symbols=symbols, pacing=Pacing(messages=20, interval_s=60.0))
    assert rig.sent_types() == "A" + "V" * 15
    for n in range(4):
        rig.receive("1", (112, n))
    assert rig.sent_types() == "0000"
    rig.on_timer(59 * S)
    assert rig.sent_types().count("V") == 0
    rig.on_timer(1100 * MS)
    assert rig.sent_types().count("V") > 0


def test_requests_are_paced():
    rig = Rig(symbols="ABCDEFGHIJKLMNOPQRSTUVWXYZ", pacing=Pacing(requests_per_second=100.0))
    assert len(rig.requests()) == 10
    rig.on_timer(99 * MS)
    assert rig.requests() == []
    rig.on_timer(1 * MS)
    assert len(rig.requests()) == 10


# --- the session


def test_books_are_invalid_from_a_sequence_gap_to_the_new_snapshot():
    rig = live(symbols="AB")
    rig.seq += 1
    rig.receive("0")
    assert rig.states() == [L.BOOK_GAP] * 2
    assert rig.feed.control[M.INVALIDATED + M.R_SESSION_GAP] == 2
    assert rig.sent_types() == "2"
    rig.seq -= 2
    rig.receive("4", (43, "Y"), (123, "Y"), (36, rig.seq + 3))
    rig.seq += 1
    assert rig.requests() == ["-7 A", "+9 A", "-8 B", "+10 B"]
    rig.snapshot("A")
    rig.snapshot("B")


def test_books_are_not_used_from_the_logout_on():
    rig = live()
    rig.feed.logout(rig.now, WALL)
    rig.check_announced()
    assert rig.state() == L.BOOK_DISCONNECTED and rig.board.venues[0, L.V_STATE] == L.VENUE_DOWN
    rig.receive("W", (55, "A"), (262, 7), (268, 1), (269, 0), (270, 100), (271, 1))
    rig.receive("X", (268, 1), *BID, (55, "A"))
    assert rig.state() == L.BOOK_DISCONNECTED


def test_a_gap_that_is_filled_after_the_logout_subscribes_nothing():
    rig = live()
    rig.seq += 1
    rig.receive("0")
    rig.feed.logout(rig.now, WALL)
    rig.sent()
    rig.seq -= 2
    rig.receive("4", (43, "Y"), (123, "Y"), (36, rig.seq + 3))
    rig.on_timer(S)
    assert rig.requests() == []


@pytest.mark.parametrize("end", ["logout", "low_sequence_number", "silence"])
def test_books_are_not_used_from_the_end_of_the_session_on(end):
    """Before the connection is closed, which may take long with a peer that does not read."""
    rig = live()
    if end == "logout":
        rig.receive("5")
    elif end == "low_sequence_number":
        rig.seq -= 1
        rig.receive("0")
    else:
        for _ in range(2):
            rig.on_timer(40 * S)
    assert rig.feed.closing is not None
    assert rig.state() == L.BOOK_DISCONNECTED


def test_a_new_logon_subscribes_again():
    rig = live(symbols="AB")
    rig.feed.disconnected(rig.now)
    rig.check_announced()
    assert rig.states() == [L.BOOK_DISCONNECTED] * 2
    rig.log_on()
    assert rig.requests() == ["+9 A", "+10 B"]
    rig.snapshot("A")


# --- rejections and replays


def test_messages_that_we_reject_take_nothing_from_the_requests(caplog):
    pacing = Pacing(messages=200, interval_s=60.0, requests_per_second=10_000.0)
    rig = live(symbols="ABC", pacing=pacing)
    for n in range(2_000):
        rig.receive("BP", (55, "Z"))
        rig.receive("X", (268, 1), (279, 0), (269, ""), (55, "Z"))
        if n % 100 == 0:
            rig.on_timer(500 * MS)
            rig.receive("0")
    types = rig.sent_types()
    assert types.count("j") + types.count("3") == 5, "a fortieth of 200 in a minute"
    assert rig.feed.session.rejections.withheld == 3_995
    assert "V: we reject BP with MsgSeqNum 5: messages of this type are not processed" in caplog.text
    spoil(rig, "A")
    assert rig.requests()[-1].startswith("+"), "it is asked for at once"
    allowed = rig.feed._requester._pacing.allowance(rig.now)
    assert allowed >= 150


def test_resend_request_of_the_venue_is_answered_at_the_pace_of_requests():
    """Subscriptions of trades and requests for statuses, too: nothing else would repeat those."""
    rig = Rig(
        symbols="ABCDEFGHIJKLMNOP",
        subscription=SubscriptionProfile(trades="separate"),
        halts=HaltsProfile(request="SecurityStatusRequest"),
        pacing=Pacing(requests_per_second=40.0),
    )
    for _ in range(30):
        rig.on_timer(100 * MS)
    before = [(m[35], m[34]) for m in rig.sent() if m[35] in "eV"]
    assert [kind for kind, _ in before].count("e") == 16 and len(before) >= 48
    for _ in range(100):
        rig.receive("2", (7, 1), (16, 0))
    assert rig.sent() == []
    again = []
    for _ in range(len(before) // 4 + 1):
        rig.on_timer(100 * MS)
        sent = rig.sent()
        assert len(sent) <= 5, "4, and what cannot wait"
        again += [(m[35], m[34]) for m in sent if m.get(43) == "Y" and m[35] in "eV"]
    assert again == before


def test_books_lost_during_a_replay_are_asked_for_after_it():
    rig = Rig(symbols="AB", pacing=Pacing(requests_per_second=10.0))
    rig.on_timer(100 * MS)
    rig.snapshot("A")
    rig.snapshot("B")
    rig.on_timer(20 * S)
    rig.sent()
    rig.receive("2", (7, 1), (16, 0))
    spoil(rig)
    asked = rig.requests()
    for _ in range(10):
        rig.on_timer(100 * MS)
        asked += rig.requests()
    assert asked == ["+7 A", "+8 B", "-7 A", "+9 A"]


# --- a new session after a halt


def halted_then_logged_on(**profile):
    rig = Rig(symbols="AB", **profile)
    for symbol in "AB":
        rig.receive("f", (55, symbol), (326, 2))
    assert rig.board.rows[:, L.HALTED].tolist() == [1, 1]
    rig.feed.disconnected(rig.now)
    rig.log_on()
    return rig


def test_a_halt_ends_with_its_session_where_statuses_are_asked_for():
    rig = halted_then_logged_on(halts=HaltsProfile(request="SecurityStatusRequest"))
    assert rig.board.rows[:, L.HALTED].tolist() == [0, 0]
    rig.receive("f", (55, "A"), (326, 2))
    assert rig.board.rows[:, L.HALTED].tolist() == [1, 0]


def test_a_halt_that_nothing_contradicts_is_told_once_a_session(caplog):
    rig = halted_then_logged_on(halts=HaltsProfile())
    assert rig.board.rows[:, L.HALTED].tolist() == [1, 1]
    assert caplog.text.count("V: 2 instruments stay halted as in the session before") == 1
    rig.receive("f", (55, "B"), (326, 17))
    assert rig.board.rows[:, L.HALTED].tolist() == [1, 0]


def test_a_halt_is_lifted_by_the_list_of_the_next_session():
    listed = InstrumentsProfile(request="SecurityListRequest", status_tag=1682, tradable=["17"])
    rig = halted_then_logged_on(instruments=listed)
    rig.receive("y", (560, 0), (146, 2), (55, "A"), (1682, 17), (55, "B"), (1682, 2))
    assert rig.board.rows[:, L.HALTED].tolist() == [0, 1]
    rig.receive("BK", (146, 1), (55, "B"), (1682, 17))
    assert rig.board.rows[:, L.HALTED].tolist() == [0, 0]


# --- secrets in the venue's texts


def test_no_text_of_the_venue_shows_a_secret(caplog):
    caplog.set_level("INFO")
    listed = InstrumentsProfile(request="SecurityListRequest", tick_tag=969, status_tag=1682, tradable=["17"])
    rig = Rig(symbols="ABC", instruments=listed, logon=password_logon("desk", SECRET))
    text = (58, f"no: {SECRET}.")
    rig.receive("j", (45, 99), (372, "V"), (380, 0), text)
    rig.receive("3", (45, 99), text)
    rig.receive("Y", (262, 7), text)
    rig.receive("B", (148, f"x {SECRET}"), (20010, "0.5"))
    rig.receive(SECRET, text)
    terms = (55, "A"), (969, SECRET), (55, "B"), (969, "0.5"), (1682, SECRET)
    rig.receive("y", (560, 0), (146, 2), *terms)
    rig.receive("5", text)
    assert SECRET not in caplog.text and SECRET not in rig.feed.closing
    refused = Rig(instruments=listed, logon=password_logon("desk", SECRET))
    refused.receive("y", (560, SECRET), text)
    assert SECRET not in caplog.text
    assert caplog.text.count("***") >= 10
