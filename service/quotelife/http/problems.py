"""What is wrong with a request, as problem details (RFC 9457, application/problem+json)."""

import sys
import traceback
from http import HTTPStatus

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:problem-type:quotelife:"


class Problem(Exception):
    """A request that is refused. `kind` ends the problem's type, None where the status says it all; `members` are the
    extension members, by convention `field`, `value` and `allowed`."""

    def __init__(self, status: HTTPStatus, detail: str, kind: str | None = None, **members: object) -> None:
        super().__init__(detail)
        self.status, self.detail, self.kind, self.members = status, detail, kind, members
        self.headers: dict[str, str] = {}

    def document(self) -> dict[str, object]:
        """The problem's members, those of the standard first."""
        kind = "about:blank" if self.kind is None else _TYPE + self.kind
        known = {"type": kind, "title": self.status.phrase, "status": self.status.value, "detail": self.detail}
        return known | self.members

    def response(self) -> web.Response:
        body = orjson.dumps(self.document(), default=str) + b"\n"
        return web.Response(status=self.status, body=body, content_type=MEDIA_TYPE, headers=self.headers)


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware: whatever a handler raises becomes a problem, and what nobody expected is logged."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPException as raised:
        return _of_http(request, raised).response()
    except ConnectionError:
        raise  # the peer is gone
    except Exception:
        print(f"exception at {request.method} {request.path}", file=sys.stderr, flush=True)
        traceback.print_exc(file=sys.stderr)
        return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error; it has been logged").response()


def _of_http(request: web.Request, raised: web.HTTPException) -> Problem:
    """A problem for what aiohttp itself refuses."""
    status = HTTPStatus(raised.status)
    if isinstance(raised, web.HTTPMethodNotAllowed):
        allowed = sorted(raised.allowed_methods)
        problem = Problem(status, f"{request.method} is not for {request.path}", allowed=allowed)
        problem.headers["Allow"] = ", ".join(allowed)
        return problem
    if isinstance(raised, web.HTTPNotFound):
        known = {resource.canonical for resource in request.app.router.resources()}
        return Problem(status, f"there is nothing at {request.path}", allowed=sorted(known))
    return Problem(status, raised.text or raised.reason)
