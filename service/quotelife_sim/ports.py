"""Checks before a run that the configured ports are free."""

from quotelife.config import Config
from quotelife.runtime.ports import listening_problem, ports_of


class PortInUse(Exception):
    """A configured port is in use; the text names the port, its key and the remedy."""


def check_ports(config: Config) -> None:
    """PortInUse for the first port that another process listens on."""
    venues = ((f"venue[{n}].port", venue.host, venue.port) for n, venue in enumerate(config.venue))
    for key, host, port in (*ports_of(config), *venues):
        if (problem := listening_problem(host, port)) is not None:
            raise PortInUse(
                f"{host}:{port} ({key} in {config.file}) cannot be listened on: {problem.strerror}; "
                "stop the process that listens there, or configure another port"
            )
