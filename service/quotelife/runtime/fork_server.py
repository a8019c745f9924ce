"""The fork server: a single-threaded process that has imported all modules and forks the other processes.

Imports take most of a start: the compiler's library, the engine's, some two hundred compiled kernels. They are done
once, in `quotelife serve`, which then forks the fork server; the processes share their memory copy-on-write.

    supervisor --fork--> fork server --fork--> (gone at once) --fork--> marketdata, recorder, quoting ...

The intermediate process ends at once, and the kernel makes its child a child of the supervisor, which is therefore
notified of its end. The child outlives the fork server. A fork server that dies is restarted as a program:

    python -m quotelife.runtime.fork_server FD LOG LEVEL FORMAT MODULE...

It imports the modules and then receives requests over the socket FD. LOG is the descriptor of its log, LEVEL and FORMAT
are those of the lines. What it writes past the log goes to the supervisor, as that of the other processes.
"""

import asyncio
import contextlib
import ctypes
import gc
import importlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from quotelife import logs
from quotelife.config.sections import Log
from quotelife.logs import LogEvent, event_logger
from quotelife.runtime.module_command import module_command
from quotelife.runtime.process import EXIT_FAILED, StartupTimer, describe_exit, end_with_parent, ignore_hangup
from quotelife.runtime.systemd import SystemdNotifier

logger = event_logger(__name__)
TITLE = "quotelife"  # the first word of what `ps` shows of each process
_THREADS = "OPENBLAS_NUM_THREADS"  # else numpy brings threads; nothing here multiplies large matrices
_PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 15, 36
_COMMAND_LINE = slice(45, 47)  # fields after the name in /proc/self/stat: its begin and end in memory
_STDIN, _STDOUT, _STDERR = range(3)
_PAUSE_S = 1.0  # before a fork server that died is restarted
_ADOPTION_S = 0.0005  # between two checks of the parent
_MAX_BYTES = 65_536  # of a request
_LOGGED_FROM_S = 0.01  # shorter imports are not logged
FIRST = "quotelife.acceptor.process"  # imported before the fork: takes longest and contains most of the others


class ForkServerError(Exception):
    """The fork server is not running, or ended before it created the process."""


class ProcessSpec(msgspec.Struct, frozen=True):
    """A process to create: its name, the module whose `main(arguments)` it runs, and its cores (empty: any)."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    cores: frozenset[int] = frozenset()


class ForkServer:
    """The supervisor's side of the fork server, which is started with the first process unless it was forked."""

    def __init__(self, modules: Sequence[str], log: Log, *first: str) -> None:
        """`first` are modules that all of these import late, if at all, and that take long."""
        self._log_settings = log
        self._first = (FIRST, *first)
        # imported first by a fork server that is started as a program
        self._modules = tuple(dict.fromkeys((*self._first, *modules)))
        self._socket: socket.socket | None = None
        self._pid = 0
        self._output = -1  # of what it writes past the log
        self._loop: asyncio.AbstractEventLoop | None = None

    def fork(self) -> None:
        """Import, and fork this process. Does nothing if other threads run: a fork would not contain them, and locks
        that they hold would never be released. Raises SystemExit in each process that is created."""
        os.environ[_THREADS] = "1"
        gc.disable()  # imported objects are permanent
        for module in self._first:
            importlib.import_module(module)
        gc.freeze()
        gc.enable()
        if _threads() > 1:
            text = "fork-server is started as a program, which takes longer: %d threads run here"
            logger.warning(LogEvent.FORK_SERVER_SLOW, text, _threads())
            return
        ours, theirs = _pair()
        self._output, into = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            ours.close()
            logs.divert_standard_error(into)
            os.close(self._output)
            os.close(into)
            _detach(parent)
            raise SystemExit(_serve(theirs, parent, self._log_settings))
        theirs.close()
        os.close(into)
        self._become_subreaper(ours)

    def start(self, spec: ProcessSpec) -> int:
        """Create a process. Returns its standard output, whose first line is its process id; the output ends without
        one if the fork server died. ForkServerError if it is not running."""
        if self._socket is None:
            if self._pid:
                raise ForkServerError
            self._execute()
        assert self._socket is not None
        out, into = os.pipe()
        try:
            socket.send_fds(self._socket, [msgspec.json.encode(spec)], [into])
        except OSError:
            os.close(out)
            raise ForkServerError from None
        finally:
            os.close(into)
        return out

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Restart the fork server in this loop whenever it dies."""
        self._loop = loop
        if self._socket is not None:
            loop.add_reader(self._socket, self._on_end)
            loop.add_reader(self._output, self._on_output)

    def close(self) -> None:
        """End the fork server. The processes that it created run on."""
        self._loop, loop = None, self._loop
        if self._socket is not None:
            if loop is not None:
                loop.remove_reader(self._socket)
                loop.remove_reader(self._output)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._reap()

    def _execute(self) -> None:
        ours, theirs = _pair()
        log, (self._output, into) = os.dup(_STDERR), os.pipe()
        fds = [theirs.fileno(), log]
        settings = (*map(str, fds), self._log_settings.level, self._log_settings.format)
        command = module_command("quotelife.runtime.fork_server", *settings, *self._modules)
        with theirs:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stderr=into, start_new_session=True, pass_fds=fds
            )
        os.close(log)
        os.close(into)
        self._pid = process.pid
        process.returncode = 0  # waited for here, not by Popen
        self._become_subreaper(ours)
        if self._loop is not None:
            self._loop.add_reader(ours, self._on_end)
            self._loop.add_reader(self._output, self._on_output)

    def _become_subreaper(self, ours: socket.socket) -> None:
        """Become the parent of the processes that it creates."""
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
        self._socket = ours

    def _on_output(self) -> None:
        """The fork server wrote past its log."""
        text = os.read(self._output, _MAX_BYTES)
        if not text and self._loop is not None:
            self._loop.remove_reader(self._output)
        output = event_logger(__name__, "fork-server")
        for line in filter(None, text.decode(errors="replace").splitlines()):
            output.warning(LogEvent.PROCESS_OUTPUT, "%s", line)

    def _on_end(self) -> None:
        """The fork server sends nothing, so that a readable socket means its end."""
        assert self._loop is not None and self._socket is not None
        self._loop.remove_reader(self._socket)
        self._loop.call_later(_PAUSE_S, self._restart, describe_exit(self._reap()))

    def _restart(self, ended: str) -> None:
        if self._loop is not None:
            text = "fork-server ended (%s); it is restarted, the other processes run on"
            logger.error(LogEvent.FORK_SERVER_RESTARTED, text, ended)
            self._execute()

    def _reap(self) -> int:
        assert self._socket is not None
        if self._loop is not None:
            self._loop.remove_reader(self._output)
        os.close(self._output)
        self._socket.close()
        self._socket = None
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def _serve(requests: socket.socket, parent: int, log: Log) -> int:
    """Create the requested processes until the supervisor ends. Returns in each created process, with its exit code."""
    ignore_hangup()
    _set_title(f"{TITLE} fork-server")
    logs.configure("fork-server", log)
    gc.disable()
    while True:
        message, fds, _, _ = socket.recv_fds(requests, _MAX_BYTES, 1)
        if not message:
            os._exit(0)
        spec = msgspec.json.decode(message, type=ProcessSpec)
        began = time.monotonic()
        _import(spec.module)
        if (elapsed_s := time.monotonic() - began) > _LOGGED_FROM_S:
            text = "%s imported in %.2f s"
            fields = {"module": spec.module, "elapsed_s": round(elapsed_s, 3)}
            logger.info(LogEvent.MODULE_IMPORTED, text, spec.module, elapsed_s, **fields)
        gc.freeze()
        if _fork_child(parent):
            requests.close()
            return _run_child(spec, fds[0], log)
        os.close(fds[0])


def _fork_child(parent: int) -> bool:
    """Create a process that is the supervisor's child. Returns True in that process, False in this one."""
    if _threads() > 1:
        raise RuntimeError(f"{_threads()} threads run here; a fork would contain only one")
    between = os.fork()
    if between != 0:
        os.waitpid(between, 0)
        return False
    try:
        between = os.getpid()
        if os.fork() != 0:
            os._exit(0)
    except OSError:
        os._exit(EXIT_FAILED)  # the supervisor sees the end of the output and tries again
    while os.getppid() == between:
        time.sleep(_ADOPTION_S)
    if os.getppid() != parent:
        os._exit(EXIT_FAILED)  # the supervisor has ended
    return True


def _run_child(spec: ProcessSpec, out: int, log: Log) -> int:
    """Run the process: in a session of its own, so that Ctrl-C reaches only the supervisor, which stops the processes
    in order, and on its cores before it starts threads, which inherit them. Its log is that of the supervisor; all
    else that it writes goes to `out`."""
    os.setsid()
    os.dup2(out, _STDOUT)
    logs.divert_standard_error(out)
    os.close(out)
    logs.configure(spec.name, log)
    _set_title(" ".join((TITLE, spec.name, *spec.arguments)))
    if spec.cores:
        try:
            os.sched_setaffinity(0, spec.cores)
        except OSError as error:
            cores = ", ".join(map(str, sorted(spec.cores)))
            text = "%s is not pinned to cores %s: %s"
            logger.warning(LogEvent.CORES_REFUSED, text, spec.name, cores, error.strerror, child=spec.name)
    gc.enable()
    print(os.getpid(), flush=True)
    code: int = importlib.import_module(spec.module).main(list(spec.arguments))
    return code


def _set_title(title: str) -> None:
    """Set the title that `ps` shows, by overwriting the command line, up to its length. Libraries for this find the
    command line by the address of the environment, which is lost once its first variable has been changed."""
    stat = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    begin, end = map(int, stat[_COMMAND_LINE])
    text = title.encode(errors="surrogateescape")
    ctypes.memmove(begin, text[: end - begin - 1].ljust(end - begin, b"\0"), end - begin)
    ctypes.CDLL(None).prctl(_PR_SET_NAME, text, 0, 0, 0)


def _import(module: str) -> None:
    """Import a module. A failure is reported by the process that needs the module."""
    with contextlib.suppress(Exception):
        importlib.import_module(module)


def _detach(parent: int) -> None:
    """In a forked fork server: release what belongs to the supervisor, and end with it."""
    os.setsid()
    end_with_parent()
    if os.getppid() != parent:
        os._exit(EXIT_FAILED)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, _STDIN)
    os.dup2(null, _STDOUT)
    os.close(null)
    for fd in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):  # the descriptor of the listing is closed
            if fd > _STDERR and os.get_inheritable(fd):  # inherited by the supervisor
                os.close(fd)
    os.chdir("/")  # hold no folder of whoever started the service
    SystemdNotifier().close()  # the supervisor alone speaks to systemd


def _pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def main() -> int:
    ignore_hangup()
    timer = StartupTimer()
    fd, log_fd, level, log_format, *modules = sys.argv[1:]
    logs.log_to(int(log_fd))
    os.set_inheritable(int(log_fd), False)
    log = msgspec.convert({"level": level, "format": log_format}, Log)
    logs.configure("fork-server", log)
    end_with_parent()
    parent = os.getppid()
    os.environ[_THREADS] = "1"
    requests = socket.socket(fileno=int(fd))
    requests.set_inheritable(False)
    for module in modules:
        _import(module)
    os.chdir("/")  # hold no folder of whoever started the service
    timer.mark("imports")
    timer.log()
    return _serve(requests, parent, log)


if __name__ == "__main__":
    sys.exit(main())
