"""LMAX style: SecurityID with its source, and each message is the whole book.

Layouts: published clients of the venue, which `fix_config/venues/lmax-style.toml` names. There are neither trades,
halts nor a list of instruments in the session.
"""

import pytest

from tests.acceptance.marketdata.venues.driven_feed import Service
from tests.acceptance.marketdata.venues.scripted_venue import ScriptedVenue

CONFIGURATION = """
[[venue]]
name = "LMAX"
profile = "lmax-style"
host = "lmax.example"
port = 443
sender_comp_id = "desk-md"
target_comp_id = "VENUE-MD"
username = "desk-md"
password_file = "password"
depth = {depth}

[[instrument]]
symbol = "EUR/USD"
security_id = "7001"
tick = "0.00001"
lot = "0.1"
venue = "LMAX"
stale_after_ms = 30000

[[instrument]]
symbol = "GBP/USD"
security_id = "7002"
tick = "0.00001"
lot = "0.1"
venue = "LMAX"
stale_after_ms = 30000
"""
SYMBOLS = ("EUR/USD", "GBP/USD")
EUR = ((0, "1.08512", "50"), (0, "1.0851", "120.5"), (1, "1.08513", "30"), (1, "1.0852", "200"))
GBP = ((0, "1.2701", "10"), (1, "1.27015", "10"))
EUR_BOOK = (["1.08512 x 50.0", "1.08510 x 120.5"], ["1.08513 x 30.0", "1.08520 x 200.0"])
GBP_BOOK = (["1.27010 x 10.0"], ["1.27015 x 10.0"])


def make_venue(folder, depth=0):
    service = Service(folder, CONFIGURATION.format(depth=depth), {"password": "open sesame"})
    return ScriptedVenue(service, "VENUE-MD", "desk-md")


@pytest.fixture
def venue(tmp_path):
    return make_venue(tmp_path)


def subscriptions(venue, depth=0):
    """MDReqIDs of the requests just received, whose shape is compared; earlier subscriptions may be ended first."""
    fresh = [request for request in venue.expect_all("V") if request[263] == "1"]
    for request, security_id in zip(fresh, ("7001", "7002"), strict=True):
        shape = f"263=1|264={depth}|265=0|267=2|269=0|269=1|146=1|48={security_id}|22=8"
        assert request.body(262) == shape
    return [request[262] for request in fresh]


def log_on(venue, depth=0):
    assert venue.connect().body() == "98=0|108=10|141=Y|553=desk-md|554=open sesame"
    venue.send("A", "98=0|108=10|141=Y")
    return subscriptions(venue, depth)


def book(venue, request, security_id, levels):
    """A message with the whole book; the first entry alone has date and time."""
    entries = [f"269={kind}|270={price}|271={size}" for kind, price, size in levels]
    if entries:
        entries[0] += "|272=20260101|273=00:00:01.250"
    venue.send("W", f"262={request}|22=8|48={security_id}", *entries)


def quoted(venue, depth=0):
    """Both books live; returns their MDReqIDs."""
    eur, gbp = log_on(venue, depth)
    book(venue, eur, "7001", EUR)
    book(venue, gbp, "7002", GBP)
    assert venue.service.book("EUR/USD") == EUR_BOOK
    assert venue.service.book("GBP/USD") == GBP_BOOK
    assert statuses(venue) == ["ok", "ok"]
    return eur, gbp


def statuses(venue):
    return [venue.service.status(symbol) for symbol in SYMBOLS]


def test_subscription_and_snapshot(venue):
    quoted(venue)


def test_depth_is_sent(tmp_path):
    quoted(make_venue(tmp_path, 5), 5)


def test_each_message_replaces_the_book(venue):
    eur, _ = quoted(venue)
    book(venue, eur, "7001", ((1, "1.08514", "5"), (0, "1.08511", "1"), (1, "1.08516", "7.5")))
    assert venue.service.book("EUR/USD") == (["1.08511 x 1.0"], ["1.08514 x 5.0", "1.08516 x 7.5"])
    book(venue, eur, "7001", EUR[:2])
    assert venue.service.status("EUR/USD") == "one_sided"
    book(venue, eur, "7001", ())
    assert venue.service.book("EUR/USD") == ([], [])
    assert venue.service.book("GBP/USD") == GBP_BOOK
    venue.expect_nothing()


def test_two_sizes_at_one_price_are_not_understood(venue):
    eur, _ = quoted(venue)
    book(venue, eur, "7001", (*EUR, (0, "1.08512", "9")))
    assert venue.invalidated() == {"duplicate_entry": 1}
    assert statuses(venue) == ["gap", "ok"]


def test_gap_then_fresh_subscriptions(venue):
    eur, _ = quoted(venue)
    venue.lose()
    book(venue, eur, "7001", EUR)
    resend = venue.expect("2")
    assert statuses(venue) == ["gap", "gap"]
    venue.fill_gap(resend)
    eur, gbp = subscriptions(venue)
    book(venue, eur, "7001", EUR[1:])
    book(venue, gbp, "7002", GBP)
    assert venue.service.book("EUR/USD") == (EUR_BOOK[0][1:], EUR_BOOK[1])
    assert statuses(venue) == ["ok", "ok"]


def test_reconnect(venue):
    quoted(venue)
    venue.disconnect()
    assert statuses(venue) == ["disconnected", "disconnected"]
    venue.service.advance(0.5)
    quoted(venue)


def test_rejected_subscription_has_no_book(venue):
    eur, gbp = log_on(venue)
    venue.send("Y", f"262={eur}|281=0|58=unknown instrument")
    book(venue, gbp, "7002", GBP)
    assert statuses(venue) == ["no_book", "ok"]


def test_increments_are_not_of_this_dialect(venue):
    eur, _ = quoted(venue)
    venue.send("X", f"262={eur}", "279=1|269=0|48=7001|22=8|270=1.08512|271=1")
    assert venue.invalidated() == {"unsupported": 1}
    assert statuses(venue) == ["gap", "ok"]
