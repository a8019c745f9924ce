"""The service's real processes on free ports, with a configuration made for the test."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from tests.acceptance.client import Client
from tests.acceptance.parameters import write_parameters
from tests.paths import ROOT

READY_S = 90.0  # the first start on a machine compiles the kernels

INSTRUMENTS = """
[[instrument]]
symbol = "BTC-USD"
tick = "0.5"
lot = "0.001"
venue = "SIM"
max_quantity = 20.0
stale_after_ms = 400.0
min_half_spread_ticks = 2.0

[[instrument]]
symbol = "ETH-USD"
tick = "0.01"
lot = "1"
venue = "SIM"
max_quantity = 1000

[[instrument]]
symbol = "VOL"
tick = "0.1"
lot = "1"
venue = "SIM"
quotable = false
"""

CLIENTS = """
[[client]]
name = "Ordinary"
sessions = ["ORD1", "ORD2"]
extensions = true
max_quantity = 10.0

[[client]]
name = "Fund"
sessions = ["FUND"]
extensions = true
tier = "strategic"
may_choose_model = true

[[client]]
name = "Discreet"
sessions = ["DISCREET"]
extensions = true
disclose = false

[[client]]
name = "Slow"
sessions = ["SLOW"]
extensions = true
requests_per_second = 2

[[client]]
name = "Old and new"
sessions = ["OMS42", "OMS50"]
extensions = true
tier = "strategic"
may_choose_model = true
versions = { OMS42 = "FIX.4.2", OMS50 = "FIX.5.0SP2" }

[[client]]
name = "Standard"
sessions = ["STD42", "STD44", "STD50"]
tier = "strategic"
may_choose_model = true
versions = { STD42 = "FIX.4.2", STD50 = "FIX.5.0SP2" }
"""

BEGIN_STRINGS = {  # of sessions that do not speak FIX.4.4
    **dict.fromkeys(("OMS42", "STD42"), "FIX.4.2"),
    **dict.fromkeys(("OMS50", "STD50"), "FIXT.1.1"),
}


class Process:
    """A process of the service that has said READY; its standard error is kept."""

    def __init__(self, module: str, *arguments: str) -> None:
        self.stderr: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        threading.Thread(target=self._keep_stderr, daemon=True).start()
        self._await_ready(module)

    def _await_ready(self, module: str) -> None:
        assert self._process.stdout is not None
        late = threading.Timer(READY_S, self._process.kill)
        late.start()
        line = self._process.stdout.readline()
        late.cancel()
        if not line.startswith("READY"):
            code = self._process.wait(10)
            raise AssertionError(f"{module} ended ({code}) before it was ready:\n{''.join(self.stderr)}")

    def _keep_stderr(self) -> None:
        assert self._process.stderr is not None
        self.stderr.extend(self._process.stderr)

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def ask(self, command: dict[str, Any]) -> None:
        """Send one line and wait for its `OK`."""
        assert self._process.stdout is not None
        self.tell(json.dumps(command))
        assert self._process.stdout.readline() == "OK\n", "".join(self.stderr)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def stop(self, timeout: float = 15.0) -> int:
        """SIGTERM; the exit code."""
        self._process.terminate()
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def running(self) -> bool:
        return self._process.poll() is None


class Market(Process):
    """The process that writes the board: see `tests.acceptance.market`."""

    def __init__(self, config: Path) -> None:
        super().__init__("tests.acceptance.market", "--config", str(config))

    def do(self, what: str, **arguments: Any) -> None:
        self.ask({"do": what, **arguments})


class Service:
    """A market and the quoting process. `engine` is that of the services that are started next."""

    engine = "quickfix"

    def __init__(
        self,
        folder: Path,
        *,
        alpha: float = -5.0,
        before: str = "",
        instruments: str = INSTRUMENTS,
        clients: str = CLIENTS,
    ) -> None:
        self.port = free_port()
        self.engine = self._first_engine = Service.engine
        self.run_directory = Path(f"/dev/shm/quotelife-test-{self.port}")
        self.config = folder / "quotelife.toml"
        write_parameters(folder / "parameters", alpha)
        self.config.write_text(
            f'[paths]\nrun = "{self.run_directory}"\ndata = "{folder / "var"}"\n'
            f'parameters = "{folder / "parameters"}"\n'
            f'[acceptor]\nport = {self.port}\nengine = "{self.engine}"\n{before}\n'
            '[[venue]]\nname = "SIM"\nport = 1\nsender_comp_id = "QUOTELIFE"\ntarget_comp_id = "SIMVENUE"\n'
            f"{instruments}\n{clients}"
        )
        self.market = Market(self.config)
        self.start_quoting()
        self.calm()

    def start_quoting(self) -> None:
        """Start the quoting process, also again after its end."""
        self.quoting = Process("quotelife.acceptor.process", "--config", str(self.config))

    def calm(self) -> None:
        """Books at rest: BTC-USD 100.0 at 102.0 (200 and 204 ticks) with 50 a level, ETH-USD 20.00 at 20.02."""
        self.market.do("venue", loud=True)
        self.market.do("writer", alive=True)
        self.market.do("book", symbol="BTC-USD", bid=200, ask=204, size=50_000)
        self.market.do("book", symbol="ETH-USD", bid=2000, ask=2002, size=500)

    def client(self, session: str = "ORD1", *, logon: bool = True) -> Client:
        assert self._first_engine == Service.engine, "a fixture that starts a service asks for the fixture `engine`"
        client = Client(self.port, session, begin=BEGIN_STRINGS.get(session, "FIX.4.4"))
        if logon:
            client.logon()
            client.drop_possible_resends()
        return client

    def await_confirmation(self, client: Client) -> None:
        """Wait until the client has confirmed all ExecutionReports, so that none is sent again to the next test."""
        deadline = time.monotonic() + 10
        with closing(sqlite3.connect(self.config.parent / "var" / "ledger.sqlite")) as ledger:
            sql = "SELECT count(*) FROM answers WHERE sent != 1 AND session = ?"
            while ledger.execute(sql, (client.sender,)).fetchone()[0]:
                assert time.monotonic() < deadline, "reports were not confirmed"
                client.send("1", [(112, "still here")])
                client.receive("0")

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        try:
            for process in (self.quoting, self.market):
                if process.running():
                    process.stop()
        finally:
            shutil.rmtree(self.run_directory, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module", autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The acceptor's engine of the services that a module's tests start, see `tests.acceptance.engines`."""
    Service.engine = getattr(request, "param", "quickfix")
    yield Service.engine
    Service.engine = "quickfix"


@pytest.fixture(scope="module")
def service(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the tests of a module, which share it: each leaves the market calm and both processes running."""
    with Service(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start a service of the test's own; arguments as `Service`'s."""
    started: list[Service] = []

    def starter(**arguments: Any) -> Service:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Service(folder, **arguments))
        return started[-1]

    yield starter
    for running in started:
        running.__exit__(None, None, None)
