"""Requests of the commands to the running service: over its Unix socket, else over its HTTP API with the token."""

import http.client
import json
import socket
import sys
from pathlib import Path

from quotelife.config import Config, token
from quotelife.config.paths import run_paths
from quotelife.runtime.process import unix_path

_TIMEOUT_S = 10.0


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path, self._timeout_s = path, timeout_s

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self._timeout_s)
        self.sock.connect(str(unix_path(self._path)))


def request(
    config: Config, method: str, path: str, body: dict[str, object] | None = None, timeout_s: float = _TIMEOUT_S
) -> dict | None:
    """The service's answer. None if there is none, or if it refuses; the standard error then has one line about it."""
    connection, headers = connect(config, timeout_s)
    try:
        connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        document: dict = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        print(
            f"{config.file}: no response from the service at {places(config)} ({why}); is it running?", file=sys.stderr
        )
        return None
    finally:
        connection.close()
    if answer.status != 200:
        print(f"{config.file}: refused: {document.get('detail', answer.reason)}", file=sys.stderr)
        return None
    return document


def connect(config: Config, timeout_s: float = _TIMEOUT_S) -> tuple[http.client.HTTPConnection, dict[str, str]]:
    """A connection to the service and the headers of a request. Over TCP, not yet connected, if the socket is not there
    or this user may not use it."""
    headers = {"Content-Type": "application/json"}
    own = _UnixConnection(run_paths(config).control_socket, timeout_s)
    try:
        own.connect()
        return own, headers
    except OSError:
        own.close()
    bearer = token(config, "admin")
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    return http.client.HTTPConnection(config.admin.host, config.admin.port, timeout=timeout_s), headers


def places(config: Config) -> str:
    """Where the commands look for the service."""
    return f"{run_paths(config).control_socket} or http://{config.admin.host}:{config.admin.port}"
