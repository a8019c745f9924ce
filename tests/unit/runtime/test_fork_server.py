"""The fork server: state, exit codes and lifetimes of the processes that it forks."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import uvloop

from quotelife.config.sections import Log
from quotelife.runtime import fork_server as fork_server_module
from quotelife.runtime.fork_server import ForkServer, ForkServerError, ProcessSpec
from quotelife.supervisor.child import ChildProcess
from tests.paths import ROOT
from tests.readiness import readable

CODE_RUNNER = "tests.unit.runtime.code_runner"
WAITING = "import signal; print('here', flush=True); signal.pause()"


@pytest.fixture
def fork_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServer]:
    """Without the imports of a service, which take seconds."""
    monkeypatch.setattr(fork_server_module, "FIRST", CODE_RUNNER)
    fork_server = ForkServer([], Log())
    yield fork_server
    fork_server.close()


@pytest.fixture
def full_fork_server() -> Iterator[ForkServer]:
    """With all that a service imports, and what that does to a process."""
    fork_server = ForkServer([CODE_RUNNER], Log())
    yield fork_server
    fork_server.close()


def spec(code: str, *arguments: str) -> ProcessSpec:
    return ProcessSpec("somebody", CODE_RUNNER, (code, *arguments))


def ends(fork_server: ForkServer, wanted: ProcessSpec) -> tuple[int, str]:
    """The exit code and output of a process that ends by itself."""
    with os.fdopen(fork_server.start(wanted)) as out:
        pid = int(out.readline())
        said = out.read()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        ("pass", 0),
        ("raise SystemExit(2)", 2),
        ("raise ValueError", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    ],
)
def test_exit_code_of_a_forked_process_is_reported(fork_server, code, ending):
    assert ends(fork_server, spec(code)) == (ending, "")


def test_forked_process_has_the_state_of_a_new_program(full_fork_server):
    code = """
import gc, os, signal, sys
print(os.getppid(), os.getsid(0) == os.getpid(), os.readlink("/proc/self/fd/0"), gc.isenabled())
print(sorted(int(fd) for fd in os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")))
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), [signal.getsignal(s) == signal.SIG_DFL for s in (15, 17)])
print(open("/proc/self/cmdline").read().startswith("quotelife somebody "), os.getcwd())
"""
    ended, said = ends(full_fork_server, spec(code))
    lines = said.splitlines()
    descriptors = lines.pop(1)  # the fourth is that of the log, the fifth that of the listing itself
    expected = [
        f"{os.getpid()} True /dev/null True",
        "set() [True, True]",
        "True /",
    ]
    assert (ended, lines) == (0, expected)
    assert re.fullmatch(r"\[0, 1, 2, \d+, \d+\] 1", descriptors)


def test_what_is_written_past_the_log_is_in_the_output_and_the_log_is_not(fork_server, capfd):
    code = """
import os
from quotelife.logs import LogEvent, event_logger
os.write(2, b"from a library\\n")
event_logger("test").warning(LogEvent.LISTEN_FAILED, "a line of the log")
raise ValueError("nothing handles it")
"""
    assert ends(fork_server, spec(code)) == (1, "from a library\n")
    logged = capfd.readouterr().err
    assert "WARNING somebody listen_failed: a line of the log\n" in logged
    assert "ERROR somebody uncaught_exception: | ValueError: nothing handles it\n" in logged


def test_title_is_set_for_any_first_environment_variable():
    code = f"""
import os
from quotelife.config.sections import Log
from quotelife.runtime.fork_server import ForkServer, ProcessSpec
fork_server = ForkServer(["{CODE_RUNNER}"], Log())
asked = ProcessSpec("somebody", "{CODE_RUNNER}", ("print(open('/proc/self/cmdline').read())",))
with os.fdopen(fork_server.start(asked)) as out:
    print(out.read().splitlines()[1])
fork_server.close()
"""
    environment = {"NUMBA_CACHE_DIR": os.environ["QUOTELIFE_KERNELS"], **os.environ}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith("quotelife somebody ")


def test_failed_import_is_reported_and_the_server_goes_on(fork_server, capfd):
    assert ends(fork_server, ProcessSpec("somebody", "service.no_such_module"))[0] == 1
    assert "No module named 'service.no_such_module'" in capfd.readouterr().err
    assert ends(fork_server, spec("pass"))[0] == 0, "and others can still be made"


def test_random_numbers_differ_between_forked_processes(fork_server):
    code = "import random; print(random.random())"
    assert ends(fork_server, spec(code))[1] != ends(fork_server, spec(code))[1]


def test_dead_fork_server_is_restarted_and_its_processes_run_on(fork_server, caplog):
    async def live() -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        fork_server.watch(loop)
        out = os.fdopen(fork_server.start(spec(WAITING)))
        process = ChildProcess(int(out.readline()))
        assert out.readline() == "here\n"
        first = fork_server._pid
        os.kill(first, signal.SIGKILL)
        with pytest.raises(ForkServerError):
            while fork_server._pid == first:
                os.close(fork_server.start(spec("pass")))
                await asyncio.sleep(0.01)
        while fork_server._pid == first:
            await asyncio.sleep(0.01)
        with pytest.raises(ChildProcessError):
            os.waitpid(first, 0)
        assert await asyncio.to_thread(ends, fork_server, spec("raise SystemExit(3)")) == (3, "")
        assert not process.ended
        process.send(signal.SIGTERM)
        assert await process.wait() == -signal.SIGTERM
        process.send(signal.SIGTERM)  # nothing
        out.close()
        fork_server.close()

    uvloop.run(live())
    assert caplog.text.count("fork-server ended (signal SIGKILL)") == 1


FORKED = """
import os, signal, sys, threading
import quotelife.runtime.fork_server as fork_server
from quotelife.config.sections import Log
from quotelife.runtime.process import end_with_parent
fork_server.FIRST = "tests.unit.runtime.code_runner"
n = fork_server.ForkServer([fork_server.FIRST], Log())
if {threads}:
    threading.Thread(target=signal.pause, daemon=True).start()
n.fork()
print(n._pid != 0, flush=True)
out = os.fdopen(n.start(fork_server.ProcessSpec("somebody", fork_server.FIRST, (sys.argv[1],))))
print(n._pid, out.readline().strip(), out.readline(), flush=True)
signal.pause()
"""
ASKED = """
import os, time
from quotelife.runtime.process import end_with_parent
end_with_parent()
fds = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
print(fds, os.environ.get("NOTIFY_SOCKET"), os.path.isdir("/proc/self/fd/7"), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("threads", [False, True])
def test_no_process_survives_a_killed_supervisor(threads):
    """With and without threads in the supervisor; open files and the socket of systemd are not inherited."""
    inherited = os.open(ROOT, os.O_RDONLY)
    supervisor = subprocess.Popen(
        [sys.executable, "-c", FORKED.format(threads=threads), ASKED],
        cwd=ROOT,
        env={**os.environ, "NOTIFY_SOCKET": "/nowhere"} if not threads else None,
        pass_fds=[inherited],
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(inherited)
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == f"{not threads}\n"
    made, process, said = supervisor.stdout.readline().split(" ", 2)
    ends = [os.pidfd_open(int(pid)) for pid in (made, process)]
    assert re.fullmatch(r"\[0, 1, 2, \d, \d\] None False\n", said), "the log and the listing itself beside the three"
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    for end in ends:
        assert readable(end, 20)
        os.close(end)


def test_processes_survive_the_end_of_the_fork_server(fork_server):
    out = os.fdopen(fork_server.start(spec(WAITING)))
    pid = int(out.readline())
    assert out.readline() == "here\n"
    fork_server.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(fork_server._pid, 0)
    os.kill(pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM
    out.close()
