"""Route /metrics: Prometheus text, rendered in a separate thread so that a scrape does not block the event loop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from quotelife.admin.exporter import Exporter
from quotelife.runtime.process_tuning import defer_to_other_threads

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsRoutes:
    """Renders every region of the run directory, then the registry's collectors; one scrape at a time."""

    def __init__(self, exporter: Exporter, registry: CollectorRegistry) -> None:
        self._exporter, self._registry = exporter, registry
        self._thread = ThreadPoolExecutor(1, "metrics", defer_to_other_threads)

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/metrics", self._get)]

    def close(self) -> None:
        """Stop after the scrape in progress."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _get(self, _request: web.Request) -> web.Response:
        body = await asyncio.get_running_loop().run_in_executor(self._thread, self._render)
        return web.Response(body=body, headers={"Content-Type": _CONTENT_TYPE})

    def _render(self) -> bytes:
        return self._exporter.render().encode() + generate_latest(self._registry)
