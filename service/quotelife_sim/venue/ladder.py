"""A generated book of one instrument with one order per level, and its random changes."""

import random

from quotelife_sim.markets.market import ADD, ASK, BID, CHANGE, DELETE, NEWS, TRADE

Event = tuple[int, int, int, int, int, int, int]  # as market.EVENT
LEVELS = 8
_IDS = 1 << 32  # order ids per instrument


class Ladder:
    """Best prices with LEVELS levels per side. Every method appends the events of one change to `out`."""

    def __init__(self, instrument: int, typical_lots: int, rng: random.Random) -> None:
        self.instrument, self.rng, self.typical_lots = instrument, rng, typical_lots
        self.bid = self.ask = 0  # empty until the first `reprice`
        self._next_id = instrument * _IDS + 1
        self._orders: tuple[dict[int, tuple[int, int]], dict[int, tuple[int, int]]] = (
            {},
            {},
        )  # side -> price -> id, size

    def reprice(self, t_ns: int, bid_ticks: int, ask_ticks: int, out: list[Event]) -> None:
        """Best prices and the ladders behind them; deletions before additions, so that nothing ever crosses."""
        self.bid, self.ask = max(bid_ticks, LEVELS), max(ask_ticks, LEVELS + 1)
        wanted = (
            [self.bid - k for k in range(LEVELS)],
            [self.ask + k for k in range(LEVELS)],
        )
        for side in (BID, ASK):
            for px in [px for px in self._orders[side] if px not in wanted[side]]:
                self._delete(t_ns, side, px, out)
        for side in (BID, ASK):
            for px in wanted[side]:
                if px not in self._orders[side]:
                    self._add(t_ns, side, px, out)

    def move(self, t_ns: int, ticks: int, out: list[Event]) -> None:
        self.reprice(t_ns, self.bid + ticks, self.ask + ticks, out)

    def resize(self, t_ns: int, out: list[Event]) -> None:
        """Change the size of a random order."""
        side, px = self._random_level()
        key, _ = self._orders[side][px]
        size = self._size()
        self._orders[side][px] = (key, size)
        out.append((t_ns, self.instrument, CHANGE, side, key, px, size))

    def replace(self, t_ns: int, out: list[Event]) -> None:
        """Cancel a random order and enter another at its price; at the best price only its size changes."""
        side, px = self._random_level()
        if px in (self.bid, self.ask):
            return self.resize(t_ns, out)
        self._delete(t_ns, side, px, out)
        return self._add(t_ns, side, px, out)

    def trade(self, t_ns: int, aggressor: int, out: list[Event]) -> None:
        """Trade a part of the best order on the other side."""
        side, px = (ASK, self.ask) if aggressor == BID else (BID, self.bid)
        key, size = self._orders[side][px]
        taken = max(1, min(size - 1, self._size() // 4))
        self._next_id += 1
        out.append((t_ns, self.instrument, TRADE, aggressor, self._next_id, px, taken))
        if size > taken:
            self._orders[side][px] = (key, size - taken)
            out.append((t_ns, self.instrument, CHANGE, side, key, px, size - taken))

    def news(self, t_ns: int, sentiment: float, out: list[Event]) -> None:
        out.append((t_ns, self.instrument, NEWS, 0, 0, round(sentiment * 1000), 0))

    def _add(self, t_ns: int, side: int, px: int, out: list[Event]) -> None:
        self._next_id += 1
        self._orders[side][px] = (self._next_id, self._size())
        out.append((t_ns, self.instrument, ADD, side, self._next_id, px, self._orders[side][px][1]))

    def _delete(self, t_ns: int, side: int, px: int, out: list[Event]) -> None:
        key, _ = self._orders[side].pop(px)
        out.append((t_ns, self.instrument, DELETE, side, key, px, 0))

    def _random_level(self) -> tuple[int, int]:
        side = self.rng.choice((BID, ASK))
        return side, self.rng.choice(list(self._orders[side]))

    def _size(self) -> int:
        return max(1, round(self.typical_lots * self.rng.lognormvariate(0.0, 0.6)))
