"""Notification of systemd (sd_notify): datagrams to the socket that NOTIFY_SOCKET names."""

import contextlib
import os
import socket

_US_PER_S = 1_000_000
_TIMEOUT_S = 1.0  # to send into a full queue


class SystemdNotifier:
    """Removes NOTIFY_SOCKET and WATCHDOG_USEC from the environment, so that no other process inherits them.

    Without them nothing is sent. `watchdog_s` is the watchdog's timeout, None without a watchdog.
    """

    def __init__(self) -> None:
        path = os.environ.pop("NOTIFY_SOCKET", "")
        usec, pid = os.environ.pop("WATCHDOG_USEC", ""), os.environ.pop("WATCHDOG_PID", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if path else None
        meant = usec.isdigit() and int(usec) > 0 and pid in ("", str(os.getpid()))
        self.watchdog_s = int(usec) / _US_PER_S if meant else None

    def ready(self, status: str) -> None:
        self._send(_TIMEOUT_S, "READY=1", f"STATUS={status}")

    def alive(self) -> None:
        """Reset the watchdog."""
        if self.watchdog_s is not None:
            self._send(0.0, "WATCHDOG=1")  # in a full queue there are enough of them

    def stopping(self) -> None:
        self._send(_TIMEOUT_S, "STOPPING=1", "STATUS=stopping")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _send(self, timeout_s: float, *lines: str) -> None:
        if self._socket is None:
            return
        self._socket.settimeout(timeout_s)
        # A failure is not handled here: systemd acts on a missing notification by its watchdog.
        with contextlib.suppress(OSError):
            self._socket.sendto("\n".join(lines).encode(), self._address)
