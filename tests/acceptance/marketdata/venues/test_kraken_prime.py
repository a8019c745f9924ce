"""Kraken Prime's market data: each W has prices for increasing sizes, and replaces the book.

Layouts: the pages that `fix_config/venues/kraken-prime.toml` names. The price of a size holds for all of an order of
that size: what is on offer at a level is the difference to the next smaller size, and equal prices are one level.
"""

import base64
import hashlib
import hmac

import pytest

from tests.acceptance.marketdata.venues.driven_feed import Service
from tests.acceptance.marketdata.venues.scripted_venue import ScriptedVenue
from tests.acceptance.marketdata.venues.wire import SOH

CONFIGURATION = """
[[venue]]
name = "PRIME"
profile = "kraken-prime"
host = "prime.example"
port = 4000
sender_comp_id = "DESK_MD"
target_comp_id = "PRIME"
secrets = { api_key_file = "api_key", api_secret_file = "api_secret" }

[[instrument]]
symbol = "ETH-USD"
tick = "0.01"
lot = "0.00000001"
venue = "PRIME"
stale_after_ms = 30000

[[instrument]]
symbol = "BTC-USD"
tick = "0.01"
lot = "0.00000001"
venue = "PRIME"
stale_after_ms = 30000
"""
SECRETS = {"api_key": "desk-key", "api_secret": "n0t-a-secret"}
TIMES = "272=20260101|273=00:00:00.401"


@pytest.fixture
def venue(tmp_path):
    return ScriptedVenue(Service(tmp_path, CONFIGURATION, SECRETS), "PRIME", "DESK_MD")


def check_logon(logon):
    """The signature of the text that the venue documents."""
    text = SOH.join((logon[52], logon[34], "DESK_MD", "PRIME"))
    signature = base64.urlsafe_b64encode(hmac.digest(SECRETS["api_secret"].encode(), text.encode(), hashlib.sha256))
    assert logon.body() == f"98=0|108=10|141=Y|95=44|96={signature.decode()}|554=desk-key"


def log_on(venue):
    logon = venue.connect()
    check_logon(logon)
    venue.send("A", "98=0|108=10|141=Y")
    listed = venue.expect("x")
    assert listed.body(320) == "559=4"
    for last, symbol in (("N", "ETH-USD"), ("Y", "BTC-USD")):
        venue.send("y", f"320={listed[320]}|322=R|560=0|393=2|893={last}|146=1|55={symbol}|48=1|561=1|562=0.001")
    requests = venue.expect_all("V")
    for request, symbol in zip(requests, ("ETH-USD", "BTC-USD"), strict=True):
        sizes = "20020=4|20021=1|20021=2|20021=5|20021=10"
        assert request.body(262) == f"263=1|265=0|{sizes}|146=1|55={symbol}"
    return [request[262] for request in requests], logon


def refresh(venue, request, bids, offers, symbol="ETH-USD"):
    """A W with (price, size) of each side, in the order of increasing sizes."""
    entries = [
        f"269={kind}|270={price}|271={size}|{TIMES}" for kind, side in enumerate((bids, offers)) for price, size in side
    ]
    venue.send("W", f"55={symbol}|262={request}", *entries)


def test_logon_is_signed_anew_and_tiers_become_levels(venue):
    (eth, btc), logon = log_on(venue)
    bids = [("3020.10", "1"), ("3020.05", "2"), ("3019.80", "5"), ("3018.00", "10")]
    offers = [("3021.00", "1"), ("3021.00", "2"), ("3021.00", "5.00000000"), ("3022.50", "10")]
    refresh(venue, eth, bids, offers)
    service = venue.service
    assert service.book("ETH-USD") == (
        ["3020.10 x 1.00000000", "3020.05 x 1.00000000", "3019.80 x 3.00000000", "3018.00 x 5.00000000"],
        ["3021.00 x 5.00000000", "3022.50 x 5.00000000"],
    )
    assert service.status("ETH-USD") == "ok"
    refresh(venue, btc, [("61000.00", "1")], [("61000.01", "1")], "BTC-USD")
    assert service.book("BTC-USD") == (["61000.00 x 1.00000000"], ["61000.01 x 1.00000000"])

    venue.disconnect()
    assert service.status("ETH-USD") == "disconnected"
    service.advance(0.5)
    _, again = log_on(venue)
    assert again[96] != logon[96]


def test_each_refresh_replaces_the_book(venue):
    (eth, _), _ = log_on(venue)
    refresh(venue, eth, [("3020.10", "1"), ("3020.05", "2")], [("3021.00", "1")])
    refresh(venue, eth, [("3019.00", "1")], [("3019.50", "2"), ("3020.00", "5")])
    assert venue.service.book("ETH-USD") == (
        ["3019.00 x 1.00000000"],
        ["3019.50 x 2.00000000", "3020.00 x 3.00000000"],
    )
    refresh(venue, eth, [], [])
    assert venue.service.book("ETH-USD") == ([], [])
    assert venue.service.status("ETH-USD") == "one_sided"
    refresh(venue, eth, [("3019.00", "1")], [("3019.50", "2")])
    assert venue.service.status("ETH-USD") == "ok"


@pytest.mark.parametrize(
    ("offers", "reason"),
    [
        ([("3021.00", "1"), ("3020.90", "2")], "out_of_order"),  # a better price for more
        ([("3021.00", "1"), ("3021.50", "1")], "duplicate_entry"),
        ([("3021.005", "1")], "off_grid"),
    ],
)
def test_refresh_that_cannot_be_understood(venue, offers, reason):
    (eth, btc), _ = log_on(venue)
    refresh(venue, eth, [("3020.10", "1")], [("3021.00", "1")])
    refresh(venue, btc, [("61000.00", "1")], [("61000.01", "1")], "BTC-USD")
    refresh(venue, eth, [("3020.10", "1")], offers)
    assert [venue.service.status(symbol) for symbol in ("ETH-USD", "BTC-USD")] == ["gap", "ok"]
    assert venue.invalidated() == {reason: 1}
    venue.service.advance(0.2)
    ended, fresh = venue.expect_all("V")
    assert (ended[262], ended[263], fresh[263]) == (eth, "2", "1")
    refresh(venue, fresh[262], [("3020.10", "1")], [("3021.00", "1")])
    assert venue.service.status("ETH-USD") == "ok"


def test_increments_are_not_of_this_dialect(venue):
    (eth, _), _ = log_on(venue)
    refresh(venue, eth, [("3020.10", "1")], [("3021.00", "1")])
    venue.send("X", f"262={eth}", "279=0|269=0|55=ETH-USD|270=3020.20|271=1")
    assert venue.service.status("ETH-USD") == "gap"
    assert venue.invalidated() == {"unsupported": 1}


def test_gap_then_fresh_refreshes(venue):
    (eth, _), _ = log_on(venue)
    refresh(venue, eth, [("3020.10", "1")], [("3021.00", "1")])
    venue.lose()
    refresh(venue, eth, [("3020.10", "1")], [("3021.00", "1")])
    resend = venue.expect("2")
    assert venue.service.status("ETH-USD") == "gap"
    venue.fill_gap(resend)
    fresh = [request for request in venue.expect_all("V") if request[263] == "1"]
    refresh(venue, fresh[0][262], [("3020.20", "1")], [("3021.00", "1")])
    assert venue.service.book("ETH-USD") == (["3020.20 x 1.00000000"], ["3021.00 x 1.00000000"])


def test_rejected_subscription_keeps_the_others(venue):
    (eth, btc), _ = log_on(venue)
    venue.send("Y", f"262={eth}|58=no such symbol")
    refresh(venue, btc, [("61000.00", "1")], [("61000.01", "1")], "BTC-USD")
    assert [venue.service.status(symbol) for symbol in ("ETH-USD", "BTC-USD")] == ["no_book", "ok"]
