"""The page /docs: the OpenAPI document in a browser, with Swagger UI from the package's own files."""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

from aiohttp import web

from quotelife.http.server import CONTENT_SECURITY_POLICY

_STATIC = Path(str(files("quotelife"))) / "api" / "static"
_FILES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "docs.js": "text/javascript",
}
# The style sheet has its icons within it. All else comes from this service, as on its other pages.
_POLICY = {"Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}; img-src 'self' data:"}


def docs_routes() -> list[web.RouteDef]:
    """The page and its files; they are read when they are asked for."""
    assets = [web.get(f"/docs/{name}", _file(name, kind)) for name, kind in _FILES.items()]
    return [web.get("/docs", _file("docs.html", "text/html", _POLICY)), *assets]


def _file(
    name: str, kind: str, headers: dict[str, str] | None = None
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def send(_request: web.Request) -> web.Response:
        body = (_STATIC / name).read_bytes()
        cached = {"Cache-Control": "no-cache", **(headers or {})}
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=cached)

    return send
