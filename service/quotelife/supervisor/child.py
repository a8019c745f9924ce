"""A process of the service as the supervisor has it: started, watched, started again, stopped."""

import asyncio
import contextlib
import os
import signal

from quotelife.metrics.region import MetricsRegion
from quotelife.runtime.clock import NS_PER_S, mono_ns
from quotelife.runtime.fork_server import ForkServer, ForkServerError, ProcessSpec
from quotelife.runtime.process import EXIT_CONFIG, EXIT_FAILED, READY, describe_exit, say

_PAUSE_MIN_S = 0.1
_PAUSE_MAX_S = 5.0
_CALM_S = 10.0  # a process that ran so long starts again without a long pause
STOP_S = 10.0  # after SIGTERM; then it is killed


class SupervisedProcess:
    """One process: started, watched, started again. `ready` is set while it runs and has said so."""

    def __init__(
        self, spec: ProcessSpec, region: MetricsRegion, fork_server: ForkServer, stop_within_s: float = STOP_S
    ) -> None:
        self.name, self.module = spec.name, spec.module
        self._spec = spec
        self._fork_server = fork_server
        self._stop_within_s = stop_within_s
        self.ready = asyncio.Event()
        self.ever_ready = False
        self._begun: int | None = None
        self.process: ChildProcess | None = None
        self._stopping = False
        self._values = region.values
        self._up = region.gauge("quotelife_process_up", process=self.name)
        self._restarts = region.counter("quotelife_process_restarts_total", process=self.name)

    def begin(self) -> None:
        """Have it started already, before there is a loop to watch it."""
        with contextlib.suppress(ForkServerError):  # it is told where it is watched
            self._begun = self._fork_server.start(self._spec)

    async def keep_running(self) -> int:
        """Until stopped (0), or until it cannot be started (the exit code for the whole service)."""
        pause = _PAUSE_MIN_S
        while not self._stopping:
            started = mono_ns()
            try:
                code = await self._run_once()
                how = f"ended ({describe_exit(code)})"
            except ForkServerError:
                code, how = EXIT_FAILED, "could not be started, the fork server has ended"
            if self._stopping:
                break
            if code == EXIT_CONFIG:
                return EXIT_CONFIG  # it has said why
            if not self.ever_ready:
                say(f"{self.name} {how} before it was ready; nothing is served")
                return EXIT_FAILED
            if mono_ns() - started > _CALM_S * NS_PER_S:
                pause = _PAUSE_MIN_S
            say(f"{self.name} {how}; it is started again in {pause:g} s")
            self._values[self._restarts] += 1
            await asyncio.sleep(pause)
            pause = min(2 * pause, _PAUSE_MAX_S)
        return 0

    async def _run_once(self) -> int:
        out, self._begun = self._begun, None
        lines, pipe = await _lines(self._fork_server.start(self._spec) if out is None else out)
        try:
            return await self._follow(lines)
        finally:
            pipe.close()

    async def _follow(self, lines: asyncio.StreamReader) -> int:
        first = await lines.readline()
        if not first:
            raise ForkServerError
        process = self.process = ChildProcess(int(first))
        if self._stopping:
            process.send(signal.SIGTERM)
        async for raw in lines:
            line = raw.decode(errors="replace").rstrip()
            if line.startswith(READY):
                self.ever_ready = True
                self.ready.set()
                self._values[self._up] = 1
            say(f"{self.name}: {line}")
        code = await process.wait()
        self.ready.clear()
        self._values[self._up] = 0
        return code

    async def stop(self) -> bool:
        """SIGTERM, and SIGKILL if that does not help in time (False)."""
        self._stopping = True
        process = self.process
        if process is None or process.ended:
            return True
        process.send(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), self._stop_within_s)
        except TimeoutError:
            say(f"{self.name} did not end within {self._stop_within_s:g} s of SIGTERM and is killed")
            process.send(signal.SIGKILL)
            await process.wait()
            return False
        return True


class ChildProcess:
    """A child process that another has made for this one."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._fd = os.pidfd_open(pid)
        self._loop = asyncio.get_running_loop()
        self._code: asyncio.Future[int] = self._loop.create_future()
        self._loop.add_reader(self._fd, self._reap)

    @property
    def ended(self) -> bool:
        return self._code.done()

    async def wait(self) -> int:
        """Its exit code; the number of a signal, negative."""
        return await asyncio.shield(self._code)

    def send(self, signum: signal.Signals) -> None:
        """Nothing happens if it has ended."""
        if not self.ended:
            signal.pidfd_send_signal(self._fd, signum)

    def _reap(self) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._code.set_result(os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]))


async def _lines(out: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    """What comes from a pipe, and the pipe: uvloop does not close it where it ends."""
    reader = asyncio.StreamReader()
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(out, "rb", buffering=0)
    )
    return reader, pipe
