"""The entry of every process of the service: arguments, configuration, logging, readiness, exit code."""

import argparse
import asyncio
import ctypes
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import msgspec

from quotelife import logs
from quotelife.config import Config, ConfigError, load
from quotelife.config.extras import install
from quotelife.config.sections import Log
from quotelife.config.value_types import LogFormat
from quotelife.config.versions.version import read_version
from quotelife.logs import LogEvent, event_logger

EXIT_FAILED = 1
EXIT_CONFIG = 2
READY = "READY "
NO_ENGINE = f"the FIX engine (quickfix) is missing: {install('binary')}; [source] builds it instead"
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_PR_SET_PDEATHSIG = 1
_START_TICKS = 19  # field after the name in /proc/self/stat: start of the process since boot
logger = event_logger(__name__)


def end_with_parent() -> None:
    """Have the kernel send SIGTERM when the parent dies, so that no process is left behind. If the parent has already
    died, this process ends at once."""
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def ignore_hangup() -> None:
    """Do not end on SIGHUP, which means a reload that the supervisor hands on. Processes that this one creates or
    starts do not either."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def engine_problem() -> str | None:
    """One line with what to install if the FIX engine is missing or cannot be loaded; None if it can."""
    try:
        importlib.import_module("quickfix")
    except ModuleNotFoundError as error:
        if error.name == "quickfix":
            return NO_ENGINE
        return f"{NO_ENGINE}; it needs {error.name}"
    except Exception as error:  # a library for another machine, or an incomplete package
        reason = str(error).splitlines()[0] if str(error) else repr(error)
        return f"{NO_ENGINE}; it is installed but cannot be loaded: {reason}"
    return None


def unix_path(path: Path) -> Path:
    """A path for the Unix socket `path` that is short enough (a socket's path has at most 107 bytes), through its
    folder, which stays open until the process ends."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return Path(f"/proc/self/fd/{folder}") / path.name


def describe_exit(code: int) -> str:
    """The end of a process in words, from its exit code."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def announce_ready(what: str) -> None:
    """One line on the standard output, for which the parent waits."""
    print(f"{READY}{what}", flush=True)


def run_process(
    serve: Callable[[Config], int], arguments: Sequence[str] | None, name: str, *failures: type[Exception]
) -> int:
    """The main function of the process `name`: runs `serve` until it returns the exit code.

    `failures` are exceptions whose text tells an operator why the process cannot serve: one line in the log and exit
    code 1, as for any other exception, which is logged with its traceback. ConfigError: one line and exit code 2.
    """
    module = sys.modules[serve.__module__]
    assert module.__spec__ is not None
    parser = argparse.ArgumentParser(
        prog=f"python -m {module.__spec__.name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", required=True, help="the configuration file (TOML)")
    parser.add_argument("--in-force", help="a file with the version of it to use, which the supervisor writes")
    parser.add_argument("--log-format", choices=get_args(LogFormat), help="instead of the configured one")
    options = parser.parse_args(arguments)
    end_with_parent()
    ignore_hangup()
    logs.configure(name, Log(format=options.log_format or "text"))  # until the configuration is read
    try:
        config = _read(options.config, options.log_format, options.in_force)
        logs.configure(name, config.log)
        return serve(config)
    except ConfigError as error:
        logger.error(LogEvent.CONFIGURATION_INVALID, "%s", error)
        return EXIT_CONFIG
    except failures as error:
        logger.error(LogEvent.PROCESS_FAILED, "%s", error)
    except Exception:
        logger.exception(LogEvent.UNCAUGHT_EXCEPTION, "unexpected error; the process ends")
    return EXIT_FAILED


def read_configuration(
    path: str | Path, log_format: LogFormat | None = None, in_force: str | Path | None = None
) -> Config:
    """As `_read`, or one line on the standard error and exit code 2."""
    try:
        return _read(path, log_format, in_force)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise SystemExit(EXIT_CONFIG) from None


def _read(path: str | Path, log_format: LogFormat | None, in_force: str | Path | None) -> Config:
    """The configuration, with another format of the log if one is given. With `in_force` it is that of the version in
    this file, whatever `path` says by now."""
    config = load(path) if in_force is None else read_version(in_force).config
    return with_log_format(config, log_format)


def with_log_format(config: Config, log_format: LogFormat | None) -> Config:
    """The configuration with another format of the log, if one is given."""
    if log_format is None:
        return config
    return msgspec.structs.replace(config, log=msgspec.structs.replace(config.log, format=log_format))


def stop_event() -> asyncio.Event:
    """An event of the running loop that SIGTERM and SIGINT set."""
    event, loop = asyncio.Event(), asyncio.get_running_loop()
    for signum in STOP_SIGNALS:
        loop.add_signal_handler(signum, event.set)
    return event


class StartupTimer:
    """How long this process takes until it is ready, by stage. The first stage begins when the kernel created the
    process, so it contains the interpreter and the imports, unless the process was forked from one that has them."""

    def __init__(self) -> None:
        self._stages = [("begin", _age_s())]

    def mark(self, stage: str) -> None:
        """End the stage that began with the previous mark."""
        self._stages.append((stage, _age_s()))

    def log(self) -> None:
        """One line: the whole time and that of each stage, in seconds."""
        ends = [0.0, *(end for _, end in self._stages)]
        stages = {stage: end - begin for (stage, end), begin in zip(self._stages, ends, strict=False)}
        shown = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in stages.items())
        fields = {f"{stage}_s".replace("-", "_"): round(seconds, 3) for stage, seconds in stages.items()}
        logger.info(LogEvent.READY, "ready after %.2f s: %s", ends[-1], shown, ready_s=round(ends[-1], 3), **fields)


def _age_s() -> float:
    ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[_START_TICKS])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
