"""Checks that the configured ports are free, before anything is started."""

import errno
import socket
from pathlib import Path

from quotelife.config import Config, ConfigError


def check_ports(config: Config) -> None:
    """ConfigError if the acceptor, the API or the admin pages cannot listen."""
    for key, host, port in ports_of(config):
        if (problem := listening_problem(host, port)) is not None:
            raise port_error(config, key, host, port, problem)


def ports_of(config: Config) -> list[tuple[str, str, int]]:
    """(configuration key, host, port) of each port that the service listens on."""
    found = [
        ("acceptor.port", config.acceptor.host, config.acceptor.port),
        ("admin.port", config.admin.host, config.admin.port),
    ]
    if config.api is not None and config.api.tcp:
        found.append(("api.port", config.api.host, config.api.port))
    return found


def listening_problem(host: str, port: int) -> OSError | None:
    """The error of listening on this port now; None if it is free."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            return error
    return None


def port_error(config: Config, key: str, host: str, port: int, error: OSError) -> ConfigError:
    """A ConfigError for a port that cannot be listened on."""
    what = "in use" if error.errno == errno.EADDRINUSE else (error.strerror or str(error))
    allowed = f"{host}:{port} is {what}; allowed: a free port (stop the process there, or set another port)"
    return ConfigError(Path(config.file), key, port, allowed)
