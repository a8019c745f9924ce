"""A process of the service as the supervisor has it: started, watched, started again, stopped."""

import asyncio
import os
import sys
from pathlib import Path

import service
from service.clock import NS_PER_S, mono_ns
from service.metrics.region import MetricsRegion
from service.process import EXIT_CONFIG, EXIT_FAILED, READY, ending

_PAUSE_MIN_S = 0.1
_PAUSE_MAX_S = 5.0
_CALM_S = 10.0  # a process that ran so long starts again without a long pause
STOP_S = 10.0  # after SIGTERM; then it is killed


class Child:
    """One process: started, watched, started again. `ready` is set while it runs and has said so."""

    def __init__(
        self, name: str, command: tuple[str, ...], region: MetricsRegion, stop_within_s: float = STOP_S,
        cores: frozenset[int] = frozenset(),
    ) -> None:  # fmt: skip
        self.name = name
        self._cores = cores  # none: wherever there is room
        self._stop_within_s = stop_within_s
        self.ready = asyncio.Event()
        self.ever_ready = False
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._values = region.values
        self._up = region.gauge("quotelife_process_up", process=name)
        self._restarts = region.counter("quotelife_process_restarts_total", process=name)

    async def keep_running(self) -> int:
        """Until stopped (0), or until it cannot be started (the exit code for the whole service)."""
        pause = _PAUSE_MIN_S
        while not self._stopping:
            started = mono_ns()
            code = await self._run_once()
            if self._stopping:
                break
            if code == EXIT_CONFIG:
                return EXIT_CONFIG  # it has said why
            if not self.ever_ready:
                say(f"{self.name} ended ({ending(code)}) before it was ready; nothing is served")
                return EXIT_FAILED
            if mono_ns() - started > _CALM_S * NS_PER_S:
                pause = _PAUSE_MIN_S
            say(f"{self.name} ended ({ending(code)}); it is started again in {pause:g} s")
            self._values[self._restarts] += 1
            await asyncio.sleep(pause)
            pause = min(2 * pause, _PAUSE_MAX_S)
        return 0

    async def _run_once(self) -> int:
        # A session of its own, so that Ctrl-C reaches the supervisor alone and the stop is in order.
        # The working directory is where the package is, so that no other `service` can be found first.
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            cwd=Path(service.__file__).parents[1],
        )
        self._pin(self._process.pid)
        assert self._process.stdout is not None
        async for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip()
            if line.startswith(READY):
                self.ever_ready = True
                self.ready.set()
                self._values[self._up] = 1
            say(f"{self.name}: {line}")
        code = await self._process.wait()
        self.ready.clear()
        self._values[self._up] = 0
        return code

    def _pin(self, pid: int) -> None:
        """Before it has threads of its own: they will inherit it."""
        if self._cores:
            try:
                os.sched_setaffinity(pid, self._cores)
            except OSError as error:
                say(f"{self.name} is not pinned to cores {', '.join(map(str, sorted(self._cores)))}: {error.strerror}")

    async def stop(self) -> bool:
        """SIGTERM, and SIGKILL if that does not help in time (False)."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return True
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self._stop_within_s)
        except TimeoutError:
            say(f"{self.name} did not end within {self._stop_within_s:g} s of SIGTERM and is killed")
            process.kill()
            await process.wait()
            return False
        return True


def say(text: str) -> None:
    """One line for whoever reads the service's log."""
    print(f"quotelife: {text}", file=sys.stderr, flush=True)
