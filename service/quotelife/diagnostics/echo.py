"""A script of its own, without packages, so that it starts at once: echoes what its socket receives, byte by byte.

    python echo.py DESCRIPTOR sleep|poll

It sleeps until there is something to read, as a process without `machine.spin` does, or reads without end.
"""

import socket
import sys


def main(descriptor: int, how: str) -> None:
    with socket.socket(fileno=descriptor) as sock:
        sock.setblocking(how == "sleep")
        while True:
            try:
                data = sock.recv(1)
            except BlockingIOError:
                continue
            if not data:
                return
            sock.send(data)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
