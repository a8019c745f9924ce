"""Are the ports that the configuration names free? Found before anything is started."""

from quotelife.config import Config
from quotelife.runtime.ports import listening_problem, ports_of


class PortInUse(Exception):
    """One line: which port, of what, and what to do."""


def check_ports(config: Config) -> None:
    """PortInUse on the first port at which something else listens."""
    venues = ((f"venue[{n}].port", venue.host, venue.port) for n, venue in enumerate(config.venue))
    for key, host, port in (*ports_of(config), *venues):
        if (problem := listening_problem(host, port)) is not None:
            raise PortInUse(
                f"{host}:{port} ({key} in {config.file}) cannot be listened on: {problem.strerror}; "
                "end what listens there, or set another port"
            )
