"""Questions from one process to another: a Unix socket, one line of JSON each way.

ask         in an event loop: sends a line, returns the answer
LineServer  in a process without one: a thread that answers one line after the other
"""

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from quotelife.logs import LogEvent, event_logger
from quotelife.runtime.process import unix_path

logger = event_logger(__name__)
_TIMEOUT_S = 5.0
_MAX_LINE_BYTES = 1 << 17
_BACKLOG = 16


async def ask(path: Path, line: bytes) -> dict[str, object]:
    """Send a line to the process that serves the path and return its answer. OSError or TimeoutError without one."""
    async with asyncio.timeout(_TIMEOUT_S):
        reader, writer = await asyncio.open_unix_connection(path, limit=1 << 24)
        try:
            writer.write(line.replace(b"\n", b" ") + b"\n")
            await writer.drain()
            answer = await reader.readline()
        finally:
            writer.close()
    if not answer:
        raise ConnectionError("no answer")
    return json.loads(answer)


class LineServer:
    """Answers lines with `answer`, which must not raise, in a thread of its own. A peer has 5 s for its line; one that
    sends none or too long a line gets no answer."""

    def __init__(self, path: Path, answer: Callable[[bytes], bytes]) -> None:
        """Replace the socket of an earlier process and listen. OSError if that fails."""
        self._path, self._answer = unix_path(path), answer
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self._path))
        self._path.chmod(0o600)
        self._socket.listen(_BACKLOG)
        self._thread = threading.Thread(target=self._serve, name=path.name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more lines."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(_TIMEOUT_S)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return  # closed
            with peer:
                try:
                    peer.settimeout(_TIMEOUT_S)
                    line = _read_line(peer)
                    if line:
                        peer.sendall(self._answer(line) + b"\n")
                except OSError:
                    continue  # the peer has gone, or is too slow
                except Exception:
                    logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while answering on %s", self._path.name)


def _read_line(peer: socket.socket) -> bytes:
    """Up to the first newline; empty if there is none."""
    received = b""
    while not received.endswith(b"\n") and len(received) <= _MAX_LINE_BYTES:
        part = peer.recv(1 << 16)
        if not part:
            return b""
        received += part
    return received if received.endswith(b"\n") else b""
