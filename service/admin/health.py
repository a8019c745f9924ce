"""/livez and /readyz: for whoever runs the service, 200 or 503, with details for those who may read."""

from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

import orjson
from aiohttp import web

from service.http.guard import MAY_READ

LIVE, READY = "/livez", "/readyz"


class Health(NamedTuple):
    """An answer to a probe: good or not, and what of."""

    good: bool
    details: dict[str, object]


def routes(alive: Callable[[], Health], ready: Callable[[], Health]) -> list[web.RouteDef]:
    """The two probes."""

    async def live(request: web.Request) -> web.Response:
        return _response(request, alive())

    async def readiness(request: web.Request) -> web.Response:
        return _response(request, ready())

    return [web.get(LIVE, live), web.get(READY, readiness)]


def _response(request: web.Request, health: Health) -> web.Response:
    status = HTTPStatus.OK if health.good else HTTPStatus.SERVICE_UNAVAILABLE
    details = health.details if request[MAY_READ] else {}
    body = orjson.dumps({"good": health.good} | details) + b"\n"
    return web.Response(status=status, body=body, content_type="application/json")
