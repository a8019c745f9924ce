"""The venue feed without a socket: its buffer, and the messages that the decoder passes on."""

import os

import pytest

from quotelife.fix.encode import Identity, encode, frame_bytes
from quotelife.market.board import layout as L
from quotelife.marketdata import layout as M
from quotelife.marketdata.feed import BUFFER_BYTES
from tests.unit.marketdata.session_rig import TIME, WALL, Rig


@pytest.fixture
def rig():
    rig = Rig()
    assert rig.requests() == ["+7 A"]
    rig.snapshot()
    return rig


def test_buffer_never_fills(rig):
    put = 0
    while put < 3 * BUFFER_BYTES:
        batch = b"".join(
            rig.bytes_of("X", (268, 1), (279, 0), (269, 0), (55, "A"), (270, 1), (271, 1)) for _ in range(3000)
        )
        rig.put(batch[:-20])  # the last message is cut in two
        assert len(rig.feed.free_buffer()) >= BUFFER_BYTES // 2
        rig.put(batch[-20:])
        put += len(batch)
    assert rig.feed.control[M.GARBLED] == 0
    assert rig.feed.control[M.MESSAGES] == rig.seq - 1


def test_a_message_in_many_reads(rig):
    for byte in rig.bytes_of("X", (268, 1), (279, 0), (269, 0), (55, "A"), (270, 105), (271, 4)):
        rig.put(bytes([byte]))
    assert rig.board.rows[0, L.BID_PX] == 210


def test_header_out_of_order_invalidates_the_books(rig):
    rig.now += 10**9
    rig.seq += 1
    content = f"35=X\x0149=VENUE\x0156=DESK\x01268=0\x0134={rig.seq}\x0152={TIME}\x01".encode()
    rig.put(frame_bytes(b"FIX.4.4", content))
    sent = rig.feed.drain()
    assert b"\x0135=3\x01" in sent
    assert b"\x0135=V\x01" in sent
    assert rig.state() == L.BOOK_GAP


def test_malformed_message_invalidates_the_books(rig):
    rig.now += 10**9
    rig.seq += 1
    content = f"35=X\x0149=VENUE\x0156=DESK\x0134={rig.seq}\x0152={TIME}\x01what=\x01".encode()
    rig.put(frame_bytes(b"FIX.4.4", content))
    sent = rig.feed.drain()
    assert b"\x01372=X\x01373=6\x01" in sent
    assert sent.count(b"\x0135=V\x01") == 2  # unsubscribed, then subscribed again
    assert rig.state() == L.BOOK_GAP


def late_since(rig):
    return int(rig.board.venues[0, L.V_LATE_SINCE_NS])


def lag_s(rig):
    return int(rig.board.venues[0, L.V_LAG_NS]) / 1e9


def test_late_data_is_marked_until_a_message_is_in_time(rig):
    """All messages have the same SendingTime, so that the clock's advance is lateness."""
    quote = ("X", (268, 1), (279, 0), (269, 0), (55, "A"), (270, 105), (271, 4))
    rig.now += 1_900_000_000
    rig.receive(*quote)
    assert late_since(rig) == 0 and lag_s(rig) == pytest.approx(1.9, abs=0.01)
    rig.now += 200_000_000
    rig.receive(*quote)
    first = rig.now
    assert late_since(rig) == first and lag_s(rig) == pytest.approx(2.1, abs=0.01)
    rig.now += 10**9
    rig.receive("0")  # a late heartbeat
    assert late_since(rig) == first and lag_s(rig) == pytest.approx(3.1, abs=0.01)
    rig.seq += 1
    in_time = encode(Identity("VENUE", "DESK"), "0", rig.seq, "20260101-00:00:03.100", ())
    rig.put(in_time)
    assert late_since(rig) == 0 and lag_s(rig) < 0.01


def test_lateness_restarts_after_a_logon(rig):
    rig.now += 5 * 10**9
    rig.receive("0")
    assert late_since(rig) == rig.now
    rig.feed.disconnected(rig.now)
    rig.feed.connected(rig.now, WALL)
    rig.seq = 0
    rig.receive("A", (98, 0), (108, 30), (141, "Y"))
    assert late_since(rig) == 0 and lag_s(rig) == 0


def test_unmeasured_sending_time_of_a_session_is_not_used_in_the_next(rig):
    quote = rig.bytes_of("X", (268, 1), (279, 0), (269, 0), (55, "A"), (270, 105), (271, 4))
    rig.put(quote + rig.bytes_of("5"))
    assert rig.feed.closing is not None and rig.feed.control[M.SENT_END] != 0
    rig.feed.disconnected(rig.now)
    rig.feed.connected(rig.now, WALL)
    assert rig.feed.control[M.SENT_END] == 0


def test_garbage_and_an_endless_message_are_skipped(rig):
    """Garbled bytes are skipped, and a BodyLength beyond the limit is not awaited."""
    endless = b"8=FIX.4.4\x019=9999999\x0135=X\x01" + b"x" * (1 << 20)
    for garbage in (os.urandom(1 << 20) + b"\x01", endless, b"8=FIX" * 200_000 + b"\x01"):
        for _ in range(4):
            rig.put(garbage)
            assert len(rig.feed.free_buffer()) >= BUFFER_BYTES // 2
    assert rig.feed.closing is None and rig.state() == L.BOOK_LIVE
    assert rig.feed.control[M.GARBLED] > 0
    messages = int(rig.feed.control[M.MESSAGES])
    rig.receive("X", (268, 1), (279, 0), (269, 0), (55, "A"), (270, 101), (271, 1))
    assert rig.feed.control[M.MESSAGES] == messages + 1


def test_nothing_is_decoded_after_the_end(rig):
    rig.receive("5")
    assert rig.feed.closing is not None
    rig.receive("X", (268, 1), (279, 0), (269, 0), (55, "A"), (270, 105), (271, 4))
    assert rig.board.rows[0, L.BID_PX] == 200
    rig.feed.disconnected(rig.now)
    assert rig.state() == L.BOOK_DISCONNECTED
    assert rig.board.venues[0, L.V_STATE] == L.VENUE_DOWN


def test_order_table_grows():
    rig = Rig(by_order=True)
    rig.snapshot()
    table = rig.feed._state.orders
    for start in range(0, 120_000, 2000):
        entries = []
        for n in range(start, start + 2000):
            entries += [(279, 0), (269, 1), (55, "A"), (278, f"o{n}"), (270, 110 + n % 50), (271, 1)]
        rig.receive("X", (268, 2000), *entries)
    assert rig.state() == L.BOOK_LIVE
    assert rig.feed._state.orders is not table
    assert rig.feed._orders.n_orders == 120_001
    assert rig.board.rows[0, L.ASK_SZ] == 120_000 // 50
    rig.receive("X", (268, 1), (279, 2), (269, 1), (55, "A"), (278, "o0"))
    assert rig.board.rows[0, L.ASK_SZ] == 120_000 // 50 - 1


def test_logout_stops_subscriptions(rig):
    rig.feed.logout(rig.now, WALL)
    assert b"\x0135=5\x01" in rig.feed.drain()
    rig.feed.on_timer(rig.now + 10**9, WALL)
    assert b"\x0135=V\x01" not in rig.feed.drain()
    rig.receive("5")
    assert rig.feed.closing == "logged out"
