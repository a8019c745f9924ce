"""Who may ask: the Host that is named, the Origin, the token.

A page of another site that a trader's browser shows can send requests to 127.0.0.1 and, with a name server of its own,
under a name of its own (DNS rebinding). So on loopback only the names of loopback are answered, and a request with the
Origin of another site never is.

The token comes as `Authorization: Bearer TOKEN`. To read, a browser may send it as the password of Basic authentication
with any user name; a browser repeats that by itself, so what changes state takes it as Bearer only.
"""

import binascii
import hmac
from base64 import b64decode
from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from quotelife.config.sections import LOOPBACK
from quotelife.http.problems import Problem

READING = frozenset((hdrs.METH_GET, hdrs.METH_HEAD))
MAY_READ = web.RequestKey("may_read", bool)  # set for the paths that answer everybody: whether details may be told
_HOSTS = frozenset((*LOOPBACK, "[::1]"))


class Guard:
    """Reading is free on loopback, everything else needs the token; without one configured it is refused.

    `open_paths` answer everybody; a handler there looks at MAY_READ before it tells details.
    """

    def __init__(self, host: str, token: str | None, open_paths: Collection[str] = ()) -> None:
        self.loopback = host in LOOPBACK
        self._token = None if token is None else token.encode()
        self._open = frozenset(open_paths)

    def needs_token(self, request: web.Request) -> bool:
        return request.method not in READING or not self.loopback

    def check(self, request: web.Request) -> None:
        """`Problem` if the request is not to be answered."""
        self._check_site(request)
        if not self.needs_token(request):
            request[MAY_READ] = True
        elif request.path in self._open and request.method in READING:
            request[MAY_READ] = self._has_token(request)
        else:
            self._check_token(request)
            request[MAY_READ] = True

    def _check_site(self, request: web.Request) -> None:
        over_tcp = isinstance(request.get_extra_info("sockname"), tuple)
        if over_tcp and self.loopback and _without_port(request.host) not in _HOSTS:
            text = f"no service of this name listens here: {request.host}"
            raise Problem(HTTPStatus.MISDIRECTED_REQUEST, text, field="Host", allowed=sorted(_HOSTS))
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and urlsplit(origin).netloc != request.host:
            text = "requests from pages of other sites are refused"
            raise Problem(HTTPStatus.FORBIDDEN, text, field="Origin", value=origin[:100])

    def _check_token(self, request: web.Request) -> None:
        if self._token is None:
            text = "this needs a token, and none is configured (token_env or token_file)"
            raise Problem(HTTPStatus.FORBIDDEN, text, "no-token-configured")
        if not self._has_token(request):
            problem = Problem(HTTPStatus.UNAUTHORIZED, "this needs the token: Authorization: Bearer TOKEN", "token")
            problem.headers[hdrs.WWW_AUTHENTICATE] = 'Basic realm="quotelife"' if _reads(request) else "Bearer"
            raise problem

    def _has_token(self, request: web.Request) -> bool:
        if self._token is None:
            return False
        scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.casefold() == "basic" and _reads(request):
            given = _password(given)
        elif scheme.casefold() != "bearer":
            return False
        return hmac.compare_digest(given.strip().encode(errors="replace"), self._token)


def guarding(guard: Guard) -> Middleware:
    """Middleware that lets through what the guard lets through."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        guard.check(request)
        return await handler(request)

    return guarded


def _reads(request: web.Request) -> bool:
    return request.method in READING


def _password(given: str) -> str:
    """The password of Basic authentication; empty if it is none."""
    try:
        return b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
