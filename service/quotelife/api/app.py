"""Routes of the expiry API: /v1/expiry, /v1/expiry:batch, /v1/expiry/stream (WebSocket), /v1/openapi.json, /docs."""

import asyncio
from http import HTTPStatus

from aiohttp import WSCloseCode, WSMsgType, web

from quotelife.api.docs import docs_routes
from quotelife.api.expiry_handler import ExpiryHandler
from quotelife.api.metrics import ApiMetrics
from quotelife.api.openapi import openapi_document
from quotelife.config import Config
from quotelife.config.sections import Api
from quotelife.http.guard import Guard
from quotelife.http.problems import Problem
from quotelife.http.server import make_application, read_body
from quotelife.runtime.clock import NS_PER_S, mono_ns

MAX_BODY_BYTES = 256 << 10
MAX_MESSAGE_BYTES = 16 << 10  # of a request over the WebSocket
SEND_S = 1.0  # a peer that does not read for this long is disconnected
_JSON = "application/json"


class ApiGuard(Guard):
    """Requests change no state: without a configured token they are free on loopback; with one, all need it."""

    def needs_token(self, request: web.Request) -> bool:
        return self._token is not None or not self.loopback


class RateLimiter:
    """Token bucket of one connection; its capacity is one second of requests."""

    def __init__(self, per_second: float) -> None:
        self._per_second, self._capacity = per_second, max(per_second, 1.0)
        self._available, self._refilled_ns = self._capacity, mono_ns()

    def acquire(self, n: int) -> None:
        """Admit `n` requests, or raise a Problem."""
        now = mono_ns()
        refill = (now - self._refilled_ns) * self._per_second / NS_PER_S
        self._available = min(self._available + refill, self._capacity)
        self._refilled_ns = now
        if self._available < n:
            text = f"rate limit exceeded: {self._per_second:g} requests a second for each connection"
            problem = Problem(HTTPStatus.TOO_MANY_REQUESTS, text, "rate-limited", reason="rate_limited", code=3)
            problem.headers["Retry-After"] = str(max(round(n / self._per_second), 1))
            raise problem
        self._available -= n


class ApiRoutes:
    """The routes and the state of their connections."""

    def __init__(self, handler: ExpiryHandler, metrics: ApiMetrics, api: Api, document: bytes) -> None:
        self._handler, self._metrics, self._api = handler, metrics, api
        self._rate_limiters: dict[web.RequestHandler, RateLimiter] = {}
        self._streams: set[web.WebSocketResponse] = set()
        self._openapi = document

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/expiry", self._expiry),
            web.post("/v1/expiry:batch", self._batch),
            web.get("/v1/expiry/stream", self._stream),
            web.get("/v1/openapi.json", self._document),
        ]

    async def close_streams(self, _app: web.Application) -> None:
        """Close the open WebSockets; for `app.on_shutdown`."""
        for stream in list(self._streams):
            await stream.close(code=WSCloseCode.GOING_AWAY, message=b"service shutting down", drain=False)

    async def _expiry(self, request: web.Request) -> web.Response:
        body = await read_body(request)
        self._rate_limiter(request).acquire(1)
        return web.Response(body=self._handler.expiry(body), content_type=_JSON)

    async def _batch(self, request: web.Request) -> web.Response:
        body = await read_body(request)
        rate_limiter = self._rate_limiter(request)
        return web.Response(body=self._handler.batch(body, rate_limiter.acquire), content_type=_JSON)

    async def _document(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._openapi, content_type=_JSON)

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        """Responses in the order of the requests; a client may send several without waiting."""
        stream = web.WebSocketResponse(heartbeat=30.0, max_msg_size=MAX_MESSAGE_BYTES, compress=False)
        if not stream.can_prepare(request):
            raise Problem(HTTPStatus.UPGRADE_REQUIRED, "WebSocket upgrade required")
        await stream.prepare(request)
        rate_limiter, metrics = RateLimiter(self._api.requests_per_second), self._metrics
        self._streams.add(stream)
        metrics.values[metrics.streams] = len(self._streams)
        try:
            async for message in stream:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                body = message.data.encode() if message.type is WSMsgType.TEXT else message.data
                async with asyncio.timeout(SEND_S):
                    await stream.send_frame(self._stream_response(body, rate_limiter), WSMsgType.TEXT)
        except TimeoutError:
            metrics.values[metrics.dropped] += 1
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # the peer disconnected during the response
        finally:
            self._streams.discard(stream)
            metrics.values[metrics.streams] = len(self._streams)
        return stream

    def _stream_response(self, body: bytes, rate_limiter: RateLimiter) -> bytes:
        try:
            rate_limiter.acquire(1)
        except Problem as problem:
            return self._handler.stream_problem(body, problem)
        return self._handler.stream(body)

    def _rate_limiter(self, request: web.Request) -> RateLimiter:
        """The rate limiter of the request's connection."""
        rate_limiter = self._rate_limiters.get(request.protocol)
        if rate_limiter is None:
            for closed in [p for p in self._rate_limiters if p.transport is None]:
                del self._rate_limiters[closed]
            rate_limiter = self._rate_limiters[request.protocol] = RateLimiter(self._api.requests_per_second)
        return rate_limiter


def api_application(
    config: Config, api: Api, token: str | None, handler: ExpiryHandler, metrics: ApiMetrics
) -> web.Application:
    """The API's application; it may be served on TCP and on a Unix socket at the same time."""
    routes = ApiRoutes(handler, metrics, api, openapi_document(config, api))
    guard = ApiGuard(api.host, token)
    app = make_application(guard, [routes.routes(), docs_routes()], MAX_BODY_BYTES)
    app.on_shutdown.append(routes.close_streams)
    return app
