"""The feed without a socket: its buffer, and what it does where the decoder cannot."""

import os
import tempfile
from pathlib import Path

import pytest

from quotelife.fix.encode import Identity, encode, frame_bytes
from quotelife.fix.session import SessionSettings
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import Shared
from quotelife.marketdata.feed import BUFFER_BYTES, Feed, Subscribed
from quotelife.marketdata.recovery import RecoverySettings

WALL = 1_767_225_600 * 10**9
TIME = "20260101-00:00:00.000"


class Desk:
    """A feed that is logged on, and the venue's side of it."""

    def __init__(self, by_order=False):
        with tempfile.TemporaryDirectory() as folder:
            self.board = Board.create(Path(folder) / "board", 1, 1)
        settings = SessionSettings(Identity("DESK", "VENUE"))
        recovery = RecoverySettings(by_order=by_order)
        subscribed = [Subscribed(0, "A", (5, 1), (1, 0))]
        self.feed = Feed("V", 0, Shared(self.board), subscribed, settings, recovery, first_request=7)
        self.now, self.seq = 10**9, 0
        self.feed.connected(self.now, WALL)
        self.give("A", (98, 0), (108, 30), (141, "Y"))
        assert b"\x0135=V\x01" in self.feed.take()

    def bytes_of(self, msg_type, *body):
        self.seq += 1
        return encode(Identity("VENUE", "DESK"), msg_type, self.seq, TIME, body)

    def put(self, data):
        room = self.feed.room()
        room[: len(data)] = data
        self.now += 1000
        self.feed.received(len(data), self.now, WALL)

    def give(self, msg_type, *body):
        self.put(self.bytes_of(msg_type, *body))

    def snapshot(self):
        request = int(self.feed._shared.instruments[0, M.I_REQUEST])
        self.give("W", (55, "A"), (262, request), (268, 1), (269, 0), (278, "s"), (270, 100), (271, 1))
        assert self.state() == L.BOOK_LIVE

    def state(self):
        return int(self.board.rows[0, L.STATE])


@pytest.fixture
def desk():
    desk = Desk()
    desk.snapshot()
    return desk


def test_the_buffer_never_fills(desk):
    put = 0
    while put < 3 * BUFFER_BYTES:
        batch = b"".join(
            desk.bytes_of("X", (268, 1), (279, 0), (269, 0), (55, "A"), (270, 1), (271, 1)) for _ in range(3000)
        )
        desk.put(batch[:-20])  # the last message is cut in two
        assert len(desk.feed.room()) >= BUFFER_BYTES // 2
        desk.put(batch[-20:])
        put += len(batch)
    assert desk.feed.control[M.GARBLED] == 0
    assert desk.feed.control[M.MESSAGES] == desk.seq - 1


def test_a_message_in_many_reads(desk):
    for byte in desk.bytes_of("X", (268, 1), (279, 0), (269, 0), (55, "A"), (270, 105), (271, 4)):
        desk.put(bytes([byte]))
    assert desk.board.rows[0, L.BID_PX] == 210


def test_market_data_whose_header_is_out_of_order_loses_the_books(desk):
    desk.now += 10**9
    desk.seq += 1
    content = f"35=X\x0149=VENUE\x0156=DESK\x01268=0\x0134={desk.seq}\x0152={TIME}\x01".encode()
    desk.put(frame_bytes(b"FIX.4.4", content))
    sent = desk.feed.take()
    assert b"\x0135=3\x01" in sent
    assert b"\x0135=V\x01" in sent
    assert desk.state() == L.BOOK_GAP


def test_a_message_that_cannot_be_read_loses_the_books(desk):
    desk.now += 10**9
    desk.seq += 1
    content = f"35=X\x0149=VENUE\x0156=DESK\x0134={desk.seq}\x0152={TIME}\x01what=\x01".encode()
    desk.put(frame_bytes(b"FIX.4.4", content))
    sent = desk.feed.take()
    assert b"\x01372=X\x01373=6\x01" in sent
    assert sent.count(b"\x0135=V\x01") == 2  # unsubscribed and subscribed anew
    assert desk.state() == L.BOOK_GAP


def late_since(desk):
    return int(desk.board.venues[0, L.V_LATE_SINCE_NS])


def lag_s(desk):
    return int(desk.board.venues[0, L.V_LAG_NS]) / 1e9


def test_data_that_comes_late_is_marked_until_something_comes_in_time(desk):
    """Every message here has the same SendingTime: what the clock goes on is lateness."""
    quote = ("X", (268, 1), (279, 0), (269, 0), (55, "A"), (270, 105), (271, 4))
    desk.now += 1_900_000_000
    desk.give(*quote)
    assert late_since(desk) == 0 and lag_s(desk) == pytest.approx(1.9, abs=0.01)
    desk.now += 200_000_000
    desk.give(*quote)
    first = desk.now
    assert late_since(desk) == first and lag_s(desk) == pytest.approx(2.1, abs=0.01)
    desk.now += 10**9
    desk.give("0")  # a heartbeat that is late as well
    assert late_since(desk) == first and lag_s(desk) == pytest.approx(3.1, abs=0.01)
    desk.seq += 1
    in_time = encode(Identity("VENUE", "DESK"), "0", desk.seq, "20260101-00:00:03.100", ())
    desk.put(in_time)
    assert late_since(desk) == 0 and lag_s(desk) < 0.01


def test_after_a_logon_lateness_counts_anew(desk):
    desk.now += 5 * 10**9
    desk.give("0")
    assert late_since(desk) == desk.now
    desk.feed.disconnected(desk.now)
    desk.feed.connected(desk.now, WALL)
    desk.seq = 0
    desk.give("A", (98, 0), (108, 30), (141, "Y"))
    assert late_since(desk) == 0 and lag_s(desk) == 0


def test_what_a_session_s_end_has_left_unnoted_is_not_looked_for_in_the_next_one(desk):
    quote = desk.bytes_of("X", (268, 1), (279, 0), (269, 0), (55, "A"), (270, 105), (271, 4))
    desk.put(quote + desk.bytes_of("5"))
    assert desk.feed.closing is not None and desk.feed.control[M.SENT_END] != 0
    desk.feed.disconnected(desk.now)
    desk.feed.connected(desk.now, WALL)
    assert desk.feed.control[M.SENT_END] == 0


def test_garbage_and_a_message_without_end_fill_nothing_and_the_next_one_is_read(desk):
    """What does not frame is thrown away, and a BodyLength beyond the limit is not waited for."""
    endless = b"8=FIX.4.4\x019=9999999\x0135=X\x01" + b"x" * (1 << 20)
    for garbage in (os.urandom(1 << 20) + b"\x01", endless, b"8=FIX" * 200_000 + b"\x01"):
        for _ in range(4):
            desk.put(garbage)
            assert len(desk.feed.room()) >= BUFFER_BYTES // 2
    assert desk.feed.closing is None and desk.state() == L.BOOK_LIVE
    assert desk.feed.control[M.GARBLED] > 0
    messages = int(desk.feed.control[M.MESSAGES])
    desk.give("X", (268, 1), (279, 0), (269, 0), (55, "A"), (270, 101), (271, 1))
    assert desk.feed.control[M.MESSAGES] == messages + 1


def test_after_the_end_nothing_is_decoded(desk):
    desk.give("5")
    assert desk.feed.closing is not None
    desk.give("X", (268, 1), (279, 0), (269, 0), (55, "A"), (270, 105), (271, 4))
    assert desk.board.rows[0, L.BID_PX] == 200
    desk.feed.disconnected(desk.now)
    assert desk.state() == L.BOOK_DISCONNECTED
    assert desk.board.venues[0, L.V_STATE] == L.VENUE_DOWN


def test_the_order_table_grows():
    desk = Desk(by_order=True)
    desk.snapshot()
    table = desk.feed._tables.orders
    for start in range(0, 120_000, 2000):
        entries = []
        for n in range(start, start + 2000):
            entries += [(279, 0), (269, 1), (55, "A"), (278, f"o{n}"), (270, 110 + n % 50), (271, 1)]
        desk.give("X", (268, 2000), *entries)
    assert desk.state() == L.BOOK_LIVE
    assert desk.feed._tables.orders is not table
    assert desk.feed._orders.held == 120_001
    assert desk.board.rows[0, L.ASK_SZ] == 120_000 // 50
    desk.give("X", (268, 1), (279, 2), (269, 1), (55, "A"), (278, "o0"))
    assert desk.board.rows[0, L.ASK_SZ] == 120_000 // 50 - 1


def test_logout_asks_for_nothing_more(desk):
    desk.feed.logout(desk.now, WALL)
    assert b"\x0135=5\x01" in desk.feed.take()
    desk.feed.timer(desk.now + 10**9, WALL)
    assert b"\x0135=V\x01" not in desk.feed.take()
    desk.give("5")
    assert desk.feed.closing == "logged out"
