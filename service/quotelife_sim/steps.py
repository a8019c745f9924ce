"""The steps of a start, a line for each with the time since the command, on a terminal and in a pipe alike."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

STARTED = "QUOTELIFE_DEMO_STARTED"  # set by deploy/demo.sh: seconds since the epoch
_START_TICKS = 19  # field after the name in /proc/self/stat: start of the process since boot
_MAX_INSTALL_S = 7200.0  # a start that is longer ago is that of another command


class Steps:
    """Prints to `console`, which flushes every line."""

    def __init__(self, console: Console, command_age_s: float | None = None) -> None:
        age_s = _command_age_s() if command_age_s is None else command_age_s
        self._console, self._began = console, time.monotonic() - age_s
        self._share = -1
        self.on_step: Callable[[str], None] = lambda line: None

    @property
    def elapsed_s(self) -> float:
        """Since the command was started."""
        return time.monotonic() - self._began

    def done(self, what: str) -> None:
        line = f"{self.elapsed_s:6.1f} s  {what}"
        self._console.out(line, highlight=False)
        self.on_step(f"{line}\n")

    def kernels(self, compiled: int, total: int) -> None:
        """Progress of the compilation: a line for every tenth of it."""
        share = 10 * compiled // max(total, 1)
        if share != self._share:
            self._share = share
            self.done(f"kernels {compiled} of {total} compiled{_once(compiled)}")


def _once(compiled: int) -> str:
    return "" if compiled else ": the first start compiles them, about a minute"


def _command_age_s() -> float:
    """Time since deploy/demo.sh or this process was started."""
    try:
        age_s = time.time() - float(os.environ[STARTED])
        if 0 <= age_s < _MAX_INSTALL_S:
            return age_s
    except (KeyError, ValueError):
        pass
    ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[_START_TICKS])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
