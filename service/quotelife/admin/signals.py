"""/v1/signals: news sentiment and volatility indices from outside, and what is in force of them."""

from http import HTTPStatus
from pathlib import Path

import orjson
from aiohttp import web

from quotelife.config.paths import RunPaths
from quotelife.http.problems import Problem
from quotelife.http.server import read_body
from quotelife.signals.receiver import send


class SignalsRoutes:
    """Hands signals to the process that writes the board."""

    def __init__(self, run_directory: Path) -> None:
        self._path = RunPaths(run_directory).signals_socket

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/signals", self._get), web.post("/v1/signals", self._post)]

    async def _get(self, _request: web.Request) -> web.Response:
        return await self._ask(b"{}")

    async def _post(self, request: web.Request) -> web.Response:
        """One signal, or a list of them."""
        body = await read_body(request)
        try:
            given = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Problem(HTTPStatus.BAD_REQUEST, f"not JSON: {error}", "body") from None
        signals = given if isinstance(given, list) else [given]
        if not signals:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "no signal; allowed: one, or a list of them", "body")
        return await self._ask(orjson.dumps({"signals": signals}))

    async def _ask(self, line: bytes) -> web.Response:
        try:
            answer = await send(self._path, line)
        except (OSError, TimeoutError):
            text = "the marketdata process does not answer; ask again"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, text, "no-market-data") from None
        refused = answer.get("refused")
        if isinstance(refused, dict):
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, refused["detail"], "signal", at=refused["at"], field=refused["field"]
            )
        return web.Response(body=orjson.dumps(answer) + b"\n", content_type="application/json")
