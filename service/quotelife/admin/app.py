"""The supervisor's HTTP application: health, metrics, dashboard, controls and signals.

Each topic is a module with an object whose `routes()` the supervisor passes to `admin_application`. The modules know
neither each other nor the supervisor, which creates the objects and closes them at the end.

GET routes only read: they need no token on loopback. Routes that change state are POST, PUT or DELETE and need the
token. `quotelife.http.guard` enforces both, so a handler checks nothing itself. A handler raises `Problem` to refuse a
request; a streaming handler ends when `app.on_shutdown` fires.
"""

from collections.abc import Iterable

from aiohttp import web

from quotelife.admin.health import LIVE, READY
from quotelife.http.guard import Guard
from quotelife.http.server import make_application


def admin_application(
    host: str, token: str | None, tables: Iterable[Iterable[web.AbstractRouteDef]]
) -> web.Application:
    """The application for `host`; the health probes answer every client."""
    return make_application(Guard(host, token, open_paths=(LIVE, READY)), tables)
