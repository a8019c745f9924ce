"""A process of the service under supervision: start, restart, stop."""

import asyncio
import contextlib
import os
import signal

from quotelife.logs import LogEvent, event_logger
from quotelife.metrics.region import MetricsRegion
from quotelife.runtime.clock import NS_PER_S, mono_ns, utc_timestamp, wall_ns
from quotelife.runtime.fork_server import ForkServer, ForkServerError, ProcessSpec
from quotelife.runtime.process import EXIT_CONFIG, EXIT_FAILED, READY, describe_exit

logger = event_logger(__name__)
_PAUSE_MIN_S = 0.1
_PAUSE_MAX_S = 5.0
_CALM_S = 10.0  # after so long a run, the pause starts from its minimum again
STOP_S = 10.0  # from SIGTERM to SIGKILL


class SupervisedProcess:
    """One process, restarted when it ends. `ready` is set from its READY line until its end."""

    def __init__(
        self, spec: ProcessSpec, region: MetricsRegion, fork_server: ForkServer, stop_within_s: float = STOP_S
    ) -> None:
        self.name, self.module = spec.name, spec.module
        self._spec = spec
        self._fork_server = fork_server
        self._stop_within_s = stop_within_s
        self.ready = asyncio.Event()
        self.ever_ready = False
        self._since_ns = 0  # wall clock of the start of the process that runs, 0 if none does
        self._begun: int | None = None
        self.process: ChildProcess | None = None
        self._stopping = False
        self._values = region.values
        self._up = region.gauge("quotelife_process_up", process=self.name)
        self._restarts = region.counter("quotelife_process_restarts_total", process=self.name)

    def begin(self) -> None:
        """Start the process before the event loop runs."""
        with contextlib.suppress(ForkServerError):  # reported by keep_running
            self._begun = self._fork_server.start(self._spec)

    def document(self) -> dict[str, object]:
        """The process as `quotelife status` shows it."""
        process = self.process
        running = process is not None and not process.ended
        return {
            "name": self.name,
            "pid": process.pid if process is not None and running else None,
            "ready": self.ready.is_set(),
            "since": utc_timestamp(self._since_ns) if running else None,
            "restarts": int(self._values[self._restarts]),
        }

    async def keep_running(self) -> int:
        """Run until stopped (returns 0) or until it cannot be started (returns the exit code for the service)."""
        pause = _PAUSE_MIN_S
        while not self._stopping:
            started = mono_ns()
            try:
                code = await self._run_once()
                how = f"ended ({describe_exit(code)})"
            except ForkServerError:
                code, how = EXIT_FAILED, "could not be started, since the fork server ended"
            if self._stopping:
                break
            if code == EXIT_CONFIG:
                return EXIT_CONFIG  # the process has reported why
            if not self.ever_ready:
                text = "%s %s before it was ready; the service ends"
                logger.error(LogEvent.PROCESS_ENDED, text, self.name, how, child=self.name)
                return EXIT_FAILED
            if mono_ns() - started > _CALM_S * NS_PER_S:
                pause = _PAUSE_MIN_S
            text = "%s %s; it is restarted in %g s"
            logger.error(LogEvent.PROCESS_RESTARTED, text, self.name, how, pause, child=self.name)
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
        self._since_ns = wall_ns()
        output = event_logger(__name__, self.name)
        if self._stopping:
            process.send(signal.SIGTERM)
        async for raw in lines:
            line = raw.decode(errors="replace").rstrip()
            if line.startswith(READY):
                self.ever_ready = True
                self.ready.set()
                self._values[self._up] = 1
                logger.info(LogEvent.PROCESS_READY, "%s: %s", self.name, line.removeprefix(READY), child=self.name)
            elif line:
                output.warning(LogEvent.PROCESS_OUTPUT, "%s", line)
        code = await process.wait()
        self.ready.clear()
        self._values[self._up] = 0
        return code

    async def stop(self) -> bool:
        """Send SIGTERM, and SIGKILL if the process does not end in time. Returns whether it ended in time."""
        self._stopping = True
        process = self.process
        if process is None or process.ended:
            return True
        process.send(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), self._stop_within_s)
        except TimeoutError:
            text = "%s did not end within %g s of SIGTERM and is killed"
            logger.error(LogEvent.PROCESS_KILLED, text, self.name, self._stop_within_s, child=self.name)
            process.send(signal.SIGKILL)
            await process.wait()
            return False
        return True


class ChildProcess:
    """A child process that the fork server created for this process."""

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
        """Wait for its end. Returns the exit code, or the negative number of a signal."""
        return await asyncio.shield(self._code)

    def send(self, signum: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if not self.ended:
            signal.pidfd_send_signal(self._fd, signum)

    def _reap(self) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._code.set_result(os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]))


async def _lines(out: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    """A reader of a pipe, and the pipe, which uvloop does not close at its end."""
    reader = asyncio.StreamReader()
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(out, "rb", buffering=0)
    )
    return reader, pipe
