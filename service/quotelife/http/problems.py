"""Problem details for refused requests (RFC 9457, application/problem+json)."""

from http import HTTPStatus

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from quotelife.logs import LogEvent, event_logger

logger = event_logger(__name__)
MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:problem-type:quotelife:"


class Problem(Exception):
    """A refused request.

    `kind` is the last part of the problem's type, None where the status alone is enough. `members` are the extension
    members, by convention `field`, `value` and `allowed`.
    """

    def __init__(self, status: HTTPStatus, detail: str, kind: str | None = None, **members: object) -> None:
        super().__init__(detail)
        self.status, self.detail, self.kind, self.members = status, detail, kind, members
        self.headers: dict[str, str] = {}

    def document(self) -> dict[str, object]:
        """The problem's members, standard members first."""
        kind = "about:blank" if self.kind is None else _TYPE + self.kind
        known = {"type": kind, "title": self.status.phrase, "status": self.status.value, "detail": self.detail}
        return known | self.members

    def response(self) -> web.Response:
        body = orjson.dumps(self.document(), default=str) + b"\n"
        return web.Response(status=self.status, body=body, content_type=MEDIA_TYPE, headers=self.headers)


@web.middleware
async def problem_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware that converts exceptions of a handler into problems and logs the unexpected ones."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPException as raised:
        return _of_http(request, raised).response()
    except ConnectionError:
        raise  # the peer has disconnected
    except Exception:
        logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception in %s %s", request.method, request.path)
        return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error; see the log").response()


def _of_http(request: web.Request, raised: web.HTTPException) -> Problem:
    """The problem for an error response of aiohttp itself."""
    status = HTTPStatus(raised.status)
    if isinstance(raised, web.HTTPMethodNotAllowed):
        allowed = sorted(raised.allowed_methods)
        problem = Problem(status, f"{request.method} is not allowed for {request.path}", allowed=allowed)
        problem.headers["Allow"] = ", ".join(allowed)
        return problem
    if isinstance(raised, web.HTTPNotFound):
        known = {resource.canonical for resource in request.app.router.resources()}
        return Problem(status, f"no resource at {request.path}", allowed=sorted(known))
    return Problem(status, raised.text or raised.reason)
