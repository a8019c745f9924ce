"""A feed of a venue that lists its instruments: what it does not confirm is not subscribed, and says why."""

import logging
import tempfile
from pathlib import Path

import pytest

from quotelife.config.venues.venue_profile import (
    BookProfile,
    Checksum,
    InstrumentsProfile,
    SubscriptionProfile,
    VenueProfile,
)
from quotelife.fix.encode import Identity, encode
from quotelife.fix.settings import SessionSettings
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import SharedArrays
from quotelife.marketdata.feed import VenueFeed
from quotelife.marketdata.instruments.instrument_list import REPEAT_NS, TIMEOUT_NS
from quotelife.marketdata.subscription.subscriptions import SubscriptionSettings
from quotelife.marketdata.venue_instruments import VenueInstrument

WALL = 1_767_225_600 * 10**9
TIME = "20260101-00:00:00.000"
INSTRUMENTS = InstrumentsProfile(
    request="SecurityListRequest", tick_tag=969, lot_tag=561, status_tag=1682, tradable=["17"]
)
CHECKSUM = Checksum(algorithm="kraken-crc32", tag=5041, price_decimals_tag=2349, size_decimals_tag=5010)
A = ((55, "A"), (969, "0.5"), (561, 1), (1682, 17))
B = ((55, "B"), (969, "0.01"), (561, 1), (1682, 17))


class Rig:
    """A logged-on feed of the instruments A (tick 0.5) and B (tick 0.01), and the venue's side of it."""

    def __init__(self, **profile):
        with tempfile.TemporaryDirectory() as folder:
            self.board = Board.create(Path(folder) / "board", 2, 1)
        profile = VenueProfile(title="t", tried="here", **({"instruments": INSTRUMENTS} | profile))
        subscribed = [VenueInstrument(0, "A", (5, 1), (1, 0)), VenueInstrument(1, "B", (1, 2), (1, 0))]
        settings = SessionSettings(Identity("DESK", "VENUE"), heartbeat_s=300)
        self.feed = VenueFeed(
            "V",
            0,
            SharedArrays(self.board),
            subscribed,
            settings,
            SubscriptionSettings(profile=profile),
            first_request=7,
        )
        self.now = 10**9
        self.logon()

    def logon(self):
        self.seq = 0
        self.feed.connected(self.now, WALL)
        self.receive("A", (98, 0), (108, 300), (141, "Y"))

    def receive(self, msg_type, *body):
        self.seq += 1
        data = encode(Identity("VENUE", "DESK"), msg_type, self.seq, TIME, body)
        self.feed.free_buffer()[: len(data)] = data
        self.now += 1000
        self.feed.received(len(data), self.now, WALL)

    def answer(self, *entries):
        flat = [field for entry in entries for field in entry]
        self.receive("y", (560, 0), (146, len(entries)), *flat)

    def later(self, ns):
        self.now += ns
        self.feed.on_timer(self.now, WALL)

    def sent(self) -> list[dict[str, str]]:
        """The messages since the last call, with the last value of each tag."""
        messages = self.feed.drain().decode().split("8=FIX")[1:]
        return [dict(f.partition("=")[::2] for f in m.split("\x01")[:-1]) for m in messages]

    def asked(self) -> list[str]:
        """Kinds of the messages sent since the last call, V with the symbol."""
        return [m["35"] + (f" {m['55']}" if m["35"] == "V" else "") for m in self.sent()]

    def snapshot(self, row):
        self.receive(
            "W",
            (55, "AB"[row]),
            (262, int(self.feed._shared.instruments[row, M.I_REQUEST])),
            (268, 2),
            *((269, 0), (270, 100), (271, 1)),
            *((269, 1), (270, 101), (271, 1)),
        )

    def states(self):
        return tuple(self.board.rows[:, L.STATE].tolist())


def test_nothing_is_subscribed_before_the_list_is_complete():
    rig = Rig()
    assert rig.asked() == ["A", "x"]
    rig.later(10**9)
    rig.receive("y", (893, "N"), (146, 1), *A)
    assert rig.asked() == []
    rig.receive("y", (893, "Y"), (146, 1), *B)
    assert rig.asked() == ["V A", "V B"]
    rig.snapshot(0)
    rig.snapshot(1)
    assert rig.states() == (L.BOOK_LIVE, L.BOOK_LIVE)


def test_a_wrong_tick_is_a_named_error_and_the_others_are_quoted(caplog):
    rig = Rig()
    rig.sent()
    rig.answer((*A[:1], (969, "0.25"), *A[2:]), B)
    assert rig.asked() == ["V B"]
    [error] = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert error == "V: A is not quoted: tick = 0.5 in the configuration, 0.25 at the venue (969)"
    rig.snapshot(1)
    rig.snapshot(0)  # nobody asked for it
    assert rig.states() == (L.BOOK_MISMATCH, L.BOOK_LIVE)
    rig.later(20 * 10**9)
    assert rig.asked() == []
    rig.answer(A)  # an update
    assert rig.states() == (L.BOOK_EMPTY, L.BOOK_LIVE)
    rig.later(1)
    assert rig.asked() == ["V A"]
    rig.snapshot(0)
    assert rig.states() == (L.BOOK_LIVE, L.BOOK_LIVE)


def test_an_update_ends_the_use_of_a_live_book():
    rig = Rig()
    rig.answer(A, B)
    rig.snapshot(0)
    rig.sent()
    rig.receive("BK", (146, 1), *A[:2], (561, 10))
    assert rig.states()[0] == L.BOOK_MISMATCH
    rig.receive("X", (268, 1), (279, 0), (269, 0), (55, "A"), (270, 100), (271, 1))
    assert rig.states()[0] == L.BOOK_MISMATCH and not rig.feed._shared.books.n[0, :2].any()


def test_a_gap_does_not_hide_the_mismatch():
    rig = Rig()
    rig.answer(B)
    rig.seq += 1
    rig.receive("0")
    assert rig.states() == (L.BOOK_MISMATCH, L.BOOK_GAP)


def test_a_gap_while_the_list_comes_asks_for_it_again():
    rig = Rig()
    rig.receive("y", (893, "N"), (146, 1), *A)
    rig.seq += 1
    rig.receive("0")
    rig.sent()
    rig.seq -= 2
    rig.receive("4", (123, "Y"), (36, 5))
    rig.seq = 4
    assert rig.asked() == ["x"]
    rig.answer(A, B)
    assert rig.asked() == ["V A", "V B"]


@pytest.mark.parametrize("answer", ["silence", "reject", "business reject"])
def test_without_a_list_nothing_is_quoted_until_there_is_one(answer):
    rig = Rig()
    request = rig.sent()[-1]
    if answer == "silence":
        rig.later(TIMEOUT_NS)
    elif answer == "reject":
        rig.receive("3", (45, request["34"]), (58, "what?"))
    else:
        rig.receive("j", (45, request["34"]), (372, "x"), (380, 3))
    assert rig.states() == (L.BOOK_MISMATCH, L.BOOK_MISMATCH)
    assert "V" not in "".join(rig.asked())
    rig.later(REPEAT_NS)
    assert rig.asked()[-1] == "x"
    rig.answer(A, B)
    assert rig.asked() == ["V A", "V B"]


def test_a_status_that_does_not_allow_trading_is_a_halt_until_it_does():
    rig = Rig()
    rig.answer((*A[:3], (1682, 2)), B)
    assert rig.board.rows[:, L.HALTED].tolist() == [1, 0]
    rig.receive("BP", *A)
    assert rig.board.rows[0, L.HALTED] == 0


def test_a_reconnect_asks_anew():
    rig = Rig()
    rig.answer(B)
    rig.feed.disconnected(rig.now)
    assert rig.states() == (L.BOOK_DISCONNECTED, L.BOOK_DISCONNECTED)
    rig.sent()
    rig.logon()
    assert rig.asked() == ["A", "x"]
    rig.answer(A, B)
    assert rig.asked() == ["V A", "V B"]


def test_one_request_for_all_leaves_out_what_is_not_confirmed():
    rig = Rig(subscription=SubscriptionProfile(symbols_per_request=0, replaces=True))
    rig.answer(B)
    last = rig.sent()[-1]
    assert (last["35"], last["146"], last["55"]) == ("V", "1", "B")
    rig.answer(A)
    rig.later(10**9)
    last = rig.sent()[-1]
    assert (last["35"], last["146"], last["55"]) == ("V", "2", "B")


def test_the_decimals_of_the_checksum_are_the_venues():
    rig = Rig(book=BookProfile(checksum=CHECKSUM))
    rig.answer((*A, (2349, 1), (5010, 8)), (*B, (2349, 2), (5010, 0)))
    words = rig.feed._shared.instruments[:, [M.I_PX_DECIMALS, M.I_SIZE_DECIMALS]]
    assert words.tolist() == [[1, 8], [2, 0]]
