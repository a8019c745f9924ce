"""cTrader's market data: depth by MDEntryID, where several entries may have one price; symbols are numbers.

Layouts: the pages that `fix_config/venues/ctrader.toml` names. A Delete has MDEntryID and Symbol alone. The venue
documents neither trades nor halts.
"""

import pytest

from tests.acceptance.marketdata.venues.driven_feed import Service
from tests.acceptance.marketdata.venues.scripted_venue import ScriptedVenue

CONFIGURATION = """
[[venue]]
name = "CTRADER"
profile = "ctrader"
host = "ctrader.example"
port = 5211
sender_comp_id = "demo.broker.3141592"
username = "3141592"
password_file = "password"

[[instrument]]
symbol = "EUR/USD"
venue_symbol = "1"
tick = "0.00001"
lot = "1000"
venue = "CTRADER"
stale_after_ms = 90000

[[instrument]]
symbol = "USD/JPY"
venue_symbol = "4"
tick = "0.001"
lot = "1000"
venue = "CTRADER"
stale_after_ms = 90000
"""
SYMBOLS = ("EUR/USD", "USD/JPY")
LISTED = "55=1|1007=EURUSD|1008=5|55=2|1007=GBPUSD|1008=5|55=4|1007=USDJPY|1008=3"
EUR = (
    "269=0|270=1.08512|271=500000|278=1001",
    "269=0|270=1.08512|271=250000|278=1002",
    "269=0|270=1.0851|271=2000000|278=1003",
    "269=1|270=1.08515|271=1000000|278=1004",
    "269=1|270=1.08519|271=3000000|278=1005",
)
JPY = ("269=0|270=151.204|271=500000|278=2001", "269=1|270=151.209|271=500000|278=2002")
EUR_BOOK = (["1.08512 x 750000", "1.08510 x 2000000"], ["1.08515 x 1000000", "1.08519 x 3000000"])
JPY_BOOK = (["151.204 x 500000"], ["151.209 x 500000"])


@pytest.fixture
def venue(tmp_path):
    service = Service(tmp_path, CONFIGURATION, {"password": "trading password"})
    return ScriptedVenue(service, "cServer", "demo.broker.3141592", header=((50, "QUOTE"), (57, "QUOTE")))


def subscriptions(venue):
    """MDReqIDs of the requests just received, whose shape is compared; earlier subscriptions may be ended first."""
    fresh = [request for request in venue.expect_all("V") if request[263] == "1"]
    for request, symbol in zip(fresh, ("1", "4"), strict=True):
        assert request.body(262) == f"263=1|264=0|265=1|267=2|269=0|269=1|146=1|55={symbol}"
        assert (request[50], request[57]) == ("QUOTE", "QUOTE")
    return [request[262] for request in fresh]


def log_on(venue, listed=LISTED):
    """Logon and list of instruments."""
    logon = venue.connect()
    assert (logon[50], logon[57]) == ("QUOTE", "QUOTE")
    assert logon.body() == "98=0|108=30|141=Y|553=3141592|554=trading password"
    venue.send("A", "98=0|108=30|141=Y")
    request = venue.expect("x")
    assert request.body(320) == "559=0"
    venue.expect_nothing()
    venue.send("y", f"320={request[320]}|322=responce:{request[320]}|560=0|146={listed.count('55=')}|{listed}")


def quoted(venue):
    """Both books live; returns their MDReqIDs."""
    log_on(venue)
    eur, jpy = subscriptions(venue)
    venue.send("W", f"262={eur}|55=1", *EUR)
    venue.send("W", f"262={jpy}|55=4", *JPY)
    assert venue.service.book("EUR/USD") == EUR_BOOK
    assert venue.service.book("USD/JPY") == JPY_BOOK
    assert statuses(venue) == ["ok", "ok"]
    return eur, jpy


def statuses(venue):
    return [venue.service.status(symbol) for symbol in SYMBOLS]


def test_subscription_and_snapshot(venue):
    quoted(venue)


def test_entries_at_one_price_add_up_and_are_deleted_by_id(venue):
    quoted(venue)
    venue.send("X", "", "279=2|278=1001|55=1", "279=0|269=1|278=1006|55=1|270=1.08514|271=100000")
    assert venue.service.book("EUR/USD") == (
        ["1.08512 x 250000", "1.08510 x 2000000"],
        ["1.08514 x 100000", "1.08515 x 1000000", "1.08519 x 3000000"],
    )
    venue.send("X", "", "279=2|278=1002|55=1", "279=2|278=2001|55=4", "279=0|269=0|278=2003|55=4|270=151.2|271=1000")
    assert venue.service.book("EUR/USD")[0] == ["1.08510 x 2000000"]
    assert venue.service.book("USD/JPY") == (["151.200 x 1000"], ["151.209 x 500000"])
    venue.expect_nothing()


def test_delete_of_an_unknown_entry_invalidates_that_book_alone(venue):
    quoted(venue)
    venue.send("X", "", "279=2|278=999|55=1")
    assert venue.invalidated() == {"missing_field": 1}  # without MDEntryType an entry must be a known one
    assert statuses(venue) == ["gap", "ok"]
    venue.service.advance(0.2)
    fresh = next(request for request in venue.expect_all("V") if request[263] == "1")
    venue.send("W", f"262={fresh[262]}|55=1", *EUR)
    assert venue.service.book("EUR/USD") == EUR_BOOK


def test_rejected_subscription_has_no_book(venue):
    log_on(venue)
    eur, jpy = subscriptions(venue)
    venue.send("Y", f"262={eur}|281=0|58=INVALID_REQUEST: unknown symbol")
    venue.send("W", f"262={jpy}|55=4", *JPY)
    assert statuses(venue) == ["no_book", "ok"]


def test_gap_then_fresh_subscriptions(venue):
    quoted(venue)
    venue.lose(2)
    venue.send("X", "", "279=2|278=1001|55=1")
    resend = venue.expect("2")
    assert statuses(venue) == ["gap", "gap"]
    venue.fill_gap(resend)
    eur, jpy = subscriptions(venue)
    venue.send("W", f"262={eur}|55=1", *EUR[3:], "269=0|270=1.0850|271=1000|278=1010")
    venue.send("W", f"262={jpy}|55=4", *JPY)
    assert venue.service.book("EUR/USD") == (["1.08500 x 1000"], EUR_BOOK[1])
    assert statuses(venue) == ["ok", "ok"]


def test_reconnect(venue):
    quoted(venue)
    venue.disconnect()
    assert statuses(venue) == ["disconnected", "disconnected"]
    venue.service.advance(0.5)
    quoted(venue)


def test_instrument_with_other_decimals_is_not_quoted(venue):
    log_on(venue, LISTED.replace("1007=EURUSD|1008=5", "1007=EURUSD|1008=4"))
    [request] = venue.expect_all("V")
    assert request[55] == "4"
    assert venue.service.status("EUR/USD") == "mismatch"


def test_refused_logon_says_the_venues_words(venue):
    venue.connect()
    venue.send("5", "58=RET_INVALID_DATA")
    assert venue.feed.closing == "logon refused: RET_INVALID_DATA"
