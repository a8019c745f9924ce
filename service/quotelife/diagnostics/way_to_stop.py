"""Whether somebody can stop the service: over the Unix socket in its run directory, or over HTTP with a token."""

import os
import socket
from pathlib import Path

from quotelife.config import Config, ConfigError, token
from quotelife.config.paths import run_paths
from quotelife.diagnostics.diagnostic import Diagnostic
from quotelife.runtime.process import unix_path

SUBJECT = "way to stop"
_MAX_PATH_BYTES = 107  # of a Unix socket


def examine(config: Config) -> Diagnostic:
    """A failure if neither the socket nor a token can be used."""
    path = run_paths(config).control_socket
    problem = _socket_problem(path)
    try:
        with_token = token(config, "admin") is not None
    except ConfigError as error:
        return Diagnostic(SUBJECT, "fail", f"{error.key}: {error.allowed}", "set admin.token_file to a usable file")
    if problem is None:
        http = "HTTP with the token" if with_token else "no token, so HTTP changes nothing"
        short = "" if len(os.fsencode(path)) <= _MAX_PATH_BYTES else "; its path is too long for curl"
        return Diagnostic(SUBJECT, "ok", f"quotelife stop, as this user or root, over {path}{short}; {http}")
    if with_token:
        return Diagnostic(SUBJECT, "warn", f"only over HTTP with the token: {path}: {problem}", "change paths.run")
    found = f"neither the socket {path} ({problem}) nor a token"
    return Diagnostic(SUBJECT, "fail", found, "set paths.run to a folder of this user, or admin.token_file")


def _socket_problem(path: Path) -> str | None:
    """Why no socket can be made in the run directory, or in the folder in which that will be created."""
    run = path.parent
    folder = next(p for p in (run, *run.parents) if p.exists())
    probe = unix_path(folder / f".doctor-{os.getpid()}.sock")
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(probe))
            probe.unlink()
    except OSError as error:
        return error.strerror or str(error)
    return None
