"""The API's routes: POST /v1/expiry, POST /v1/expiry:batch, the WebSocket /v1/expiry/stream, GET /v1/openapi.json."""

import asyncio
from http import HTTPStatus

from aiohttp import WSCloseCode, WSMsgType, web

from quotelife.api.expiries import Expiries
from quotelife.api.metrics import Meters
from quotelife.api.openapi import document
from quotelife.config.sections import Api
from quotelife.http.guard import Guard
from quotelife.http.problems import Problem
from quotelife.http.server import application, read_body
from quotelife.runtime.clock import NS_PER_S, mono_ns

MAX_BODY_BYTES = 256 << 10
MAX_MESSAGE_BYTES = 16 << 10  # of a request over the WebSocket
SEND_S = 1.0  # a peer that has not read for so long is closed
_JSON = "application/json"


class ApiGuard(Guard):
    """Asking changes nothing, so on loopback it is free; where a token is configured, everything needs it."""

    def needs_token(self, request: web.Request) -> bool:
        return self._token is not None or not self.loopback


class Allowance:
    """Requests of one connection: refills evenly, holds one second's worth."""

    def __init__(self, per_second: float) -> None:
        self._per_second, self._most = per_second, max(per_second, 1.0)
        self._left, self._filled_ns = self._most, mono_ns()

    def take(self, n: int) -> None:
        """Problem if there are not so many left."""
        now = mono_ns()
        self._left = min(self._left + (now - self._filled_ns) * self._per_second / NS_PER_S, self._most)
        self._filled_ns = now
        if self._left < n:
            text = f"more than {self._per_second:g} requests a second on one connection"
            problem = Problem(HTTPStatus.TOO_MANY_REQUESTS, text, "rate-limited", reason="rate_limited", code=3)
            problem.headers["Retry-After"] = str(max(round(n / self._per_second), 1))
            raise problem
        self._left -= n


class Pages:
    """The routes and what they need."""

    def __init__(self, expiries: Expiries, meters: Meters, api: Api) -> None:
        self._expiries, self._meters, self._api = expiries, meters, api
        self._allowances: dict[web.RequestHandler, Allowance] = {}
        self._streams: set[web.WebSocketResponse] = set()
        self._openapi = document(api)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/expiry", self._expiry),
            web.post("/v1/expiry:batch", self._batch),
            web.get("/v1/expiry/stream", self._stream),
            web.get("/v1/openapi.json", self._document),
        ]

    async def close_streams(self, _app: web.Application) -> None:
        """Tell those who are connected that the service ends."""
        for stream in list(self._streams):
            await stream.close(code=WSCloseCode.GOING_AWAY, message=b"the service ends", drain=False)

    async def _expiry(self, request: web.Request) -> web.Response:
        body = await read_body(request)
        self._allowance(request).take(1)
        return web.Response(body=self._expiries.one(body), content_type=_JSON)

    async def _batch(self, request: web.Request) -> web.Response:
        body = await read_body(request)
        allowance = self._allowance(request)
        return web.Response(body=self._expiries.batch(body, allowance.take), content_type=_JSON)

    async def _document(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._openapi, content_type=_JSON)

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        """Answers in the order of the requests, of which several may be on their way."""
        stream = web.WebSocketResponse(heartbeat=30.0, max_msg_size=MAX_MESSAGE_BYTES, compress=False)
        if not stream.can_prepare(request):
            raise Problem(HTTPStatus.UPGRADE_REQUIRED, "this is a WebSocket")
        await stream.prepare(request)
        allowance, meters = Allowance(self._api.requests_per_second), self._meters
        self._streams.add(stream)
        meters.values[meters.streams] = len(self._streams)
        try:
            async for message in stream:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                body = message.data.encode() if message.type is WSMsgType.TEXT else message.data
                async with asyncio.timeout(SEND_S):
                    await stream.send_frame(self._streamed(body, allowance), WSMsgType.TEXT)
        except TimeoutError:
            meters.values[meters.dropped] += 1
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # gone while it was answered
        finally:
            self._streams.discard(stream)
            meters.values[meters.streams] = len(self._streams)
        return stream

    def _streamed(self, body: bytes, allowance: Allowance) -> bytes:
        try:
            allowance.take(1)
        except Problem as problem:
            return self._expiries.refused_on_stream(body, problem)
        return self._expiries.stream(body)

    def _allowance(self, request: web.Request) -> Allowance:
        """That of the request's connection."""
        allowance = self._allowances.get(request.protocol)
        if allowance is None:
            for closed in [p for p in self._allowances if p.transport is None]:
                del self._allowances[closed]
            allowance = self._allowances[request.protocol] = Allowance(self._api.requests_per_second)
        return allowance


def api_application(api: Api, token: str | None, expiries: Expiries, meters: Meters) -> web.Application:
    """The application behind its guard; it may listen on TCP and on a Unix socket at once."""
    pages = Pages(expiries, meters, api)
    guard = ApiGuard(api.host, token)
    app = application(guard, [pages.routes()], MAX_BODY_BYTES)
    app.on_shutdown.append(pages.close_streams)
    return app
