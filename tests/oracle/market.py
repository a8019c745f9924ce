"""Slow oracles of the market kernels: every value computed from all events by its definition, in plain Python."""

import math
from dataclasses import dataclass, field

SLICE_NS, SLOW_SLICE_NS = 10_000_000, 100_000_000
MS, SECOND = 1_000_000, 1_000_000_000


class NaiveBook:
    """A price-level book as two dictionaries of price to size."""

    def __init__(self) -> None:
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def set_level(self, side: int, price: int, size: int) -> int:
        before = self.sides[side].get(price, 0)
        if size > 0:
            self.sides[side][price] = size
        else:
            self.sides[side].pop(price, None)
        return before

    def clear(self) -> None:
        for side in self.sides:
            side.clear()

    def levels(self, side: int) -> list[tuple[int, int]]:
        """(price, size), best first."""
        return sorted(self.sides[side].items(), reverse=side == 0)


class NaiveOrderBook:
    """Resting orders by identity; levels are summed from them."""

    def __init__(self) -> None:
        self.orders: dict[str, tuple[int, int, int]] = {}

    def set(self, name: str, side: int, price: int, size: int) -> None:
        if size > 0:
            self.orders[name] = (side, price, size)
        else:
            self.orders.pop(name, None)

    def levels(self, side: int) -> list[tuple[int, int]]:
        total: dict[int, int] = {}
        for its_side, price, size in self.orders.values():
            if its_side == side:
                total[price] = total.get(price, 0) + size
        return sorted(total.items(), reverse=side == 0)


@dataclass
class Event:
    """One message: the book after it, and how many additions and removals it brought."""

    t_ns: int
    bids: list[tuple[int, int]] = field(default_factory=list)
    asks: list[tuple[int, int]] = field(default_factory=list)
    adds: tuple[int, int] = (0, 0)
    cancels: tuple[int, int] = (0, 0)


@dataclass
class Trade:
    t_ns: int
    price: int
    size: int
    aggressor: int


class NaiveFeatures:
    """The features of one instrument from all events since its book became live."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.trades: list[Trade] = []
        self.session_trades: list[Trade] = []

    def restart(self) -> None:
        """A gap: everything before it is dropped except the average trade."""
        self.events, self.trades = [], []

    def publish(self, event: Event) -> None:
        self.events.append(event)

    def trade(self, trade: Trade) -> None:
        if not self.events:
            return
        mid2 = self._mid2_path()[-1][1]
        if trade.aggressor == 0 and mid2:
            trade.aggressor = (2 * trade.price > mid2) - (2 * trade.price < mid2)
        self.trades.append(trade)
        self.session_trades.append(trade)

    # --- windows
    def start(self, now: int, window: int, grid: int = SLICE_NS) -> int:
        return max((now - window) // grid * grid, self.events[0].t_ns)

    @staticmethod
    def _spread(event: Event) -> int | None:
        if event.bids and event.asks and event.asks[0][0] > event.bids[0][0]:
            return event.asks[0][0] - event.bids[0][0]
        return None

    def _mid2_path(self) -> list[tuple[int, int]]:
        """(time, mid in half ticks) after each event; a book that is not proper keeps the last mid, 0 before any."""
        path, mid2 = [], 0
        for e in self.events:
            if self._spread(e) is not None:
                mid2 = e.bids[0][0] + e.asks[0][0]
            path.append((e.t_ns, mid2))
        return path

    def mid2_before(self, start: int) -> int:
        return ([0] + [m for t, m in self._mid2_path() if t < start])[-1]

    def _squares(self, start: int) -> int:
        total, before = 0, 0
        for t, mid2 in self._mid2_path():
            if t >= start and before:
                total += (mid2 - before) ** 2
            before = mid2
        return total

    def _spread_volatility(self, now: int, start: int) -> float:
        time, first, second = 0, 0, 0
        ends = [e.t_ns for e in self.events[1:]] + [now]
        for e, end in zip(self.events, ends, strict=True):
            spread, passed = self._spread(e), min(end, now) - max(e.t_ns, start)
            if spread is None or passed <= 0:
                continue
            time, first, second = time + passed, first + spread * passed, second + spread * spread * passed
        if not time:
            return 0.0
        return math.sqrt(max(second * time - first * first, 0)) / time

    def _tops(self) -> list[tuple[int, bool, int]]:
        """(time, the top changed, its contribution to order flow imbalance) of each event."""
        out, old = [], Event(0)
        for e in self.events:
            ofi, changed = 0, False
            for sign, was, now in ((1, old.bids[:1], e.bids[:1]), (-1, old.asks[:1], e.asks[:1])):
                changed |= was != now
                if was and now and was != now:
                    (p0, q0), (p1, q1) = was[0], now[0]
                    ofi += sign * (q1 * (p1 * sign >= p0 * sign) - q0 * (p1 * sign <= p0 * sign))
            out.append((e.t_ns, changed, ofi))
            old = e
        return out

    def _scaled(self, count: int, now: int, window: int) -> float:
        length = now - self.start(now, window)
        return count * window / length if length > window else float(count)

    def _vwap_deviation(self, start: int) -> float:
        inside = [t for t in self.trades if t.t_ns >= start]
        volume = sum(t.size for t in inside)
        return self.trades[-1].price - sum(t.price * t.size for t in inside) / volume if volume else 0.0

    # --- the row
    def row(self, now: int) -> dict[str, float]:
        last = self.events[-1]
        s1 = self.start(now, SECOND)
        tops = self._tops()
        flow = [t for t in self.trades if t.t_ns >= s1 and t.aggressor]
        bought = sum(t.size for t in flow if t.aggressor > 0)
        sold = sum(t.size for t in flow if t.aggressor < 0)
        x = {
            "spread": float(self._spread(last) or 0),
            "spread_volatility": self._spread_volatility(now, s1),
            "top_update_count": self._scaled(
                sum(c for t, c, _ in tops if t >= self.start(now, 100 * MS)), now, 100 * MS
            ),
            "vwap_deviation_100ms": self._vwap_deviation(self.start(now, 100 * MS)),
            "vwap_deviation_500ms": self._vwap_deviation(self.start(now, 500 * MS)),
            "realised_volatility_1s": math.sqrt(self._squares(s1)) / 2,
            "realised_volatility_10s": math.sqrt(self._squares(self.start(now, 10 * SECOND, SLOW_SLICE_NS))) / 2,
            "order_flow_imbalance": float(sum(o for t, _, o in tops if t >= s1)),
            "trade_flow_imbalance": (bought - sold) / (bought + sold) if bought + sold else 0.0,
            "top_age": min((now - [t for t, c, _ in tops if c][-1]) / 1e6, 60_000.0),
            "average_trade": (
                sum(t.size for t in self.session_trades) / len(self.session_trades) if self.session_trades else 0.0
            ),
        }
        for side, name, levels in ((0, "bid", last.bids), (1, "ask", last.asks)):
            for k in (1, 3, 5, 10):
                x[f"{name}_depth_{k}"] = float(sum(q for _, q in levels[:k]))
            x[f"{name}_pressure"] = sum(q / (1 + abs(p - levels[0][0])) for p, q in levels[:10])
            for what in ("adds", "cancels"):
                count = sum(getattr(e, what)[side] for e in self.events if e.t_ns >= s1)
                x[f"{name}_{what.removesuffix('s')}_rate"] = self._scaled(count, now, SECOND)
        for k in (1, 5):
            bid, ask = x[f"bid_depth_{k}"], x[f"ask_depth_{k}"]
            x[f"imbalance_{k}"] = (bid - ask) / (bid + ask)
        x |= self._memory(now)
        (bp, bq), (ap, aq) = last.bids[0], last.asks[0]
        x["micro_deviation"] = (bp * aq + ap * bq) / (bq + aq) - (bp + ap) / 2
        return x

    def _memory(self, now: int) -> dict[str, float]:
        """The features that never forget, by their definitions as integrals and sums over the whole past."""
        x = {}
        ends = [e.t_ns for e in self.events[1:]] + [now]
        for name, side in (("bid", "bids"), ("ask", "asks")):
            total = weight = 0.0
            for e, end in zip(self.events, ends, strict=True):
                best = getattr(e, side)[:1]
                if best:
                    share = math.exp((end - now) / 60e9) * -math.expm1((e.t_ns - end) / 60e9)
                    total, weight = total + best[0][1] * share, weight + share
            x[f"{name}_size_ratio"] = getattr(self.events[-1], side)[0][1] * weight / total if total else 1.0
            prices = [(e.t_ns, getattr(e, side)[0][0] if getattr(e, side) else None) for e in self.events]
            before = [None, *(price for _, price in prices[:-1])]
            changes = [t for (t, price), old in zip(prices, before, strict=True) if price != old]
            x[f"{name}_price_age"] = min((now - changes[-1]) / 1e6, 60_000.0)
        for name, sign in (("buy", 1), ("sell", -1)):
            ages = [now - t.t_ns for t in self.trades if t.aggressor == sign]
            x[f"{name}_intensity"] = sum(0.5 ** (age / 500e6) for age in ages) * math.log(2) / 0.5
        path = self._mid2_path()
        squares = sum(
            (mid2 - old) ** 2 * math.exp((t - now) / 300e9)
            for (t, mid2), (_, old) in zip(path[1:], path, strict=False)
            if old
        )
        live_ns = max(now - self.events[0].t_ns, 10 * SECOND)
        x["realised_volatility_300s"] = math.sqrt(squares / -math.expm1(-live_ns / 300e9)) / 2
        return x

    def velocity(self, now: int) -> float:
        """% per second of the mid over 500 ms; 0 until there was a mid that long ago."""
        if not self.events:
            return 0.0
        start = self.start(now, 500 * MS)
        before, after = self.mid2_before(start), self._mid2_path()[-1][1]
        if not before or now <= start:
            return 0.0
        return (after - before) / before * 100 / (max(now - start, 500 * MS) / 1e9)

    def change(self, now: int, window: int = 10 * SECOND) -> tuple[int, int]:
        """Mid in half ticks now, and its change since the window's first boundary that knows a mid."""
        if not self.events:
            return 0, 0
        after = self._mid2_path()[-1][1]
        first = self.start(now, window, SLOW_SLICE_NS) // SLOW_SLICE_NS
        known = (self.mid2_before(n * SLOW_SLICE_NS) for n in range(first, now // SLOW_SLICE_NS + 1))
        return after, after - next((mid2 for mid2 in known if mid2), after)

    def return_5s(self, now: int) -> float:
        """% of the mid over 5 s, or since the oldest mid known."""
        after, change = self.change(now, 5 * SECOND)
        return change / (after - change) * 100 if after else 0.0
