"""Supervision of real processes that die, hang, refuse to start and return."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quotelife.config import Config, ConfigError, load
from quotelife.config.paths import RunPaths
from quotelife.config.sections import Log
from quotelife.config.shipped import DEMO, FIX_CONFIG
from quotelife.controls.store import ControlsStore
from quotelife.logs import LogEvent
from quotelife.metrics import catalog, labels
from quotelife.metrics.region import MetricsRegion
from quotelife.runtime import fork_server as fork_server_module
from quotelife.runtime.fork_server import ForkServer, ProcessSpec
from quotelife.runtime.process import EXIT_CONFIG, EXIT_FAILED, StartupTimer
from quotelife.supervisor import serve
from quotelife.supervisor.child import STOP_S, SupervisedProcess
from quotelife.supervisor.reload import Reloader
from quotelife.supervisor.supervisor import Supervisor

PROCESSES = (*labels.SUPERVISED, "api")
READY = "import time; from quotelife.runtime.process import announce_ready; announce_ready('here'); "
WAITING = READY + "time.sleep(60)"
CODE_RUNNER = "tests.unit.runtime.code_runner"


@pytest.fixture
def region(tmp_path: Path) -> MetricsRegion:
    families = catalog.supervisor(labels.SUPERVISED)
    return MetricsRegion.create(tmp_path / "metrics-supervisor", families, process=["supervisor"])


@pytest.fixture
def fork_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServer]:
    """Without the imports of a service, which take seconds."""
    monkeypatch.setattr(fork_server_module, "FIRST", CODE_RUNNER)
    fork_server = ForkServer([], Log())
    yield fork_server
    fork_server.close()


@pytest.fixture
def child(region: MetricsRegion, fork_server: ForkServer) -> Callable[..., SupervisedProcess]:
    def make(code: str, stop_within_s: float = STOP_S, cores: frozenset[int] = frozenset()) -> SupervisedProcess:
        return SupervisedProcess(
            ProcessSpec("quoting", CODE_RUNNER, (code,), cores), region, fork_server, stop_within_s
        )

    return make


def up(region: MetricsRegion) -> int:
    return int(region.values[region.gauge("quotelife_process_up", process="quoting")])


def restarts(region: MetricsRegion) -> int:
    return int(region.values[region.counter("quotelife_process_restarts_total", process="quoting")])


async def test_process_is_started_and_stopped(child, region):
    c = child(WAITING)
    running = asyncio.create_task(c.keep_running())
    await asyncio.wait_for(c.ready.wait(), 20)
    assert up(region) == 1
    assert await c.stop()
    assert await running == 0
    assert (up(region), restarts(region)) == (0, 0)


async def test_process_runs_on_its_cores(child):
    core = max(os.sched_getaffinity(0))
    c = child(WAITING, cores=frozenset((core,)))
    running = asyncio.create_task(c.keep_running())
    await asyncio.wait_for(c.ready.wait(), 20)
    assert c.process is not None
    assert os.sched_getaffinity(c.process.pid) == {core}
    await c.stop()
    await running


async def test_process_with_absent_cores_starts_with_a_warning(child, capfd):
    c = child(WAITING, cores=frozenset((4095,)))
    running = asyncio.create_task(c.keep_running())
    await asyncio.wait_for(c.ready.wait(), 20)
    assert "quoting is not pinned to cores 4095" in capfd.readouterr().err
    await c.stop()
    await running


async def test_what_a_process_writes_past_its_log_is_an_event_of_that_process(child, caplog):
    c = child("import os; os.write(1, b'to the output\\n'); os.write(2, b'from a library\\n'); " + WAITING)
    running = asyncio.create_task(c.keep_running())
    await asyncio.wait_for(c.ready.wait(), 20)
    await c.stop()
    await running
    shown = [(r.of_process, r.event, r.getMessage()) for r in caplog.records if r.event is LogEvent.PROCESS_OUTPUT]
    assert shown == [("quoting", LogEvent.PROCESS_OUTPUT, line) for line in ("to the output", "from a library")]


async def test_dead_process_is_restarted(child, region):
    c = child(WAITING)
    running = asyncio.create_task(c.keep_running())
    for n in range(3):
        await asyncio.wait_for(c.ready.wait(), 20)
        assert restarts(region) == n
        process = c.process
        assert process is not None
        process.send(signal.SIGKILL)
        await process.wait()
        while c.ready.is_set():
            await asyncio.sleep(0)
    assert await c.stop()
    assert await running == 0


async def test_process_that_never_was_ready_ends_the_start(child):
    assert await child("raise SystemExit(3)").keep_running() == EXIT_FAILED
    assert await child(f"raise SystemExit({EXIT_CONFIG})").keep_running() == EXIT_CONFIG


async def test_process_that_ignores_sigterm_is_killed(child):
    c = child("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAITING, 0.2)
    running = asyncio.create_task(c.keep_running())
    await asyncio.wait_for(c.ready.wait(), 20)
    assert not await c.stop()
    assert await running == 0


@pytest.fixture
def config(tmp_path: Path) -> Config:
    text = DEMO.read_text()
    for name in ("acceptor.cfg", "FIX44.xml"):
        shutil.copy(FIX_CONFIG / name, tmp_path)
    settings = tmp_path / "acceptor.cfg"
    text = text.replace('"/dev/shm/quotelife"', '"run"').replace("[acceptor]", f'[acceptor]\nsettings = "{settings}"')
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        text = text.replace("port = 9880", f"port = {probe.getsockname()[1]}").replace("port = 9464", "port = 0")
        text = text.replace("port = 9470", "port = 0")
    (tmp_path / "quotelife.toml").write_text(text)
    return load(tmp_path / "quotelife.toml")


def test_port_in_use_is_reported_before_any_start(config, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", config.acceptor.port))
        taken.listen()
        with pytest.raises(ConfigError, match=rf"acceptor.port = \d+: 127.0.0.1:{config.acceptor.port} is in use"):
            serve.run(config)
    assert not (tmp_path / "run").exists()


def test_missing_engine_settings_are_reported(config, tmp_path):
    (tmp_path / "acceptor.cfg").unlink()
    with pytest.raises(ConfigError, match=r"acceptor.settings = "):
        serve.run(config)


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("acceptor.cfg", "NonStopSession=Y", "NonStopSession=perhaps", "NonStopSession = 'perhaps': allowed: Y or N"),
        ("FIX44.xml", "</fix>", "", r"FIX44\.xml: .*not XML"),
        ("quotelife.toml", "[models", '[pricing]\nprovider = "no.such:thing"\n[models', "pricing.provider = "),
        ("quotelife.toml", 'book = "order"', 'book = "order"\npassword_env = "NO_SUCH"', "password_env = 'NO_SUCH'"),
        ("quotelife.toml", "[paths]", '[paths]\nparameters = "."', "paths.parameters = '.'"),
        (
            "quotelife.toml",
            '[admin]\nhost = "127.0.0.1"',
            '[admin]\nhost = "0.0.0.0"',
            "admin.host = ",
        ),
        (
            "quotelife.toml",
            "[admin]",
            '[admin]\ntoken_env = "NO_SUCH"',
            "admin.token_env = ",
        ),
    ],
)
def test_invalid_file_is_reported_before_any_start(config, tmp_path, file, old, new, says):
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=says):
        serve.run(load(tmp_path / "quotelife.toml"))
    assert not (tmp_path / "run").exists()


def test_missing_engine_is_reported_before_any_start(config, tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "quickfix", None)
    assert serve.run(config) == EXIT_FAILED
    [said] = caplog.messages
    assert "\n" not in said and "[binary]" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("code", [EXIT_CONFIG, 3])
def test_failed_start_ends_without_traceback(config, tmp_path, code):
    """In another process, because asyncio reports unretrieved exceptions when its objects are collected."""
    script = f"""
import sys
from quotelife.supervisor import serve as serving
from quotelife.config import load
from quotelife.runtime import fork_server
from quotelife.runtime.fork_server import ProcessSpec
fork_server.FIRST = "tests.unit.runtime.code_runner"
serving.engine_module = lambda _config: fork_server.FIRST
serving._spec = lambda name, *_: ProcessSpec(name, "tests.unit.runtime.code_runner", ("raise SystemExit({code})",))
sys.exit(serving.run(load({config.file!r})))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == (code if code == EXIT_CONFIG else EXIT_FAILED)
    assert "never retrieved" not in run.stderr and "Traceback" not in run.stderr


def test_run_directory_belongs_to_one_service(config, tmp_path):
    with serve._locked(config, RunPaths(tmp_path / "run")):
        with pytest.raises(ConfigError, match=f"in use by the service with process id {os.getpid()}"):
            serve.run(config)
        assert oct((tmp_path / "run").stat().st_mode)[-3:] == "700"
    with serve._locked(config, RunPaths(tmp_path / "run")):
        pass


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What systemd is told, up to the last thing: that the service stops."""
    path, told = tmp_path / "notify", list[str]()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")

        def listen() -> None:
            while not told or told[-1]:
                told.append(listening.recv(1000).decode())

        thread = threading.Thread(target=listen)
        thread.start()
        yield told
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(path))
        thread.join(10)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
async def test_serve_starts_all_and_stops_in_reverse(config, tmp_path, fork_server, capfd, systemd, end):
    """With small processes in the place of the real ones; those are started in tests/acceptance."""
    log = tmp_path / "log"
    code = """
import signal, sys, time
from quotelife.runtime.process import end_with_parent, announce_ready
name, log = arguments
def write(what):
    with open(log, "a") as file:
        file.write(f"{name} {what}\\n")
def stop(*_):
    write("stops")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
end_with_parent()
write("starts")
announce_ready(name)
time.sleep(60)
"""
    run = RunPaths(tmp_path / "run")
    run.directory.mkdir()
    families = catalog.supervisor(PROCESSES)
    region = MetricsRegion.create(run.metrics("supervisor"), families, process=["supervisor"])
    children = [
        SupervisedProcess(ProcessSpec(name, CODE_RUNNER, (code, name, str(log))), region, fork_server)
        for name in PROCESSES
    ]
    controls, timer = ControlsStore(config, run, print), StartupTimer()
    supervisor = Supervisor(config, run, region, controls, Reloader(config, run), fork_server, children, timer)
    task = asyncio.create_task(supervisor.serve())
    while not all(c.ready.is_set() for c in children):
        assert not task.done()
        await asyncio.sleep(0.01)
    assert (await supervisor._alive()).good
    assert supervisor._processes_ready() == dict.fromkeys(PROCESSES, True)
    ready = (await supervisor._checks().run()).checks
    assert ready["service"].good and ready["disk"].good and ready["clock"].good
    assert not ready["books"].good and not ready["acceptor"].good, "nobody plays the market here"
    os.kill(os.getpid(), end)
    assert await asyncio.wait_for(task, 20) == 0
    lines = log.read_text().splitlines()
    assert sorted(lines[:4]) == sorted(f"{name} starts" for name in PROCESSES)
    assert lines[4:] == ["api stops", "quoting stops", "recorder stops", "marketdata stops"]
    assert supervisor._processes_ready() == dict.fromkeys(PROCESSES, False)
    assert not supervisor._serving().good
    assert "READY quotelife: FIX on 127.0.0.1:" in capfd.readouterr().out
    while not any(text.startswith("STOPPING=1") for text in systemd):
        await asyncio.sleep(0.01)
    first = [text.partition("\n")[0] for text in systemd]
    assert "\nSTATUS=FIX on 127.0.0.1:" in systemd[first.index("READY=1")]
    assert first.index("READY=1") < first.index("STOPPING=1") and "WATCHDOG=1" in first
    assert "NOTIFY_SOCKET" not in os.environ, "no other process of the service is to speak for it"
