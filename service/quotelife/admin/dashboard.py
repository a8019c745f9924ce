"""Routes of the desk page: /desk, its static files, and its stream of server-sent events.

    hello    names and units                                          once
    tape     quotes, their outcomes, refusals                         10 times a second
    market   book, features, state and curves of ?instrument=         5 times a second
    status   counts, rates, latency, sessions, controls, positions,   once a second
             clients (the worst first), limits in use

What the page asks for itself is in `quotelife.admin.desk_history`; the mids of the last minutes are sampled here, from
the first page on.

A separate thread reads shared memory and the journal, so neither the quoting process nor a scrape waits for a page.
The kernels are loaded when the first page opens.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
from aiohttp import web

from quotelife.admin.desk_history import DeskHistoryRoutes
from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.config.shipped import DASHBOARD
from quotelife.controls.store import ControlsStore
from quotelife.controls.stored import ForcedModel, ForcedModels, HeldState, Stop, StoredControls
from quotelife.dashboard.broadcaster import PERIOD_S, EventBroadcaster
from quotelife.dashboard.mids import PERIOD_S as MIDS_PERIOD_S
from quotelife.dashboard.mids import MidHistory
from quotelife.dashboard.positions import PositionView
from quotelife.http.problems import Problem
from quotelife.runtime.clock import NS_PER_MS, mono_ns, wall_ns
from quotelife.runtime.process_tuning import defer_to_other_threads

if TYPE_CHECKING:
    from quotelife.dashboard.desk import DeskView
    from quotelife.dashboard.service_view import ServiceView

_KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_FILES = {path.name: _KINDS[path.suffix] for path in DASHBOARD.iterdir() if path.suffix in _KINDS}
_MARKET_EVERY, _STATUS_EVERY = 2, 10  # periods
_MAX_VIEWERS = 50


class DashboardRoutes:
    """The desk page of one service."""

    def __init__(self, config: Config, run: RunPaths, controls: ControlsStore, positions: PositionView) -> None:
        self._config, self._run, self._controls, self._positions = config, run, controls, positions
        self._thread = ThreadPoolExecutor(1, "desk", defer_to_other_threads)
        self._mids = MidHistory([instrument.symbol for instrument in config.instrument])
        self._history = DeskHistoryRoutes(config, self._mids)
        self._sampling: asyncio.Task[None] | None = None
        self._view: ServiceView | None = None
        self._desk: DeskView | None = None
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
            *self._history.routes(),
        ]

    def configure(self, config: Config) -> None:
        """Show another version of the configuration; open pages connect again."""
        self._config, self._view, self._desk, self._broadcaster = config, None, None, None
        self._history.configure(config)

    async def end_streams(self, _app: web.Application) -> None:
        """End the streams of open pages; for `app.on_shutdown`."""
        self._closing.set()

    def close(self) -> None:
        self._history.close()
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
        view, desk, broadcaster = await self._open()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        viewer = broadcaster.subscribe()
        try:
            await _send(response, "hello", self._hello(view, symbol))
            period = 0
            while self._view is view and not self._closing.is_set():
                events, left_out = viewer.drain()
                if events or left_out:
                    tape = {"now_ms": wall_ns() / NS_PER_MS, "events": events, "left_out": left_out}
                    await _send(response, "tape", tape)
                if period % _MARKET_EVERY == 0:
                    await _send(response, "market", await self._read(lambda: view.market(symbol, mono_ns())))
                if period % _STATUS_EVERY == 0:
                    status = await self._read(lambda: _status(view, desk))
                    controls = {"controls": _controls(self._controls.stored)}
                    await _send(response, "status", status | controls | {"orders": self._controls.document()})
                period += 1
                await self._pause(PERIOD_S)
        except ConnectionError:
            pass  # the page was closed
        finally:
            broadcaster.unsubscribe(viewer)
        return response

    def _hello(self, view: "ServiceView", symbol: str) -> dict[str, object]:
        admin = self._config.admin
        return view.description(symbol) | {
            "needs_token": True,
            "has_token": admin.token_env is not None or admin.token_file is not None,
        }

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return

    async def _open(self) -> "tuple[ServiceView, DeskView, EventBroadcaster]":
        async with self._opening:
            if self._view is None or self._desk is None or self._broadcaster is None:
                self._view, self._desk = await self._read(self._make_views)
                self._broadcaster = EventBroadcaster(self._view.quote_events, self._thread)
            if self._sampling is None or self._sampling.done():
                self._sampling = asyncio.create_task(self._sample())
            return self._view, self._desk, self._broadcaster

    def _make_views(self) -> "tuple[ServiceView, DeskView]":
        from quotelife.dashboard.desk import DeskView
        from quotelife.dashboard.service_view import ServiceView  # loads the kernels

        view = ServiceView(self._config, self._run, self._controls.region)
        return view, DeskView(self._config, self._run, self._positions)

    async def _sample(self) -> None:
        """Sample the mids; at no time are two readings on their way."""
        while not self._closing.is_set():
            view = self._view
            if view is not None:
                self._mids.add(wall_ns(), await self._read(partial(view.tops, mono_ns())))
            await self._pause(MIDS_PERIOD_S)

    async def _read(self, read: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, read)


def _status(view: "ServiceView", desk: "DeskView") -> dict[str, object]:
    status = view.status()
    sessions: Any = status["sessions"]
    return status | desk.read(sessions)


def _controls(stored: StoredControls) -> dict[str, object]:
    """What is in force, each control with its time in Unix ms and its reason."""
    held = {symbol: _control(state) for symbol, state in stored.held().items()}
    return _by_scope(stored) | {"market_states": held, "models": _by_scope(stored.models)}


def _by_scope(controls: StoredControls | ForcedModels) -> dict[str, object]:
    return {
        "all": None if controls.all is None else _control(controls.all),
        "instruments": {name: _control(control) for name, control in controls.instruments.items()},
        "clients": {name: _control(control) for name, control in controls.clients.items()},
    }


def _control(control: Stop | HeldState | ForcedModel) -> dict[str, object]:
    """Null for the time of a control that an earlier version has not noted."""
    document: dict[str, object] = msgspec.structs.asdict(control)
    del document["since_ns"]
    return document | {"since_ms": control.since_ns / NS_PER_MS if control.since_ns else None}


async def _redirect(_request: web.Request) -> web.Response:
    return web.Response(status=HTTPStatus.FOUND, headers={"Location": "/desk"})


async def _send(response: web.StreamResponse, event: str, document: object) -> None:
    await response.write(b"event: " + event.encode() + b"\ndata: " + orjson.dumps(document) + b"\n\n")


def _static_file(name: str, kind: str) -> Callable[[web.Request], Any]:
    body = (DASHBOARD / name).read_bytes()

    async def send(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind, charset="utf-8", headers={"Cache-Control": "no-cache"})

    return send
