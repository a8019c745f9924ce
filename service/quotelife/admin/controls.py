"""/v1/orders, /v1/stop, /v1/resume, /v1/market-state: the desk's kill switch, and the markets it holds for a state."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, TypeVar

import msgspec
import orjson
from aiohttp import web

from quotelife.controls.store import ControlsStore, InvalidControl
from quotelife.http.problems import Problem
from quotelife.http.server import read_body

_Text = Annotated[str, msgspec.Meta(max_length=200)]
_T = TypeVar("_T", bound=msgspec.Struct)


class StopRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Stop quoting: `scope` all, or an instrument or client by `name`."""

    scope: str
    name: _Text = ""
    reason: _Text = ""


class ResumeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Quote again what was stopped under the same scope and name."""

    scope: str
    name: _Text = ""


class MarketStateRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Hold an instrument's market for a state; null lets it follow from the features again."""

    symbol: _Text
    state: str | None


class ControlsRoutes:
    """Every order answers with all orders in force; `changed` is false where it was so already."""

    def __init__(self, controls: ControlsStore) -> None:
        self._controls = controls

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/orders", self._get),
            web.post("/v1/stop", self._stop),
            web.post("/v1/resume", self._resume),
            web.post("/v1/market-state", self._force),
        ]

    async def _get(self, _request: web.Request) -> web.Response:
        return _json(self._controls.document())

    async def _stop(self, request: web.Request) -> web.Response:
        order = await decoded(request, StopRequest)
        return self._carry_out(lambda: self._controls.stop(order.scope, order.name, order.reason))

    async def _resume(self, request: web.Request) -> web.Response:
        order = await decoded(request, ResumeRequest)
        return self._carry_out(lambda: self._controls.resume(order.scope, order.name))

    async def _force(self, request: web.Request) -> web.Response:
        order = await decoded(request, MarketStateRequest)
        return self._carry_out(lambda: self._controls.hold_market(order.symbol, order.state))

    def _carry_out(self, order: Callable[[], bool]) -> web.Response:
        try:
            changed = order()
        except InvalidControl as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), "order", field=error.field) from None
        except OSError as error:
            text = f"it is in force, but not on disk ({error.strerror}): it ends with the next restart"
            raise Problem(HTTPStatus.INSUFFICIENT_STORAGE, text, "not-kept") from None
        return _json({"changed": changed} | self._controls.document())


async def decoded(request: web.Request, kind: type[_T]) -> _T:
    """The request's JSON as `kind`; Problem where it is none."""
    body = await read_body(request)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, str(error), "body", allowed=list(kind.__struct_fields__)
        ) from None
    except msgspec.DecodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"not JSON: {error}", "body") from None


def _json(document: object) -> web.Response:
    return web.Response(body=orjson.dumps(document) + b"\n", content_type="application/json")
