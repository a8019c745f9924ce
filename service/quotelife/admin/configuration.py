"""Routes of the configuration: /v1/configuration tells the version in force, /v1/reload puts the file in force."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec
from aiohttp import web

from quotelife.admin.controls import decode_body
from quotelife.config.versions.version import Version
from quotelife.http.problems import Problem
from quotelife.http.responses import json_response
from quotelife.runtime.clock import utc_timestamp


class ReloadRequest(msgspec.Struct, forbid_unknown_fields=True):
    """With `check` nothing changes: the response tells what would."""

    check: bool = False


class Refused(Exception):
    """The file cannot be put in force. `restart` names the changes that need one; `busy` means that it may be later."""

    def __init__(self, text: str, restart: list[str], *, busy: bool) -> None:
        super().__init__(text)
        self.restart, self.busy = restart, busy


class ConfigurationRoutes:
    """`in_force` returns the version in force; `reload` puts the file in force, or with True only checks it, and
    returns the changes, or raises `Refused`."""

    def __init__(self, in_force: Callable[[], Version], reload: Callable[[bool], Awaitable[list[str]]]) -> None:
        self._in_force, self._reload = in_force, reload

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/configuration", self._get), web.post("/v1/reload", self._post)]

    async def _get(self, _request: web.Request) -> web.Response:
        return json_response(self._document())

    async def _post(self, request: web.Request) -> web.Response:
        wanted = await decode_body(request, ReloadRequest)
        try:
            changes = await self._reload(wanted.check)
        except Refused as error:
            status = HTTPStatus.SERVICE_UNAVAILABLE if error.busy else HTTPStatus.UNPROCESSABLE_ENTITY
            raise Problem(status, str(error), "configuration", restart=error.restart) from None
        document = self._document() | {"changed": bool(changes) and not wanted.check, "changes": changes}
        return json_response(document)

    def _document(self) -> dict[str, object]:
        return describe_version(self._in_force())


def describe_version(version: Version) -> dict[str, object]:
    """A version of the configuration, as the HTTP API reports it."""
    return {
        "version": version.number,
        "hash": version.hash,
        "since": utc_timestamp(version.wall_ns),
        "because": version.because,
        "changes": list(version.changes),
        "file": version.config.file,
    }
