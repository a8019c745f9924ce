"""The profile `generic`: the dialect of quotelife's own simulator."""

import pytest

from tests.acceptance.marketdata.venues.driven_feed import Service
from tests.acceptance.marketdata.venues.scripted_venue import ScriptedVenue

CONFIGURATION = """
[[venue]]
name = "VENUE"
port = 9890
sender_comp_id = "DESK"
target_comp_id = "VENUE"
username = "desk"
password_file = "password"
heartbeat_s = 5

[[instrument]]
symbol = "BTC-USD"
tick = "0.5"
lot = "0.001"
venue = "VENUE"
stale_after_ms = 60000

[[instrument]]
symbol = "ETH-USD"
tick = "0.05"
lot = "0.01"
venue = "VENUE"
stale_after_ms = 60000
"""
SNAPSHOT = ("269=0|270=100.5|271=1", "269=0|270=99.5|271=2.5", "269=1|270=101|271=0.75", "269=1|270=104|271=4")


@pytest.fixture
def venue(tmp_path):
    return ScriptedVenue(Service(tmp_path, CONFIGURATION, {"password": "open sesame"}), "VENUE", "DESK")


def subscriptions(venue):
    """MDReqIDs of the requests just received, whose shape is compared; earlier subscriptions may be ended first."""
    fresh = [request for request in venue.expect_all("V") if request[263] == "1"]
    for request, symbol in zip(fresh, ("BTC-USD", "ETH-USD"), strict=True):
        assert request.body(262) == f"263=1|264=0|265=1|266=Y|267=3|269=0|269=1|269=2|146=1|55={symbol}"
    return [request[262] for request in fresh]


def quoted(venue):
    """Logon, subscription and snapshots."""
    assert venue.connect().body() == "98=0|108=5|141=Y|553=desk|554=open sesame"
    venue.send("A", "98=0|108=5|141=Y")
    btc, eth = subscriptions(venue)
    venue.send("W", f"55=BTC-USD|262={btc}", *SNAPSHOT)
    venue.send("W", f"55=ETH-USD|262={eth}", "269=0|270=10|271=5", "269=1|270=10.05|271=5")
    assert venue.service.book("BTC-USD") == (["100.5 x 1.000", "99.5 x 2.500"], ["101.0 x 0.750", "104.0 x 4.000"])
    assert venue.service.book("ETH-USD") == (["10.00 x 5.00"], ["10.05 x 5.00"])
    assert [venue.service.status(symbol) for symbol in ("BTC-USD", "ETH-USD")] == ["ok", "ok"]


def test_increments_and_trades(venue):
    quoted(venue)
    service = venue.service
    increments = (
        "279=0|269=0|55=BTC-USD|270=100|271=3",
        "279=1|269=1|270=101|271=0.5",
        "279=2|269=0|55=BTC-USD|270=99.5",
        "279=0|269=1|55=ETH-USD|270=10.10|271=0.01",
    )
    venue.send("X", "", *increments)
    assert service.book("BTC-USD") == (["100.5 x 1.000", "100.0 x 3.000"], ["101.0 x 0.500", "104.0 x 4.000"])
    assert service.book("ETH-USD") == (["10.00 x 5.00"], ["10.05 x 5.00", "10.10 x 0.01"])
    venue.send("X", "", "279=0|269=2|55=BTC-USD|270=101|271=0.25|2446=1")
    assert service.last_trade("BTC-USD") == (1, "101.0 x 0.250")
    assert service.aggressor_volumes("BTC-USD") == ("0.250", "0.000")
    venue.expect_nothing()


def test_halt_and_resumption(venue):
    quoted(venue)
    venue.send("f", "55=BTC-USD|326=2")
    assert [venue.service.status(symbol) for symbol in ("BTC-USD", "ETH-USD")] == ["halted", "ok"]
    venue.send("f", "55=BTC-USD|326=3")
    assert venue.service.status("BTC-USD") == "ok"
    venue.send("h", "340=3")
    assert [venue.service.status(symbol) for symbol in ("BTC-USD", "ETH-USD")] == ["halted", "halted"]


def test_gap_then_fresh_subscriptions(venue):
    quoted(venue)
    venue.lose()
    venue.send("X", "", "279=0|269=0|55=BTC-USD|270=100|271=3")
    resend = venue.expect("2")
    assert venue.service.status("BTC-USD") == venue.service.status("ETH-USD") == "gap"
    venue.fill_gap(resend)
    btc, _ = subscriptions(venue)
    venue.send("W", f"55=BTC-USD|262={btc}", "269=0|270=98|271=1", "269=1|270=98.5|271=1")
    assert venue.service.book("BTC-USD") == (["98.0 x 1.000"], ["98.5 x 1.000"])
    assert venue.service.status("ETH-USD") == "gap"


def test_reconnect(venue):
    quoted(venue)
    venue.disconnect()
    assert venue.service.status("BTC-USD") == "disconnected"
    venue.service.advance(0.5)
    quoted(venue)


def test_heartbeats_and_bytes_in_pieces(venue):
    quoted(venue)
    venue.service.advance(5.5)
    assert [message.msg_type for message in venue.received()] == ["0"]
    venue.send("1", "112=hello")
    assert venue.expect("0")[112] == "hello"
    for byte in venue.bytes_of("X", "", "279=2|269=0|55=BTC-USD|270=100.5"):
        venue.send_bytes(bytes([byte]), after_s=0)
    assert venue.service.book("BTC-USD")[0] == ["99.5 x 2.500"]
