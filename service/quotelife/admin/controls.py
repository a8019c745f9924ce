"""Routes of the desk's controls: /v1/orders lists them; /v1/stop and /v1/resume are the kill switch; /v1/market-state
holds a market state, /v1/model forces an expiry model.

Every response is the document of all controls in force:

    {"all": STOP or null, "instruments": {NAME: STOP}, "clients": {NAME: STOP},
     "market_states": {SYMBOL: {"state", "since", "reason"}},
     "models": {"all": MODEL or null, "instruments": {NAME: MODEL}, "clients": {NAME: MODEL}}}

with STOP {"since", "reason"} and MODEL {"model", "since", "reason"}. `since` is a UTC time stamp; that of a market
state is null if an earlier version of the service held it. A response to POST also has `changed`.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, TypeVar

import msgspec
from aiohttp import web

from quotelife.controls.store import ControlsStore, InvalidControl
from quotelife.http.problems import Problem
from quotelife.http.responses import json_response
from quotelife.http.server import read_body

_Text = Annotated[str, msgspec.Meta(max_length=200)]
_T = TypeVar("_T", bound=msgspec.Struct)


class StopRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Stop quoting: `scope` is all, or instrument or client with a `name`."""

    scope: str
    name: _Text = ""
    reason: _Text = ""


class ResumeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Resume what was stopped with the same scope and name."""

    scope: str
    name: _Text = ""
    reason: _Text = ""


class MarketStateRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Hold an instrument's market state; null derives it from the features again."""

    symbol: _Text
    state: str | None
    reason: _Text = ""


class ModelRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Force the expiry model of all quotes, of an instrument's or of those to a client; null leaves it to the rules."""

    scope: str
    model: str | None
    name: _Text = ""
    reason: _Text = ""


class ControlsRoutes:
    """Every response lists all controls in force; `changed` is false if the request changed nothing."""

    def __init__(self, controls: ControlsStore) -> None:
        self._controls = controls

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/orders", self._get),
            web.post("/v1/stop", self._stop),
            web.post("/v1/resume", self._resume),
            web.post("/v1/market-state", self._hold_market),
            web.post("/v1/model", self._force_model),
        ]

    async def _get(self, _request: web.Request) -> web.Response:
        return json_response(self._controls.document())

    async def _stop(self, request: web.Request) -> web.Response:
        stop = await decode_body(request, StopRequest)
        return self._apply(lambda: self._controls.stop(stop.scope, stop.name, stop.reason))

    async def _resume(self, request: web.Request) -> web.Response:
        resume = await decode_body(request, ResumeRequest)
        return self._apply(lambda: self._controls.resume(resume.scope, resume.name, resume.reason))

    async def _hold_market(self, request: web.Request) -> web.Response:
        held = await decode_body(request, MarketStateRequest)
        return self._apply(lambda: self._controls.hold_market(held.symbol, held.state, held.reason))

    async def _force_model(self, request: web.Request) -> web.Response:
        forced = await decode_body(request, ModelRequest)
        return self._apply(lambda: self._controls.force_model(forced.scope, forced.name, forced.model, forced.reason))

    def _apply(self, change: Callable[[], bool]) -> web.Response:
        try:
            changed = change()
        except InvalidControl as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), "order", field=error.field) from None
        except OSError as error:
            text = f"in force, but not saved to disk ({error.strerror}): lost at the next restart"
            raise Problem(HTTPStatus.INSUFFICIENT_STORAGE, text, "not-kept") from None
        return json_response({"changed": changed} | self._controls.document())


async def decode_body(request: web.Request, kind: type[_T]) -> _T:
    """The request's JSON as `kind`; raises Problem if it is not."""
    body = await read_body(request)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, str(error), "body", allowed=list(kind.__struct_fields__)
        ) from None
    except msgspec.DecodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"not JSON: {error}", "body") from None
