"""The venue's order book of one instrument, order by order, from which snapshots (W) are made."""

from quotelife_sim.markets.market import ADD, ASK, BID, CHANGE, DELETE

Order = tuple[int, int, int]  # side, price in ticks, size in lots


class VenueBook:
    """Orders by id and best prices. Changes and deletes of unknown ids are ignored."""

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.rpt_seq = 0  # of the last entry published
        self._levels: tuple[dict[int, int], dict[int, int]] = ({}, {})  # side -> price -> number of orders
        self._best = [0, 0]

    def apply(self, kind: int, key: int, side: int, px_ticks: int, size_lots: int) -> Order | None:
        """Apply one event; returns the changed or deleted order, or None if nothing changed."""
        if kind == ADD:
            if key in self.orders:
                return None
            return self._add(key, (side, px_ticks, size_lots))
        old = self.orders.get(key)
        if old is None:
            return None
        if kind == CHANGE and old[1] == px_ticks:
            self.orders[key] = order = (old[0], old[1], size_lots)
            return order
        if kind == CHANGE:
            self._remove(key)
            return self._add(key, (old[0], px_ticks, size_lots))
        if kind == DELETE:
            self._remove(key)
            return old
        return None

    def top(self) -> tuple[int, int]:
        """Best bid and offer in ticks; 0 for an empty side."""
        return self._best[BID], self._best[ASK]

    def clear(self) -> None:
        """Remove all orders; `rpt_seq` continues."""
        self.orders.clear()
        for levels in self._levels:
            levels.clear()
        self._best = [0, 0]

    def _add(self, key: int, order: Order) -> Order:
        side, px, _ = order
        self.orders[key] = order
        levels = self._levels[side]
        levels[px] = levels.get(px, 0) + 1
        best = self._best[side]
        if best == 0 or (px > best if side == BID else px < best):
            self._best[side] = px
        return order

    def _remove(self, key: int) -> None:
        side, px, _ = self.orders.pop(key)
        levels = self._levels[side]
        levels[px] -= 1
        if levels[px] == 0:
            del levels[px]
            if px == self._best[side]:
                self._best[side] = (max(levels) if side == BID else min(levels)) if levels else 0
