"""Are the ports that the configuration names free? Found before anything is started."""

import socket

from service.config import Config


class PortInUse(Exception):
    """One line: which port, of what, and what to do."""


def check_ports(config: Config) -> None:
    """PortInUse on the first port at which something else listens."""
    wanted = [
        ("acceptor.port", config.acceptor.host, config.acceptor.port),
        ("admin.port", config.admin.host, config.admin.port),
        *([("api.port", config.api.host, config.api.port)] if config.api is not None and config.api.tcp else []),
        *((f"venue[{n}].port", venue.host, venue.port) for n, venue in enumerate(config.venue)),
    ]
    for key, host, port in wanted:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                probe.listen()
            except OSError as error:
                raise PortInUse(
                    f"{host}:{port} ({key} in {config.file}) cannot be listened on: {error.strerror}; "
                    "end what listens there, or set another port"
                ) from None
