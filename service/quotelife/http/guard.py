"""Access control of the HTTP servers: Host, Origin and token.

A page of another site in a trader's browser can send requests to 127.0.0.1 and, with its own name server, under its
own host name (DNS rebinding). On loopback only the loopback host names are therefore answered, and a request with the
Origin of another site never is.

The token is sent as `Authorization: Bearer TOKEN`. For reading, a browser may also send it as the password of Basic
authentication with any user name. Browsers repeat Basic credentials by themselves, so requests that change state must
use Bearer.
"""

import binascii
import hmac
from base64 import b64decode
from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from quotelife.config.value_types import LOOPBACK
from quotelife.http.problems import Problem

SAFE_METHODS = frozenset((hdrs.METH_GET, hdrs.METH_HEAD))
MAY_READ_DETAILS = web.RequestKey("may_read_details", bool)  # set by the guard on every request that it accepts
_HOSTS = frozenset((*LOOPBACK, "[::1]"))


class Guard:
    """Reading is free on loopback. Everything else needs the token and is refused if none is configured.

    `open_paths` answer every client; their handlers check MAY_READ_DETAILS before they return details.
    """

    def __init__(self, host: str, token: str | None, open_paths: Collection[str] = ()) -> None:
        self.loopback = host in LOOPBACK
        self._token = None if token is None else token.encode()
        self._open = frozenset(open_paths)

    def needs_token(self, request: web.Request) -> bool:
        return request.method not in SAFE_METHODS or not self.loopback

    def check(self, request: web.Request) -> None:
        """Raise `Problem` if the request is refused."""
        self._check_site(request)
        if not self.needs_token(request):
            request[MAY_READ_DETAILS] = True
        elif request.path in self._open and request.method in SAFE_METHODS:
            request[MAY_READ_DETAILS] = self._has_token(request)
        else:
            self._check_token(request)
            request[MAY_READ_DETAILS] = True

    def _check_site(self, request: web.Request) -> None:
        over_tcp = isinstance(request.get_extra_info("sockname"), tuple)
        if over_tcp and self.loopback and _without_port(request.host) not in _HOSTS:
            text = f"host name not served here: {request.host}"
            raise Problem(HTTPStatus.MISDIRECTED_REQUEST, text, field="Host", allowed=sorted(_HOSTS))
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and urlsplit(origin).netloc != request.host:
            text = "cross-site requests are refused"
            raise Problem(HTTPStatus.FORBIDDEN, text, field="Origin", value=origin[:100])

    def _check_token(self, request: web.Request) -> None:
        if self._token is None:
            text = "a token is required, but none is configured (token_env or token_file)"
            raise Problem(HTTPStatus.FORBIDDEN, text, "no-token-configured")
        if not self._has_token(request):
            problem = Problem(HTTPStatus.UNAUTHORIZED, "token required: Authorization: Bearer TOKEN", "token")
            problem.headers[hdrs.WWW_AUTHENTICATE] = 'Basic realm="quotelife"' if _is_safe(request) else "Bearer"
            raise problem

    def _has_token(self, request: web.Request) -> bool:
        if self._token is None:
            return False
        scheme, _, credentials = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.casefold() == "basic" and _is_safe(request):
            credentials = _basic_password(credentials)
        elif scheme.casefold() != "bearer":
            return False
        return hmac.compare_digest(credentials.strip().encode(errors="replace"), self._token)


class OwnerGuard(Guard):
    """Of a Unix socket that file permissions reserve for the service's user and root: they may do everything."""

    def __init__(self) -> None:
        super().__init__(LOOPBACK[0], None)

    def check(self, request: web.Request) -> None:
        request[MAY_READ_DETAILS] = True


def guard_middleware(guard: Guard) -> Middleware:
    """Middleware that passes on the requests that the guard accepts."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        guard.check(request)
        return await handler(request)

    return guarded


def _is_safe(request: web.Request) -> bool:
    return request.method in SAFE_METHODS


def _basic_password(credentials: str) -> str:
    """The password of Basic credentials; empty if they are malformed."""
    try:
        return b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
