"""The venue connection, against a plain socket that never answers."""

import asyncio
import logging
import ssl
from pathlib import Path

import pytest
import trustme
import uvloop

from quotelife.fix.encode import Identity
from quotelife.fix.settings import SessionSettings
from quotelife.market.board.board import Board
from quotelife.marketdata import transport
from quotelife.marketdata.decoder_state import SharedArrays
from quotelife.marketdata.feed import VenueFeed
from quotelife.marketdata.subscription.subscriptions import SubscriptionSettings
from quotelife.marketdata.transport import BackOff, VenueConnection
from quotelife.marketdata.venue_instruments import VenueInstrument
from quotelife.runtime.clock import NS_PER_MS


class Listener:
    """Accepts, reads, and never answers; with `tls` after a handshake."""

    def __init__(self, tls: ssl.SSLContext | None = None):
        self._tls = tls
        self.accepted = asyncio.Event()
        self.heard = b""
        self.connections = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._on_connection, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc):
        self._server.close()

    async def _on_connection(self, reader, writer):
        self.connections += 1
        self.accepted.set()
        while data := await reader.read(4096):
            self.heard += data
        writer.close()


def make_connection(folder: Path, port: int, logon_timeout_ns: int = 10**10, **tls) -> VenueConnection:
    board = Board.create(folder / "board", 1, 1)
    settings = SessionSettings(Identity("DESK", "VENUE"), logon_timeout_ns=logon_timeout_ns)
    subscribed = [VenueInstrument(0, "A", (1, 2), (1, 0))]
    feed = VenueFeed("V", 0, SharedArrays(board), subscribed, settings, SubscriptionSettings(), first_request=1)
    return VenueConnection(feed, "127.0.0.1", port, (5.0, 20.0), **tls)


async def test_stop_before_the_logon_is_answered(tmp_path):
    async with Listener() as listener:
        connection = make_connection(tmp_path, listener.port)
        running = asyncio.create_task(connection.run())
        await listener.accepted.wait()
        connection.stop()
        await asyncio.wait_for(running, 5)
        assert listener.connections == 1


async def test_stop_while_connecting(tmp_path):
    async with Listener() as listener:
        connection = make_connection(tmp_path, listener.port)
        running = asyncio.create_task(connection.run())
        await asyncio.sleep(0)
        connection.stop()
        await asyncio.wait_for(running, 5)


async def test_stop_while_waiting_to_reconnect(tmp_path):
    async with Listener() as listener:
        port = listener.port
    connection = make_connection(tmp_path, port)
    running = asyncio.create_task(connection.run())
    async with asyncio.timeout(5):
        while connection.attempts < 3:
            await asyncio.sleep(0.001)
    connection.stop()
    await asyncio.wait_for(running, 5)


async def test_unanswered_logon_is_retried(tmp_path):
    async with Listener() as listener:
        connection = make_connection(tmp_path, listener.port, logon_timeout_ns=20_000_000)
        running = asyncio.create_task(connection.run())
        async with asyncio.timeout(5):
            while listener.connections < 3:
                await asyncio.sleep(0.001)
        connection.stop()
        await asyncio.wait_for(running, 5)
        assert listener.heard.count(b"\x0135=A\x01") >= 3


async def test_venue_that_announces_its_end_and_refuses_is_not_hammered(tmp_path):
    """One attempt at once, then the usual back-off."""
    connection = make_connection(tmp_path, 1)
    attempts = []

    async def wait(seconds):
        attempts.append(connection.attempts)
        connection.stop()

    connection._wait = wait
    connection.feed.reconnect_at_once = True
    await connection.run()
    assert attempts == [2]


def test_back_off_grows_until_a_session_lasts_longer_than_the_longest_delay():
    back_off = BackOff(100.0, 1000.0)
    assert [back_off.after(0) for _ in range(6)] == [100, 200, 400, 800, 1000, 1000]
    assert back_off.after(1000.0) == 1000
    assert [back_off.after(1001.0), back_off.after(5.0), back_off.after(0)] == [100, 200, 400]


@pytest.mark.parametrize(
    ("lasts_ms", "delays"),
    [(0, [5, 10, 20, 40, 80, 160, 160, 160, 160, 160, 160]), (160, [5, 10, 20, 40, 80, 160]), (195, [5] * 5)],
)
async def test_venue_that_ends_each_session_at_once_is_not_hammered(tmp_path, monkeypatch, lasts_ms, delays):
    """Within a second, with delays of 5 to 160 ms."""
    connection = make_connection(tmp_path, 1)
    connection._reconnect_ms = (5.0, 160.0)
    now, waited = 10**9, []

    async def connect_once():
        nonlocal now
        connection.feed.logons += 1
        connection.feed.logged_on_ns = now
        now += lasts_ms * NS_PER_MS

    async def wait(seconds):
        nonlocal now
        now += int(seconds * 1e9)
        waited.append(round(seconds * 1000))
        if now >= 2 * 10**9:
            connection.stop()

    monkeypatch.setattr(transport, "mono_ns", lambda: now)
    monkeypatch.setattr(transport.random, "uniform", lambda low, high: high)
    connection.connect_once, connection._wait = connect_once, wait
    await connection.run()
    assert waited == delays


async def test_exception_in_the_feed_propagates(tmp_path):
    async with Listener() as listener:
        connection = make_connection(tmp_path, listener.port)
        connection.feed.on_timer = None  # type: ignore[assignment, method-assign]
        async with asyncio.timeout(5):
            try:
                await connection.run()
            except TypeError:
                return
        raise AssertionError("it went on")


class Authority:
    """A venue's certificate, and TLS contexts of both sides. The venue requests a client certificate."""

    def __init__(self, name: str) -> None:
        self.ca = trustme.CA()
        self.venue = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(name).configure_cert(self.venue)
        self.ca.configure_trust(self.venue)
        self.venue.verify_mode = ssl.CERT_REQUIRED

    def ours(self, ca: trustme.CA, with_certificate: bool = True) -> ssl.SSLContext:
        context = ssl.create_default_context()
        ca.configure_trust(context)
        if with_certificate:
            self.ca.issue_cert("desk.example").configure_cert(context)
        return context


def test_session_over_tls_with_a_client_certificate(tmp_path):
    authority = Authority("venue.example")

    async def connect() -> bytes:
        async with Listener(authority.venue) as listener:
            ours = authority.ours(authority.ca)
            connection = make_connection(tmp_path, listener.port, tls=ours, server_name="venue.example")
            running = asyncio.create_task(connection.run())
            async with asyncio.timeout(5):
                while b"\x0135=A\x01" not in listener.heard:
                    await asyncio.sleep(0.001)
            connection.stop()
            await asyncio.wait_for(running, 5)
            return listener.heard

    assert uvloop.run(connect()).startswith(b"8=FIX.4.4"), "on uvloop, as in the process"


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"server_name": "other.example"}, "Hostname mismatch"),
        ({}, "IP address mismatch"),
        ({"ca": trustme.CA(), "server_name": "venue.example"}, "self-signed certificate in certificate chain"),
    ],
)
async def test_venue_with_a_wrong_certificate_gets_no_logon(tmp_path, caplog, how, words):
    caplog.set_level(logging.WARNING)
    authority = Authority("venue.example")
    async with Listener(authority.venue) as listener:
        ours = authority.ours(how.pop("ca", authority.ca))
        connection = make_connection(tmp_path, listener.port, tls=ours, **how)
        running = asyncio.create_task(connection.run())
        async with asyncio.timeout(5):
            while connection.attempts < 3:
                await asyncio.sleep(0.001)
        connection.stop()
        await asyncio.wait_for(running, 5)
        assert listener.heard == b""
    assert f"certificate verification failed: {words}" in caplog.text
