"""Binance Spot: the diff depth stream, the book ticker, trades as a stream of their own; an Ed25519 signature.

Layouts: the pages that `fix_config/venues/binance-spot.toml` names. Price and size stand before MDEntryType in an
entry, Symbol in the first entry alone, LastFragment (893) after the group; BodyLength is padded with zeros, and
SendingTime has microseconds.
"""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from quotelife.market.board import layout as L
from tests.acceptance.marketdata.venues.driven_feed import Service
from tests.acceptance.marketdata.venues.scripted_venue import ScriptedVenue
from tests.acceptance.marketdata.venues.wire import SOH

VENUE = """
[[venue]]
name = "BINANCE"
profile = "binance-spot"
host = "binance.example"
port = 9000
sender_comp_id = "DESK"
depth = {depth}
secrets = {{ api_key_file = "api_key", private_key_file = "private_key" }}
"""
INSTRUMENT = """
[[instrument]]
symbol = "{symbol}"
tick = "0.01"
lot = "0.00001"
venue = "BINANCE"
stale_after_ms = 30000
"""
SYMBOLS = ("BTCUSDT", "BNBUSDT")
LISTED = "15=USDT|562=0.00001000|1140=9000.00000000|25039=0.00001000|969=0.01000000"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
BIDS = ["61250.00 x 0.50000", "61249.99 x 1.20000", "61240.00 x 3.00000"]
OFFERS = ["61250.01 x 0.25000", "61251.00 x 4.00000"]


def make_venue(folder, depth=20, symbols=SYMBOLS, number=0):
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    instruments = "".join(INSTRUMENT.format(symbol=symbol) for symbol in symbols)
    secrets = {"api_key": "desk-api-key", "private_key": pem.rstrip()}
    service = Service(folder, VENUE.format(depth=depth) + instruments, secrets)
    return ScriptedVenue(service, "SPOT", "DESK", time_decimals=6, length_digits=7, number=number)


@pytest.fixture
def venue(tmp_path):
    return make_venue(tmp_path)


def check_logon(logon, sender="DESK"):
    assert logon.body(96) == "98=0|108=5|141=Y|95=88|553=desk-api-key|25035=2"
    text = SOH.join(("A", sender, "SPOT", "1", logon[52]))
    KEY.public_key().verify(base64.b64decode(logon[96], validate=True), text.encode())


def log_on(venue, depth=20, symbols=SYMBOLS):
    """MDReqIDs of the books and of the trades, by symbol."""
    check_logon(venue.connect())
    venue.send("A", "98=0|108=5|25037=4392a152-0000-0000-0000-6d42c50702e2")
    listed = venue.expect("x")
    assert listed.body(320) == "559=4"
    venue.expect_nothing()
    entries = "|".join(f"55={symbol}|{LISTED}" for symbol in symbols)
    venue.send("y", f"320={listed[320]}|146={len(symbols)}|{entries}")
    return subscriptions(venue, depth, symbols)


def subscriptions(venue, depth=20, symbols=SYMBOLS):
    books, trades = {}, {}
    for request in venue.expect_all("V"):
        symbol = request[55]
        assert symbol in symbols
        if request[263] == "2":
            continue
        of_trades = request.all(269) == ["2"]
        types = "267=1|269=2" if of_trades else "267=2|269=0|269=1"
        assert request.body(262) == f"263=1|264={depth}|266=Y|{types}|146=1|55={symbol}"
        (trades if of_trades else books)[symbol] = request[262]
    return books, trades


def entry(level, kind, action=None):
    """ "61250.00 x 0.5" of bids (0) or offers (1), in the venue's order of fields."""
    price, size = level.split(" x ")
    if action is None:
        return f"269={kind}|270={price}|271={size}"
    sized = f"|271={size}" if size else ""
    return f"279={action}|270={price}{sized}|269={kind}"


def snapshot(venue, request, symbol="BTCUSDT", bids=BIDS, offers=OFFERS, update=100):
    entries = [entry(level, 0) for level in bids] + [entry(level, 1) for level in offers]
    venue.send("W", f"262={request}|55={symbol}|25044={update}", *entries)


def quoted(venue):
    """Both books live; returns the MDReqIDs of books and trades."""
    books, trades = log_on(venue)
    snapshot(venue, books["BTCUSDT"])
    snapshot(venue, books["BNBUSDT"], "BNBUSDT", ["600.00 x 1.00000"], ["600.10 x 2.00000"])
    assert venue.service.book("BTCUSDT") == (BIDS, OFFERS)
    assert statuses(venue) == ["ok", "ok"]
    return books, trades


def statuses(venue):
    return [venue.service.status(symbol) for symbol in SYMBOLS]


def test_subscription_and_snapshot(venue):
    books, trades = quoted(venue)
    assert books.keys() == trades.keys() == set(SYMBOLS)
    assert len({*books.values(), *trades.values()}) == 4


def test_changes_within_and_beyond_the_snapshot(venue):
    books, _ = quoted(venue)
    request = books["BTCUSDT"]
    first = entry("61250.00 x 0.40000", 0, 1) + "|55=BTCUSDT|25043=101|25044=104"
    venue.send("X", f"262={request}", first, entry("61251.00 x ", 1, 2), entry("61252.50 x 0.10000", 1, 0))
    bids, offers = ["61250.00 x 0.40000", *BIDS[1:]], ["61250.01 x 0.25000", "61252.50 x 0.10000"]
    assert venue.service.book("BTCUSDT") == (bids, offers)
    # Levels that were never in the snapshot change and disappear; such a Delete of one that is not known is no fault.
    far = [entry("30000.00 x 9.00000", 0, 1) + "|55=BTCUSDT|25043=105|25044=105", entry("20000.00 x ", 0, 2)]
    venue.send("X", f"262={request}", *far)
    assert venue.service.book("BTCUSDT") == ([*bids, "30000.00 x 9.00000"], offers)
    venue.send("X", f"262={request}", entry("61250.00 x ", 0, 2) + "|55=BTCUSDT|25043=106|25044=106")
    assert venue.service.book("BTCUSDT") == ([*bids[1:], "30000.00 x 9.00000"], offers)
    venue.expect_nothing()
    assert venue.invalidated() == {}


def test_book_deeper_than_the_snapshots_depth(tmp_path):
    """The depth bounds the snapshot: after it, every change comes, and no level may be dropped."""
    venue = make_venue(tmp_path, depth=2)
    books, _ = log_on(venue, depth=2)
    request = books["BTCUSDT"]
    snapshot(venue, request, bids=BIDS[:2], offers=OFFERS)
    better = entry("61250.50 x 1.00000", 0, 0) + "|55=BTCUSDT|25043=101|25044=101"
    venue.send("X", f"262={request}", entry("61251.00 x ", 1, 2) + "|55=BTCUSDT", entry("61250.01 x ", 1, 2), better)
    assert venue.service.book("BTCUSDT") == (["61250.50 x 1.00000", *BIDS[:2]], [])
    venue.send("X", f"262={request}", entry("61250.50 x ", 0, 2) + "|55=BTCUSDT|25043=102|25044=102")
    assert venue.service.book("BTCUSDT")[0] == BIDS[:2]


def test_fragments_of_one_change_are_shown_together(venue):
    books, _ = quoted(venue)
    request = books["BTCUSDT"]
    updates = "25043=101|25044=109"
    parts = (
        (entry("61250.00 x ", 0, 2) + f"|55=BTCUSDT|{updates}", entry("61249.99 x ", 0, 2) + "|893=N"),
        (entry("61240.00 x 5.00000", 0, 1) + f"|55=BTCUSDT|{updates}", entry("61250.01 x ", 1, 2) + "|893=N"),
        (entry("61250.50 x 0.30000", 1, 0) + f"|55=BTCUSDT|{updates}|893=Y",),
    )
    shown = venue.service.row("BTCUSDT").copy()
    for part in parts[:2]:
        venue.send("X", f"262={request}", *part)
        assert (venue.service.row("BTCUSDT")[L.BID_PX : L.TRADE_PX] == shown[L.BID_PX : L.TRADE_PX]).all()
    venue.send("X", f"262={request}", *parts[2])
    assert venue.service.book("BTCUSDT") == (["61240.00 x 5.00000"], ["61250.50 x 0.30000", "61251.00 x 4.00000"])


def test_book_ticker_replaces_the_best_quotes(tmp_path):
    venue = make_venue(tmp_path, depth=1)
    books, _ = log_on(venue, depth=1)
    request = books["BTCUSDT"]
    snapshot(venue, request, bids=["61250.00 x 0.50000"], offers=["61250.01 x 0.25000"])
    best = (["61250.00 x 0.50000"], ["61250.01 x 0.25000"])
    assert venue.service.book("BTCUSDT") == best
    worse = entry("61249.90 x 2.00000", 0, 1) + "|55=BTCUSDT|25044=101"
    venue.send("X", f"262={request}", worse)
    assert venue.service.book("BTCUSDT") == (["61249.90 x 2.00000"], best[1])
    both = entry("61249.95 x 1.00000", 0, 1) + "|55=BTCUSDT|25044=102"
    venue.send("X", f"262={request}", both, entry("61250.00 x 7.00000", 1, 1))
    assert venue.service.book("BTCUSDT") == (["61249.95 x 1.00000"], ["61250.00 x 7.00000"])
    venue.send("X", f"262={request}", entry("61250.00 x ", 1, 2) + "|55=BTCUSDT|25044=103")
    assert venue.service.book("BTCUSDT") == (["61249.95 x 1.00000"], [])
    assert venue.service.status("BTCUSDT") == "one_sided"
    venue.send("X", f"262={request}", entry("61250.02 x 1.00000", 1, 0) + "|55=BTCUSDT|25044=104")
    assert venue.service.status("BTCUSDT") == "ok"


def test_empty_book_ticker(tmp_path):
    venue = make_venue(tmp_path, depth=1)
    books, _ = log_on(venue, depth=1)
    snapshot(venue, books["BNBUSDT"], "BNBUSDT", [], [], update=0)
    assert venue.service.status("BNBUSDT") == "one_sided"


def test_trades_come_in_a_stream_of_their_own(venue):
    books, trades = quoted(venue)
    first = "279=0|269=2|270=61250.01000|271=0.01000|55=BTCUSDT|1003=7|60=20260101-00:00:00.464000|2446=1"
    venue.send("X", f"262={trades['BTCUSDT']}", first, "279=0|269=2|270=61250.00|271=0.02000|1003=8|2446=2|893=Y")
    service = venue.service
    assert service.last_trade("BTCUSDT") == (2, "61250.00 x 0.02000")
    assert service.aggressor_volumes("BTCUSDT") == ("0.01000", "0.02000")
    assert service.book("BTCUSDT") == (BIDS, OFFERS)
    # A book that is asked for anew leaves the stream of trades alone.
    venue.send("X", f"262={books['BTCUSDT']}", entry("61250.005 x 1", 0, 0) + "|55=BTCUSDT")
    assert statuses(venue) == ["gap", "ok"]
    assert venue.invalidated() == {"off_grid": 1}
    venue.service.advance(0.2)
    ended, fresh = venue.expect_all("V")
    assert (ended[262], ended[263], fresh[263], fresh.all(269)) == (books["BTCUSDT"], "2", "1", ["0", "1"])
    snapshot(venue, fresh[262])
    venue.send("X", f"262={trades['BTCUSDT']}", "279=0|269=2|270=61250.01|271=1|55=BTCUSDT|1003=9|2446=1")
    assert service.last_trade("BTCUSDT") == (3, "61250.01 x 1.00000")


def test_rejected_subscription_is_asked_for_again(venue):
    books, _ = log_on(venue)
    snapshot(venue, books["BNBUSDT"], "BNBUSDT", ["600.00 x 1.00000"], ["600.10 x 2.00000"])
    venue.send("Y", f"262={books['BTCUSDT']}|281=2|25016=-1191|58=Similar subscription is already active")
    assert statuses(venue) == ["no_book", "ok"]
    for _ in range(32):
        venue.service.advance(1)
        venue.send("0")
    again = [request for request in venue.received() if request.msg_type == "V"]
    assert [request[55] for request in again] == ["BTCUSDT"]


def test_maintenance_leads_to_a_new_session(venue):
    quoted(venue)
    venue.send("B", "148=You'll be disconnected in 590 seconds. Please reconnect.")
    venue.expect("5")
    venue.send("5", "58=Logout acknowledgment.")
    assert venue.feed.closing is not None
    venue.disconnect()
    assert statuses(venue) == ["disconnected", "disconnected"]
    quoted(venue)


def test_sequence_gap_leads_to_a_new_session(venue):
    """The venue answers no ResendRequest."""
    books, _ = quoted(venue)
    venue.lose()
    venue.send("X", f"262={books['BTCUSDT']}", entry("61250.00 x ", 0, 2) + "|55=BTCUSDT|25043=102|25044=102")
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


def test_instrument_with_another_tick_is_not_quoted(venue):
    venue.connect()
    venue.send("A", "98=0|108=5|25037=1")
    listed = venue.expect("x")
    other = LISTED.replace("969=0.01000000", "969=0.10000000")
    venue.send("y", f"320={listed[320]}|146=2|55=BTCUSDT|{other}|55=BNBUSDT|{LISTED}")
    books, _ = subscriptions(venue)
    assert books.keys() == {"BNBUSDT"}


def test_limit_of_messages_holds_while_every_book_is_asked_for_anew(tmp_path):
    """2,000 messages in 60 s; 500 symbols need a request for each book and one for its trades."""
    symbols = tuple(f"COIN{n}USDT" for n in range(500))
    venue = make_venue(tmp_path, symbols=symbols)
    check_logon(venue.connect())
    venue.send("A", "98=0|108=5|25037=1")
    listed = venue.expect("x")
    entries = "|".join(f"55={symbol}|{LISTED}" for symbol in symbols)
    venue.send("y", f"320={listed[320]}|146=500|{entries}")
    started_ns = venue.service.now_ns
    sent = 2  # Logon, x
    last = {}
    for _ in range(3):
        for _ in range(20):
            venue.service.advance(0.1)
            found = venue.received()
            sent += len([message for message in found if message.msg_type != "0"])
            last |= {m[55]: m[262] for m in found if m.msg_type == "V" and m[263] == "1" and m.all(269) == ["0", "1"]}
        for symbol, request in last.items():
            entry_of_no_tick = entry("1.005 x 1", 0, 0) + f"|55={symbol}"
            snapshot(venue, request, symbol, ["1.00 x 1"], ["1.01 x 1"])
            venue.send("X", f"262={request}", entry_of_no_tick, after_s=0)
    assert venue.service.now_ns - started_ns < 60 * 10**9
    assert 1_500 < sent <= 2_000


def test_symbols_beyond_the_streams_of_a_connection_get_another_session(tmp_path):
    symbols = tuple(f"COIN{n}USDT" for n in range(501))
    venue = make_venue(tmp_path, symbols=symbols)
    service = venue.service
    second = ScriptedVenue(service, "SPOT", "DESK2", time_decimals=6, length_digits=7, number=1)
    assert [feed.name for feed in service.feeds] == ["BINANCE", "BINANCE#2"]
    check_logon(venue.connect())
    check_logon(second.connect(), "DESK2")
    second.send("A", "98=0|108=5|25037=2")
    second.send("y", f"320={second.expect('x')[320]}|146=1|55=COIN500USDT|{LISTED}")
    books, trades = subscriptions(second, symbols=symbols[500:])
    assert books.keys() == trades.keys() == {"COIN500USDT"}
    snapshot(second, books["COIN500USDT"], "COIN500USDT", ["1.00 x 1"], ["1.01 x 1"])
    assert [service.status(symbol) for symbol in (symbols[0], symbols[500])] == ["disconnected", "ok"]
    venue.send("A", "98=0|108=5|25037=1")
    second.disconnect()
    assert service.status(symbols[500]) == "disconnected"
