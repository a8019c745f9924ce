"""One reader of the journal for all who look: events go to each of them, in batches that a person can follow.

The reader works in a thread of its own, only while somebody looks. Of more quotes than can be shown, some are left out
evenly and counted; a viewer that falls behind loses the oldest, and is told how many.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

from quotelife.dashboard.quote_events import Batch, Event

PERIOD_S = 0.1
MOST_QUOTES = 30  # new ones in a batch
_KEPT = 2_000  # events that wait for one viewer
_RECENT = 60  # ended quotes and refusals that a newcomer is shown


class Viewer:
    """What waits for one who looks."""

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque(maxlen=_KEPT)
        self.left_out = 0

    def enqueue(self, events: list[Event], left_out: int) -> None:
        over = len(self._waiting) + len(events) - _KEPT
        self.left_out += left_out + max(over, 0)
        self._waiting.extend(events)

    def drain(self) -> tuple[list[Event], int]:
        """All that waits, and how many were left out since the last call."""
        events, left_out = list(self._waiting), self.left_out
        self._waiting.clear()
        self.left_out = 0
        return events, left_out


class EventBroadcaster:
    """`read` gives what is new, of so many new quotes at most (`QuoteEventReader.read`); it is
    called in `thread`."""

    def __init__(self, read: Callable[[int], Batch], thread: Executor) -> None:
        self._read, self._thread = read, thread
        self._viewers: set[Viewer] = set()
        self._shown: dict[object, Event] = {}  # quotes by id, those without an end
        self._recent: deque[Event] = deque(maxlen=_RECENT)
        self._task: asyncio.Task[None] | None = None

    def subscribe(self) -> Viewer:
        """A viewer, who is shown at first what is open and what was last."""
        viewer = Viewer()
        viewer.enqueue([*self._recent, *self._shown.values()], 0)
        self._viewers.add(viewer)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return viewer

    def unsubscribe(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._viewers:
            batch = await loop.run_in_executor(self._thread, self._read, MOST_QUOTES)
            if batch.events:
                self.publish(batch)
            await asyncio.sleep(PERIOD_S)

    def publish(self, batch: Batch) -> None:
        """Pass a batch on, but what became of quotes that were left out."""
        passed: list[Event] = []
        for event in batch.events:
            if event["kind"] == "quote":
                passed.append(event)
                self._shown[event["id"]] = event
            elif event["kind"] == "reject":
                passed.append(event)
                self._recent.append(event)
            elif event["id"] in self._shown:
                passed.append(event)
                if event["kind"] == "end":
                    self._recent.append(self._shown.pop(event["id"]))
                    self._recent.append(event)
        self._forget(batch.events)
        for viewer in self._viewers:
            viewer.enqueue(passed, batch.left_out + len(batch.events) - len(passed))

    def _forget(self, events: list[Event]) -> None:
        """Quotes whose time has long passed without a word."""
        newest_ms = max(float(str(e["at_ms"])) for e in events)
        old = [q for q, e in self._shown.items() if float(str(e["until_ms"])) < newest_ms - 1000.0]
        for quote in old:
            del self._shown[quote]
