"""Best prices of every instrument over the last seconds, from the capture ring, and the gaps in them."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from quotelife.config.paths import RunPaths
from quotelife.market.board.layout import BOOK_LIVE
from quotelife.market.capture import layout as C
from quotelife.market.capture.ring import Block, CaptureFollower, best_prices
from quotelife.recorder.learning.kernel import HORIZON_NS
from quotelife.runtime.clock import NS_PER_S

Ints = NDArray[np.int64]
KEPT_NS = HORIZON_NS + 10 * NS_PER_S
_FIRST = 256


class PricePath:
    """Of one instrument: times, bids and offers, ascending, and the moments of gaps."""

    def __init__(self) -> None:
        self._data = np.zeros((3, _FIRST), np.int64)
        self._n = 0
        self.gaps: deque[int] = deque()

    def add(self, times_ns: Ints, bids: Ints, asks: Ints) -> None:
        """Append two-sided books, later than those before."""
        after = self._n + len(times_ns)
        if after > self._data.shape[1]:
            grown = np.zeros((3, 2 * after), np.int64)
            grown[:, : self._n] = self._data[:, : self._n]
            self._data = grown
        self._data[:, self._n : after] = times_ns, bids, asks
        self._n = after

    def arrays(self) -> tuple[Ints, Ints, Ints]:
        times, bids, asks = self._data[:, : self._n]
        return times, bids, asks

    def is_complete(self, first_ns: int, last_ns: int) -> bool:
        """Whether the path begins by the first moment and has no gap from there to the last."""
        begun = self._n > 0 and self._data[0, 0] <= first_ns
        return begun and not any(first_ns < gap <= last_ns for gap in self.gaps)

    def forget(self, before_ns: int) -> None:
        """Forget older prices, except the one that was valid at that time."""
        old = int(np.searchsorted(self._data[0, : self._n], before_ns)) - 1
        if old > self._n // 2:
            self._data[:, : self._n - old] = self._data[:, old : self._n].copy()
            self._n -= old
        while self.gaps and self.gaps[0] < before_ns:
            self.gaps.popleft()


class PricePaths:
    """The paths of all rows of the board."""

    def __init__(self, run: RunPaths, n_rows: int) -> None:
        self.rows = [PricePath() for _ in range(n_rows)]
        self._follower = CaptureFollower(run.capture)
        self._lost, self._run, self._last_ns = 0, 0, 0

    def read(self) -> None:
        """Read the new events of the ring."""
        while (block := self._follower.read()) is not None:
            self._add(block)

    def forget(self, now_ns: int) -> None:
        for path in self.rows:
            path.forget(now_ns - KEPT_NS)

    def _add(self, block: Block) -> None:
        received = block.words[:, C.RECEIVED_NS]
        if (self._follower.lost, self._follower.run) != (self._lost, self._run):
            # Nothing is known of the events between, so there is a gap at either end.
            self._lost, self._run = self._follower.lost, self._follower.run
            for path in self.rows:
                path.gaps.extend((self._last_ns + 1, int(received[0])))
        self._last_ns = int(received[-1])
        detail = (block.words[:, C.KIND_WORD] >> C.DETAIL_SHIFT) & C.BYTE
        gap = (block.kind == C.START) | (block.kind == C.LOST) | ((block.kind == C.STATE) & (detail != BOOK_LIVE))
        for row, moment in zip(block.row[gap], received[gap], strict=True):
            if row < len(self.rows):
                self.rows[row].gaps.append(int(moment))
        best = best_prices(block)
        proper = (best.bid_ticks != C.NO_PRICE) & (best.ask_ticks != C.NO_PRICE) & (best.bid_ticks < best.ask_ticks)
        for row in np.unique(best.row[proper]):
            if row < len(self.rows):
                of = proper & (best.row == row)
                self.rows[row].add(best.received_ns[of], best.bid_ticks[of], best.ask_ticks[of])
