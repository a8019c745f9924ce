"""The supervisor's HTTP application: health, metrics, dashboard, controls and signals.

Each topic is a module with an object whose `routes()` the supervisor passes to `admin_application`. The modules know
neither each other nor the supervisor, which creates the objects and closes them at the end.

GET routes only read: they need no token on loopback. Routes that change state are POST, PUT or DELETE and need the
token. `quotelife.http.guard` enforces both, so a handler checks nothing itself. A handler raises `Problem` to refuse a
request; a streaming handler ends when `app.on_shutdown` fires.

The same routes are served on a Unix socket in the run directory without a token, so that whoever may end the service
(its user and root) can always stop quoting, whatever is configured: see `listen_for_commands`.
"""

from collections.abc import Iterable
from pathlib import Path

from aiohttp import web

from quotelife.admin.health import LIVE, READY
from quotelife.http.guard import Guard, OwnerGuard
from quotelife.http.server import HttpServer, make_application
from quotelife.runtime.process import unix_path

SOCKET_MODE = 0o600


def admin_application(
    host: str, token: str | None, tables: Iterable[Iterable[web.AbstractRouteDef]]
) -> web.Application:
    """The application for `host`; the health probes answer every client."""
    return make_application(Guard(host, token, open_paths=(LIVE, READY)), tables)


async def listen_for_commands(path: Path, tables: Iterable[Iterable[web.AbstractRouteDef]]) -> HttpServer:
    """Serve the routes on the Unix socket `path` to its owner and root, without a token. OSError if that fails."""
    server = HttpServer(make_application(OwnerGuard(), tables))
    await server.listen_unix(unix_path(path), SOCKET_MODE)
    return server
