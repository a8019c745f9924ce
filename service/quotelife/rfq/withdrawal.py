"""Withdrawal: a quote that is not worth keeping any more is cancelled before its ValidUntilTime, with QuoteCancel (Z).

`Watchlist` is the table that the monitor's kernel reads; it belongs to the handler and is used under its lock.
`QuoteMonitor` is the thread. What its kernel finds the handler withdraws under its lock, unless it has ended by then.

A hit that crosses the QuoteCancel on the wire: what reached the service first counts. The time of the withdrawal is
read under the lock. A hit received before it is filled, although the QuoteCancel may already be on its way; one
received after it is refused as withdrawn (OrdRejReason 8).
"""

import heapq
import struct
import threading
import time
from collections.abc import Callable
from itertools import count

import numpy as np

from quotelife.config.sections import Withdrawal
from quotelife.decision.quoter import Quoter
from quotelife.decision.request import MAX_LEGS
from quotelife.journal.record import Record
from quotelife.logs import LogEvent, event_logger
from quotelife.rfq import monitor
from quotelife.rfq import quote_margin as W
from quotelife.rfq.open_quotes import OpenQuote
from quotelife.runtime.clock import NS_PER_MS, NS_PER_US
from quotelife.runtime.process_tuning import request_exact_timers
from quotelife_models.stopping import STAKE_WORDS

logger = event_logger(__name__)
_FIRST_CAPACITY = 4_096
_CALL_NS = 50 * NS_PER_MS  # how long the kernel runs before it returns to check for a new board, parameters or a stop
_IDLE_S = 0.05
_SLOT = struct.Struct("=13q")  # WATCH_ROW .. WATCH_CHANGE_NS
_NOT_EVALUATED = -1
_WORD = 8


class Watchlist:
    """The monitored quotes and timers. `entries` holds the `OpenQuote` or the owner of the timer in each slot."""

    def __init__(self, quoter: Quoter, policy: Withdrawal) -> None:
        self.table = np.zeros((_FIRST_CAPACITY, W.WATCH_WORDS), np.int64)
        self.legs = np.zeros((_FIRST_CAPACITY, W.LEG_WORDS, MAX_LEGS), np.int64)
        self.stakes = np.zeros((_FIRST_CAPACITY, 2, STAKE_WORDS))
        self.highest = np.zeros(2, np.int64)  # one more than the highest slot in use; whether larger tables exist
        self.entries: dict[int, object] = {}
        self._quoter, self._policy = quoter, policy
        self._free = list(range(_FIRST_CAPACITY))  # a heap, lowest first, so that the kernel reads few slots
        self._memory = self.table.data.cast("B")
        self._serials = count(1)
        self.has_entries = threading.Event()  # set by the first entry; the monitor clears it

    def configure(self, policy: Withdrawal) -> None:
        """Withdraw by this policy the quotes that follow."""
        self._policy = policy

    def add(self, quote: OpenQuote, record: Record) -> None:
        """Monitor an open quote until `drop`; `record` is the journal's of its decision."""
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
            self._memory, (quote.slot * W.WATCH_WORDS + W.WATCH_ROW) * _WORD, decision.row, _NOT_EVALUATED,
            quote.deadline_ns, n_legs, 0, 0, decision.side, decision.bid_ticks, decision.offer_ticks, decision.model,
            parameters, quote.issued_ns, 0,
        )  # fmt: skip
        W.fill_stakes(self._quoter.policies, record.words, self.stakes, quote.slot)
        self._enter(quote.slot, W.KIND_QUOTE)

    def add_timer(self, due_ns: int, entry: object) -> int:
        """A slot that the monitor reports at `due_ns` (monotonic); the caller drops it then."""
        slot = self._allocate(entry)
        self.table[slot, W.WATCH_DEADLINE_NS] = due_ns
        self._enter(slot, W.KIND_TIMER)
        return slot

    def drop(self, slot: int) -> None:
        """Free a slot."""
        self.table[slot, W.WATCH_ENTRY] = W.KIND_FREE
        del self.entries[slot]
        heapq.heappush(self._free, slot)
        while self.highest[0] and self.table[self.highest[0] - 1, W.WATCH_ENTRY] == W.KIND_FREE:
            self.highest[0] -= 1

    def find(self, slot: int, entry: int) -> object | None:
        """The entry that the monitor has found in a slot, unless it has gone since."""
        return self.entries[slot] if self.table[slot, W.WATCH_ENTRY] == entry else None

    def board_change_ns(self, slot: int) -> int:
        """When the market data was received (monotonic) that made the monitor evaluate the quote; 0 if it was evaluated
        because time had passed."""
        return int(self.table[slot, W.WATCH_CHANGE_NS])

    def _enter(self, slot: int, kind: int) -> None:
        """Show a slot that has been filled in to the monitor."""
        self.table[slot, W.WATCH_ENTRY] = next(self._serials) * W.KINDS + kind

    def _allocate(self, entry: object) -> int:
        if not self._free:
            self._grow()
        slot = heapq.heappop(self._free)
        self.entries[slot] = entry
        if slot >= self.highest[0]:
            self.highest[0] = slot + 1
        if not self.has_entries.is_set():
            self.has_entries.set()
        return slot

    def _grow(self) -> None:
        """Double the table. The kernel returns when it sees that the one it reads has been replaced."""
        old = len(self.table)
        self.table = np.concatenate([self.table, np.zeros_like(self.table)])
        self.legs = np.concatenate([self.legs, np.zeros_like(self.legs)])
        self.stakes = np.concatenate([self.stakes, np.zeros_like(self.stakes)])
        self._memory = self.table.data.cast("B")
        old_highest, self.highest = self.highest, self.highest.copy()
        self._free = list(range(old, 2 * old))
        old_highest[1] = 1


class QuoteMonitor:
    """The monitor's thread. `on_found` is called with what the kernel reports, without the handler's lock: quotes, or
    one timer, each by its FOUND_ words. `report_processor_ns` is called with the thread's processor time so far."""

    def __init__(
        self,
        quoter: Quoter,
        watchlist: Watchlist,
        period_us: int,
        on_found: Callable[[list[list[int]]], None],
        report_processor_ns: Callable[[int], None],
    ) -> None:
        self._quoter, self._watchlist, self._on_found = quoter, watchlist, on_found
        self._report_processor_ns = report_processor_ns
        self._period_ns = period_us * NS_PER_US
        self._memory = W.MonitorBuffers.of(len(quoter.config.instrument))
        self._timespec, self._found = (
            np.zeros(3, np.int64),
            np.zeros((monitor.MAX_FOUND, monitor.FOUND_WORDS), np.int64),
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def configure(self, policy: Withdrawal) -> None:
        """Look at the market by this policy's period."""
        self._period_ns = policy.period_us * NS_PER_US

    def stop(self) -> None:
        """Stop the thread; no `on_found` follows."""
        self._stopping.set()
        self._watchlist.has_entries.set()
        self._thread.join()

    def _run(self) -> None:
        request_exact_timers()
        while not self._stopping.is_set():
            try:
                found = self._watch()
                if found:
                    self._on_found(found)
                self._report_processor_ns(time.thread_time_ns())
            except Exception:  # the other quotes are still monitored
                logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while monitoring open quotes")
                self._stopping.wait(_IDLE_S)

    def _watch(self) -> list[list[int]]:
        board, watchlist = self._quoter.board, self._watchlist
        if not watchlist.highest[0]:
            watchlist.has_entries.clear()
            if not watchlist.highest[0] and not self._stopping.is_set():  # none was added before the event was cleared
                watchlist.has_entries.wait(_IDLE_S)
            return []
        if board is None:
            self._stopping.wait(_IDLE_S / 10)
            return []
        highest = watchlist.highest  # before the tables, which may grow meanwhile: none may be shorter than it says
        n = monitor.watch(
            board.header, board.venues, board.rows, watchlist.table, watchlist.legs, watchlist.stakes, highest,
            self._quoter.table, self._quoter.policies, self._period_ns, _CALL_NS, self._timespec, self._found,
            *self._memory,
        )  # fmt: skip
        found: list[list[int]] = self._found[:n].tolist()
        return found
