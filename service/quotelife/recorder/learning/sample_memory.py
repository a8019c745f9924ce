"""Labelled samples of one instrument for a new fit: a bounded ring, without implausible blocks."""

import numpy as np

from quotelife.recorder.learning.kernel import N_EVENTS
from quotelife.recorder.learning.samples import Samples
from quotelife_models.schema import N_FEATURES


class SampleMemory:
    """The newest `capacity` samples."""

    def __init__(self, capacity: int) -> None:
        self._moment_ns = np.zeros(capacity, np.int64)
        self._x = np.zeros((capacity, N_FEATURES))
        self._barriers = np.zeros((capacity, 2, N_EVENTS))
        self._bins = np.zeros((capacity, 2, N_EVENTS), np.uint8)
        self._capacity, self._start, self._n = capacity, 0, 0

    def __len__(self) -> int:
        return self._n

    def add(self, samples: Samples) -> None:
        """Add a block, later than all before it."""
        newest = Samples(*(values[-self._capacity :] for values in samples.columns()))
        at = (self._start + self._n + np.arange(len(newest))) % self._capacity
        for ring, values in zip(self._arrays(), newest.columns(), strict=True):
            ring[at] = values
        excess = max(self._n + len(newest) - self._capacity, 0)
        self._start, self._n = (self._start + excess) % self._capacity, self._n + len(newest) - excess

    def forget_since(self, moment_ns: int) -> None:
        """Remove the samples of this moment or later."""
        self._n = int(np.searchsorted(self.samples().moment_ns, moment_ns))

    def samples(self) -> Samples:
        """A copy of all samples, in order of time."""
        at = (self._start + np.arange(self._n)) % self._capacity
        return Samples(*(ring[at] for ring in self._arrays()))

    def _arrays(self) -> tuple[np.ndarray, ...]:
        return self._moment_ns, self._x, self._barriers, self._bins
