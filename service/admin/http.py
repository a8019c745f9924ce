"""The supervisor's HTTP side: /metrics for Prometheus, /livez and /readyz for whoever runs the service.

A thread of the supervisor process with the standard library's server: nothing here is near a decision, and a scrape
that takes long holds up only the next scrape.
"""

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

import orjson
from prometheus_client import CollectorRegistry, generate_latest

from service.admin.exporter import Exporter

_TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
_IDLE_S = 30.0  # a connection that says nothing for so long is closed


class Health(NamedTuple):
    """An answer to a probe: good or not, and what of."""

    good: bool
    details: dict[str, object]


class Pages(NamedTuple):
    """What the server can be asked for."""

    exporter: Exporter
    registry: CollectorRegistry
    alive: Callable[[], Health]
    ready: Callable[[], Health]


class AdminServer:
    """Listens from construction on; OSError if the address cannot be had. `port` is the one in use."""

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        self._server = _Server((host, port), _handler(pages))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="admin-http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; a request under way is cut off."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


def _handler(pages: Pages) -> type[BaseHTTPRequestHandler]:
    def metrics() -> tuple[HTTPStatus, str, bytes]:
        text = pages.exporter.render().encode() + generate_latest(pages.registry)
        return HTTPStatus.OK, _TEXT_FORMAT, text

    def probe(ask: Callable[[], Health]) -> tuple[HTTPStatus, str, bytes]:
        health = ask()
        status = HTTPStatus.OK if health.good else HTTPStatus.SERVICE_UNAVAILABLE
        return status, "application/json", orjson.dumps(health.details) + b"\n"

    routes = {"/metrics": metrics, "/livez": lambda: probe(pages.alive), "/readyz": lambda: probe(pages.ready)}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _IDLE_S

        def do_GET(self) -> None:
            route = routes.get(urlsplit(self.path).path)
            if route is None:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", f"not here; try {' '.join(routes)}\n".encode())
            else:
                self._answer(*route())

        do_HEAD = do_GET

        def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Requests are not logged: a probe every second would drown what matters."""

    return Handler
