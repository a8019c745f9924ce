"""The HTTP server: an aiohttp application with common limits and headers, on TCP or a Unix socket."""

import asyncio
import logging
import os
import socket
from collections.abc import Iterable
from pathlib import Path

from aiohttp import web

from quotelife.http.guard import Guard, guard_middleware
from quotelife.http.problems import problem_middleware

MAX_BODY_BYTES = 1 << 20
IDLE_S = 30.0  # a connection without a complete request for this long is closed
STOP_S = 1.0  # for requests in progress when the server closes
CONTENT_SECURITY_POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}

# A peer that does not speak HTTP gets a 400 and is disconnected; its bytes do not belong in the log.
_silent = logging.getLogger(f"{__name__}.peer")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


def make_application(
    guard: Guard, tables: Iterable[Iterable[web.AbstractRouteDef]], max_body_bytes: int = MAX_BODY_BYTES
) -> web.Application:
    """An application with these route tables behind the guard."""
    app = web.Application(middlewares=[problem_middleware, guard_middleware(guard)], client_max_size=max_body_bytes)
    app.on_response_prepare.append(_add_headers)
    for table in tables:
        app.add_routes(table)
    return app


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")


class HttpServer:
    """Runs an application. `port` is the TCP port in use."""

    def __init__(self, app: web.Application) -> None:
        self.port = 0
        self._unix: Path | None = None
        self._runner = web.AppRunner(
            app, access_log=None, logger=_silent, keepalive_timeout=IDLE_S, lingering_time=1.0, shutdown_timeout=STOP_S
        )

    async def listen(self, host: str, port: int) -> None:
        """Listen on TCP; OSError if the address is not available."""
        await self._set_up()
        try:
            site = web.TCPSite(self._runner, host, port)
            await site.start()
        except OSError:
            await self.close()
            raise
        self.port = site.port

    async def listen_unix(self, path: Path, mode: int) -> None:
        """Listen on a Unix socket with these permissions; OSError if another process listens there."""
        await self._set_up()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _remove_stale_socket(path)
            before = os.umask(0o777 & ~mode)  # the permissions hold from creation, not only after a chmod
            try:
                listening.bind(str(path))
            finally:
                os.umask(before)
            await web.SockSite(self._runner, listening).start()
        except OSError:
            listening.close()
            await self.close()
            raise
        self._unix = path

    async def _set_up(self) -> None:
        if self._runner.server is None:
            await self._runner.setup()

    async def close(self) -> None:
        """Stop listening; requests in progress have STOP_S to finish."""
        await self._runner.cleanup()
        if self._unix is not None:
            self._unix.unlink(missing_ok=True)
            self._unix = None


def _remove_stale_socket(path: Path) -> None:
    """Remove the socket file of a process that was killed: nothing listens on it."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()


async def read_body(request: web.Request, timeout_s: float = 5.0) -> bytes:
    """The request's body; aiohttp's exceptions refuse one that is too large or too slow."""
    if request.content.is_eof():  # fully received: no timer needed
        return await request.read()
    try:
        async with asyncio.timeout(timeout_s):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"incomplete request after {timeout_s:g} s") from None
