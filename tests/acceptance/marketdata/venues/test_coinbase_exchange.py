"""Coinbase Exchange: FIX 5.0 SP2, every order; snapshots in parts, RptSeq for each symbol, acknowledgements in between.

Layouts: the pages that `fix_config/venues/coinbase-exchange.toml` names. An X has one entry; one without MDEntryID
acknowledges an order before it is matched. A trade names the resting order and takes its size off it.
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
name = "COINBASE"
profile = "coinbase-exchange"
host = "coinbase.example"
port = 6121
sender_comp_id = "desk-key"
password_file = "passphrase"
secrets = { secret_file = "secret" }

[[instrument]]
symbol = "BTC-USD"
tick = "0.01"
lot = "0.00000001"
venue = "COINBASE"
stale_after_ms = 30000

[[instrument]]
symbol = "ETH-USD"
tick = "0.01"
lot = "0.00000001"
venue = "COINBASE"
stale_after_ms = 30000
"""
SECRETS = {"passphrase": "open sesame", "secret": base64.b64encode(b"sixteen bytes or so").decode()}
LISTED = "15=USD|562=1|969=0.01|29003=0.00000001"
ORDERS = [
    "269=0|278=b1|270=61250.00|271=0.5",
    "269=0|278=b2|270=61250.00|271=0.25",
    "269=0|278=b3|270=61249.50|271=2",
    "269=1|278=o1|270=61250.01|271=0.1",
    "269=1|278=o2|270=61260.00|271=3",
]
BIDS = ["61250.00 x 0.75000000", "61249.50 x 2.00000000"]
OFFERS = ["61250.01 x 0.10000000", "61260.00 x 3.00000000"]
TIME = "60=20260101-00:00:00.000001"


@pytest.fixture
def venue(tmp_path):
    service = Service(tmp_path, CONFIGURATION, SECRETS)
    return ScriptedVenue(service, "Coinbase", "desk-key", begin_string="FIXT.1.1")


def check_logon(logon):
    text = SOH.join((logon[52], "A", "1", "desk-key", "Coinbase", "open sesame"))
    signature = hmac.digest(base64.b64decode(SECRETS["secret"]), text.encode(), hashlib.sha256)
    raw = base64.b64encode(signature).decode()
    expected = f"98=0|108=10|141=Y|1137=9|95=44|96={raw}|553=desk-key|554=open sesame"
    assert sorted(logon.body().split("|")) == sorted(expected.split("|"))


def log_on(venue):
    """The MDReqIDs of BTC-USD and ETH-USD."""
    check_logon(venue.connect())
    venue.send("A", "98=0|108=10|141=Y|1137=9")
    listed = venue.expect("x")
    assert listed.body(320) == "559=4"
    for last, symbol in (("N", "BTC-USD"), ("Y", "ETH-USD")):
        venue.expect_nothing()
        venue.send("y", f"320={listed[320]}|322=1|560=0|893={last}|393=2|146=1|55={symbol}|{LISTED}")
    return subscriptions(venue)


def subscriptions(venue, symbols=("BTC-USD", "ETH-USD")):
    fresh = [request for request in venue.expect_all("V") if request[263] == "1"]
    for request, symbol in zip(fresh, symbols, strict=True):
        assert request.body(262) == f"263=1|146=1|55={symbol}"
    return [request[262] for request in fresh]


def snapshot(venue, request, rpt_seq, *orders, symbol="BTC-USD", last="Y"):
    head = f"262={request}|83={rpt_seq}|893={last}|55={symbol}|268={len(orders)}|1682=full_trading"
    venue.send("W", "|".join((head, *orders)))


def change(venue, request, rpt_seq, action, kind, fields, symbol="BTC-USD"):
    """An X: "278=b4|270=61250.00|271=1", or without 278 an acknowledgement."""
    head, _, rest = fields.partition("270=")
    venue.send("X", f"262={request}", f"279={action}|269={kind}|{head}83={rpt_seq}|55={symbol}|270={rest}|{TIME}")


def quoted(venue):
    btc, eth = log_on(venue)
    snapshot(venue, btc, 1000, *ORDERS)
    snapshot(venue, eth, 50, "269=0|278=e1|270=3000|271=1", "269=1|278=e2|270=3001|271=1", symbol="ETH-USD")
    assert venue.service.book("BTC-USD") == (BIDS, OFFERS)
    assert statuses(venue) == ["ok", "ok"]
    return btc, eth


def statuses(venue):
    return [venue.service.status(symbol) for symbol in ("BTC-USD", "ETH-USD")]


def test_subscription_and_snapshot(venue):
    quoted(venue)


def test_snapshot_in_parts_is_live_after_the_last(venue):
    btc, _ = log_on(venue)
    snapshot(venue, btc, 1000, *ORDERS[:2], last="N")
    snapshot(venue, btc, 1000, *ORDERS[2:4], last="N")
    assert venue.service.status("BTC-USD") == "no_book"
    snapshot(venue, btc, 1000, *ORDERS[4:])
    assert venue.service.book("BTC-USD") == (BIDS, OFFERS)


def test_changes_that_overtake_the_snapshot_are_applied_after_it(venue):
    btc, _ = log_on(venue)
    change(venue, btc, 1000, 0, 1, "278=o2|270=61260.00|271=3")  # the snapshot has it
    change(venue, btc, 1001, 0, 0, "278=b4|270=61250.00|271=1")
    snapshot(venue, btc, 1000, *ORDERS[:3], last="N")
    change(venue, btc, 1002, 2, 1, "278=o1|270=61250.01|271=0")
    snapshot(venue, btc, 1000, *ORDERS[3:])
    bids, offers = ["61250.00 x 1.75000000", BIDS[1]], ["61260.00 x 3.00000000"]
    assert venue.service.book("BTC-USD") == (bids, offers)
    change(venue, btc, 1003, 2, 0, "278=b3|270=61249.50|271=0")
    assert venue.service.book("BTC-USD") == (bids[:1], offers)
    venue.expect_nothing()


def test_statuses_between_the_changes_that_overtake_the_snapshot(venue):
    btc, _ = log_on(venue)
    change(venue, btc, 1001, 0, 0, "278=b4|270=61250.00|271=1")
    venue.send("f", f"262={btc}|83=1002|55=BTC-USD|1682=full_trading|969=0.01|29003=0.00000001")
    change(venue, btc, 1003, 0, 2, "278=b1|270=61250.00|271=0.5|37=t1|5797=2")
    snapshot(venue, btc, 1000, *ORDERS)
    assert venue.service.book("BTC-USD") == (["61250.00 x 1.25000000", BIDS[1]], OFFERS)
    assert venue.service.last_trade("BTC-USD") == (1, "61250.00 x 0.50000000")
    change(venue, btc, 1004, 2, 0, "278=b4|270=61250.00|271=0")
    assert venue.service.book("BTC-USD")[0] == ["61250.00 x 0.25000000", BIDS[1]]


def test_change_that_is_missing_before_the_snapshot_is_a_gap(venue):
    btc, eth = log_on(venue)
    snapshot(venue, eth, 50, "269=0|278=e1|270=3000|271=1", "269=1|278=e2|270=3001|271=1", symbol="ETH-USD")
    change(venue, btc, 1001, 0, 0, "278=b4|270=61250.00|271=1")
    change(venue, eth, 51, 0, 0, "278=e3|270=3000|271=2", symbol="ETH-USD")
    change(venue, btc, 1003, 0, 0, "278=b5|270=61250.00|271=1")
    snapshot(venue, btc, 1000, *ORDERS)
    assert statuses(venue) == ["gap", "ok"]
    assert venue.invalidated() == {"rpt_seq_gap": 1}
    assert venue.service.book("ETH-USD")[0] == ["3000.00 x 3.00000000"]
    venue.service.advance(0.2)
    [fresh] = subscriptions(venue, ("BTC-USD",))
    change(venue, btc, 1004, 0, 0, "278=b6|270=61250.00|271=1")  # of the subscription that has ended
    change(venue, fresh, 1004, 0, 0, "278=b6|270=61250.00|271=1")
    snapshot(venue, fresh, 1003, *ORDERS)
    assert venue.service.book("BTC-USD") == (["61250.00 x 1.75000000", BIDS[1]], OFFERS)


def test_more_changes_than_are_kept_are_a_gap(venue, monkeypatch):
    monkeypatch.setattr("quotelife.marketdata.subscription.early_increments.MAX_KEPT", 2)
    btc, _ = log_on(venue)
    for n in (1, 2, 3):
        change(venue, btc, 1000 + n, 0, 0, f"278=c{n}|270=61250.00|271=1")
    snapshot(venue, btc, 1000, *ORDERS)
    assert venue.service.book("BTC-USD")[0] == ["61250.00 x 2.75000000", BIDS[1]]
    change(venue, btc, 1004, 0, 0, "278=c4|270=61250.00|271=1")
    assert venue.invalidated() == {"rpt_seq_gap": 1}


def test_bytes_of_changes_and_snapshot_in_one_read(venue):
    """What follows the snapshot in the same read is applied after what overtook it."""
    btc, _ = log_on(venue)
    first = f"279=0|269=0|278=b4|83=1001|55=BTC-USD|270=61250.00|271=1|{TIME}"
    last = f"279=2|269=0|278=b4|83=1002|55=BTC-USD|270=61250.00|271=0|{TIME}"
    head = f"262={btc}|83=1000|893=Y|55=BTC-USD|268={len(ORDERS)}|1682=full_trading"
    data = venue.bytes_of("X", f"262={btc}", first) + venue.bytes_of("W", "|".join((head, *ORDERS)))
    venue.send_bytes(data + venue.bytes_of("X", f"262={btc}", last) + venue.bytes_of("0"))
    assert venue.service.book("BTC-USD") == (BIDS, OFFERS)
    assert statuses(venue) == ["ok", "no_book"]
    assert venue.feed.closing is None


def test_orders_add_up_and_leave_one_by_one(venue):
    btc, _ = quoted(venue)
    service = venue.service
    change(venue, btc, 1001, 0, 0, "278=b4|270=61250.00|271=1")
    assert service.book("BTC-USD")[0] == ["61250.00 x 1.75000000", BIDS[1]]
    change(venue, btc, 1002, 2, 0, "278=b1|270=61250.00|271=0")
    assert service.book("BTC-USD")[0] == ["61250.00 x 1.25000000", BIDS[1]]
    change(venue, btc, 1003, 1, 0, "278=b2|270=61250.00|271=0.05")
    assert service.book("BTC-USD")[0] == ["61250.00 x 1.05000000", BIDS[1]]
    change(venue, btc, 1004, 2, 0, "278=b2|270=61250.00|271=0.05")
    change(venue, btc, 1005, 2, 0, "278=b4|270=61250.00|271=1")
    assert service.book("BTC-USD") == (BIDS[1:], OFFERS)
    change(venue, btc, 1006, 0, 1, "278=o3|270=61250.00|271=0.3")
    assert service.book("BTC-USD")[1] == ["61250.00 x 0.30000000", *OFFERS]
    venue.expect_nothing()


def test_acknowledgements_and_orders_that_never_rest_change_nothing(venue):
    btc, _ = quoted(venue)
    change(venue, btc, 1001, 0, 0, "270=61250.01|271=7|40=2|11=client-1|37=t1")  # an acknowledgement: no MDEntryID
    change(venue, btc, 1002, 1, 0, "278=t1|270=61250.01|271=6|58=CHANGE_REASON_STP")
    change(venue, btc, 1003, 2, 0, "278=t1|270=61250.01|271=0|58=FILLED")
    assert venue.service.book("BTC-USD") == (BIDS, OFFERS)
    change(venue, btc, 1004, 0, 0, "278=b4|270=61250.00|271=1")  # RptSeq has no gap
    assert statuses(venue) == ["ok", "ok"]


def test_trades_take_their_size_off_the_resting_order(venue):
    btc, _ = quoted(venue)
    service = venue.service
    change(venue, btc, 1001, 0, 2, "278=b1|270=61250.00|271=0.2|37=t1|5797=2")
    assert service.book("BTC-USD") == (["61250.00 x 0.55000000", BIDS[1]], OFFERS)
    assert service.last_trade("BTC-USD") == (1, "61250.00 x 0.20000000")
    assert service.aggressor_volumes("BTC-USD") == ("0.00000000", "0.20000000")
    change(venue, btc, 1002, 0, 2, "278=o1|270=61250.01|271=0.1|37=t2|5797=1")
    assert service.book("BTC-USD") == (["61250.00 x 0.55000000", BIDS[1]], OFFERS[1:])
    change(venue, btc, 1003, 2, 1, "278=o1|270=61250.01|271=0|58=FILLED")
    change(venue, btc, 1004, 2, 0, "278=b1|270=61250.00|271=0.3|58=CANCELED")
    assert service.book("BTC-USD") == (["61250.00 x 0.25000000", BIDS[1]], OFFERS[1:])
    assert service.aggressor_volumes("BTC-USD") == ("0.10000000", "0.20000000")
    venue.expect_nothing()


def test_trade_of_more_than_the_resting_order_invalidates_the_book(venue):
    btc, _ = quoted(venue)
    change(venue, btc, 1001, 0, 2, "278=b1|270=61250.00|271=0.6|37=t1|5797=2")
    assert statuses(venue) == ["gap", "ok"]
    assert venue.invalidated() == {"unknown_entry": 1}


def test_rpt_seq_gap_asks_for_that_symbol_anew(venue):
    btc, _ = quoted(venue)
    change(venue, btc, 1002, 0, 0, "278=b4|270=61250.00|271=1")
    assert statuses(venue) == ["gap", "ok"]
    assert venue.invalidated() == {"rpt_seq_gap": 1}
    venue.service.advance(0.2)
    ended, fresh = venue.expect_all("V")
    assert ended.body() == f"262={btc}|263=2|146=1|55=BTC-USD"
    assert fresh.body(262) == "263=1|146=1|55=BTC-USD"
    snapshot(venue, fresh[262], 1002, *ORDERS[:4])
    assert venue.service.book("BTC-USD") == (BIDS, OFFERS[:1])
    change(venue, fresh[262], 1003, 2, 0, "278=b3|270=61249.50|271=0")
    assert venue.service.book("BTC-USD") == (BIDS[:1], OFFERS[:1])


@pytest.mark.parametrize("status", ["trading_disabled", "cancel_only", "post_only", "auction_mode"])
def test_halt_of_a_symbol_and_its_end(venue, status):
    btc, _ = quoted(venue)
    venue.send("f", f"262={btc}|83=1001|55=BTC-USD|1682={status}|969=0.01|29003=0.00000001")
    assert statuses(venue) == ["halted", "ok"]
    venue.send("f", f"262={btc}|83=1002|55=BTC-USD|1682=full_trading|969=0.01|29003=0.00000001")
    assert statuses(venue) == ["ok", "ok"]
    change(venue, btc, 1003, 0, 0, "278=b4|270=61250.00|271=1")  # the statuses were numbered too
    assert statuses(venue) == ["ok", "ok"]


def test_status_may_repeat_the_number_of_the_last_change(venue):
    btc, _ = quoted(venue)
    venue.send("f", f"262={btc}|83=1000|55=BTC-USD|1682=cancel_only|969=0.01|29003=0.00000001")
    change(venue, btc, 1001, 0, 0, "278=b4|270=61250.00|271=1")
    assert statuses(venue) == ["halted", "ok"]


def test_sequence_gap_leads_to_a_new_session(venue):
    """The venue answers no ResendRequest."""
    btc, _ = quoted(venue)
    venue.lose()
    change(venue, btc, 1001, 0, 0, "278=b4|270=61250.00|271=1")
    assert statuses(venue) == ["disconnected", "disconnected"]
    assert "2" not in [message.msg_type for message in venue.received()]
    assert venue.feed.closing is not None
    venue.disconnect()
    quoted(venue)


def test_weekly_logout_and_reconnect(venue):
    quoted(venue)
    venue.send("5", "58=weekly reset")
    assert venue.expect("5")
    assert venue.feed.closing is not None
    venue.disconnect()
    assert statuses(venue) == ["disconnected", "disconnected"]
    venue.service.advance(0.5)
    quoted(venue)


def test_instrument_with_another_lot_is_not_quoted(venue):
    venue.connect()
    venue.send("A", "98=0|108=10|141=Y|1137=9")
    listed = venue.expect("x")
    other = LISTED.replace("29003=0.00000001", "29003=0.001")
    head = f"320={listed[320]}|322=1|560=0|893=Y|393=2|146=2"
    venue.send("y", f"{head}|55=BTC-USD|{other}|55=ETH-USD|{LISTED}")
    assert [request[55] for request in venue.expect_all("V")] == ["ETH-USD"]


def test_rejected_subscription_keeps_the_others(venue):
    btc, eth = log_on(venue)
    venue.send("Y", f"262={btc}|281=0|58=Unknown symbol")
    snapshot(venue, eth, 50, "269=0|278=e1|270=3000|271=1", "269=1|278=e2|270=3001|271=1", symbol="ETH-USD")
    assert statuses(venue) == ["no_book", "ok"]
