"""BitGo's market data: price levels, several symbols in one request, an access token.

Layouts: the pages that `fix_config/venues/bitgo.toml` names. W has positions (290), X names Symbol in every entry and a
Delete has no size. The venue documents neither trades, halts nor a list of instruments.
"""

import pytest

from quotelife.config import ConfigError
from tests.acceptance.marketdata.venues.driven_feed import Service
from tests.acceptance.marketdata.venues.scripted_venue import ScriptedVenue

ACCOUNT = "0123456789abcdef0123456789abcdef"
VENUE = f"""
[[venue]]
name = "BITGO"
profile = "bitgo"
host = "bitgo.example"
port = 5100
sender_comp_id = "{ACCOUNT}"
depth = {{depth}}
secrets = {{{{ access_token_file = "access_token" }}}}
"""
INSTRUMENT = """
[[instrument]]
symbol = "{symbol}"
tick = "0.01"
lot = "0.0001"
venue = "BITGO"
stale_after_ms = 30000
"""
SYMBOLS = ("BTC-USD", "ETH-USD")
BTC = (
    "269=0|270=45100.00|271=0.5|290=1",
    "269=0|270=45095.50|271=1.2|290=2",
    "269=1|270=45105.00|271=0.75|290=1",
    "269=1|270=45110.25|271=2|290=2",
)
ETH = ("269=0|270=2400.1|271=3|290=1", "269=1|270=2400.6|271=4|290=1")
BTC_BOOK = (["45100.00 x 0.5000", "45095.50 x 1.2000"], ["45105.00 x 0.7500", "45110.25 x 2.0000"])
ETH_BOOK = (["2400.10 x 3.0000"], ["2400.60 x 4.0000"])


def make_venue(folder, symbols=SYMBOLS, depth=100):
    instruments = "".join(INSTRUMENT.format(symbol=symbol) for symbol in symbols)
    service = Service(folder, VENUE.format(depth=depth) + instruments, {"access_token": "v2x-token"})
    return ScriptedVenue(service, "BITGO-MD", ACCOUNT, time_decimals=6)


@pytest.fixture
def venue(tmp_path):
    return make_venue(tmp_path)


def log_on(venue):
    assert venue.connect().body() == "98=0|108=10|141=Y|554=v2x-token"
    venue.send("A", "98=0|108=10|141=Y")


def subscription(venue, symbols=SYMBOLS, depth=100):
    """The MDReqID of the request just received, whose shape is compared; an earlier one may be ended first."""
    [request] = [request for request in venue.expect_all("V") if request[263] == "1"]
    named = "|".join(f"55={symbol}" for symbol in symbols)
    assert request.body(262) == f"263=1|264={depth}|265=1|267=2|269=0|269=1|146={len(symbols)}|{named}"
    return request[262]


def quoted(venue):
    """Both books live, of one request; returns its MDReqID."""
    log_on(venue)
    request = subscription(venue)
    venue.send("W", f"262={request}|55=BTC-USD", *BTC)
    venue.send("W", f"262={request}|55=ETH-USD", *ETH)
    assert venue.service.book("BTC-USD") == BTC_BOOK
    assert venue.service.book("ETH-USD") == ETH_BOOK
    assert statuses(venue) == ["ok", "ok"]
    return request


def statuses(venue):
    return [venue.service.status(symbol) for symbol in SYMBOLS]


def test_subscription_and_snapshot(venue):
    quoted(venue)


def test_increments_of_several_symbols(venue):
    request = quoted(venue)
    venue.send(
        "X",
        f"262={request}",
        "279=1|269=0|55=BTC-USD|270=45100.00|271=0.8",
        "279=2|269=1|55=BTC-USD|270=45105.00",
        "279=0|269=1|55=ETH-USD|270=2400.55|271=1.5",
    )
    assert venue.service.book("BTC-USD") == (["45100.00 x 0.8000", "45095.50 x 1.2000"], ["45110.25 x 2.0000"])
    assert venue.service.book("ETH-USD") == (ETH_BOOK[0], ["2400.55 x 1.5000", "2400.60 x 4.0000"])
    venue.expect_nothing()


def test_level_that_leaves_the_depth_does_not_come_back(tmp_path):
    venue = make_venue(tmp_path, ("BTC-USD",), depth=5)
    log_on(venue)
    request = subscription(venue, ("BTC-USD",), depth=5)
    bids = [f"269=0|270={45100 - n}|271=1|290={n + 1}" for n in range(5)]
    venue.send("W", f"262={request}|55=BTC-USD", *bids, "269=1|270=45200|271=1|290=1")
    venue.send("X", f"262={request}", "279=0|269=0|55=BTC-USD|270=45101|271=2")
    venue.send("X", f"262={request}", "279=2|269=0|55=BTC-USD|270=45101")
    assert venue.service.book("BTC-USD")[0] == [f"{45100 - n}.00 x 1.0000" for n in range(4)]


def test_book_that_is_asked_for_anew_leaves_the_others_alone(venue):
    request = quoted(venue)
    venue.send("X", f"262={request}", "279=0|269=0|55=ETH-USD|270=2400.123|271=1")
    assert venue.invalidated() == {"off_grid": 1}
    assert statuses(venue) == ["ok", "gap"]
    venue.service.advance(0.2)
    alone = subscription(venue, ("ETH-USD",))
    venue.send("W", f"262={alone}|55=ETH-USD", *ETH)
    assert venue.service.book("ETH-USD") == ETH_BOOK
    late = "279=2|269=0|55=ETH-USD|270=2400.1"  # of the earlier subscription, which goes on for BTC-USD
    venue.send("X", f"262={request}", late, "279=2|269=0|55=BTC-USD|270=45100.00")
    assert venue.service.book("BTC-USD")[0] == BTC_BOOK[0][1:]
    assert venue.service.book("ETH-USD") == ETH_BOOK


def test_no_request_names_more_than_twenty_symbols(tmp_path):
    symbols = tuple(f"COIN{n}-USD" for n in range(45))
    venue = make_venue(tmp_path, symbols)
    log_on(venue)
    venue.service.advance(0.2)
    requests = venue.expect_all("V")
    assert [request[146] for request in requests] == ["20", "20", "5"]
    assert [symbol for request in requests for symbol in request.all(55)] == list(symbols)


def test_sequence_gap_leads_to_a_new_session(venue):
    """The venue answers no ResendRequest."""
    request = quoted(venue)
    venue.lose()
    venue.send("X", f"262={request}", "279=2|269=0|55=BTC-USD|270=45100.00")
    assert statuses(venue) == ["disconnected", "disconnected"]
    assert "2" not in [message.msg_type for message in venue.received()]
    assert venue.feed.closing is not None
    venue.disconnect()
    quoted(venue)


def test_reconnect(venue):
    quoted(venue)
    venue.disconnect()
    assert statuses(venue) == ["disconnected", "disconnected"]
    venue.service.advance(0.5)
    quoted(venue)


def test_refused_logon_says_the_venues_words(venue, caplog):
    venue.connect()
    venue.send("5", "58=access token expired")
    assert venue.feed.closing == "logon refused: access token expired"
    assert "v2x-token" not in caplog.text


def test_rejected_request_is_divided(venue):
    log_on(venue)
    request = subscription(venue)
    venue.send("Y", f"262={request}|281=0|58=unknown symbol ETH-USD")
    venue.service.advance(1)
    alone = {r[55]: r[262] for r in venue.expect_all("V") if r[263] == "1" and r[146] == "1"}
    venue.send("W", f"262={alone['BTC-USD']}|55=BTC-USD", *BTC)
    venue.send("Y", f"262={alone['ETH-USD']}|281=0|58=unknown symbol ETH-USD")
    assert statuses(venue) == ["ok", "no_book"]


def test_more_symbols_than_one_session_may_have_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="50"):
        make_venue(tmp_path, tuple(f"COIN{n}-USD" for n in range(51)))
