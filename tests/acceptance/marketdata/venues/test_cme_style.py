"""CME style: levels by position, SecurityID, RptSeq, implied prices apart, the empty book.

Layouts: the pages that `fix_config/venues/cme-style.toml` names. A level that is pushed out of the depth goes without a
message; a Delete has neither price nor size.
"""

import pytest

from tests.acceptance.marketdata.venues.driven_feed import Service
from tests.acceptance.marketdata.venues.scripted_venue import ScriptedVenue

CONFIGURATION = """
[[venue]]
name = "CME"
profile = "cme-style"
host = "cme.example"
port = 7000
sender_comp_id = "DESK"
target_comp_id = "VENUE"
username = "desk"
password_file = "password"
depth = {depth}

[[instrument]]
symbol = "ESH6"
security_id = "5002"
group = "ES"
tick = "0.25"
lot = "1"
venue = "CME"
stale_after_ms = 30000

[[instrument]]
symbol = "NQH6"
security_id = "5003"
group = "NQ"
tick = "0.25"
lot = "1"
venue = "CME"
stale_after_ms = 30000
"""
SYMBOLS = ("ESH6", "NQH6")
ES_LISTED = "48=5002|22=8|55=ESH6|1151=ES|969=0.25|562=1|326=17"
NQ_LISTED = "48=5003|22=8|55=NQH6|1151=NQ|969=0.25|562=1|326=17"
BIDS = [f"{6000 - n}.00 x {10 + n}" for n in range(5)]
OFFERS = [f"{6001 + n}.00 x {20 + n}" for n in range(5)]
NQ_BOOK = (["21000.25 x 3"], ["21000.50 x 4"])


def make_venue(folder, depth=5):
    service = Service(folder, CONFIGURATION.format(depth=depth), {"password": "open sesame"})
    return ScriptedVenue(service, "VENUE", "DESK")


@pytest.fixture
def venue(tmp_path):
    return make_venue(tmp_path)


def subscriptions(venue, depth=5, ids=("5002", "5003")):
    """MDReqIDs of the requests just received, whose shape is compared; earlier subscriptions may be ended first."""
    fresh = [request for request in venue.expect_all("V") if request[263] == "1"]
    for request, security_id in zip(fresh, ids, strict=True):
        shape = f"263=1|264={depth}|265=1|267=3|269=0|269=1|269=2|146=1|48={security_id}|22=8"
        assert request.body(262) == shape
    return [request[262] for request in fresh]


def log_on(venue, es=ES_LISTED, nq=NQ_LISTED):
    """Logon and definitions of the instruments."""
    assert venue.connect().body() == "98=0|108=10|141=Y|553=desk|554=open sesame"
    venue.send("A", "98=0|108=10|141=Y")
    request = venue.expect("c")
    assert request.body(320) == "321=3"
    for n, listed in enumerate((es, nq), 1):
        venue.expect_nothing()
        venue.send("d", f"320={request[320]}|322={n}|323=4|393=2|{listed}")


def levels(kind, side, count):
    """Entries of a side with their positions."""
    split = [level.split(" x ") for level in side[:count]]
    return [f"269={kind}|270={price}|271={size}|1023={n}|346=2" for n, (price, size) in enumerate(split, 1)]


def snapshot(venue, request, security_id, bids, offers, rpt_seq, depth=5):
    entries = levels(0, bids, depth) + levels(1, offers, depth)
    venue.send("W", f"262={request}|48={security_id}|22=8|83={rpt_seq}", *entries)


def quoted(venue):
    """Both books live."""
    log_on(venue)
    es, nq = subscriptions(venue)
    snapshot(venue, es, "5002", BIDS, OFFERS, 100)
    snapshot(venue, nq, "5003", *NQ_BOOK, 7)
    assert venue.service.book("ESH6") == (BIDS, OFFERS)
    assert venue.service.book("NQH6") == NQ_BOOK
    assert statuses(venue) == ["ok", "ok"]
    return es, nq


def statuses(venue):
    return [venue.service.status(symbol) for symbol in SYMBOLS]


def entry(action, kind, rpt_seq, rest, security_id="5002"):
    return f"279={action}|269={kind}|22=8|48={security_id}|83={rpt_seq}|{rest}"


def test_new_level_pushes_the_last_one_out_of_the_depth(venue):
    quoted(venue)
    venue.send("X", "75=20260101", entry(0, 0, 101, "270=6000.25|271=1|1023=1|346=1"))
    assert venue.service.book("ESH6") == (["6000.25 x 1", *BIDS[:4]], OFFERS)
    # The level that went is not there again when a better one goes: the venue sends it anew, behind the Delete.
    venue.send("X", "", entry(2, 0, 102, "1023=1"), entry(0, 0, 103, "270=5996|271=14|1023=5|346=3"))
    assert venue.service.book("ESH6") == (BIDS, OFFERS)


def test_change_delete_and_overlay_by_position(venue):
    quoted(venue)
    venue.send(
        "X",
        "",
        entry(1, 1, 101, "270=6001.00|271=7|1023=1"),
        entry(2, 1, 102, "1023=3"),
        entry(5, 0, 103, "270=5996.25|271=9|1023=5"),
        entry(1, 0, 8, "270=21000.25|271=30|1023=1", "5003"),
    )
    changed = ["6001.00 x 7", OFFERS[1], *OFFERS[3:]]
    assert venue.service.book("ESH6") == ([*BIDS[:4], "5996.25 x 9"], changed)
    assert venue.service.book("NQH6") == (["21000.25 x 30"], NQ_BOOK[1])


def test_delete_thru_and_delete_from(venue):
    quoted(venue)
    venue.send("X", "", entry(3, 0, 101, "1023=2"), entry(4, 1, 102, "1023=4"))
    assert venue.service.book("ESH6") == (BIDS[2:], OFFERS[:3])


def test_empty_book_and_its_refill(venue):
    quoted(venue)
    venue.send("X", "", entry(2, "J", 101, "270=0"))
    assert venue.service.status("ESH6") == "one_sided"
    assert venue.service.book("ESH6") == ([], [])
    venue.send("X", "", entry(0, 0, 102, "270=5990|271=1|1023=1"), entry(0, 1, 103, "270=5991|271=2|1023=1"))
    assert venue.service.book("ESH6") == (["5990.00 x 1"], ["5991.00 x 2"])
    assert statuses(venue) == ["ok", "ok"]


def test_implied_prices_are_not_in_the_book(venue):
    quoted(venue)
    venue.send("X", "", entry(0, "E", 101, "270=6000.50|271=5|1023=1"), entry(0, "F", 102, "270=6000.75|271=5|1023=1"))
    assert venue.service.book("ESH6") == (BIDS, OFFERS)
    assert venue.service.status("ESH6") == "ok"


def test_trades_with_their_aggressor(venue):
    quoted(venue)
    venue.send("X", "", entry(0, 2, 101, "270=6001|271=3|5797=1"), entry(0, 2, 102, "270=6001|271=2|5797=2|2446=1"))
    assert venue.service.last_trade("ESH6") == (2, "6001.00 x 2")
    assert venue.service.aggressor_volumes("ESH6") == ("3", "2")
    assert venue.service.book("ESH6") == (BIDS, OFFERS)


def test_lost_increment_is_found_by_rpt_seq(venue):
    quoted(venue)
    venue.send("X", "", entry(1, 0, 102, "270=6000|271=1|1023=1"))
    assert venue.invalidated() == {"rpt_seq_gap": 1}
    assert statuses(venue) == ["gap", "ok"]
    venue.service.advance(0.2)
    [es] = subscriptions(venue, ids=("5002",))
    snapshot(venue, es, "5002", BIDS[1:], OFFERS, 102)
    assert venue.service.book("ESH6") == (BIDS[1:], OFFERS)


def test_position_behind_a_hole_invalidates_the_book(venue):
    quoted(venue)
    venue.send("X", "", entry(0, 0, 8, "270=20990|271=1|1023=4", "5003"))
    assert venue.invalidated() == {"out_of_order": 1}
    assert statuses(venue) == ["ok", "gap"]


def test_halts_of_an_instrument_a_product_and_the_exchange(venue):
    quoted(venue)
    venue.send("f", "75=20260101|48=5002|22=8|326=2")
    assert statuses(venue) == ["halted", "ok"]
    venue.send("f", "48=5002|22=8|326=103")
    assert statuses(venue) == ["halted", "ok"]
    venue.send("f", "48=5002|22=8|326=17")
    for status in ("24", "25", "26", "20"):
        venue.send("f", f"48=5002|22=8|326={status}")
        assert statuses(venue) == ["halted", "ok"]
        venue.send("f", "48=5002|22=8|326=17")
    venue.send("f", "1151=NQ|326=21")
    assert statuses(venue) == ["ok", "halted"]
    venue.send("f", "1151=NQ|326=17")
    venue.send("f", "326=18")
    assert statuses(venue) == ["halted", "halted"]
    venue.send("f", "326=17")
    assert statuses(venue) == ["ok", "ok"]


def test_gap_then_fresh_subscriptions(venue):
    quoted(venue)
    venue.lose()
    venue.send("X", "", entry(1, 0, 101, "270=6000|271=1|1023=1"))
    resend = venue.expect("2")
    assert statuses(venue) == ["gap", "gap"]
    venue.fill_gap(resend)
    es, nq = subscriptions(venue)
    snapshot(venue, es, "5002", BIDS[:2], OFFERS[:3], 110)
    snapshot(venue, nq, "5003", *NQ_BOOK, 7)
    assert venue.service.book("ESH6") == (BIDS[:2], OFFERS[:3])
    assert statuses(venue) == ["ok", "ok"]


def test_reconnect(venue):
    quoted(venue)
    venue.disconnect()
    assert statuses(venue) == ["disconnected", "disconnected"]
    venue.service.advance(0.5)
    quoted(venue)


@pytest.mark.parametrize(("listed", "other"), [("969=0.25", "969=0.5"), ("562=1", "562=2")])
def test_instrument_with_another_tick_or_lot_is_not_quoted(venue, listed, other):
    log_on(venue, es=ES_LISTED.replace(listed, other))
    subscriptions(venue, ids=("5003",))
    assert venue.service.status("ESH6") == "mismatch"


def test_instrument_that_is_listed_as_halted_opens_with_its_status(venue):
    log_on(venue, es=ES_LISTED.replace("326=17", "326=21"))
    es, _ = subscriptions(venue)
    snapshot(venue, es, "5002", BIDS, OFFERS, 100)
    assert venue.service.status("ESH6") == "halted"
    venue.send("f", "48=5002|22=8|326=17")
    assert venue.service.status("ESH6") == "ok"
