"""What every process of the service does alike: end with its parent, say that it is ready, refuse bad settings."""

import ctypes
import os
import signal
import sys
from pathlib import Path

from service.config import Config, ConfigError, load

EXIT_FAILED = 1
EXIT_CONFIG = 2
READY = "READY "
_PR_SET_PDEATHSIG = 1


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


def say_ready(what: str) -> None:
    """One line on the standard output: the parent waits for it."""
    print(f"{READY}{what}", flush=True)


def read_configuration(path: str | Path) -> Config:
    """The configuration, or one line on the standard error and exit code 2."""
    try:
        return load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise SystemExit(EXIT_CONFIG) from None
