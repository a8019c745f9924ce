"""The mids of the last minutes, sampled while the service runs: what the page draws before its own readings."""

from collections import deque
from collections.abc import Sequence

from quotelife.runtime.clock import NS_PER_MS

PERIOD_S = 0.5
WINDOW_S = 300

Top = tuple[float, float] | None  # mid and spread in units of the price; None without a usable book


class MidHistory:
    """Of all instruments, in the order of their `symbols`. One thread at a time."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._at = {symbol: n for n, symbol in enumerate(symbols)}
        self._samples: deque[tuple[float, list[Top]]] = deque(maxlen=round(WINDOW_S / PERIOD_S))

    def add(self, wall_ns: int, tops: list[Top]) -> None:
        """Add a sample of every instrument; the oldest leaves the window."""
        self._samples.append((wall_ns / NS_PER_MS, tops))

    def read(self, symbol: str) -> dict[str, object]:
        """Times, mids and spreads, oldest first, null where there was no usable book. KeyError if it is not known."""
        at = self._at[symbol]
        tops = [(at_ms, tops[at] or (None, None)) for at_ms, tops in self._samples]
        return {
            "at_ms": [at_ms for at_ms, _ in tops],
            "mid": [mid for _, (mid, _) in tops],
            "spread": [spread for _, (_, spread) in tops],
        }
