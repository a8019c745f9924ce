"""Route /v1/positions: lists the positions of the desk and those with each client, and changes one.

The quoting process makes the change, because it alone writes the ledger.
"""

import asyncio
from http import HTTPStatus

import orjson
from aiohttp import web

from quotelife.config.paths import RunPaths
from quotelife.dashboard.positions import PositionView
from quotelife.http.problems import Problem
from quotelife.http.responses import json_response
from quotelife.http.server import read_body
from quotelife.runtime.line_socket import ask

_STATUS = {
    "invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "conflict": HTTPStatus.CONFLICT,
    "failed": HTTPStatus.INTERNAL_SERVER_ERROR,
}


class PositionsRoutes:
    """Reads with `view`, and passes changes to the quoting process."""

    def __init__(self, view: PositionView, run: RunPaths) -> None:
        self._view, self._path = view, run.positions_socket

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/positions", self._get), web.post("/v1/positions", self._post)]

    async def _get(self, _request: web.Request) -> web.Response:
        positions = await asyncio.to_thread(self._view.read)
        return json_response(positions.document())

    async def _post(self, request: web.Request) -> web.Response:
        """One change; sent again it gets the same answer with `changed` false."""
        body = await read_body(request)
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Problem(HTTPStatus.BAD_REQUEST, f"not JSON: {error}", "body") from None
        try:
            answer = await ask(self._path, body)
        except (OSError, TimeoutError):
            text = "the quoting process does not respond: send the same change again, with the same id"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, text, "no-quoting") from None
        refused = answer.get("refused")
        if isinstance(refused, dict):
            status = _STATUS[str(answer["kind"])]
            raise Problem(status, refused["detail"], "position", field=refused["field"])
        return json_response(answer)
