"""Routes of the desk page: /desk, its static files, and its stream of server-sent events.

    hello    names and units                                          once
    tape     quotes, their outcomes, refusals                         10 times a second
    market   book, features, state and curves of ?instrument=         5 times a second
    status   counts, rates, latency, sessions, controls, positions    once a second

A separate thread reads shared memory and the journal, so neither the quoting process nor a scrape waits for a page.
The kernels are loaded when the first page opens.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.config.shipped import DASHBOARD
from quotelife.controls.store import ControlsStore
from quotelife.dashboard.broadcaster import PERIOD_S, EventBroadcaster
from quotelife.dashboard.positions import PositionView
from quotelife.http.problems import Problem
from quotelife.runtime.clock import NS_PER_MS, mono_ns, wall_ns
from quotelife.runtime.process_tuning import defer_to_other_threads

if TYPE_CHECKING:
    from quotelife.dashboard.service_view import ServiceView

_FILES = {
    "desk.js": "text/javascript",
    "desk.css": "text/css",
    "uPlot.iife.min.js": "text/javascript",
    "uPlot.min.css": "text/css",
    "icon.svg": "image/svg+xml",
}
_MARKET_EVERY, _STATUS_EVERY = 2, 10  # periods
_MAX_VIEWERS = 50


class DashboardRoutes:
    """The desk page of one service."""

    def __init__(self, config: Config, run: RunPaths, controls: ControlsStore, positions: PositionView) -> None:
        self._config, self._run, self._controls, self._positions = config, run, controls, positions
        self._thread = ThreadPoolExecutor(1, "desk", defer_to_other_threads)
        self._view: ServiceView | None = None
        self._broadcaster: EventBroadcaster | None = None
        self._opening = asyncio.Lock()
        self._viewers = 0
        self._closing = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        files = [web.get(f"/desk/{name}", _static_file(name, kind)) for name, kind in _FILES.items()]
        return [
            web.get("/", _redirect),
            web.get("/desk", _static_file("index.html", "text/html")),
            web.get("/desk/events", self._events),
            *files,
        ]

    def configure(self, config: Config) -> None:
        """Show another version of the configuration; open pages connect again."""
        self._config, self._view, self._broadcaster = config, None, None

    async def end_streams(self, _app: web.Application) -> None:
        """End the streams of open pages; for `app.on_shutdown`."""
        self._closing.set()

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if self._viewers >= _MAX_VIEWERS:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE, f"limit of {_MAX_VIEWERS} open pages reached", "too-many-pages"
            )
        names = [i.symbol for i in self._config.instrument]
        symbol = request.query.get("instrument") or next(
            (i.symbol for i in self._config.instrument if i.quotable), names[0]
        )
        if symbol not in names:
            raise Problem(
                HTTPStatus.NOT_FOUND, "unknown instrument", "instrument", value=symbol[:64], allowed=names[:50]
            )
        self._viewers += 1
        try:
            return await self._stream(request, symbol)
        finally:
            self._viewers -= 1

    async def _stream(self, request: web.Request, symbol: str) -> web.StreamResponse:
        view, broadcaster = await self._open()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        viewer = broadcaster.subscribe()
        try:
            await _send(response, "hello", view.description | {"instrument": symbol})
            period = 0
            while self._view is view and not self._closing.is_set():
                events, left_out = viewer.drain()
                if events or left_out:
                    tape = {"now_ms": wall_ns() / NS_PER_MS, "events": events, "left_out": left_out}
                    await _send(response, "tape", tape)
                if period % _MARKET_EVERY == 0:
                    await _send(response, "market", await self._read(lambda: view.market(symbol, mono_ns())))
                if period % _STATUS_EVERY == 0:
                    status = await self._read(view.status)
                    positions = (await self._read(self._positions.read)).document()
                    desk = {"orders": self._controls.document(), "positions": positions}
                    await _send(response, "status", status | desk)
                period += 1
                await self._pause()
        except ConnectionError:
            pass  # the page was closed
        finally:
            broadcaster.unsubscribe(viewer)
        return response

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), PERIOD_S)
        except TimeoutError:
            return

    async def _open(self) -> "tuple[ServiceView, EventBroadcaster]":
        async with self._opening:
            if self._view is None or self._broadcaster is None:
                self._view = await self._read(self._make_view)
                self._broadcaster = EventBroadcaster(self._view.quote_events, self._thread)
            return self._view, self._broadcaster

    def _make_view(self) -> "ServiceView":
        from quotelife.dashboard.service_view import ServiceView  # loads the kernels

        return ServiceView(self._config, self._run, self._controls.region)

    async def _read(self, read: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, read)


async def _redirect(_request: web.Request) -> web.Response:
    return web.Response(status=HTTPStatus.FOUND, headers={"Location": "/desk"})


async def _send(response: web.StreamResponse, event: str, document: object) -> None:
    await response.write(b"event: " + event.encode() + b"\ndata: " + orjson.dumps(document) + b"\n\n")


def _static_file(name: str, kind: str) -> Callable[[web.Request], Any]:
    body = (DASHBOARD / name).read_bytes()

    async def send(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind, charset="utf-8", headers={"Cache-Control": "no-cache"})

    return send
