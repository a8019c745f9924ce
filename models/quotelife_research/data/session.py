"""A session: the events of one symbol on one day or part of a day."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quotelife.market.capture.layout import EVENT_WORDS

Array = npt.NDArray[np.int64]

# events int64[n, 6]: ts_ns, kind, then fields by kind; those of a capture are int64[n, 8] as in
# `quotelife.market.capture.layout`
QUOTE = 0  # bid, bid size, offer, offer size; size 0: this side is gone
PRINT = 1  # price, size, aggressor (+1, -1, 0 unknown)
CORRELATED = 2  # bid, offer of the correlated instrument; NO_PRICE: this side is gone
ORDER = 3  # id, side, price, remaining size (0: removed)


@dataclass(frozen=True)
class Session:
    """One symbol on one day. Ticks in currency units; a lot is the unit of the file's sizes, or that of
    the import."""

    symbol: str
    day: str
    tick: float
    correlated_tick: float  # 0.0 without a correlated instrument
    events: Array
    index_tick: float = 0.0  # of the volatility index
    sentiment_half_life_s: float = 60.0

    @property
    def captured(self) -> bool:
        """Whether the events come from a capture, with rows 0 (itself), 1 (correlated) and 2 (volatility index)."""
        return self.events.shape[1] == EVENT_WORDS
