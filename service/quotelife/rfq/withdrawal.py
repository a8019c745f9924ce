"""Withdrawal: a quote that the market has left is cancelled before its ValidUntilTime, with QuoteCancel (Z).

`Watchlist` is the table that the monitor's kernel reads; it belongs to the handler and is used under its lock.
`QuoteMonitor` is the thread. Both only detect: the handler decides under its lock, on the book as of then, whether a
quote is withdrawn.

A hit that crosses the QuoteCancel on the wire: what reached the service first counts. The time of the withdrawal is
read under the lock. A hit received before it is filled, although the QuoteCancel may already be on its way; one
received after it is refused as withdrawn (OrdRejReason 8).
"""

import heapq
import logging
import struct
import threading
from collections.abc import Callable

import numpy as np

from quotelife.config.sections import Withdrawal
from quotelife.decision.quoter import Quoter
from quotelife.decision.request import MAX_LEGS
from quotelife.market.board import layout as L
from quotelife.rfq import monitor as W
from quotelife.rfq.open_quotes import OpenQuote
from quotelife_models import schema as S
from quotelife_models.enums import MODELS
from quotelife_models.remaining import WORK_WORDS

logger = logging.getLogger(__name__)
MAX_TOLERANCE = 0.999  # a price through which the market has moved has a risk of 1, which no model accepts
_FIRST_CAPACITY = 4_096
_CALL_US = 50_000  # how long the kernel runs before it returns to check for a new board, new parameters or a stop
_IDLE_S = 0.05
_SLOT = struct.Struct("=7qd4q")  # WATCH_ROW .. WATCH_LEGS
_FAR = 2**62
_WORD = 8


class Watchlist:
    """The monitored quotes and timers. `entries` holds the `OpenQuote` or the owner of the timer in each slot."""

    def __init__(self, quoter: Quoter, policy: Withdrawal) -> None:
        self.table = np.zeros((_FIRST_CAPACITY, W.WATCH_WORDS), np.int64)
        self.legs = np.zeros((_FIRST_CAPACITY, W.LEG_WORDS, MAX_LEGS), np.int64)
        self.highest = np.zeros(1, np.int64)
        self.entries: dict[int, object] = {}
        self._quoter, self._policy = quoter, policy
        self._tolerances = [(t.ratio, t.floor) for t in (getattr(policy, name) for name in MODELS)]
        self._free = list(range(_FIRST_CAPACITY))  # a heap, lowest first, so that the kernel reads few slots
        self._memory = self.table.data.cast("B")
        self._x, self._snap = np.zeros(S.N_FEATURES), np.zeros(L.SNAP_WORDS, np.int64)
        self._works = np.zeros((2, WORK_WORDS))

    def add(self, quote: OpenQuote) -> None:
        """Monitor an open quote until `drop`."""
        decision = quote.decision
        if not self._policy.enabled:
            return
        quote.slot = self._allocate(quote)
        parameters = n_legs = 0
        if decision.multileg is None:
            parameters = self._quoter.instruments[decision.symbol].parameters
        else:
            n_legs = len(decision.multileg.legs)
            self.legs[quote.slot, :, :n_legs] = decision.multileg.watched
        _SLOT.pack_into(
            self._memory, (quote.slot * W.WATCH_WORDS + 1) * _WORD, decision.row, decision.side, decision.bid_ticks,
            decision.offer_ticks, quote.deadline_ns, decision.model, parameters, self.tolerance(quote), -1, _FAR,
            0, n_legs,
        )  # fmt: skip
        self.table[quote.slot, W.WATCH_KIND] = W.KIND_QUOTE

    def add_timer(self, due_ns: int, entry: object) -> int:
        """A slot that the monitor reports at `due_ns` (monotonic); the caller drops it then."""
        slot = self._allocate(entry)
        self.table[slot, W.WATCH_DEADLINE_NS] = due_ns
        self.table[slot, W.WATCH_KIND] = W.KIND_TIMER
        return slot

    def drop(self, slot: int) -> None:
        """Free a slot."""
        self.table[slot, W.WATCH_KIND] = W.KIND_FREE
        del self.entries[slot]
        heapq.heappush(self._free, slot)
        while self.highest[0] and self.table[self.highest[0] - 1, W.WATCH_KIND] == W.KIND_FREE:
            self.highest[0] -= 1

    def tolerance(self, quote: OpenQuote) -> float:
        """The risk above which a quote is withdrawn."""
        ratio, floor = self._tolerances[quote.decision.model]
        return min(max(quote.decision.pick_off_probability * ratio, floor), MAX_TOLERANCE)

    def risk(self, slot: int, now_ns: int) -> float:
        """The risk of the quote in a slot as of now; `monitor.UNTRUSTED_BOOK` if its book cannot be trusted."""
        board = self._quoter.board
        if board is None:
            return W.UNTRUSTED_BOOK
        return W.risk(
            board.header, board.venues, board.rows, self.table[slot], self.legs[slot], now_ns, self._quoter.table,
            self._quoter.policies, self._x, self._snap, self._works,
        )  # fmt: skip

    def _allocate(self, entry: object) -> int:
        if not self._free:
            self._grow()
        slot = heapq.heappop(self._free)
        self.entries[slot] = entry
        if slot >= self.highest[0]:
            self.highest[0] = slot + 1
        return slot

    def _grow(self) -> None:
        """Double the table. Until the kernel returns it reads the old one and does not see new entries."""
        old = len(self.table)
        self.table = np.concatenate([self.table, np.zeros_like(self.table)])
        self.legs = np.concatenate([self.legs, np.zeros_like(self.legs)])
        self._memory = self.table.data.cast("B")
        self.highest = self.highest.copy()
        self._free = list(range(old, 2 * old))


class QuoteMonitor:
    """The monitor's thread. `on_slot` is called with each slot that the kernel reports, without the handler's lock."""

    def __init__(self, quoter: Quoter, watchlist: Watchlist, period_us: int, on_slot: Callable[[int], None]) -> None:
        self._quoter, self._watchlist, self._on_slot = quoter, watchlist, on_slot
        self._period_us, self._passes = period_us, max(_CALL_US // period_us, 1)
        self._memory = W.MonitorBuffers.of(len(quoter.config.instrument))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; no `on_slot` follows."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        timespec = np.zeros(2, np.int64)
        while not self._stopping.is_set():
            try:
                slot = self._watch(timespec)
                if slot >= 0:
                    self._on_slot(slot)
            except Exception:  # the other quotes are still monitored
                logger.exception("exception while monitoring open quotes")
                self._stopping.wait(_IDLE_S)

    def _watch(self, timespec: np.ndarray) -> int:
        board, watchlist = self._quoter.board, self._watchlist
        if board is None or not watchlist.highest[0]:
            self._stopping.wait(_IDLE_S / 10)
            return W.NO_SLOT
        return W.watch(
            board.header, board.venues, board.rows, watchlist.table, watchlist.legs, watchlist.highest,
            self._quoter.table, self._quoter.policies, self._period_us, self._passes, timespec, *self._memory,
        )  # fmt: skip
