"""Moments of the market and decisions that wait for their labels. Each is labelled once its horizon has passed.

A label needs the complete price path from the moment to the horizon. There is none if a gap, a disconnect, a restart or
a ring that was read too late has interrupted the path.
"""

from collections import deque
from collections.abc import Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.recorder.learning.kernel import ENDS_NS, HORIZON_NS, N_EVENTS, label
from quotelife.recorder.learning.price_paths import PricePath
from quotelife.runtime.clock import NS_PER_S

Floats = NDArray[np.float64]
MAX_SILENCE_NS = 3 * NS_PER_S  # after a horizon; a longer silence of the venue leaves the moment without a label


class Moment(Struct, gc=False):
    """One moment: its best prices, barriers float64[2, N_EVENTS] in ticks, and either the features x or, for a
    decision, the predicted probabilities float64[2, N_EVENTS] within the reference horizon (nan if there are none)."""

    moment_ns: int
    bid: int
    ask: int
    barriers: Floats
    x: Floats | None
    predicted: Floats | None = None


class LabelledMoment(Struct, gc=False):
    moment: Moment
    bins: NDArray[np.uint8]  # [2, N_EVENTS]


class LabelQueue:
    """The moments of one instrument, in order of time."""

    def __init__(self) -> None:
        self._moments: deque[Moment] = deque()
        self.unlabelled = 0  # moments without a label; the caller resets it

    def __len__(self) -> int:
        return len(self._moments)

    def add(self, moment: Moment) -> None:
        self._moments.append(moment)

    def due(self, path: PricePath, known_until_ns: int, now_ns: int) -> Iterator[LabelledMoment]:
        """The moments whose horizon has passed, with labels. The path is complete until `known_until_ns`."""
        while self._moments:
            first = self._moments[0]
            end_ns = first.moment_ns + HORIZON_NS
            if end_ns > known_until_ns:
                if end_ns + MAX_SILENCE_NS > now_ns:
                    return
                self._moments.popleft()
                self.unlabelled += 1
                continue
            self._moments.popleft()
            if not path.is_complete(first.moment_ns, end_ns):
                self.unlabelled += 1
                continue
            bins = np.empty((2, N_EVENTS), np.uint8)
            label(*path.arrays(), first.moment_ns, first.bid, first.ask, first.barriers, ENDS_NS, bins)
            yield LabelledMoment(first, bins)
