"""Stretches of the capture ring on their way to disk: what is missing between them, and what is there already."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from quotelife.market.capture import layout as L
from quotelife.market.capture.ring import Block, Words
from quotelife.recorder.parquet_parts import held


class Stretch(NamedTuple):
    """Events of one run without a hole, `missing` ones before them."""

    run: int
    missing: int
    block: Block


class Resumed:
    """What an earlier recorder has left of a run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[int, tuple[int | None, dict[str, int]]] = {}

    def _look(self, run: int) -> tuple[int | None, dict[str, int]]:
        if run not in self._held:
            self._held = {run: held(self._folder, run)}
        return self._held[run]

    def at(self, run: int) -> int:
        """The first sequence number that may not be there."""
        return self._look(run)[0] or 0

    def until(self, run: int, folder: str) -> int:
        """Up to where the events of a symbol were written before."""
        return self._look(run)[1].get(folder, 0)


def since(block: Block, first: int) -> Block:
    """The block without what lies before `first`."""
    skipped = min(max(first - block.first, 0), len(block.words))
    return Block(block.first + skipped, block.words[skipped:])


def by_run(stretches: list[Stretch]) -> Iterator[list[Stretch]]:
    """Stretches of one run together."""
    for run in dict.fromkeys(stretch.run for stretch in stretches):
        yield [stretch for stretch in stretches if stretch.run == run]


def end_of(stretch: Stretch) -> int:
    """Sequence number behind it."""
    return stretch.block.first + len(stretch.block.words)


def lost_before(event: Words, missing: int) -> Words:
    """The event int64[1, EVENT_WORDS] that says what is missing before another, at the time of that."""
    lost = np.zeros((1, L.EVENT_WORDS), np.int64)
    lost[0, : L.EXCHANGE_NS] = event[: L.EXCHANGE_NS]
    lost[0, L.WHAT] = L.LOST | event[L.WHAT] >> L.ROW_SHIFT << L.ROW_SHIFT
    lost[0, L.A] = missing
    return lost
