"""Kraken's market data: price levels that a CRC32 proves at every increment.

Layouts: the pages that `fix_config/venues/kraken.toml` names. Symbol (55) stands before the group of an X, the checksum
(5041) after it; a Delete has the size of a level that leaves the depth, 0 of one that is gone.
"""

import zlib

import pytest

from tests.acceptance.marketdata.venues.driven_feed import Service
from tests.acceptance.marketdata.venues.scripted_venue import ScriptedVenue

CONFIGURATION = """
[[venue]]
name = "KRAKEN"
profile = "kraken"
host = "kraken.example"
port = 4000
sender_comp_id = "DESK"
depth = {depth}

[[instrument]]
symbol = "BTC/USD"
tick = "{tick}"
lot = "0.00000001"
venue = "KRAKEN"
stale_after_ms = 30000

[[instrument]]
symbol = "ETH-USD"
venue_symbol = "ETH/USD"
tick = "0.01"
lot = "0.00000001"
venue = "KRAKEN"
stale_after_ms = 30000
"""
BTC = "55=BTC/USD|562=0.00000001|5010=8|5011=0.0001|2349=1|5022=0.1|5032=1"
ETH = "55=ETH/USD|562=0.00000001|5010=8|5011=0.002|2349=2|5022=0.01|5032=1"
BIDS = ["61250.0 x 0.50000000", "61249.9 x 0.00210000", "61240.0 x 1.25000000"]
OFFERS = ["61250.1 x 0.00000450", "61252.5 x 2.00000000", "61300.0 x 0.75000000"]
ETH_BOOK = ["3000.00 x 2.00000000"], ["3000.50 x 0.10000000"]


def make_venue(folder, depth=10, tick="0.1"):
    return ScriptedVenue(Service(folder, CONFIGURATION.format(depth=depth, tick=tick)), "KRAKEN-MD", "DESK")


@pytest.fixture
def venue(tmp_path):
    return make_venue(tmp_path)


def crc32(bids, offers):
    """The checksum as documented: ten offers, then ten bids, price and size as digits without leading zeros."""
    digits = [text.replace(".", "").lstrip("0") for level in (*offers[:10], *bids[:10]) for text in level.split(" x ")]
    return zlib.crc32("".join(digits).encode())


def entry(kind, level, time="09:30:00.125"):
    """An entry of bids (0) or offers (1): "61250.0 x 0.5"."""
    price, size = level.split(" x ")
    return f"269={kind}|278={'BO'[kind]}{price}|270={price}|271={size}|273={time}"


def log_on(venue, btc=BTC):
    """Logon without credentials, the list of instruments, the trading session's status; returns the MDReqIDs."""
    assert venue.connect().body() == "98=0|108=10|141=Y"
    venue.send("A", "98=0|108=10|141=Y")
    asked = {message.msg_type: message for message in venue.received()}
    assert asked.keys() == {"x", "g"}
    assert asked["x"].body(320) == "559=4"
    assert asked["g"].body(335) == "263=1|336=SESSION"
    venue.send("h", f"335={asked['g'][335]}|336=SESSION|340=2")
    venue.expect_nothing()  # the books wait until the instruments are known
    venue.send("y", f"320={asked['x'][320]}|322=R1|560=0|146=2|{btc}|{ETH}")
    return subscriptions(venue)


def subscriptions(venue, symbols=("BTC/USD", "ETH/USD"), depth=10):
    fresh = [request for request in venue.expect_all("V") if request[263] == "1"]
    for request, symbol in zip(fresh, symbols, strict=True):
        assert request.body(262) == f"263=1|264={depth}|265=1|266=Y|267=3|269=0|269=1|269=2|146=1|55={symbol}"
    return [request[262] for request in fresh]


def snapshot(venue, request, symbol="BTC/USD", bids=BIDS, offers=OFFERS):
    entries = [entry(1, level) for level in offers] + [entry(0, level) for level in bids]
    venue.send("W", f"55={symbol}|262={request}", *entries)


def quoted(venue):
    """Both books live; returns their MDReqIDs."""
    btc, eth = log_on(venue)
    snapshot(venue, btc)
    snapshot(venue, eth, "ETH/USD", *ETH_BOOK)
    assert venue.service.book("BTC/USD") == (BIDS, OFFERS)
    assert venue.service.book("ETH-USD") == ETH_BOOK
    assert [venue.service.status(symbol) for symbol in ("BTC/USD", "ETH-USD")] == ["ok", "ok"]
    return btc, eth


def increment(venue, request, bids, offers, *entries, symbol="BTC/USD"):
    """An X with the checksum of the book that it leads to."""
    last = f"{entries[-1]}|5041={crc32(bids, offers)}"
    venue.send("X", f"55={symbol}|262={request}", *entries[:-1], last)
    assert venue.service.book(symbol) == (bids, offers)


def test_subscription_and_snapshot(venue):
    quoted(venue)


def test_increments_are_proved_by_their_checksum(venue):
    request, _ = quoted(venue)
    bids, offers = ["61250.0 x 0.41000000", *BIDS[1:]], OFFERS
    increment(venue, request, bids, offers, "279=1|" + entry(0, "61250.0 x 0.41"))
    offers = ["61250.1 x 0.00000450", "61251.0 x 1.00000000", *OFFERS[1:]]
    increment(venue, request, bids, offers, "279=0|" + entry(1, "61251.0 x 1.0"))
    bids = ["61249.9 x 0.00210000", "61240.0 x 1.25000000"]
    increment(venue, request, bids, offers, "279=2|" + entry(0, "61250.0 x 0.0"))
    # Created and deleted in one message, and a level that leaves the depth: its Delete has a size.
    offers = ["61250.1 x 0.00000450", "61251.0 x 1.00000000", "61252.5 x 2.00000000"]
    entries = ("279=0|" + entry(0, "61250.0 x 3.0"), "279=2|" + entry(0, "61250.0 x 0.0"))
    increment(venue, request, bids, offers, *entries, "279=2|" + entry(1, "61300.0 x 0.75"))
    venue.expect_nothing()


def test_checksum_covers_the_ten_best_of_a_deeper_book(tmp_path):
    venue = make_venue(tmp_path, depth=25)
    assert venue.connect()
    venue.send("A", "98=0|108=10|141=Y")
    listed = next(message for message in venue.received() if message.msg_type == "x")
    venue.send("y", f"320={listed[320]}|322=R1|560=0|146=2|{BTC}|{ETH}")
    request, _ = subscriptions(venue, depth=25)
    bids = [f"{61250 - n}.0 x 0.0{n + 1:02d}00000" for n in range(12)]
    offers = [f"{61251 + n}.0 x 0.1{n + 1:02d}00000" for n in range(12)]
    snapshot(venue, request, bids=bids, offers=offers)
    assert venue.service.book("BTC/USD") == (bids, offers)
    bids = [*bids[:11], "61239.0 x 7.00000000"]
    increment(venue, request, bids, offers, "279=1|" + entry(0, "61239.0 x 7"))
    increment(venue, request, bids[1:], offers, "279=2|" + entry(0, "61250.0 x 0.0"))


@pytest.mark.parametrize("wrong", ["|5041=1", ""])
def test_wrong_or_missing_checksum_invalidates_that_book_alone(venue, wrong):
    request, _ = quoted(venue)
    venue.send("X", f"55=BTC/USD|262={request}", "279=1|" + entry(0, "61250.0 x 0.41") + wrong)
    assert [venue.service.status(symbol) for symbol in ("BTC/USD", "ETH-USD")] == ["gap", "ok"]
    assert venue.invalidated() == {"checksum": 1}
    venue.service.advance(0.2)
    ended, fresh = venue.expect_all("V")
    assert (ended[263], ended[262], fresh[263], fresh[55]) == ("2", request, "1", "BTC/USD")
    snapshot(venue, fresh[262], bids=BIDS[1:])
    assert venue.service.book("BTC/USD") == (BIDS[1:], OFFERS)


def test_lost_level_is_found_by_the_next_checksum(venue):
    """The venue deletes a level and the message never comes, although MsgSeqNum has no gap."""
    request, _ = quoted(venue)
    bids, offers = BIDS[1:], ["61250.1 x 0.00000500", *OFFERS[1:]]
    change = "279=1|" + entry(1, "61250.1 x 0.000005")
    venue.send("X", f"55=BTC/USD|262={request}", f"{change}|5041={crc32(bids, offers)}")
    assert venue.service.status("BTC/USD") == "gap"


def test_trades_have_no_checksum(venue):
    request, _ = quoted(venue)
    trade = "279=0|269=2|278=T1|270=61250.1|271=0.0000015|273=09:30:01.000|40=1|2446=1"
    venue.send("X", f"55=BTC/USD|262={request}", trade)
    assert venue.service.last_trade("BTC/USD") == (1, "61250.1 x 0.00000150")
    assert venue.service.aggressor_volumes("BTC/USD") == ("0.00000150", "0.00000000")
    assert venue.service.book("BTC/USD") == (BIDS, OFFERS)
    assert venue.service.status("BTC/USD") == "ok"


def test_empty_snapshot_when_no_more_prices_are_received(venue):
    request, _ = quoted(venue)
    venue.send("W", f"55=BTC/USD|262={request}")
    assert venue.service.book("BTC/USD") == ([], [])
    assert venue.service.status("BTC/USD") == "one_sided"


@pytest.mark.parametrize("status", ["1", "101", "102"])
def test_halt_of_the_whole_venue_and_its_end(venue, status):
    quoted(venue)
    venue.send("h", f"335=1|336=SESSION|340={status}")
    assert [venue.service.status(symbol) for symbol in ("BTC/USD", "ETH-USD")] == ["halted", "halted"]
    venue.send("h", "335=1|336=SESSION|340=0")  # unknown: no change
    assert venue.service.status("BTC/USD") == "halted"
    venue.send("h", "335=1|336=SESSION|340=2")
    assert [venue.service.status(symbol) for symbol in ("BTC/USD", "ETH-USD")] == ["ok", "ok"]


def test_gap_then_fresh_snapshots(venue):
    request, _ = quoted(venue)
    venue.lose(2)
    venue.send("X", f"55=BTC/USD|262={request}", "279=1|" + entry(0, "61250.0 x 0.41") + "|5041=1")
    resend = venue.expect("2")
    assert resend.body() == "7=6|16=0"
    assert [venue.service.status(symbol) for symbol in ("BTC/USD", "ETH-USD")] == ["gap", "gap"]
    venue.fill_gap(resend)
    sent = [message for message in venue.received() if message.msg_type == "V" and message[263] == "1"]
    assert [message[55] for message in sent] == ["BTC/USD", "ETH/USD"]
    snapshot(venue, sent[0][262], bids=BIDS[:2])
    assert venue.service.book("BTC/USD") == (BIDS[:2], OFFERS)
    assert venue.service.status("ETH-USD") == "gap"


def test_reconnect(venue):
    quoted(venue)
    venue.disconnect()
    assert [venue.service.status(symbol) for symbol in ("BTC/USD", "ETH-USD")] == ["disconnected", "disconnected"]
    venue.service.advance(0.5)
    quoted(venue)


@pytest.mark.parametrize(
    "listed", [BTC.replace("5022=0.1", "5022=0.5"), BTC.replace("562=0.00000001", "562=0.0001"), "55=BTC/EUR|5022=0.1"]
)
def test_instrument_that_the_venue_lists_otherwise_is_not_quoted(venue, listed):
    log_on_requests = log_on_with(venue, listed)
    assert [request[55] for request in log_on_requests] == ["ETH/USD"]
    snapshot(venue, log_on_requests[0][262], "ETH/USD", *ETH_BOOK)
    assert venue.service.status("ETH-USD") == "ok"
    assert venue.service.status("BTC/USD") not in ("ok", "one_sided")


def log_on_with(venue, btc):
    venue.connect()
    venue.send("A", "98=0|108=10|141=Y")
    listed = next(message for message in venue.received() if message.msg_type == "x")
    venue.send("y", f"320={listed[320]}|322=R1|560=0|146=2|{btc}|{ETH}")
    return venue.expect_all("V")


def test_rejected_subscription_is_asked_for_again(venue):
    btc, eth = log_on(venue)
    snapshot(venue, eth, "ETH/USD", *ETH_BOOK)
    venue.send("Y", f"262={btc}|281=0|58=Unknown Symbol")
    assert venue.service.status("BTC/USD") == "no_book"
    for _ in range(32):
        venue.service.advance(1)
        venue.send("0")
    assert [request[55] for request in venue.received() if request.msg_type == "V"] == ["BTC/USD"]
