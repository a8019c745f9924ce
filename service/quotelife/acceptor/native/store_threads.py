"""Threads for what waits for the disk: answers to hits, and what is due at a Logon."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

from quotelife.logs import LogEvent, event_logger

logger = event_logger(__name__)
COUNT = 8


class StoreThreads:
    """Each call runs in one of a few threads."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._run, name=f"store-{n}", daemon=True) for n in range(COUNT)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def call(self, function: Callable[[], object]) -> None:
        """Call it soon; from any thread."""
        self._calls.put(function)

    def stop(self) -> None:
        """End them, once all calls have been made."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (function := self._calls.get()) is not None:
            try:
                function()
            except Exception:  # the thread serves others, too
                logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception in a thread that waits for the disk")
