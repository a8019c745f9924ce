"""Market data from a real QuickFIX acceptor to the board."""

import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from quotelife.fix.session import AWAITING_RESEND, NEXT_OUT
from quotelife.market.board import layout as L
from quotelife.marketdata import layout as M
from tests.acceptance.marketdata_client import Client, Venue, connected, eventually, increment, level

BTC, ETH = "BTC-USD", "ETH-USD"


@contextlib.asynccontextmanager
async def market(folder: Path, by_order: bool = False, password: str = "") -> AsyncIterator[tuple[Venue, Client]]:
    async with Venue.running(folder, password) as venue, connected(venue, folder, by_order, password) as client:
        yield venue, client


async def snapshots(venue: Venue, client: Client, rpt_seq: int = 10) -> str:
    """Answer both subscriptions; returns the MDReqID of BTC's."""
    request = ""
    for row, symbol in ((0, BTC), (1, ETH)):
        found = await venue.subscription(symbol)
        request = request or found
        entries = [level(0, "100.0", 1), level(0, "99.5", 2), level(1, "101", "1.5"), level(1, "102", 4)]
        venue.send("W", (55, symbol), (83, rpt_seq), (262, found), entries=entries)
        await eventually(lambda row=row: client.state(row) == L.BOOK_LIVE)
    return request


async def test_snapshot_and_increments_by_price_level_reach_the_board(tmp_path):
    async with market(tmp_path) as (venue, client):
        await snapshots(venue, client)
        assert client.top() == (200, 1000, 202, 1500)
        assert client.board.rows[0, L.N_BID] == 2
        venue.send(
            "X",
            entries=[
                increment(0, 0, BTC, (270, "100.5"), (271, "0.25"), (83, 11)),
                increment(2, 1, None, (270, "101"), (83, 12)),
                increment(1, 1, ETH, (270, "101"), (271, "9"), (83, 11)),
                increment(0, 2, BTC, (270, "100.5"), (271, "0.1"), (83, 13), (2446, 2)),
            ],
        )
        await eventually(lambda: client.board.rows[0, L.UPDATES] == 2)
        assert client.top(0) == (201, 250, 204, 4000)
        assert client.top(1) == (200, 1000, 202, 9000)
        assert client.board.rows[0, L.TRADES] == 1
        assert client.board.rows[0, L.TRADE_PX] == 201
        assert client.board.venues[0, L.V_STATE] == L.VENUE_UP
        assert client.board.venues[0, L.V_MESSAGES] == 3


async def test_increments_by_order_reach_the_board(tmp_path):
    async with market(tmp_path, by_order=True) as (venue, client):
        request = await venue.subscription(BTC)
        entries = [level(0, 100, 1, (278, "b1")), level(0, 100, 2, (278, "b2")), level(1, 101, 3, (278, "a1"))]
        venue.send("W", (55, BTC), (262, request), entries=entries)
        await eventually(lambda: client.state() == L.BOOK_LIVE)
        assert client.top() == (200, 3000, 202, 3000)
        changes = [
            increment(2, 0, BTC, (278, "b1")),
            increment(1, 1, None, (278, "a1"), (270, 102), (271, 1)),
            increment(0, 1, None, (278, "a2"), (270, "101.5"), (271, 5)),
        ]
        venue.send("X", (262, request), entries=changes)
        await eventually(lambda: client.board.rows[0, L.UPDATES] == 2)
        assert client.top() == (200, 2000, 203, 5000)
        venue.send("X", (262, request), entries=[increment(2, 0, BTC, (278, "nobody"))])
        await eventually(lambda: client.feed.control[M.INVALIDATED + M.R_UNKNOWN_ENTRY] == 1)


async def test_unknown_symbol_is_counted(tmp_path):
    async with market(tmp_path) as (venue, client):
        await snapshots(venue, client)
        entries = [
            increment(0, 0, "DOGE", (270, 1), (271, 1)),
            increment(0, 0, BTC, (270, "100.5"), (271, 1), (83, 11)),
        ]
        venue.send("X", entries=entries)
        await eventually(lambda: client.top()[0] == 201)
        assert client.feed.control[M.UNKNOWN_SYMBOLS] == 1


async def test_rpt_seq_gap_resubscribes_that_instrument_alone(tmp_path):
    async with market(tmp_path) as (venue, client):
        request = await snapshots(venue, client)
        venue.send("X", entries=[increment(0, 0, BTC, (270, "100.5"), (271, 1), (83, 13))])
        assert (await venue.expect("V", t263="2"))[262] == request
        fresh = await venue.subscription(BTC)
        assert fresh != request
        assert client.state(0) == L.BOOK_GAP
        assert client.state(1) == L.BOOK_LIVE
        venue.send("X", entries=[increment(0, 0, BTC, (270, "100.5"), (271, 1), (83, 14))])
        venue.send("W", (55, BTC), (83, 14), (262, request), entries=[level(0, 1, 1)])  # answers the old request
        venue.send("W", (55, BTC), (83, 14), (262, fresh), entries=[level(0, "100.5", 1), level(1, 101, 1)])
        await eventually(lambda: client.state(0) == L.BOOK_LIVE)
        assert client.top() == (201, 1000, 202, 1000)
        assert client.feed.control[M.BOOK_GAPS] == 1


async def test_missing_snapshot_is_requested_again(tmp_path):
    async with market(tmp_path) as (venue, client):
        first = await venue.subscription(BTC)
        second = await venue.subscription(BTC)
        assert int(second) > int(first)
        assert client.state() == L.BOOK_EMPTY


async def test_sequence_gap_stops_the_books_until_fresh_snapshots(tmp_path):
    async with market(tmp_path) as (venue, client):
        await snapshots(venue, client)
        venue.tell("skip", 3)
        venue.send("X", entries=[increment(0, 0, BTC, (270, "100.5"), (271, 1), (83, 11))])
        await venue.expect("2")  # ResendRequest
        request = await venue.subscription(BTC)
        assert client.state(0) == client.state(1) == L.BOOK_GAP
        assert client.feed.session_gaps == 1
        assert not client.feed.session.sequence[AWAITING_RESEND]
        venue.send("W", (55, BTC), (262, request), entries=[level(0, 98, 1), level(1, 99, 1)])
        await eventually(lambda: client.state(0) == L.BOOK_LIVE)
        assert client.top() == (196, 1000, 198, 1000)
        assert client.state(1) == L.BOOK_GAP


async def test_sequence_reset_without_gap_fill_is_obeyed(tmp_path):
    async with market(tmp_path) as (venue, client):
        await snapshots(venue, client)
        venue.tell("reset", 50)
        venue.send("X", entries=[increment(0, 0, BTC, (270, "100.5"), (271, 1), (83, 11))])
        await eventually(lambda: client.top()[0] == 201)
        assert client.feed.session_gaps == 0


async def test_venue_may_request_a_resend(tmp_path):
    async with market(tmp_path) as (venue, client):
        await snapshots(venue, client)
        client.feed.session.sequence[NEXT_OUT] += 5
        venue.send("1", (112, "are you there"))
        filled = await venue.expect("4", t123="Y")
        assert filled[43] == "Y"
        venue.send("1", (112, "and now"))
        await venue.expect("0", t112="and now")
        assert client.state() == L.BOOK_LIVE


async def test_test_request_is_answered_and_heartbeats_flow(tmp_path):
    async with market(tmp_path) as (venue, client):
        await snapshots(venue, client)
        venue.send("1", (112, "hello"))
        await venue.expect("0", t112="hello")
        await venue.expect("0")  # unprompted, after a second of silence


async def test_malformed_market_data_is_rejected_and_invalidates_the_book(tmp_path):
    async with market(tmp_path) as (venue, client):
        await snapshots(venue, client)
        venue.send("X", entries=[increment(0, 0, BTC, (270, "one hundred"), (271, 1), (83, 11))])
        assert (await venue.expect("3"))[373] == "5"
        await venue.subscription(BTC)
        assert client.state(0) == L.BOOK_GAP
        assert client.state(1) == L.BOOK_LIVE


async def test_feed_reconnects_after_a_venue_logout(tmp_path):
    async with market(tmp_path) as (venue, client):
        await snapshots(venue, client)
        venue.tell("logout", "end of day")
        await venue.expect("5")
        await eventually(lambda: client.state(0) == client.state(1) == L.BOOK_DISCONNECTED)
        venue.tell("logon")
        await venue.expect("logon")
        assert client.state() == L.BOOK_DISCONNECTED
        await snapshots(venue, client)


async def test_disconnect_clears_the_books_at_once(tmp_path):
    async with market(tmp_path) as (venue, client):
        await snapshots(venue, client)
        venue.tell("disconnect")
        await eventually(lambda: client.state(0) == client.state(1) == L.BOOK_DISCONNECTED)
        assert not np.any(client.feed._shared.books.n[:, :2])
        assert client.board.venues[0, L.V_STATE] == L.VENUE_DOWN
        request = await venue.subscription(BTC)
        venue.send("W", (55, BTC), (262, request), entries=[level(0, 98, 1), level(1, 99, 1)])
        await eventually(lambda: client.state(0) == L.BOOK_LIVE)
        assert client.board.rows[0, L.N_BID] == 1
        assert client.board.venues[0, L.V_LOGONS] == 2


async def test_silent_venue_gets_a_test_request_and_then_a_disconnect(tmp_path):
    async with market(tmp_path) as (venue, client):
        await snapshots(venue, client)
        venue.signal(signal.SIGSTOP)
        await eventually(lambda: client.state() == L.BOOK_DISCONNECTED)
        venue.signal(signal.SIGCONT)
        await venue.expect("1")  # TestRequest
        await venue.expect("logon")
        await eventually(lambda: client.feed.logons == 2)


async def test_logon_sends_the_password(tmp_path):
    async with market(tmp_path, password="secret") as (venue, _client):
        logon = await venue.expect("A")
        assert (logon[553], logon[554]) == ("desk", "secret")
        await venue.subscription(BTC)


async def test_refused_logon_is_retried_with_back_off(tmp_path):
    async with Venue.running(tmp_path, "another") as venue, connected(venue, tmp_path, password="secret") as client:
        await eventually(lambda: client.connection.attempts >= 3)
        assert client.feed.logons == 0
        assert client.state() == L.BOOK_DISCONNECTED


async def test_halts_and_news_reach_the_board(tmp_path):
    async with market(tmp_path) as (venue, client):
        await snapshots(venue, client)
        rows = client.board.rows
        venue.send("f", (55, BTC), (326, 2))
        await eventually(lambda: rows[0, L.HALTED] == 1)
        assert rows[1, L.HALTED] == 0
        venue.send("f", (55, BTC), (326, 17))
        await eventually(lambda: rows[0, L.HALTED] == 0)
        venue.send("h", (336, "DAY"), (340, 1))
        await eventually(lambda: rows[1, L.HALTED] == 1)
        venue.send("h", (336, "DAY"), (340, 2))
        venue.send("B", (148, "Hack at an exchange"), (33, "1\x0158=text"), (146, f"1\x0155={ETH}"), (20010, "-0.8"))
        await eventually(lambda: rows[1, L.SENTIMENT_NS] > 0)
        assert rows[1, L.SENTIMENT : L.SENTIMENT + 1].view(np.float64)[0] == -0.8
        assert rows[0, L.SENTIMENT_NS] == 0
        venue.send("B", (148, "Rates unchanged"), (20010, "7"))
        await eventually(lambda: rows[0, L.SENTIMENT_NS] > 0)
        assert rows[0, L.SENTIMENT : L.SENTIMENT + 1].view(np.float64)[0] == 1.0


async def test_rejected_subscription_does_not_affect_others(tmp_path):
    async with market(tmp_path) as (venue, client):
        request = await venue.subscription(BTC)
        venue.send("Y", (262, request), (281, 0), (58, "unknown symbol"))
        eth = await venue.subscription(ETH)
        venue.send("W", (55, ETH), (262, eth), entries=[level(0, 98, 1), level(1, 99, 1)])
        await eventually(lambda: client.state(1) == L.BOOK_LIVE)
        assert client.state(0) == L.BOOK_EMPTY


async def test_unsupported_message_type_gets_a_business_reject(tmp_path):
    async with market(tmp_path) as (venue, client):
        await snapshots(venue, client)
        venue.send("AE", (571, "x"))
        assert (await venue.expect("j"))[380] == "3"
        assert client.state() == L.BOOK_LIVE
