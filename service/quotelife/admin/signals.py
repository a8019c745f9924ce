"""Route /v1/signals: accepts news sentiment and volatility indices, and lists the active signals."""

from http import HTTPStatus

import orjson
from aiohttp import web

from quotelife.config.paths import RunPaths
from quotelife.http.problems import Problem
from quotelife.http.responses import json_response
from quotelife.http.server import read_body
from quotelife.runtime.line_socket import ask


class SignalsRoutes:
    """Passes signals to the market-data process, which writes the board."""

    def __init__(self, run: RunPaths) -> None:
        self._path = run.signals_socket

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/signals", self._get), web.post("/v1/signals", self._post)]

    async def _get(self, _request: web.Request) -> web.Response:
        return await self._ask(b"{}")

    async def _post(self, request: web.Request) -> web.Response:
        """Accepts one signal or a list of signals."""
        body = await read_body(request)
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Problem(HTTPStatus.BAD_REQUEST, f"not JSON: {error}", "body") from None
        signals = document if isinstance(document, list) else [document]
        if not signals:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, "empty list; allowed: one signal or a list of signals", "body"
            )
        return await self._ask(orjson.dumps({"signals": signals}))

    async def _ask(self, line: bytes) -> web.Response:
        try:
            answer = await ask(self._path, line)
        except (OSError, TimeoutError):
            text = "the market-data process does not respond; retry later"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, text, "no-market-data") from None
        refused = answer.get("refused")
        if isinstance(refused, dict):
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, refused["detail"], "signal", at=refused["at"], field=refused["field"]
            )
        return json_response(answer)
