"""/livez and /readyz: for whoever runs the service, 200 or 503, with details for those who may read.

/livez    the supervisor's loop goes round; a supervisor that does not is to be killed
/readyz   quotes can be had: every process is there and beats, the acceptor listens, enough books can be quoted
          from, the disk takes what is promised, the clock has not jumped
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import NamedTuple

import orjson
from aiohttp import web

from quotelife.http.guard import MAY_READ

LIVE, READY = "/livez", "/readyz"
ANSWER_S = 3.0  # a check that takes longer, on a disk that hangs, is a failed one


class CheckResult(NamedTuple):
    """What one look has found: good or not, and what of."""

    good: bool
    details: dict[str, object]


class Health(NamedTuple):
    """An answer to a probe: the checks by name; good if all are."""

    checks: dict[str, CheckResult]

    @property
    def good(self) -> bool:
        return all(check.good for check in self.checks.values())


Probe = Callable[[], Awaitable[Health]]


class HealthChecks:
    """Asks several checks, in a thread of their own: one of them waits for the disk."""

    def __init__(self, checks: Mapping[str, Callable[[], CheckResult]]) -> None:
        self._checks = checks
        self._thread = ThreadPoolExecutor(1, "checks")

    async def ask(self) -> Health:
        asked = asyncio.get_running_loop().run_in_executor(self._thread, self._ask)
        try:
            return await asyncio.wait_for(asked, ANSWER_S)
        except TimeoutError:
            return Health({"checks": CheckResult(False, {"why": f"no answer within {ANSWER_S:g} s"})})

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _ask(self) -> Health:
        return Health({name: check() for name, check in self._checks.items()})


def routes(alive: Probe, ready: Probe) -> list[web.RouteDef]:
    """The two probes."""

    async def live(request: web.Request) -> web.Response:
        return _response(request, await alive())

    async def readiness(request: web.Request) -> web.Response:
        return _response(request, await ready())

    return [web.get(LIVE, live), web.get(READY, readiness)]


def _response(request: web.Request, health: Health) -> web.Response:
    status = HTTPStatus.OK if health.good else HTTPStatus.SERVICE_UNAVAILABLE
    document: dict[str, object] = {"good": health.good}
    if request[MAY_READ]:
        document["checks"] = {name: {"good": check.good} | check.details for name, check in health.checks.items()}
    return web.Response(status=status, body=orjson.dumps(document) + b"\n", content_type="application/json")
