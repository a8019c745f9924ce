"""The whole way of the data, venue -> marketdata -> board -> quoting -> client: its end, and its return."""

import contextlib
import queue
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from quotelife.runtime.clock import mono_ns
from quotelife_sim.markets.synthetic import synthetic_symbols
from quotelife_sim.plan import Plan
from tests.acceptance.client import Client, Message, seconds
from tests.acceptance.conftest import Process, free_port
from tests.acceptance.parameters import write_parameters
from tests.acceptance.rfq.test_quote_request import ask, related

STALE_AFTER_S = 1.5
MAX_LAG_S = 0.4
SYMBOL = synthetic_symbols(1)[0]


class Line:
    """The way to the venue: what the venue sends takes `delay_s` longer on it."""

    def __init__(self, venue_port: int) -> None:
        self._venue_port, self._listener = venue_port, socket.create_server(("127.0.0.1", 0))
        self.port, self.delay_s = self._listener.getsockname()[1], 0.0
        self._over, self._ends = threading.Event(), [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                desk, _ = self._listener.accept()
            except OSError:
                return
            try:
                venue = socket.create_connection(("127.0.0.1", self._venue_port))
            except OSError:
                desk.close()  # as the venue would have refused it
                continue
            self._ends += [desk, venue]
            late: queue.Queue[tuple[float, bytes]] = queue.Queue()
            for work in (
                partial(self._pass_on, desk, venue.sendall, partial(venue.shutdown, socket.SHUT_RDWR)),
                partial(self._pass_on, venue, partial(self._put, late), partial(self._put, late, b"")),
                partial(self._deliver, late, desk),
            ):
                threading.Thread(target=work, daemon=True).start()

    def _pass_on(self, source: socket.socket, send: Callable[[bytes], None], end: Callable[[], None]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                send(data)
        with contextlib.suppress(OSError):
            end()

    def _put(self, late: "queue.Queue[tuple[float, bytes]]", data: bytes) -> None:
        late.put((time.monotonic() + self.delay_s, data))

    def _deliver(self, late: "queue.Queue[tuple[float, bytes]]", desk: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, data = late.get()
                self._over.wait(max(due - time.monotonic(), 0.0))
                if not data:
                    desk.shutdown(socket.SHUT_RDWR)
                    return
                desk.sendall(data)

    def close(self) -> None:
        self._over.set()
        for end in self._ends:
            end.close()


class Chain:
    """A venue that plays a generated market, and the service's two processes; `line` is the way between them."""

    def __init__(self, folder: Path) -> None:
        self.port, venue_port = free_port(), free_port()
        self.run_directory = Path(f"/dev/shm/quotelife-test-{self.port}")
        self.config = folder / "quotelife.toml"
        write_parameters(folder / "parameters")
        self.config.write_text(f"""
[paths]
run = "{self.run_directory}"
data = "{folder / "var"}"
parameters = "{folder / "parameters"}"
[acceptor]
port = {self.port}
[[venue]]
name = "SIM"
port = {venue_port}
sender_comp_id = "QUOTELIFE"
target_comp_id = "SIMVENUE"
book = "order"
reconnect_max_ms = 500.0
max_lag_ms = {MAX_LAG_S * 1000}
[[instrument]]
symbol = "{SYMBOL}"
tick = "0.01"
lot = "1"
venue = "SIM"
stale_after_ms = {STALE_AFTER_S * 1000}
[[client]]
name = "Client"
sessions = ["ORD1"]
tier = "strategic"
may_choose_model = true
""")
        plan = Plan(
            market="synthetic", config=str(self.config), directory=str(folder), seed=1, duration_s=60.0, instruments=1
        )
        self._plan = str(plan.write())
        self.venue = self.start_venue()
        self.line = Line(venue_port)
        self.config = folder / "quotelife-line.toml"
        text = (folder / "quotelife.toml").read_text()
        self.config.write_text(text.replace(f"port = {venue_port}", f"port = {self.line.port}"))
        self.marketdata = Process("quotelife.marketdata.process", "--config", str(self.config))
        self.quoting = Process("quotelife.acceptor.process", "--config", str(self.config))

    def start_venue(self) -> Process:
        venue = Process("quotelife_sim.venue.process", self._plan)
        venue.tell(f"PLAY {mono_ns()}")
        return venue

    def stop(self) -> None:
        for process in (self.quoting, self.marketdata, self.venue):
            if process.running():
                process.stop()
        self.line.close()
        shutil.rmtree(self.run_directory, ignore_errors=True)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    started = Chain(tmp_path)
    yield started
    started.stop()


def request(client: Client) -> Message:
    return ask(client, related(SYMBOL, 1, 10), more=[(20001, "CLIENT_PRIORITY")])


def await_answer(client: Client, kind: str, timeout: float) -> Message:
    deadline = time.monotonic() + timeout
    while True:
        answer = request(client)
        if answer.type == kind:
            return answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.02)


def test_quoting_stops_with_the_venue_and_resumes_with_it(chain):
    with Client(chain.port, "ORD1") as client:
        client.logon()
        quote = await_answer(client, "S", 30.0)
        assert quote[55] == SYMBOL and float(quote[133]) > 0 and seconds(quote[62]) > seconds(quote[60])

        chain.venue.kill()
        killed = time.time()
        refusal = await_answer(client, "AG", STALE_AFTER_S + 0.5)
        assert refusal[658] == "8" and SYMBOL in refusal[58]
        since = re.search(r"\d{8}-\d\d:\d\d:\d\d\.\d{6}", refusal[58])
        assert since is not None and abs(seconds(since[0]) - killed) < STALE_AFTER_S

        chain.venue = chain.start_venue()
        assert await_answer(client, "S", 30.0)[117] != quote[117]


def test_late_market_data_is_not_quoted_from(chain):
    with Client(chain.port, "ORD1") as client:
        client.logon()
        await_answer(client, "S", 30.0)
        chain.line.delay_s, delayed = 2 * MAX_LAG_S, time.time()
        while "delayed since" not in (refusal := await_answer(client, "AG", 10.0))[58]:
            assert time.time() < delayed + 10.0, refusal  # before the first delayed byte the book may get stale
        assert refusal[658] == "8"
        assert 0 < seconds(refusal[58].rpartition(" ")[2]) - delayed < 10.0
        chain.line.delay_s = 0.0
        await_answer(client, "S", 10.0)


def test_quoting_resumes_after_the_market_data_process_is_killed(chain):
    with Client(chain.port, "ORD1") as client:
        client.logon()
        await_answer(client, "S", 30.0)
        chain.marketdata.kill()
        assert await_answer(client, "AG", STALE_AFTER_S + 0.5)[658] == "8"
        chain.marketdata = Process("quotelife.marketdata.process", "--config", str(chain.config))
        assert await_answer(client, "S", 30.0).type == "S"
