"""Observations beside a feed without a socket: each counter with the message that incremented it."""

import tempfile
from pathlib import Path

import pytest

from quotelife.diagnostics.venue.observer import VenueObserver
from quotelife.fix.encode import Identity, encode
from quotelife.fix.settings import SessionSettings
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.marketdata.decoder_state import SharedArrays
from quotelife.marketdata.feed import VenueFeed, VenueInstrument
from quotelife.marketdata.subscription.subscriptions import SubscriptionSettings
from quotelife.runtime.clock import utc_timestamp, wall_ns

WALL = 1_767_225_600 * 10**9
REQUEST = 7


class Rig:
    """A logged-on feed that is observed, and the venue's side of it."""

    def __init__(self):
        with tempfile.TemporaryDirectory() as folder:
            self.board = Board.create(Path(folder) / "board", 1, 1)
        self.observer = VenueObserver()
        settings = SessionSettings(Identity("DESK", "VENUE"), heartbeat_s=300)
        self.feed = VenueFeed(
            "V",
            0,
            SharedArrays(self.board),
            [VenueInstrument(0, "A", (5, 1), (1, 0))],
            settings,
            SubscriptionSettings(),
            first_request=REQUEST,
            decode=self.observer.timed_decode("V"),
        )
        self.observer.attach(self.feed)
        self.seen = self.observer.seen
        self.now, self.seq = 10**9, 0
        self.feed.connected(self.now, WALL)
        self.put(self.message("A", (98, 0), (108, 300), (141, "Y")))

    def message(self, msg_type, *body):
        self.seq += 1
        time = utc_timestamp(wall_ns())[:-3]
        return encode(Identity("VENUE", "DESK"), msg_type, self.seq, time, body)

    def put(self, data):
        self.feed.free_buffer()[: len(data)] = data
        self.now += 1000
        self.feed.received(len(data), self.now, WALL)
        self.observer.on_sent(self.feed.drain())

    def snapshot(self):
        return self.message("W", (55, "A"), (262, REQUEST), (268, 1), (269, 0), (270, 100), (271, 1))

    def increment(self, *more):
        return self.message("X", (268, 1), (279, 0), (269, 0), (55, "A"), (270, 101), (271, 2), *more)


@pytest.fixture
def rig():
    return Rig()


@pytest.mark.parametrize("reads", [1, 7])
def test_all_of_a_read_is_counted_and_applied(rig, reads):
    data = rig.snapshot() + rig.increment((83, 1)) + rig.increment((83, 2)) + rig.message("0")
    size = -(-len(data) // reads)
    for at in range(0, len(data), size):
        rig.put(data[at : at + size])
    assert rig.seen.received == {"A": 1, "W": 1, "X": 2, "0": 1}
    assert rig.seen.sent == {"A": 1, "V": 1}
    assert (rig.seen.with_rpt_seq, rig.seen.market_data, rig.seen.not_understood) == (2, 3, {})
    assert (rig.board.rows[0, L.STATE], rig.board.rows[0, L.BID_PX]) == (L.BOOK_LIVE, 202)
    assert {55, 83, 269, 270, 271, 279} <= rig.seen.entry_tags


def test_a_reason_has_the_message_that_it_happened_with(rig):
    rig.put(rig.snapshot() + rig.increment((83, 1)) + (gap := rig.increment((83, 5))) + rig.message("0"))
    [(name, reason)] = rig.seen.not_understood.items()
    assert (name, reason.count, reason.example) == ("rpt_seq_gap", 1, gap)


def test_a_message_type_that_is_not_processed(rig):
    strange = rig.message("AZ", (58, "hello"))
    rig.put(strange + rig.message("AZ"))
    reason = rig.seen.not_understood["message type AZ is not processed"]
    assert (reason.count, reason.example) == (2, strange)


def test_a_message_that_is_rejected(rig):
    rig.put(rig.snapshot() + (bad := rig.increment((273, "noon"), (268, 9))))
    assert bad in [reason.example for name, reason in rig.seen.not_understood.items() if name.startswith("rejected")]


def test_garbled_bytes(rig):
    garbled = rig.snapshot().replace(b"55=A", b"55=B")
    rig.seq -= 1
    rig.put(garbled + rig.snapshot())
    assert rig.seen.not_understood["garbled"].example == garbled
    assert rig.board.rows[0, L.STATE] == L.BOOK_LIVE


def test_a_refusal_of_a_message_of_ours(rig):
    rig.put(rig.message("Y", (262, REQUEST), (281, 0), (58, "what is A?")))
    [(kind, text, _, about)] = rig.seen.refusals
    assert (kind, text) == ("Y", "what is A?") and b"\x0135=V\x01" in about
    assert "the venue answered Y to a message of ours" in rig.seen.not_understood


def test_the_venues_clock_is_compared(rig):
    assert all(abs(ns) < 60 * 10**9 for ns in rig.seen.skew_ns)
    early = rig.message("0").replace(utc_timestamp(wall_ns())[:4].encode(), b"2020")
    head, _, _ = early.rpartition(b"10=")
    rig.put(head + b"10=%03d\x01" % (sum(head) & 255))
    assert rig.seen.skew_ns[1] > 10**9 * 86_400 * 365
