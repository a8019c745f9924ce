"""The whole service as a desk starts it: processes, their ends, health and metrics."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from quotelife.config import Config
from quotelife.metrics.labels import SUPERVISED
from quotelife.metrics.region import MetricsRegion
from quotelife_bench import configuration
from quotelife_bench.load import peers
from quotelife_bench.load.market import symbols
from quotelife_bench.processes import child_pids, children
from tests.acceptance.client import Client, Message
from tests.paths import ROOT
from tests.readiness import readable

PROCESSES = (*SUPERVISED, "api")
TOKEN = "a-token-of-the-desk"
WAIT_S = 60.0  # compiling included


class Service:
    """`quotelife serve` with the bench's venue before it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        command = [sys.executable, "-m", "quotelife.cli", "serve", "--config", config.file, "--log-format", "json"]
        self.log = Path(config.file).with_name("log")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/metrics", line)
        assert found, self.log.read_text()
        self.port = int(found[1])

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def order(self, path: str, **order: str) -> int:
        """Give the desk's order over HTTP."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        connection.request("POST", path, json.dumps(order).encode(), headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def metric(self, name: str, **labels: str) -> float:
        for family in text_string_to_metric_families(self.get("/metrics")[1].decode()):
            for sample in family.samples:
                if sample.name == name and sample.labels.items() >= labels.items():
                    return sample.value
        raise AssertionError(f"no sample {name} {labels}")

    def pid(self, process: str) -> int:
        return MetricsRegion.attach(Path(self.config.file).with_name("run") / f"metrics-{process}").pid

    def children(self) -> dict[str, int]:
        """Every process whose parent the supervisor is, by what `ps` calls it."""
        return children(self.process.pid)

    def quote(self, timeout: float = 20.0) -> None:
        """Ask until there is a quote: the book may not be there yet."""
        deadline = time.monotonic() + timeout
        with Client(self.config.acceptor.port, configuration.CLIENT) as client:
            client.logon()
            n = 0
            while True:
                n += 1
                client.send("R", [(131, f"q{n}-{time.time_ns()}"), (146, 1), (55, symbols(1)[0]), (38, 100)])
                answer = client.receive("S", "AG")
                if answer.type == "S":
                    return
                assert time.monotonic() < deadline, answer
                time.sleep(0.05)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:  # it was closed
        return ""


def gone(pidfd: int, timeout: float = 20.0) -> bool:
    """Whether the process has ended in time; closes the descriptor."""
    ended = readable(pidfd, timeout)
    os.close(pidfd)
    return ended


def until(true, timeout: float = WAIT_S) -> None:
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def started() -> Iterator[Service]:
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="quotelife-test-") as folder, peers.venue(200) as venue:
        config = configuration.write(Path(folder), venue.port, 3)
        file = Path(config.file)
        file.with_name("token").write_text(TOKEN)
        file.with_name("token").chmod(0o600)
        text = file.read_text().replace("[admin]\n", '[admin]\ntoken_file = "token"\n')
        file.write_text(f"{text}\n[api]\nport = {configuration.free_port()}\n")
        running = Service(config)
        yield running
        running.end()


# One service for the tests after which it still runs, and one of its own for each that ends it.
service = pytest.fixture(started, scope="module", name="service")
own_service = pytest.fixture(started, name="own_service")


@dataclass(frozen=True)
class Interrupted:
    """A service that has ended on SIGINT: its exit code, pidfds of its processes, and its log."""

    code: int
    pids: list[int]
    log: str


@pytest.fixture(scope="module")
def interrupted() -> Interrupted:
    with contextlib.contextmanager(started)() as running:
        pids = [os.pidfd_open(pid) for pid in running.children().values()]
        running.process.send_signal(signal.SIGINT)
        code = running.process.wait(30)
        return Interrupted(code, pids, running.log.read_text())


def test_it_serves_quotes_health_and_metrics(service):
    service.quote()
    assert service.get("/livez")[0] == 200
    until(lambda: service.get("/readyz")[0] == 200)  # every process has beaten once
    status, body = service.get("/readyz")
    checks = json.loads(body)["checks"]
    assert status == 200, checks
    assert all(checks["processes"][process]["ready"] for process in PROCESSES)
    assert checks["acceptor"]["port"] == service.config.acceptor.port
    assert (checks["books"]["quotable"], checks["books"]["of"]) == (3, 3)
    assert checks["disk"]["good"] and checks["clock"]["good"]
    assert service.metric("quotelife_process_up", process="quoting") == 1
    assert service.metric("quotelife_stage_seconds_count", stage="whole") >= 0
    assert service.metric("quotelife_requests_total") >= 1
    assert service.metric("quotelife_books", state="live") == 3
    assert service.metric("quotelife_book_age_seconds", instrument=symbols(1)[0]) < 5
    until(lambda: service.metric("quotelife_marketdata_session_up", venue="BENCH") == 1)
    for process in ("supervisor", *PROCESSES):
        until(lambda p=process: service.metric("quotelife_heartbeat_timestamp_seconds", process=p) > time.time() - 5)
        assert service.metric("quotelife_process_resident_memory_bytes", process=process) > 1e6
    promtool = shutil.which("promtool")
    if promtool is not None:
        text = service.get("/metrics")[1]
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_stopped_instrument_is_withdrawn_and_refused_until_resumed(service):
    service.quote()
    symbol = symbols(1)[0]
    with Client(service.config.acceptor.port, configuration.CLIENT) as client:
        client.logon()

        def ask() -> Message:
            client.send("R", [(131, f"k{time.time_ns()}"), (146, 1), (55, symbol), (38, 100)])
            return client.receive("S", "AG")

        quote = ask()
        assert service.order("/v1/stop", scope="instrument", name=symbol, reason="a drill") == 200
        withdrawn = client.receive("Z")
        assert withdrawn[117] == quote[117]
        client.send("AJ", [(693, "late"), (117, quote[117]), (694, 1)])
        assert client.receive("8")[39] == "8"
        refused = ask()
        assert (refused.type, refused[658]) == ("AG", "10") and "stopped by the desk" in refused[58]
        until(lambda: service.metric("quotelife_stopped", scope="instrument") == 1)
        assert service.order("/v1/resume", scope="instrument", name=symbol) == 200
        assert ask().type == "S"
    assert service.metric("quotelife_cancelled_total", reason="stopped_by_desk") >= 1


@pytest.mark.parametrize("process", PROCESSES)
def test_killed_process_is_restarted(service, process):
    service.quote()
    before = service.pid(process)
    restarts = service.metric("quotelife_process_restarts_total", process=process)
    dying = os.pidfd_open(before)
    os.kill(before, signal.SIGKILL)
    assert gone(dying)
    until(lambda: service.metric("quotelife_process_restarts_total", process=process) == restarts + 1)
    until(lambda: service.get("/readyz")[0] == 200)
    assert service.pid(process) != before
    service.quote()


def test_killed_process_leaks_no_descriptors(service):
    def opened() -> list[str]:
        links = Path(f"/proc/{service.process.pid}/fd").iterdir()
        return sorted(link.split(":")[0] for link in map(_target, links) if link.startswith(("pipe:", "anon_inode:")))

    until(lambda: service.get("/readyz")[0] == 200)
    before, recorder = opened(), service.pid("recorder")
    os.kill(recorder, signal.SIGKILL)
    until(lambda: service.pid("recorder") != recorder)
    until(lambda: service.get("/readyz")[0] == 200)
    assert opened() == before


def test_killed_fork_server_is_restarted_and_children_keep_running(service):
    before = {process: service.pid(process) for process in PROCESSES}
    fork_server = service.children()["fork-server"]
    dying = os.pidfd_open(fork_server)
    os.kill(fork_server, signal.SIGKILL)
    assert gone(dying)
    until(lambda: service.children().get("fork-server", fork_server) != fork_server)
    assert {process: service.pid(process) for process in PROCESSES} == before
    os.kill(before["quoting"], signal.SIGKILL)
    until(lambda: service.pid("quoting") != before["quoting"])
    until(lambda: service.get("/readyz")[0] == 200)
    service.quote()


def test_children_have_titles_and_no_zombie_remains(service):
    until(lambda: set(child_pids(service.process.pid)) == set(service.children().values()))
    assert sorted(service.children()) == sorted((*PROCESSES, "fork-server"))
    for process, pid in service.children().items():
        parent, state = service.process.pid, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        assert state[0] != "Z" and int(state[1]) == parent
        assert os.getsid(pid) == pid, "Ctrl-C is to reach the supervisor alone"
        assert os.readlink(f"/proc/{pid}/fd/0") == os.devnull
        assert process == "fork-server" or service.pid(process) == pid


def test_second_service_on_the_same_port_is_refused(service):
    second = subprocess.run(
        [sys.executable, "-m", "quotelife.cli", "serve", "--config", service.config.file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert second.returncode == 2
    assert re.fullmatch(r".*: acceptor.port = \d+: 127.0.0.1:\d+ is in use; allowed: a free port .*\n", second.stderr)
    service.quote()


def test_service_listens_only_on_the_configured_address(service):
    """The engine's own listening socket, on every address, is gone by the time that anybody could find it."""
    port, state = service.config.acceptor.port, "0A"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    assert [x[1] for x in lines if x[1].endswith(f":{port:04X}") and x[3] == state] == [f"0100007F:{port:04X}"]
    run = Path(service.config.file).with_name("run")
    assert run.stat().st_mode & 0o777 == 0o700, "nobody else reaches what is in it"
    quoting = service.pid("quoting")
    inodes = {_target(fd) for fd in Path(f"/proc/{quoting}/fd").iterdir()}
    assert [x[1] for x in lines if x[3] == state and f"socket:[{x[9]}]" in inodes] == [f"0100007F:{port:04X}"]


def test_killed_supervisor_leaves_no_process(own_service):
    pids = [os.pidfd_open(pid) for pid in own_service.children().values()]
    assert len(pids) == len(PROCESSES) + 1, "and the fork server"
    own_service.process.kill()
    own_service.process.wait()
    assert all(gone(pid) for pid in pids)


def test_sigint_stops_every_process(interrupted):
    assert interrupted.code == 0, interrupted.log
    assert len(interrupted.pids) == len(PROCESSES) + 1, "and the fork server"
    assert all(gone(pid) for pid in interrupted.pids)


def test_every_process_logs_json_lines(interrupted):
    records = [json.loads(line) for line in interrupted.log.splitlines()]
    assert all(record.keys() >= {"time", "level", "process", "event", "text", "fields"} for record in records)
    assert {record["process"] for record in records} >= {
        "supervisor",
        "fork-server",
        "quoting",
        "marketdata",
        "recorder",
    }
