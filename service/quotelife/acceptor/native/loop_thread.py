"""The thread in which all connections are served: waits for sockets, and calls what other threads want called.

It is not an asyncio loop. uvloop closes the watcher of a socket that was reset, without calling anybody, so that the
session of a client that has gone would stay; and what a general loop does between a message and its handler costs
microseconds of each answer.
"""

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from quotelife.logs import LogEvent, event_logger

logger = event_logger(__name__)
READABLE, WRITABLE = select.EPOLLIN, select.EPOLLOUT
TICK_S = 0.05
_MAX_EVENTS = 64  # sockets a turn

OnReady = Callable[[], object]


class LoopThread:
    """`on_tick` is called every TICK_S. With `spins` the thread polls instead of sleeping."""

    def __init__(self, on_tick: OnReady, spins: bool) -> None:
        self._on_tick, self._spins = on_tick, spins
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._on_ready: dict[int, OnReady] = {}
        self.watch(self._wake, READABLE, lambda: os.eventfd_read(self._wake))
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="connections", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call it in the loop; from any thread."""
        self._calls.append((function, arguments))
        os.eventfd_write(self._wake, 1)

    def call_soon(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call it once the sockets that are ready have had their turn; from the loop."""
        self._calls.append((function, arguments))

    def watch(self, fd: int, events: int, on_ready: OnReady) -> None:
        """Call `on_ready` whenever READABLE or WRITABLE, or both, is so, or the connection is lost."""
        if fd in self._on_ready:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._on_ready[fd] = on_ready

    def ignore(self, fd: int) -> None:
        """Watch it no more; before it is closed."""
        if self._on_ready.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def stop(self) -> None:
        """End the thread."""
        self._stopping = True
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        self._epoll.close()
        os.close(self._wake)

    def _run(self) -> None:
        poll, on_ready, calls = self._epoll.poll, self._on_ready, self._calls
        tick = time.monotonic()
        while not self._stopping:
            for fd, _ in poll(0 if calls or self._spins else TICK_S, _MAX_EVENTS):
                if fd in on_ready:  # not closed by one before it
                    try:
                        on_ready[fd]()
                    except Exception:
                        logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception in the loop of the connections")
            for _ in range(len(calls)):  # not what they add
                function, arguments = calls.popleft()
                _guarded(function, *arguments)
            if (now := time.monotonic()) - tick >= TICK_S:
                tick = now
                _guarded(self._on_tick)


def _guarded(function: Callable[..., object], *arguments: Any) -> None:
    """No exception ends the loop."""
    try:
        function(*arguments)
    except Exception:
        logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception in the loop of the connections")
