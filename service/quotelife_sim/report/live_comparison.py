"""Running totals of a run: quotelife beside the best fixed lifetime per client, on the same quotes.

A quote counts once both results are known: it has ended, the fixed lifetime would have, and the markout of either is
there. So both totals always stand on the same quotes.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from quotelife.runtime.clock import NS_PER_MS
from quotelife_sim.clients import deal as D
from quotelife_sim.clients.deal import Deal
from quotelife_sim.outcome import MARKOUT_NS, VIEW_NS
from quotelife_sim.report.baselines import GRID_MS, Histories, Result, Tuned, actual_result, fixed_result

_WORTH_SHOWING_TICKS = 0.5


@dataclass
class Totals:
    """Sums over quotes, net in ticks."""

    quotes: int = 0
    net_ticks: float = 0.0
    picked_off: int = 0
    fixed_net_ticks: float = 0.0
    fixed_picked_off: int = 0

    def add(self, ours: Result, fixed: Result) -> None:
        self.quotes += 1
        self.net_ticks += ours.net_ticks
        self.picked_off += ours.picked_off
        self.fixed_net_ticks += fixed.net_ticks
        self.fixed_picked_off += fixed.picked_off


@dataclass(frozen=True)
class Difference:
    """A quote whose results differ."""

    deal: Deal
    lifetime_ms: float  # the fixed one
    ours: Result
    fixed: Result


@dataclass
class LiveComparison:
    symbols: Sequence[str]
    tuned: Tuned | None = None  # until the minutes before have been evaluated
    all: Totals = field(default_factory=Totals)
    latest: Difference | None = None  # of the last quote where it matters which lifetime it had

    def __post_init__(self) -> None:
        self.by_symbol = {symbol: Totals() for symbol in self.symbols}
        self._ended: list[Deal] = []
        self._due: list[tuple[int, int, Deal]] = []

    def deal(self, deal: Deal) -> None:
        """Take up a deal that has ended with a quote; others are ignored."""
        if deal.quoted and deal.outcome not in (D.OPEN, D.UNANSWERED):
            self._ended.append(deal)

    def lifetime_ms(self, client: str) -> float | None:
        """The fixed lifetime of a client; None until it has been tuned."""
        return None if self.tuned is None else self.tuned.fixed.get(client, GRID_MS[0])

    def settle(self, now_ns: int, histories: Callable[[], Histories]) -> None:
        """Count every quote whose results are known by now; `histories` is called if there are any."""
        if self.tuned is None:
            return
        for deal in self._ended:
            lifetime_ns = round((self.lifetime_ms(deal.intention.client) or 0.0) * NS_PER_MS)
            due_ns = max(deal.hit_ns, deal.answered_ns + lifetime_ns) + MARKOUT_NS + VIEW_NS
            heapq.heappush(self._due, (due_ns, deal.intention.number, deal))
        self._ended.clear()
        known: Histories | None = None
        while self._due and self._due[0][0] <= now_ns:
            _, _, deal = heapq.heappop(self._due)
            known = histories() if known is None else known
            self._count(deal, known)

    def _count(self, deal: Deal, histories: Histories) -> None:
        lifetime_ms = self.lifetime_ms(deal.intention.client)
        assert lifetime_ms is not None
        ours, fixed = actual_result(deal, histories), fixed_result(deal, lifetime_ms, None, histories)
        self.by_symbol[deal.intention.symbol].add(ours, fixed)
        self.all.add(ours, fixed)
        if abs(ours.net_ticks - fixed.net_ticks) >= _WORTH_SHOWING_TICKS or ours.picked_off != fixed.picked_off:
            self.latest = Difference(deal, lifetime_ms, ours, fixed)
