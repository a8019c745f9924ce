"""A real API server on the board, parameters and fixed clock of the RFQ rig."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from quotelife.api.app import api_application
from quotelife.api.expiry_calculator import ExpiryCalculator
from quotelife.api.expiry_handler import ExpiryHandler
from quotelife.api.metrics import ApiMetrics
from quotelife.config.sections import Api
from quotelife.decision import pricing
from quotelife.decision.refusal import REFUSALS
from quotelife.metrics import catalog
from quotelife.metrics.region import MetricsRegion
from tests.unit.admin.http_rig import Answer, ask, serving
from tests.unit.rfq.rfq_rig import Rig

API = Api()
BODY = {"symbol": "BTC-USD", "client": "Ordinary", "side": "buy", "quantity": "1.5"}


class ApiRig:
    """`rig` is the FIX side; `post` sends a request to the API."""

    def __init__(self, folder: Path, api: Api = API, token: str | None = None, provider: Any = pricing.default) -> None:
        self.rig = Rig(folder)
        self.region = MetricsRegion.create(folder / "metrics-api", catalog.API, process=["api"], reason=REFUSALS)
        self.calculator = ExpiryCalculator(self.rig.config, self.rig.parameters, provider)
        self.calculator.quoter.board = self.rig.board
        self.metrics = ApiMetrics(self.region)
        self._api, self._token = api, token
        self.port = 0

    def application(self) -> web.Application:
        clocks = lambda: (self.rig.wall_ns, self.rig.mono_ns)  # noqa: E731
        handler = ExpiryHandler(self.calculator, self.metrics, self._api.max_batch, clocks)
        return api_application(self.rig.config, self._api, self._token, handler, self.metrics)

    @contextmanager
    def serving(self) -> Iterator["ApiRig"]:
        with serving(self.application) as server:
            self.port = server.port
            yield self

    def send(self, body: object, path: str = "/v1/expiry", headers: dict[str, str] | None = None) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return ask(self.port, path, "POST", raw, headers)

    def post(self, **changes: Any) -> Answer:
        return self.send({k: v for k, v in {**BODY, **changes}.items() if v is not None})

    def counted(self, name: str, **labels: str) -> int:
        return int(self.region.values[self.region.counter(name, **labels)])
