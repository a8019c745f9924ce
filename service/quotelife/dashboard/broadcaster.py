"""Broadcasts quote events from one journal reader to all viewers, in batches that a person can follow.

The reader runs in a separate thread, and only while there are viewers. If a batch has too many quotes, an even sample
is shown and the others are counted. A viewer that falls behind loses the oldest events and receives their number.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

from quotelife.dashboard.quote_events import Batch, Event

PERIOD_S = 0.1
MAX_QUOTES = 30  # new quotes in a batch
_MAX_QUEUED = 2_000  # events waiting for one viewer
_MAX_RECENT = 60  # ended quotes and refusals that a new viewer receives


class Viewer:
    """The queue of one viewer."""

    def __init__(self) -> None:
        self._queue: deque[Event] = deque(maxlen=_MAX_QUEUED)
        self.left_out = 0

    def enqueue(self, events: list[Event], left_out: int) -> None:
        overflow = len(self._queue) + len(events) - _MAX_QUEUED
        self.left_out += left_out + max(overflow, 0)
        self._queue.extend(events)

    def drain(self) -> tuple[list[Event], int]:
        """The queued events, and how many were left out since the last call."""
        events, left_out = list(self._queue), self.left_out
        self._queue.clear()
        self.left_out = 0
        return events, left_out


class EventBroadcaster:
    """`read` returns the next batch with at most the given number of quotes (`QuoteEventReader.read`); it is called
    in `thread`."""

    def __init__(self, read: Callable[[int], Batch], thread: Executor) -> None:
        self._read, self._thread = read, thread
        self._viewers: set[Viewer] = set()
        self._open: dict[object, Event] = {}  # shown quotes without an end, by id
        self._recent: deque[Event] = deque(maxlen=_MAX_RECENT)
        self._task: asyncio.Task[None] | None = None

    def subscribe(self) -> Viewer:
        """A new viewer, whose queue starts with the open quotes and the recent events."""
        viewer = Viewer()
        viewer.enqueue([*self._recent, *self._open.values()], 0)
        self._viewers.add(viewer)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return viewer

    def unsubscribe(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._viewers:
            batch = await loop.run_in_executor(self._thread, self._read, MAX_QUOTES)
            if batch.events:
                self.publish(batch)
            await asyncio.sleep(PERIOD_S)

    def publish(self, batch: Batch) -> None:
        """Pass a batch to the viewers, without the outcomes of quotes that were left out."""
        shown: list[Event] = []
        for event in batch.events:
            if event["kind"] == "quote":
                shown.append(event)
                self._open[event["id"]] = event
            elif event["kind"] == "reject":
                shown.append(event)
                self._recent.append(event)
            elif event["id"] in self._open:
                shown.append(event)
                if event["kind"] == "end":
                    self._recent.append(self._open.pop(event["id"]))
                    self._recent.append(event)
        self._drop_expired(batch.events)
        for viewer in self._viewers:
            viewer.enqueue(shown, batch.left_out + len(batch.events) - len(shown))

    def _drop_expired(self, events: list[Event]) -> None:
        """Drop quotes that expired a while ago: expiry has no event of its own."""
        newest_ms = max(float(str(e["at_ms"])) for e in events)
        expired = [q for q, e in self._open.items() if float(str(e["until_ms"])) < newest_ms - 1000.0]
        for quote in expired:
            del self._open[quote]
