"""Route /v1/status: the state of the whole service in one document, for `quotelife status` and scripts."""

import asyncio
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
from aiohttp import web

from quotelife.admin.health import Probe
from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.config.venues.venue_sessions import session_names
from quotelife.controls.store import ControlsStore
from quotelife.dashboard.positions import PositionView
from quotelife.http.responses import json_response
from quotelife.market.board import layout as L
from quotelife.market.board.follower import BoardReader
from quotelife.metrics.region import MetricsRegion
from quotelife.runtime.clock import mono_ns, utc_timestamp, wall_ns

_SESSION_UP = "quotelife_client_session_up"
Regions = Callable[[], dict[str, MetricsRegion]]


class StatusRoutes:
    """`configuration` and `processes` return what the supervisor knows of them; `regions` the metrics by process."""

    def __init__(
        self, config: Config, run: RunPaths, controls: ControlsStore, positions: PositionView, ready: Probe,
        configuration: Callable[[], dict[str, object]], processes: Callable[[], list[dict[str, object]]],
        regions: Regions,
    ) -> None:  # fmt: skip
        self._controls, self._positions, self._ready = controls, positions, ready
        self._configuration, self._processes, self._regions = configuration, processes, regions
        self._venues = VenueStates(run, session_names(config))
        self._started_ns = wall_ns()
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Report the sessions of another version of the configuration."""
        self._sessions = [(session, client.name) for client in config.client for session in client.sessions]

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/status", self._get)]

    async def _get(self, _request: web.Request) -> web.Response:
        health = await self._ready()
        positions = await asyncio.to_thread(self._positions.read)
        service = {
            "version": version("quotelife"),
            "since": utc_timestamp(self._started_ns),
            "ready": health.good,
            "failing": [name for name, check in health.checks.items() if not check.good],
            "configuration": self._configuration(),
        }
        books = health.checks.get("books")
        return json_response(
            {
                "service": service,
                "processes": self._processes(),
                "venues": self._venues.read(),
                "books": None if books is None else books.details,
                "sessions": sessions(self._sessions, self._regions().get("quoting")),
                "controls": self._controls.document(),
                "positions": positions.document(),
            }
        )


class VenueStates:
    """Market-data sessions, from the board."""

    def __init__(self, run: RunPaths, names: list[str]) -> None:
        self._names, self._boards = names, BoardReader(run.board)

    def read(self) -> list[dict[str, object]]:
        """`up` is None while nobody writes the board; `since` is None for a session that was never logged on since the
        market-data process started."""
        board, now_ns, ahead_ns = self._boards.poll(), mono_ns(), wall_ns() - mono_ns()
        if board is None:
            return [{"name": name, "up": None, "since": None, "last_message": None} for name in self._names]
        is_written = now_ns - int(board.header[L.H_HEARTBEAT_NS]) <= L.WRITER_DEAD_NS
        found: list[dict[str, object]] = []
        for name, block in zip(self._names, np.array(board.venues), strict=False):  # the last block is for signals
            logons, since_ns, last_ns = (int(block[w]) for w in (L.V_LOGONS, L.V_STATE_SINCE_NS, L.V_LAST_RECEIVED_NS))
            found.append(
                {
                    "name": name,
                    "up": bool(block[L.V_STATE] == L.VENUE_UP) if is_written else None,
                    "since": utc_timestamp(since_ns + ahead_ns) if logons and since_ns else None,
                    "last_message": utc_timestamp(last_ns + ahead_ns) if last_ns else None,
                }
            )
        return found


def sessions(named: list[tuple[str, str]], quoting: MetricsRegion | None) -> list[dict[str, object]]:
    """Whether each (session, client) is logged on; None while there is no quoting process."""
    found: list[dict[str, object]] = []
    for name, client in named:
        up = None
        if quoting is not None:
            try:
                up = bool(quoting.values[quoting.gauge(_SESSION_UP, session=name)])
            except KeyError:
                up = False  # of a client that has just been configured
        found.append({"name": name, "client": client, "up": up})
    return found
