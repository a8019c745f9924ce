"""What waits for its label: moments of the market, and decisions. Each comes out once its horizon has passed.

A label needs the whole path from the moment to the horizon. Where that was cut, by a gap, a disconnect, a restart or a
ring that was read too late, there is no label.
"""

from collections import deque
from collections.abc import Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.recorder.learning.kernel import ENDS_NS, HORIZON_NS, N_EVENTS, label
from quotelife.recorder.learning.price_paths import Path1
from quotelife.runtime.clock import NS_PER_S

Floats = NDArray[np.float64]
PATIENCE_NS = 3 * NS_PER_S  # a venue that is silent for so long after a horizon gives no label


class Waiting(Struct, gc=False):
    """One moment: best prices then, barriers float64[2, N_EVENTS] in ticks, and either the market row x or, of a
    decision, the probabilities `said` float64[2, N_EVENTS] within the reference horizon (nan where none was)."""

    moment_ns: int
    bid: int
    ask: int
    barriers: Floats
    x: Floats | None
    said: Floats | None = None


class Labelled(Struct, gc=False):
    waiting: Waiting
    bins: NDArray[np.uint8]  # [2, N_EVENTS]


class Pending:
    """Of one instrument, in order of time."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self.cut = 0  # moments without a label, since last asked

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, waiting: Waiting) -> None:
        self._waiting.append(waiting)

    def due(self, path: Path1, known_until_ns: int, now_ns: int) -> Iterator[Labelled]:
        """What is labelled by now. The path is whole until `known_until_ns`."""
        while self._waiting:
            first = self._waiting[0]
            end_ns = first.moment_ns + HORIZON_NS
            if end_ns > known_until_ns:
                if end_ns + PATIENCE_NS > now_ns:
                    return
                self._waiting.popleft()
                self.cut += 1
                continue
            self._waiting.popleft()
            if not path.whole(first.moment_ns, end_ns):
                self.cut += 1
                continue
            bins = np.empty((2, N_EVENTS), np.uint8)
            label(*path.arrays(), first.moment_ns, first.bid, first.ask, first.barriers, ENDS_NS, bins)
            yield Labelled(first, bins)

    @property
    def oldest_ns(self) -> int | None:
        return self._waiting[0].moment_ns if self._waiting else None
