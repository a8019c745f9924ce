"""The socket of a venue session: feed and drain, no logic. And the task that keeps it connected."""

import asyncio
import logging
import random
import ssl
from typing import cast

from quotelife.marketdata.feed import Feed
from quotelife.runtime.clock import mono_ns, wall_ns

log = logging.getLogger(__name__)


class VenueProtocol(asyncio.BufferedProtocol):
    """The kernel writes received bytes straight into the feed's buffer."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._transport: asyncio.Transport | None = None
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._feed.connected(mono_ns(), wall_ns())
        self.drain()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._feed.room()

    def buffer_updated(self, nbytes: int) -> None:
        self._feed.received(nbytes, mono_ns(), wall_ns())
        self.drain()

    def connection_lost(self, exc: Exception | None) -> None:
        self._feed.disconnected(mono_ns())
        self._transport = None
        if not self.closed.done():
            self.closed.set_result(None)

    def drain(self) -> None:
        """Send what the feed has to send; close when it wants that."""
        if self._transport is None:
            return
        data = self._feed.take()
        if data:
            self._transport.write(data)
        if self._feed.closing is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Connection:
    """Connects, and connects again: exponential back-off with full jitter, from the start after each logon."""

    def __init__(
        self,
        feed: Feed,
        host: str,
        port: int,
        pause_ms: tuple[float, float],
        timer_s: float = 0.01,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> None:
        self.feed = feed
        self.attempts = 0
        self._address = (host, port)
        self._pause_ms = pause_ms
        self._timer_s = timer_s
        # With check_hostname off a name is still sent, so that the venue can choose its certificate by it.
        self._tls, self._server_name = tls, (server_name or host) if tls is not None else None
        self._protocol: VenueProtocol | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Until `stop`; then after an orderly logout."""
        shortest, longest = self._pause_ms
        pause = shortest
        while not self._stopping.is_set():
            logons = self.feed.logons
            self.attempts += 1
            try:
                await self._one_connection()
            except OSError as error:  # a certificate that is not accepted is one too
                log.warning("%s: cannot connect to %s:%d: %s", self.feed.name, *self._address, _words(error))
            if self.feed.logons > logons:
                pause = shortest
            await self._wait(random.uniform(0.5, 1.0) * pause / 1000)
            pause = min(2 * pause, longest)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _one_connection(self) -> None:
        loop = asyncio.get_running_loop()
        connecting = loop.create_connection(
            lambda: VenueProtocol(self.feed), *self._address, ssl=self._tls, server_hostname=self._server_name
        )
        _, protocol = await asyncio.wait_for(connecting, max(self._pause_ms[1] / 1000, 1.0))
        self._protocol = protocol
        if self._stopping.is_set():  # while connecting; by now the session may even stand
            self.stop()
        ticking = asyncio.create_task(self._tick(protocol))
        try:
            await asyncio.wait((protocol.closed, ticking), return_when=asyncio.FIRST_COMPLETED)
            if ticking.done():
                ticking.result()  # it only ends by an exception
        finally:
            ticking.cancel()
            protocol.abort()
            self._protocol = None

    async def _tick(self, protocol: VenueProtocol) -> None:
        while True:
            self.feed.timer(mono_ns(), wall_ns())
            protocol.drain()
            await asyncio.sleep(self._timer_s)

    def stop(self) -> None:
        """Log out and do not come back; `run` returns when the venue has answered or the time for it is over."""
        self._stopping.set()
        if self._protocol is not None:
            self.feed.logout(mono_ns(), wall_ns())
            self._protocol.drain()


def _words(error: OSError) -> str:
    """What is wrong with the connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    return error.strerror or str(error) or "no answer in time"
