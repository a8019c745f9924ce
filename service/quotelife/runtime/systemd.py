"""Telling systemd how the service is (sd_notify): one datagram to the socket that NOTIFY_SOCKET names."""

import contextlib
import os
import socket

_US_PER_S = 1_000_000
_PATIENCE_S = 1.0  # with a full queue, for what must not be lost


class SystemdNotifier:
    """Takes NOTIFY_SOCKET and WATCHDOG_USEC out of the environment, so that no process of the service inherits them.

    Without them nothing is sent. `watchdog_s` is the longest silence that systemd accepts, None without a watchdog.
    """

    def __init__(self) -> None:
        path = os.environ.pop("NOTIFY_SOCKET", "")
        usec, pid = os.environ.pop("WATCHDOG_USEC", ""), os.environ.pop("WATCHDOG_PID", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if path else None
        meant = usec.isdigit() and int(usec) > 0 and pid in ("", str(os.getpid()))
        self.watchdog_s = int(usec) / _US_PER_S if meant else None

    def ready(self, status: str) -> None:
        self._tell(_PATIENCE_S, "READY=1", f"STATUS={status}")

    def alive(self) -> None:
        """The watchdog's sign of life."""
        if self.watchdog_s is not None:
            self._tell(0.0, "WATCHDOG=1")  # if the queue is full there are enough of them

    def stopping(self) -> None:
        self._tell(_PATIENCE_S, "STOPPING=1", "STATUS=stopping")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _tell(self, within_s: float, *lines: str) -> None:
        if self._socket is None:
            return
        self._socket.settimeout(within_s)
        # Whether systemd listens is its own affair; the watchdog is what it does about silence.
        with contextlib.suppress(OSError):
            self._socket.sendto("\n".join(lines).encode(), self._address)
