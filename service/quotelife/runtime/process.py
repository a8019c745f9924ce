"""What every process of the service does alike: end with its parent, say that it is ready, refuse bad settings."""

import ctypes
import importlib
import os
import signal
import sys
import time
from pathlib import Path

from quotelife.config import Config, ConfigError, load
from quotelife.config.extras import install

EXIT_FAILED = 1
EXIT_CONFIG = 2
READY = "READY "
NO_ENGINE = f"the FIX engine (quickfix) is missing: {install('binary')}; [source] builds it instead"
_PR_SET_PDEATHSIG = 1
_START_TICKS = 19  # behind the name in /proc/self/stat: when the process was made, since the machine began


def end_with_parent() -> None:
    """Ask the kernel for a SIGTERM when the parent dies, so that no process of the service is left behind.

    The parent may have died before the request: then the process ends at once.
    """
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def engine_problem() -> str | None:
    """One line that says what to install, if the FIX engine is not there or cannot be loaded; None if it can."""
    try:
        importlib.import_module("quickfix")
    except ModuleNotFoundError as error:
        if error.name == "quickfix":
            return NO_ENGINE
        return f"{NO_ENGINE}; it needs {error.name}"
    except Exception as error:  # a library that does not fit the machine, or half a package
        return f"{NO_ENGINE}; it is there but cannot be loaded: {str(error).splitlines()[0] if str(error) else error!r}"
    return None


def unix_path(path: Path) -> Path:
    """A path for the Unix socket `path` that is short enough (a socket's path has at most 107 bytes), through its
    folder, which stays open until the process ends."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return Path(f"/proc/self/fd/{folder}") / path.name


def describe_exit(code: int) -> str:
    """How a process has ended, from its exit code."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def announce_ready(what: str) -> None:
    """One line on the standard output: the parent waits for it."""
    print(f"{READY}{what}", flush=True)


def say(text: str) -> None:
    """One line for whoever reads the service's log."""
    print(f"quotelife: {text}", file=sys.stderr, flush=True)


def read_configuration(path: str | Path) -> Config:
    """The configuration, or one line on the standard error and exit code 2."""
    try:
        return load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise SystemExit(EXIT_CONFIG) from None


class StartupTimer:
    """How long this process takes until it is ready, stage by stage. Begins when the kernel made it, so the first stage
    holds the interpreter and the imports, unless it was forked by one that has them."""

    def __init__(self, name: str) -> None:
        self._name, self._stages = name, [("begin", _age_s())]

    def mark(self, stage: str) -> None:
        """What was done since the stage before is called `stage`."""
        self._stages.append((stage, _age_s()))

    def log(self) -> None:
        """One line on the standard error."""
        ends = [0.0, *(end for _, end in self._stages)]
        parts = [f"{stage} {end - begun:.2f}" for (stage, end), begun in zip(self._stages, ends, strict=False)]
        print(f"{self._name}: ready after {ends[-1]:.2f} s: {', '.join(parts)}", file=sys.stderr, flush=True)


def _age_s() -> float:
    ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[_START_TICKS])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
