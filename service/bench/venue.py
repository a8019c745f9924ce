"""The bench's venue as a process: accepts the service's market-data session and sends increments at a given rate.

    python -m service.bench.venue RATE

Prints its port. Ends when its standard input is closed. It sends every millisecond what is due, so that it costs little
beside what is measured.
"""

import select
import socket
import sys
import time

from service.bench.market import VenueSide, split
from service.clock import NS_PER_S, mono_ns

_PULSE_S = 0.001


def main(arguments: list[str]) -> int:
    rate = float(arguments[0])
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            ready, _, _ = select.select([server, sys.stdin], [], [])
            if sys.stdin in ready:
                return 0
            connection, _ = server.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    if not _serve(connection, rate):
                        return 0
                except (ConnectionError, TimeoutError):
                    continue


def _serve(connection: socket.socket, rate: float) -> bool:
    """One session; False if the bench is over."""
    venue = VenueSide()
    rest = b""
    sent, since_ns = 0, mono_ns()
    while True:
        ready, _, _ = select.select([connection, sys.stdin], [], [], 0)
        if sys.stdin in ready:
            return False
        if connection in ready:
            data = connection.recv(1 << 16)
            if not data:
                return True
            messages, rest = split(rest + data)
            for message in messages:
                _answer(connection, venue, message)
        if not venue.requests:
            since_ns = mono_ns()
        due = int((mono_ns() - since_ns) / NS_PER_S * rate) - sent
        if due > 0 and venue.requests:
            connection.sendall(venue.increments(due))
            sent += due
        time.sleep(_PULSE_S)


def _answer(connection: socket.socket, venue: VenueSide, message: dict[str, str]) -> None:
    match message["35"]:
        case "A":
            connection.sendall(venue.message("A", [(98, 0), (108, message["108"]), (141, "Y")]))
        case "V":
            connection.sendall(venue.snapshot(message["262"], message["55"]))
        case "1":
            connection.sendall(venue.message("0", [(112, message["112"])]))
        case "5":
            connection.sendall(venue.message("5", []))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
