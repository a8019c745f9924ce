"""The socket of a venue session, and the task that reconnects it; no protocol logic."""

import asyncio
import random
import ssl
from collections.abc import Callable
from typing import cast

from quotelife.logs import LogEvent, event_logger
from quotelife.marketdata.feed import VenueFeed
from quotelife.runtime.clock import NS_PER_MS, mono_ns, wall_ns

logger = event_logger(__name__)


class VenueProtocol(asyncio.BufferedProtocol):
    """Receives directly into the feed's buffer."""

    def __init__(self, feed: VenueFeed, on_sent: Callable[[bytes], None] | None = None) -> None:
        self._feed = feed
        self._on_sent = on_sent
        self._transport: asyncio.Transport | None = None
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._feed.connected(mono_ns(), wall_ns())
        self.drain()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._feed.free_buffer()

    def buffer_updated(self, nbytes: int) -> None:
        self._feed.received(nbytes, mono_ns(), wall_ns())
        self.drain()

    def connection_lost(self, exc: Exception | None) -> None:
        self._feed.disconnected(mono_ns())
        self._transport = None
        if not self.closed.done():
            self.closed.set_result(None)

    def drain(self) -> None:
        """Send the feed's bytes; close if the feed is closing."""
        if self._transport is None:
            return
        data = self._feed.drain()
        if data:
            self._transport.write(data)
            if self._on_sent is not None:
                self._on_sent(data)
        if self._feed.closing is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class BackOff:
    """Delays before connecting again: each twice the one before, from the shortest to the longest.

    They begin anew only after a session that lasted longer than the longest delay. So a venue that accepts every Logon
    and then ends the session is asked ever more rarely, as one that refuses it.
    """

    def __init__(self, shortest_ms: float, longest_ms: float) -> None:
        self._shortest_ms, self._longest_ms = shortest_ms, longest_ms
        self._next_ms = shortest_ms

    def after(self, established_ms: float) -> float:
        """The delay in ms after an attempt whose session was established for so long, 0: not at all."""
        if established_ms > self._longest_ms:
            self._next_ms = self._shortest_ms
        delay_ms = self._next_ms
        self._next_ms = min(2 * delay_ms, self._longest_ms)
        return delay_ms


class VenueConnection:
    """Connects and reconnects, with a back-off (`BackOff`) and jitter."""

    def __init__(
        self,
        feed: VenueFeed,
        host: str,
        port: int,
        reconnect_ms: tuple[float, float],
        timer_s: float = 0.01,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        on_sent: Callable[[bytes], None] | None = None,
    ) -> None:
        """`on_sent` is called with what was sent, for an observer."""
        self.feed = feed
        self._on_sent = on_sent
        self.attempts = 0
        self._address = (host, port)
        self._reconnect_ms = reconnect_ms
        self._timer_s = timer_s
        # Sent even with check_hostname off: the venue may select its certificate by it.
        self._tls, self._server_name = tls, (server_name or host) if tls is not None else None
        self._protocol: VenueProtocol | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Run until `stop` and the logout that follows."""
        back_off = BackOff(*self._reconnect_ms)
        while not self._stopping.is_set():
            logons = self.feed.logons
            self.attempts += 1
            try:
                await self.connect_once()
            except OSError as error:  # includes ssl.SSLCertVerificationError
                venue, text = self.feed.name, "%s: cannot connect to %s:%d: %s"
                logger.warning(LogEvent.VENUE_UNREACHABLE, text, venue, *self._address, _describe(error), venue=venue)
            established_ns = mono_ns() - self.feed.logged_on_ns if self.feed.logons > logons else 0
            delay_ms = back_off.after(established_ns / NS_PER_MS)
            if self.feed.reconnect_at_once:
                self.feed.reconnect_at_once = False  # only once: the venue may refuse
                continue
            await self._wait(random.uniform(0.5, 1.0) * delay_ms / 1000)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def connect_once(self) -> None:
        """Run one session until its connection is closed. OSError, such as TimeoutError, if it cannot be connected."""
        loop = asyncio.get_running_loop()
        connecting = loop.create_connection(
            lambda: VenueProtocol(self.feed, self._on_sent),
            *self._address,
            ssl=self._tls,
            server_hostname=self._server_name,
        )
        _, protocol = await asyncio.wait_for(connecting, max(self._reconnect_ms[1] / 1000, 1.0))
        self._protocol = protocol
        if self._stopping.is_set():  # stopped while connecting; the session may even be established
            self.stop()
        timer = asyncio.create_task(self._run_timer(protocol))
        try:
            await asyncio.wait((protocol.closed, timer), return_when=asyncio.FIRST_COMPLETED)
            if timer.done():
                timer.result()  # ends only with an exception
        finally:
            timer.cancel()
            protocol.abort()
            self._protocol = None

    async def _run_timer(self, protocol: VenueProtocol) -> None:
        while True:
            self.feed.on_timer(mono_ns(), wall_ns())
            protocol.drain()
            await asyncio.sleep(self._timer_s)

    def stop(self) -> None:
        """Log out and do not reconnect; `run` returns once the venue has answered or after a timeout."""
        self._stopping.set()
        if self._protocol is not None:
            self.feed.logout(mono_ns(), wall_ns())
            self._protocol.drain()


def _describe(error: OSError) -> str:
    """The cause of a failed connection, for the log."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verification failed: {error.verify_message}"
    return error.strerror or str(error) or "timed out"
