"""Deribit's market data: the whole book by price levels; Symbol (55) stands before the group of an X.

Layouts: the pages that `fix_config/venues/deribit.toml` names. The password is a hash of a fresh time stamp, a nonce
and the client's secret.
"""

import base64
import hashlib

import pytest

from tests.acceptance.marketdata.venues.driven_feed import WALL_NS, Service
from tests.acceptance.marketdata.venues.scripted_venue import ScriptedVenue

CONFIGURATION = """
[[venue]]
name = "DERIBIT"
profile = "deribit"
host = "deribit.example"
port = 9880
sender_comp_id = "DESK"

[venue.secrets]
client_id_file = "client_id"
client_secret_file = "client_secret"

[[instrument]]
symbol = "BTC-PERPETUAL"
tick = "0.5"
lot = "10"
venue = "DERIBIT"
stale_after_ms = 30000

[[instrument]]
symbol = "ETH-PERPETUAL"
tick = "0.05"
lot = "1"
venue = "DERIBIT"
stale_after_ms = 30000
"""
SECRETS = {"client_id": "kX3bQ9aT", "client_secret": "pL7-secret-of-the-client"}
SYMBOLS = ("BTC-PERPETUAL", "ETH-PERPETUAL")
LISTED = "55=BTC-PERPETUAL|167=FUT|2576=1|969=0.5|562=10|55=ETH-PERPETUAL|167=FUT|2576=2|969=0.05|562=1"
BTC = (
    "269=0|270=61250.5|271=12000",
    "269=0|270=61250|271=4000",
    "269=1|270=61251|271=530",
    "269=1|270=61260|271=9000",
)
ETH = ("269=0|270=3000|271=400", "269=1|270=3000.05|271=25")


@pytest.fixture
def venue(tmp_path):
    return ScriptedVenue(Service(tmp_path, CONFIGURATION, SECRETS), "DERIBITSERVER", "DESK")


def check_logon(venue):
    """The Logon is signed over its own RawData. Returns that."""
    logon = venue.connect()
    raw = logon[96]
    assert logon[95] == str(len(raw))
    timestamp, _, nonce = raw.partition(".")
    assert int(timestamp) == venue.service.wall_ns // 10**6
    assert len(base64.b64decode(nonce, validate=True)) == 32
    secret = SECRETS["client_secret"]
    password = base64.b64encode(hashlib.sha256(f"{raw}{secret}".encode()).digest()).decode()
    assert (logon[553], logon[554], logon[108], logon[141]) == (SECRETS["client_id"], password, "10", "Y")
    assert secret not in str(logon.fields)
    return raw


def subscriptions(venue):
    """MDReqIDs of the requests just received, whose shape is compared; earlier subscriptions may be ended first."""
    fresh = [request for request in venue.expect_all("V") if request[263] == "1"]
    for request, symbol in zip(fresh, SYMBOLS, strict=True):
        assert request.body(262) == f"263=1|264=0|265=1|9011=Y|267=3|269=0|269=1|269=2|146=1|55={symbol}"
    return [request[262] for request in fresh]


def quoted(venue):
    """Logon, list of instruments, statuses, subscription and snapshots; returns the MDReqIDs."""
    check_logon(venue)
    venue.send("A", "98=0|108=10")
    asked = venue.received()
    listed = next(message for message in asked if message.msg_type == "x")
    assert listed.body(320) == "559=4"
    statuses = [message for message in asked if message.msg_type == "e"]
    assert [message.body(324) for message in statuses] == [f"55={symbol}|263=1" for symbol in SYMBOLS]
    for message in statuses:
        venue.send("f", f"324={message[324]}|55={message[55]}|326=7|58=subscribed")
    venue.send("y", f"320={listed[320]}|322=1|560=0|146=2|{LISTED}")
    btc, eth = subscriptions(venue)
    venue.send("W", f"55=BTC-PERPETUAL|231=1|262={btc}|100087=1|100090=61250.7", *BTC)
    venue.send("W", f"55=ETH-PERPETUAL|231=1|262={eth}|100087=1|100090=3000.01", *ETH)
    assert venue.service.book("BTC-PERPETUAL") == (
        ["61250.5 x 12000", "61250.0 x 4000"],
        ["61251.0 x 530", "61260.0 x 9000"],
    )
    assert venue.service.book("ETH-PERPETUAL") == (["3000.00 x 400"], ["3000.05 x 25"])
    assert [venue.service.status(symbol) for symbol in SYMBOLS] == ["ok", "ok"]
    return btc, eth


def test_increments_and_trades(venue):
    btc, _ = quoted(venue)
    service = venue.service
    changes = (
        "279=0|269=1|270=61250.7|271=50",
        "279=1|269=0|270=61250.5|271=11000",
        "279=2|269=0|270=61250",
        "279=0|269=1|270=61255.5|271=20",
    )
    venue.send("X", f"55=BTC-PERPETUAL|262={btc}|231=1|100090=61250.9", *changes[1:])
    assert service.book("BTC-PERPETUAL") == (
        ["61250.5 x 11000"],
        ["61251.0 x 530", "61255.5 x 20", "61260.0 x 9000"],
    )
    trade = "279=0|269=2|270=61250.5|271=40|272=20260101-00:00:01.500|100009=1001|54=2|44=61250.6"
    venue.send("X", f"55=BTC-PERPETUAL|262={btc}", trade)
    assert service.last_trade("BTC-PERPETUAL") == (1, "61250.5 x 40")
    assert service.aggressor_volumes("BTC-PERPETUAL") == ("0", "40")
    # The side that the venue states counts, not that of the price.
    venue.send("X", f"55=BTC-PERPETUAL|262={btc}", trade.replace("54=2", "54=1"))
    assert service.aggressor_volumes("BTC-PERPETUAL") == ("40", "40")
    venue.expect_nothing()
    venue.send("X", f"55=BTC-PERPETUAL|262={btc}", changes[0])  # not a multiple of the tick
    assert venue.invalidated() == {"off_grid": 1}
    assert [service.status(symbol) for symbol in SYMBOLS] == ["gap", "ok"]


def test_halt_and_resumption(venue):
    quoted(venue)
    venue.send("f", "324=9|55=ETH-PERPETUAL|326=8")
    assert [venue.service.status(symbol) for symbol in SYMBOLS] == ["ok", "halted"]
    venue.send("f", "324=9|55=ETH-PERPETUAL|326=7")
    assert venue.service.status("ETH-PERPETUAL") == "ok"


def test_gap_then_fresh_subscriptions(venue):
    btc, _ = quoted(venue)
    venue.lose()
    venue.send("X", f"55=BTC-PERPETUAL|262={btc}", "279=1|269=0|270=61250.5|271=10")
    resend = venue.expect("2")
    assert [venue.service.status(symbol) for symbol in SYMBOLS] == ["gap", "gap"]
    venue.fill_gap(resend)
    btc, eth = subscriptions(venue)
    venue.send("W", f"55=BTC-PERPETUAL|262={btc}", "269=0|270=61249|271=10", "269=1|270=61249.5|271=20")
    venue.send("W", f"55=ETH-PERPETUAL|262={eth}", *ETH)
    assert venue.service.book("BTC-PERPETUAL") == (["61249.0 x 10"], ["61249.5 x 20"])
    assert [venue.service.status(symbol) for symbol in SYMBOLS] == ["ok", "ok"]


def test_reconnect_signs_anew(venue):
    assert venue.service.wall_ns >= WALL_NS
    first = check_logon(venue)
    venue.disconnect()
    venue.service.advance(0.5)
    assert check_logon(venue) != first
    venue.disconnect()
    assert venue.service.status("BTC-PERPETUAL") == "disconnected"
    venue.service.advance(0.5)
    quoted(venue)


def test_refused_logon_says_the_venues_words(venue, caplog):
    check_logon(venue)
    venue.send("5", "58=invalid_credentials")
    assert venue.feed.closing == "logon refused: invalid_credentials"
    assert SECRETS["client_secret"] not in caplog.text


@pytest.mark.parametrize(("listed", "other"), [("|969=0.5|", "|969=0.1|"), ("562=10|", "562=1|")])
def test_instrument_with_another_tick_or_lot_is_not_quoted(venue, listed, other):
    check_logon(venue)
    venue.send("A", "98=0|108=10")
    request = next(message for message in venue.received() if message.msg_type == "x")
    venue.send("y", f"320={request[320]}|560=0|146=2|{LISTED.replace(listed, other)}")
    assert [request[55] for request in venue.expect_all("V")] == ["ETH-PERPETUAL"]
    assert venue.service.status("BTC-PERPETUAL") == "mismatch"
