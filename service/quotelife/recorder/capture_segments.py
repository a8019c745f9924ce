"""Segments of the capture ring on their way to disk: what is missing between them, and what is on disk already."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from quotelife.market.capture import layout as L
from quotelife.market.capture.ring import Block
from quotelife.recorder.parquet_parts import written_until
from quotelife.shm.region import Words


class Segment(NamedTuple):
    """Consecutive events of one run, after `missing` that were lost."""

    run: int
    missing: int
    block: Block

    @property
    def end(self) -> int:
        """Sequence number after the last event."""
        return self.block.first + len(self.block.words)


class ArchivedEvents:
    """What an earlier recorder has written of a run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: dict[int, tuple[int | None, dict[str, int]]] = {}

    def _written(self, run: int) -> tuple[int | None, dict[str, int]]:
        if run not in self._runs:
            self._runs = {run: written_until(self._folder, run)}
        return self._runs[run]

    def first_unwritten(self, run: int) -> int:
        """The first sequence number that may not have been written."""
        return self._written(run)[0] or 0

    def end(self, run: int, folder: str) -> int:
        """Sequence number after the last written event of a symbol's folder."""
        return self._written(run)[1].get(folder, 0)


def events_from(block: Block, first: int) -> Block:
    """The block without the events before `first`."""
    skipped = min(max(first - block.first, 0), len(block.words))
    return Block(block.first + skipped, block.words[skipped:])


def by_run(segments: list[Segment]) -> Iterator[list[Segment]]:
    """The segments of each run."""
    for run in dict.fromkeys(segment.run for segment in segments):
        yield [segment for segment in segments if segment.run == run]


def lost_before(event: Words, missing: int) -> Words:
    """The event int64[1, EVENT_WORDS] that reports missing events before another, with its time."""
    lost = np.zeros((1, L.EVENT_WORDS), np.int64)
    lost[0, : L.EXCHANGE_NS] = event[: L.EXCHANGE_NS]
    lost[0, L.KIND_WORD] = L.LOST | event[L.KIND_WORD] >> L.ROW_SHIFT << L.ROW_SHIFT
    lost[0, L.A] = missing
    return lost
