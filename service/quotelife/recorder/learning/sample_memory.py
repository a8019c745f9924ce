"""The labelled samples of one instrument that a new fit is made of: a ring, bounded, without the blocks that were
found implausible."""

import numpy as np

from quotelife.recorder.learning.kernel import N_EVENTS
from quotelife.recorder.learning.samples import Samples
from quotelife_models.schema import N_FEATURES


class Memory:
    """The newest `most` samples."""

    def __init__(self, most: int) -> None:
        self._moment_ns = np.zeros(most, np.int64)
        self._x = np.zeros((most, N_FEATURES))
        self._barriers = np.zeros((most, 2, N_EVENTS))
        self._bins = np.zeros((most, 2, N_EVENTS), np.uint8)
        self._most, self._start, self._n = most, 0, 0

    def __len__(self) -> int:
        return self._n

    def add(self, samples: Samples) -> None:
        """A block, later than all before it."""
        kept = Samples(*(values[-self._most :] for values in samples.columns()))
        at = (self._start + self._n + np.arange(len(kept))) % self._most
        for ring, values in zip(self._arrays(), kept.columns(), strict=True):
            ring[at] = values
        over = max(self._n + len(kept) - self._most, 0)
        self._start, self._n = (self._start + over) % self._most, self._n + len(kept) - over

    def forget_since(self, moment_ns: int) -> None:
        """Leave out what was sampled at this moment or later."""
        self._n = int(np.searchsorted(self.samples().moment_ns, moment_ns))

    def samples(self) -> Samples:
        """All of it, a copy, in order of time."""
        at = (self._start + np.arange(self._n)) % self._most
        return Samples(*(ring[at] for ring in self._arrays()))

    def _arrays(self) -> tuple[np.ndarray, ...]:
        return self._moment_ns, self._x, self._barriers, self._bins
