"""Subscriptions in the shapes of profiles, at a real QuickFIX acceptor."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from quotelife.config.venues.venue_profile import NewsProfile, SubscriptionProfile, VenueProfile
from quotelife.market.board import layout as L
from tests.acceptance.marketdata_client import Client, Venue, connected, eventually, increment, level

BTC, ETH = "BTC-USD", "ETH-USD"


@contextlib.asynccontextmanager
async def market(folder: Path, **arguments: object) -> AsyncIterator[tuple[Venue, Client]]:
    reconnect_ms = arguments.pop("reconnect_ms", (10.0, 200.0))
    profile = VenueProfile(title="test", tried="", **arguments)
    async with (
        Venue.running(folder) as venue,
        connected(venue, folder, profile=profile, reconnect_ms=reconnect_ms) as client,
    ):
        yield venue, client


async def answer(venue: Venue, client: Client, request: str, *rows: int) -> None:
    for row in rows or (0, 1):
        entries = [level(0, "100.0", 1), level(1, "101", "1.5")]
        venue.send("W", (55, (BTC, ETH)[row]), (262, request), entries=entries)
        await eventually(lambda row=row: client.state(row) == L.BOOK_LIVE)


def spoil(venue: Venue) -> None:
    """A RptSeq that jumps."""
    venue.send("X", entries=[increment(0, 0, BTC, (270, "100.5"), (271, "1"), (83, 5))])
    venue.send("X", entries=[increment(0, 0, BTC, (270, "100.5"), (271, "1"), (83, 9))])


async def test_one_request_for_all_and_one_book_recovers_alone(tmp_path):
    async with market(tmp_path, subscription=SubscriptionProfile(symbols_per_request=0)) as (venue, client):
        request = (await venue.expect("V", t146="2"))[262]
        await answer(venue, client, request)
        spoil(venue)
        again = await venue.expect("V", t146="1", t263="1")
        assert again[55] == BTC and again[262] != request
        assert client.state(0) == L.BOOK_GAP and client.state(1) == L.BOOK_LIVE
        venue.send("X", (262, request), entries=[increment(0, 0, ETH, (270, "100.5"), (271, "1"))])
        await answer(venue, client, again[262], 0)
        assert client.top(1) == (201, 1000, 202, 1500)


async def test_request_that_replaces_asks_for_all_anew(tmp_path):
    shape = SubscriptionProfile(symbols_per_request=0, replaces=True)
    async with market(tmp_path, subscription=shape) as (venue, client):
        await answer(venue, client, (await venue.expect("V", t146="2"))[262])
        spoil(venue)
        again = await venue.expect("V", t146="2", t263="1")
        assert client.state(0) == client.state(1) == L.BOOK_GAP
        await answer(venue, client, again[262])


async def test_trades_are_a_stream_of_their_own(tmp_path):
    shape = SubscriptionProfile(symbols_per_request=0, trades="separate")
    async with market(tmp_path, subscription=shape) as (venue, client):
        await answer(venue, client, (await venue.expect("V", t267="2"))[262])
        trades = await venue.expect("V", t267="1", t269="2")
        venue.send("X", (262, trades[262]), entries=[increment(0, 2, BTC, (270, "100.5"), (271, "1"))])
        await eventually(lambda: client.board.rows[0, L.TRADES] == 1)
        assert client.state(0) == L.BOOK_LIVE


async def test_announced_disconnection_reconnects_at_once(tmp_path):
    """The delay before an ordinary reconnection would outlast the test."""
    slow = (60_000.0, 60_000.0)
    async with market(tmp_path, news=NewsProfile(meaning="maintenance"), reconnect_ms=slow) as (venue, client):
        await answer(venue, client, await venue.subscription(BTC), 0)
        venue.send("B", (148, "maintenance"), (33, "1\x0158=in ten minutes"))
        await venue.expect("5")
        await venue.expect("logon")
        await answer(venue, client, await venue.subscription(BTC), 0)
        assert client.feed.logons == 2
