"""The health probes /livez and /readyz: 200 or 503, with details for authorised readers.

/livez    the supervisor's event loop runs; kill a supervisor that fails it
/readyz   the service can quote: every process is ready and alive, the acceptor listens, enough books are usable,
          the disk is writable, the clock has not jumped
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import web

from quotelife.http.guard import MAY_READ_DETAILS
from quotelife.http.responses import json_response

LIVE, READY = "/livez", "/readyz"
ANSWER_S = 3.0  # a check that takes longer, for example on a hanging disk, fails


class CheckResult(NamedTuple):
    """The result of one check: passed or not, with details."""

    good: bool
    details: dict[str, object]


class Health(NamedTuple):
    """The result of a probe: the checks by name; good if all passed."""

    checks: dict[str, CheckResult]

    @property
    def good(self) -> bool:
        return all(check.good for check in self.checks.values())


Probe = Callable[[], Awaitable[Health]]


class HealthChecks:
    """Runs several checks in a separate thread, because one of them waits for the disk."""

    def __init__(self, checks: Mapping[str, Callable[[], CheckResult]]) -> None:
        self._checks = checks
        self._thread = ThreadPoolExecutor(1, "checks")

    async def run(self) -> Health:
        running = asyncio.get_running_loop().run_in_executor(self._thread, self._run)
        try:
            return await asyncio.wait_for(running, ANSWER_S)
        except TimeoutError:
            return Health({"checks": CheckResult(False, {"why": f"not finished within {ANSWER_S:g} s"})})

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> Health:
        return Health({name: check() for name, check in self._checks.items()})


def routes(alive: Probe, ready: Probe) -> list[web.RouteDef]:
    """The routes of the two probes."""

    async def live(request: web.Request) -> web.Response:
        return _response(request, await alive())

    async def readiness(request: web.Request) -> web.Response:
        return _response(request, await ready())

    return [web.get(LIVE, live), web.get(READY, readiness)]


def _response(request: web.Request, health: Health) -> web.Response:
    status = HTTPStatus.OK if health.good else HTTPStatus.SERVICE_UNAVAILABLE
    document: dict[str, object] = {"good": health.good}
    if request[MAY_READ_DETAILS]:
        document["checks"] = {name: {"good": check.good} | check.details for name, check in health.checks.items()}
    return json_response(document, status)
