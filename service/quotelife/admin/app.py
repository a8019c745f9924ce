"""The supervisor's HTTP side: an aiohttp application of route tables.

Each page is a module of its own with a state object and a method `routes()`. It neither knows the others nor the
supervisor, which makes the state, hands `routes()` to `admin_application` and closes the state at the end. A route
that reads is a GET: free on loopback, with the token elsewhere. Whatever changes state is a POST, PUT or DELETE and
needs the token; `quotelife.http.guard` sees to both, so a handler checks nothing. A handler raises `Problem` for what
it refuses. A handler that streams ends itself when `app.on_shutdown` is sent.
"""

from collections.abc import Iterable

from aiohttp import web

from quotelife.admin.health import LIVE, READY
from quotelife.http.guard import Guard
from quotelife.http.server import application


def admin_application(
    host: str, token: str | None, tables: Iterable[Iterable[web.AbstractRouteDef]]
) -> web.Application:
    """The application that listens on `host`; the probes of health answer everybody."""
    return application(Guard(host, token, open_paths=(LIVE, READY)), tables)
