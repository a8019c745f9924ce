"""The best prices of one instrument over time, from rows of the market tape."""

import numpy as np

NS, _INSTRUMENT, BID, ASK = range(4)  # columns of a row, as `quotelife_sim.venue.tape` lays them out


class History:
    """Best prices of one instrument over time: int64 arrays of equal length, times ascending, prices in ticks."""

    def __init__(self, rows: np.ndarray) -> None:
        self.ns = np.ascontiguousarray(rows[:, NS])
        self.bid = np.ascontiguousarray(rows[:, BID])
        self.ask = np.ascontiguousarray(rows[:, ASK])

    def top(self, at_ns: int) -> tuple[int, int] | None:
        """Best bid and offer at a time; None where a side is missing."""
        i = int(np.searchsorted(self.ns, at_ns, side="right")) - 1
        if i < 0 or self.bid[i] == 0 or self.ask[i] == 0:
            return None
        return int(self.bid[i]), int(self.ask[i])

    def mid(self, at_ns: int) -> float | None:
        top = self.top(at_ns)
        return None if top is None else (top[0] + top[1]) / 2

    def through(self, client_buys: bool, price_ticks: float, from_ns: int, until_ns: int) -> int | None:
        """First time in [from_ns, until_ns] at which the market is through a quoted price; None if it never is.

        The market is through an offer when the best bid has reached it: the client could sell at once what it buys. The
        prices in force at `from_ns` count.
        """
        first = max(int(np.searchsorted(self.ns, from_ns, side="right")) - 1, 0)
        last = int(np.searchsorted(self.ns, until_ns, side="right"))
        if client_buys:
            hits = np.flatnonzero((self.bid[first:last] >= price_ticks) & (self.bid[first:last] > 0))
        else:
            hits = np.flatnonzero((self.ask[first:last] <= price_ticks) & (self.ask[first:last] > 0))
        return None if hits.size == 0 else max(int(self.ns[first + hits[0]]), from_ns)
