"""The fork server: one thread that has imported what the other processes need, and forks them.

To import is most of a start: the compiler's library, the engine's, some two hundred compiled kernels. It is done once,
in `quotelife serve` itself, which then forks the fork server; what was imported is shared until somebody writes to it.

    supervisor --fork--> fork server --fork--> (gone at once) --fork--> marketdata, recorder, quoting ...

The process in between ends at once, and what it made becomes the supervisor's child: the supervisor is told its end by
the kernel, and it outlives the fork server. A fork server that dies is started again, as a program:

    python -m quotelife.runtime.fork_server FD MODULE...    asked over the socket FD, and imports the modules first
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

from quotelife.runtime.module_command import module_command
from quotelife.runtime.process import EXIT_FAILED, StartupTimer, describe_exit, end_with_parent, say
from quotelife.runtime.systemd import SystemdNotifier

TITLE = "quotelife"  # the first word of what `ps` shows of each process
_THREADS = "OPENBLAS_NUM_THREADS"  # else numpy brings threads; nothing here multiplies large matrices
_PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 15, 36
_COMMAND_LINE = slice(45, 47)  # behind the name in /proc/self/stat: where it begins and ends in this process's memory
_STDIN, _STDOUT, _STDERR = range(3)
_PAUSE_S = 1.0  # before a fork server that has died is started again
_ADOPTION_S = 0.0005  # between two looks at who the parent is
_MOST_BYTES = 65_536  # of a request
_LINE_FROM_S = 0.01  # what took less to import is not worth a line
FIRST = "quotelife.acceptor.process"  # imported before the fork: takes longest, and holds most of what the others need


class ForkServerError(Exception):
    """There is none now, or it ended before it made the process."""


class ProcessSpec(msgspec.Struct, frozen=True):
    """What a process is to be: its name, and the module whose `main(arguments)` it runs on these cores (none: any)."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    cores: frozenset[int] = frozenset()


class ForkServer:
    """The fork server as the supervisor has it. Started by the first process that is wanted, unless it was forked."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = tuple(modules)  # that one which is started as a program imports first
        self._socket: socket.socket | None = None
        self._pid = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def fork(self) -> None:
        """Import, and fork this process. Where it has other threads nothing is done: a fork would not have them, and
        what they hold would be held for ever. SystemExit in each process that is made."""
        os.environ[_THREADS] = "1"
        gc.disable()  # what is imported stays
        importlib.import_module(FIRST)
        gc.freeze()
        gc.enable()
        if _threads() > 1:
            say(f"fork-server is started as a program, which takes longer: there are {_threads()} threads here")
            return
        ours, theirs = _pair()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            ours.close()
            _leave(parent)
            raise SystemExit(_serve(theirs, parent))
        theirs.close()
        self._adopt(ours)

    def start(self, spec: ProcessSpec) -> int:
        """Have a process made. Returns its standard output, whose first line is its process id; it ends without one if
        the fork server died. ForkServerError if it is dead already."""
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
        """From now on one that dies is started again, by this loop."""
        self._loop = loop
        if self._socket is not None:
            loop.add_reader(self._socket, self._lost)

    def close(self) -> None:
        """End it. What it has made goes on."""
        self._loop, loop = None, self._loop
        if self._socket is not None:
            if loop is not None:
                loop.remove_reader(self._socket)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._reap()

    def _execute(self) -> None:
        ours, theirs = _pair()
        fd = str(theirs.fileno())
        command = module_command("quotelife.runtime.fork_server", fd, *self._modules)
        with theirs:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=[theirs.fileno()]
            )
        self._pid = process.pid
        process.returncode = 0  # it is waited for here, not by Popen
        self._adopt(ours)
        if self._loop is not None:
            self._loop.add_reader(ours, self._lost)

    def _adopt(self, ours: socket.socket) -> None:
        """The children of its children are to be ours."""
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
        self._socket = ours

    def _lost(self) -> None:
        """It says nothing while it lives: what can be read is the end."""
        assert self._loop is not None and self._socket is not None
        self._loop.remove_reader(self._socket)
        self._loop.call_later(_PAUSE_S, self._again, describe_exit(self._reap()))

    def _again(self, ended: str) -> None:
        if self._loop is not None:
            say(f"fork-server ended ({ended}); it is started again, the others run on")
            self._execute()

    def _reap(self) -> int:
        assert self._socket is not None
        self._socket.close()
        self._socket = None
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def _serve(asked: socket.socket, parent: int) -> int:
    """Make what is asked for until the supervisor is gone. Returns in each process that is made, with its exit code."""
    _call_it(f"{TITLE} fork-server")
    gc.disable()
    while True:
        message, fds, _, _ = socket.recv_fds(asked, _MOST_BYTES, 1)
        if not message:
            os._exit(0)
        spec = msgspec.json.decode(message, type=ProcessSpec)
        began = time.monotonic()
        _bring(spec.module)
        if (took_s := time.monotonic() - began) > _LINE_FROM_S:
            print(f"fork-server: {spec.module} imported in {took_s:.2f} s", file=sys.stderr, flush=True)
        gc.freeze()
        if _made(parent):
            asked.close()
            return _become(spec, fds[0])
        os.close(fds[0])


def _made(parent: int) -> bool:
    """A process is made that is the supervisor's child: True there, once it is."""
    if _threads() > 1:
        raise RuntimeError(f"{_threads()} threads: the others would not be in what is forked")
    between = os.fork()
    if between != 0:
        os.waitpid(between, 0)
        return False
    try:
        between = os.getpid()
        if os.fork() != 0:
            os._exit(0)
    except OSError:
        os._exit(EXIT_FAILED)  # the supervisor sees the end of the output, and asks again
    while os.getppid() == between:
        time.sleep(_ADOPTION_S)
    if os.getppid() != parent:
        os._exit(EXIT_FAILED)  # it is gone, and so is whoever would read why
    return True


def _become(spec: ProcessSpec, out: int) -> int:
    """Run as what is wanted: with a session of its own, so that Ctrl-C reaches the supervisor alone and the stop is in
    order, and on its cores before it has threads, which inherit them."""
    os.setsid()
    os.dup2(out, _STDOUT)
    os.close(out)
    _call_it(" ".join((TITLE, spec.name, *spec.arguments)))
    if spec.cores:
        try:
            os.sched_setaffinity(0, spec.cores)
        except OSError as error:
            cores = ", ".join(map(str, sorted(spec.cores)))
            say(f"{spec.name} is not pinned to cores {cores}: {error.strerror}")
    gc.enable()
    print(os.getpid(), flush=True)
    code: int = importlib.import_module(spec.module).main(list(spec.arguments))
    return code


def _call_it(title: str) -> None:
    """What `ps` shows, as far as the command line that it is written over has room. A library would find that by the
    environment's place, which is lost where its first variable was changed."""
    stat = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    begin, end = map(int, stat[_COMMAND_LINE])
    text = title.encode(errors="surrogateescape")
    ctypes.memmove(begin, text[: end - begin - 1].ljust(end - begin, b"\0"), end - begin)
    ctypes.CDLL(None).prctl(_PR_SET_NAME, text, 0, 0, 0)


def _bring(module: str) -> None:
    """What cannot be imported fails again where it is wanted, and is told there."""
    with contextlib.suppress(Exception):
        importlib.import_module(module)


def _leave(parent: int) -> None:
    """Of a forked fork server: hold nothing of the supervisor's, and end with it."""
    os.setsid()
    end_with_parent()
    if os.getppid() != parent:
        os._exit(EXIT_FAILED)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, _STDIN)
    os.dup2(null, _STDOUT)
    os.close(null)
    for fd in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):  # the listing's own is closed
            if fd > _STDERR and os.get_inheritable(fd):  # whoever started the supervisor has left it open
                os.close(fd)
    os.chdir("/")  # hold no folder of whoever started the service
    SystemdNotifier().close()  # the supervisor alone speaks to systemd


def _pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def main() -> int:
    timer = StartupTimer("fork-server")
    end_with_parent()
    parent = os.getppid()
    os.environ[_THREADS] = "1"
    asked = socket.socket(fileno=int(sys.argv[1]))
    asked.set_inheritable(False)
    for module in sys.argv[2:]:
        _bring(module)
    os.chdir("/")  # hold no folder of whoever started the service
    timer.mark("imports")
    timer.log()
    return _serve(asked, parent)


if __name__ == "__main__":
    sys.exit(main())
