"""Subscribes a session's instruments, and again after an invalid book, a missing snapshot or a reject. Sans I/O.

Each attempt has its own MDReqID, so that an answer to an older one is not mistaken for the newest. The first retry is
immediate; the delay of further ones doubles each time, until the book has been stable for a while. What is due waits
until the venue's limits allow a request; instruments that were never asked for and those that are asked for again
take turns.

A request may name several instruments. One whose book is invalid is then asked for anew alone, and the earlier
subscription goes on for the others; if that does not help, all of it is asked for anew, once a session. Where a
request replaces the earlier ones, all instruments are always asked for together.
"""

import heapq
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from quotelife.config.venues.venue_profile import VenueProfile
from quotelife.fix.encode import Body
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import Array
from quotelife.marketdata.dialect import GENERIC
from quotelife.marketdata.subscription.request import InstrumentName, RequestBodies

_NEVER = np.iinfo(np.int64).max
_NS = 1_000_000_000
_MS = 1_000_000
_SLICE = 4_096  # instruments whose state is examined in one call; all of them in turn
_FULL_SCAN_NS = 10 * _MS  # at least between examinations of all instruments


@dataclass(frozen=True, slots=True)
class SubscriptionSettings:
    depth: int = 0  # MarketDepth
    by_order: bool = False
    profile: VenueProfile = GENERIC
    retry_ns: int = 100 * _MS  # before the second retry
    max_retry_ns: int = 30 * _NS
    snapshot_timeout_ns: int = 2 * _NS  # and 2 ms for each further instrument of the request
    stable_ns: int = 10 * _NS  # after a book was valid for so long, the first retry is immediate again


def _ignore(rows: Array, now_ns: int) -> None:
    pass


class Subscriptions:
    """Subscriptions of one venue session. `rows` are board rows, `names` the venue's names for them.

    `invalidate(rows, now_ns)` is called for live books that are about to be asked for anew, `open_books(rows, now_ns)`
    for books that are live and empty from the subscription on.
    """

    def __init__(
        self,
        instruments: Array,
        rows: Sequence[int],
        names: Sequence[InstrumentName],
        first_request: int,
        settings: SubscriptionSettings,
        invalidate: Callable[[Array, int], None] = _ignore,
        open_books: Callable[[Array, int], None] = _ignore,
    ) -> None:
        self._instruments = instruments
        self._rows = np.array(rows, np.int64)
        self._names = names
        self._settings = settings
        self._profile = settings.profile.subscription
        self._bodies = RequestBodies(self._profile, settings.profile.instruments, settings.depth, settings.by_order)
        self._invalidate, self._open_books = invalidate, open_books
        self._next_request = first_request
        size = self._profile.symbols_per_request
        self._group_size = len(rows) if size == 0 or self._profile.replaces else size
        # The state of each instrument, by its position in `rows`.
        self._due_ns = np.full(len(rows), _NEVER, np.int64)
        self._requested_ns = np.zeros(len(rows), np.int64)
        self._retry_ns = np.zeros(len(rows), np.int64)
        self._rejected = np.zeros(len(rows), np.bool_)
        self._queued = np.zeros(len(rows), np.bool_)
        self._alone = np.zeros(len(rows), np.bool_)  # a request with others was rejected
        self._withheld = np.zeros(len(rows), np.bool_)  # the venue does not confirm its terms
        self._joined = np.zeros(len(rows), np.bool_)  # asked for anew with the others of an earlier subscription
        self._earlier = np.zeros(len(rows), np.int64)  # MDReqID of a subscription that goes on for others
        self._parts = np.zeros(len(rows), np.int64)  # of its snapshot that had come when it was examined last
        self._trades_rejected = np.zeros(len(rows), np.bool_)  # until they are asked for again
        self._positions: dict[int, tuple[int, ...]] = {}  # of each MDReqID, books and trades
        self._fresh = 0  # instruments from here on are still to be asked for since `resume`
        self._again: deque[int] = deque()  # positions to be asked for again
        self._again_next = False  # they and fresh ones take turns
        self._trade_retries: list[tuple[int, int]] = []  # a heap: when, and position
        self._pending: deque[tuple[Body, tuple[int, ...]]] = deque()  # of one group; positions that await a snapshot
        self._scanned = self._scanned_all_ns = 0
        self._lost = False
        self._active = False

    # --- session

    def start(self, now_ns: int) -> None:
        """The session is established: subscribe every instrument."""
        self._instruments[self._rows, M.I_SYNC] = M.SYNC_NONE
        self._instruments[self._rows, M.I_REQUEST] = 0
        self._instruments[self._rows, M.I_TRADE_REQUEST] = 0
        self._instruments[self._rows, M.I_PARTS] = 0  # nothing more comes of the earlier session
        for words in (self._retry_ns, self._alone, self._joined, self._earlier, self._trades_rejected):
            words[:] = 0
        self._pending.clear()  # after a gap they are sent: a subscription is not forgotten
        self._positions.clear()
        self._trade_retries.clear()
        self.resume(now_ns)

    def resume(self, now_ns: int) -> None:
        """A sequence gap is filled: subscribe every instrument again."""
        self._clear_queues()
        self._active = True
        self._rejected[:] = False
        self._due_ns[:] = _NEVER
        self._fresh = 0

    def stop(self) -> None:
        """The session has a gap or has ended: send no requests until `start` or `resume`."""
        self._active = False
        self._clear_queues()
        self._instruments[self._rows, M.I_SYNC] = M.SYNC_NONE

    @property
    def active(self) -> bool:
        """Whether requests are sent."""
        return self._active

    def withhold(self, rows: Collection[int]) -> None:
        """End the subscriptions of these instruments, and ask again for those that are withheld no longer. The caller
        invalidates their books."""
        self._withheld[:] = np.isin(self._rows, list(rows)) if rows else False
        self._due_ns[self._withheld] = _NEVER
        for position in np.flatnonzero(self._withheld).tolist():
            if self._request_of(position):
                self._leave(self._request_of(position), (position,))
                self._instruments[self._rows[position], M.I_REQUEST] = 0
        self._instruments[self._rows[self._withheld], M.I_SYNC] = M.SYNC_NONE

    def _clear_queues(self) -> None:
        self._again.clear()
        self._queued[:] = False

    def on_request_reject(self, request: int, now_ns: int) -> list[InstrumentName]:
        """The venue rejected a subscription. Returns what it named, nothing for an unknown or earlier one.

        A request for several instruments is divided; one for a single instrument is repeated after the longest delay.
        """
        positions = self._positions.pop(request, ())
        if not positions:
            return []
        at = np.array(positions, np.int64)
        divided = len(positions) > 1 and not self._profile.replaces
        again_at_once = divided or self._can_join(positions[0])
        delay_ns = self._settings.retry_ns if again_at_once else self._settings.max_retry_ns
        if self._trades_of(positions[0]) == request:
            self._set_trades(positions, 0)
            self._trades_rejected[at] = True
            for position in positions:
                heapq.heappush(self._trade_retries, (now_ns + delay_ns, position))
        else:
            self._invalidate_live(at, now_ns)
            self._instruments[self._rows[at], M.I_SYNC] = M.SYNC_NONE
            self._instruments[self._rows[at], M.I_REQUEST] = 0  # nothing to unsubscribe
            self._rejected[at] = True
            self._due_ns[at] = now_ns + delay_ns
            self._alone[at] |= divided
        return self._names_of(positions)

    # --- requests

    def due_requests(self, now_ns: int, allowance: int, lost: bool = False) -> list[Body]:
        """Bodies of at most `allowance` MarketDataRequests (V) that are due; their rows then await a snapshot.

        With many instruments, a call examines a part of them, unless books were `lost` since the last call.
        """
        if not self._active:
            return []
        self._lost |= lost
        self._scan(now_ns)
        found: list[Body] = []
        while len(found) < allowance and (self._pending or self._select(now_ns)):
            body, positions = self._pending.popleft()
            found.append(body)
            if positions:
                self._await_snapshot(np.array(positions, np.int64), now_ns)
        return found

    def _scan(self, now_ns: int) -> None:
        """Queue instruments whose book is invalid or whose snapshot is missing."""
        first, end = 0, self._fresh
        if end > _SLICE:
            if self._lost and now_ns - self._scanned_all_ns >= _FULL_SCAN_NS:
                self._scanned_all_ns = now_ns
                self._lost = False
            else:
                first = self._scanned if self._scanned < end else 0
                end = self._scanned = min(first + _SLICE, end)
        part = slice(first, end)
        sync = self._instruments[self._rows[part], M.I_SYNC]
        due_ns, requested_ns, retry_ns = self._due_ns[part], self._requested_ns[part], self._retry_ns[part]
        live = sync == M.SYNC_LIVE
        due_ns[live] = _NEVER
        retry_ns[live & (now_ns - requested_ns >= self._settings.stable_ns)] = 0
        self._extend_timeouts(np.flatnonzero(sync == M.SYNC_PARTIAL) + first, now_ns)
        invalid = (sync == M.SYNC_NONE) & ~self._rejected[part] & ~self._withheld[part]
        due_ns[invalid] = np.minimum(due_ns[invalid], np.maximum(requested_ns[invalid] + retry_ns[invalid], now_ns))
        due = np.flatnonzero((due_ns <= now_ns) & ~self._queued[part]) + first
        self._queued[due] = True
        self._again.extend(due.tolist())

    def _extend_timeouts(self, partial: Array, now_ns: int) -> None:
        """The rest of a snapshot has as long as the first part had, from each part on."""
        parts = self._instruments[self._rows[partial], M.I_PARTS]
        grown = partial[parts != self._parts[partial]]
        self._parts[partial] = parts
        self._due_ns[grown] = np.maximum(self._due_ns[grown], now_ns + self._settings.snapshot_timeout_ns)

    def _select(self, now_ns: int) -> bool:
        """Make `_pending` the requests of the next group. False if nothing is due."""
        if self._trade_retries and self._trade_retries[0][0] <= now_ns:
            self._subscribe_trades((heapq.heappop(self._trade_retries)[1],))
            return True
        while True:
            self._again_next = not self._again_next
            group = self._again_group(now_ns) if self._again_next else self._fresh_group()
            group = group or (self._fresh_group() if self._again_next else self._again_group(now_ns))
            if not group:
                return False
            wanted = self._without_withheld(group)
            if wanted:
                self._request(wanted, now_ns)
                return True

    def _without_withheld(self, group: tuple[int, ...]) -> tuple[int, ...]:
        at = np.array(group, np.int64)
        withheld = self._withheld[at]
        self._queued[at[withheld]] = False
        return tuple(at[~withheld].tolist()) if withheld.any() else group

    def _fresh_group(self) -> tuple[int, ...]:
        """The next instruments that were not asked for since `resume`."""
        first = self._fresh
        end = min(first + self._group_size, len(self._rows))
        if not self._profile.replaces:
            alone = np.flatnonzero(self._alone[first:end])
            if len(alone):
                end = first + max(int(alone[0]), 1)
        self._fresh = end
        return tuple(range(first, end))

    def _again_group(self, now_ns: int) -> tuple[int, ...]:
        """The next instruments that are asked for again."""
        while self._again:
            at = self._again.popleft()
            if not self._is_due(at, now_ns):
                self._queued[at] = False
                continue
            if self._profile.replaces:
                self._fresh = len(self._rows)
                return tuple(range(len(self._rows)))
            if self._can_join(at) and self._retry_ns[at] > 0:
                self._joined[at] = True
                return (at, *self._positions[int(self._earlier[at])])
            return (at, *self._same_request(at, now_ns))
        return ()

    def _is_due(self, at: int, now_ns: int) -> bool:
        """False if a queued instrument was asked for with others, its snapshot came late, or it was rejected."""
        sync = self._instruments[self._rows[at], M.I_SYNC]
        return bool(self._queued[at] and sync != M.SYNC_LIVE and self._due_ns[at] <= now_ns)

    def _can_join(self, at: int) -> bool:
        return not self._joined[at] and int(self._earlier[at]) in self._positions

    def _same_request(self, at: int, now_ns: int) -> list[int]:
        """The instruments next in the queue that were last asked for together with this one."""
        found: list[int] = []
        request = self._request_of(at)
        while self._again and request and not self._alone[at] and len(found) + 1 < self._group_size:
            following = self._again[0]
            if not self._is_due(following, now_ns) or self._request_of(following) != request:
                break
            found.append(self._again.popleft())
        return found

    def _request(self, group: tuple[int, ...], now_ns: int) -> None:
        """Subscribe a group, and unsubscribe what of it was asked for before."""
        at = np.array(group, np.int64)
        self._invalidate_live(at, now_ns)
        for request in dict.fromkeys(self._instruments[self._rows[at], M.I_REQUEST].tolist()):
            if request:
                self._leave(request, group)
        request = self._add(group)
        self._instruments[self._rows[at], M.I_REQUEST] = request
        self._instruments[self._rows[at], M.I_SYNC] = M.SYNC_WAITING
        self._rejected[at] = False
        self._queued[at] = True  # until the request is sent
        self._requested_ns[at] = now_ns
        self._pending.append((self._bodies.subscribe(request, self._names_of(group)), group))
        if self._profile.trades == "separate":
            self._subscribe_trades(tuple(position for position in group if self._without_trades(position)))
        if self._profile.replaces:
            self._retry_ns[at] = self._retry_ns[at].max()
        settings = self._settings
        self._due_ns[at] = settings.snapshot_timeout_ns + 2 * _MS * (len(group) - 1) + self._retry_ns[at]
        self._retry_ns[at] = np.minimum(np.maximum(2 * self._retry_ns[at], settings.retry_ns), settings.max_retry_ns)

    def _leave(self, request: int, group: tuple[int, ...]) -> None:
        """These instruments leave a subscription, which ends with its last one."""
        held = self._positions.pop(request, ())
        leaving = set(group)
        left = tuple(position for position in held if position not in leaving)
        gone = [position for position in held if position in leaving]
        if left:
            self._positions[request] = left
            self._earlier[gone] = request
        elif self._profile.unsubscribe and not self._profile.replaces:
            self._pending.append((self._bodies.unsubscribe(request, self._names_of(gone)), ()))

    def _subscribe_trades(self, group: tuple[int, ...]) -> None:
        if group:
            request = self._add(group)
            self._set_trades(group, request)
            self._trades_rejected[list(group)] = False
            self._pending.append((self._bodies.subscribe_trades(request, self._names_of(group)), ()))

    def _set_trades(self, group: tuple[int, ...], request: int) -> None:
        self._instruments[self._rows[list(group)], M.I_TRADE_REQUEST] = request

    def _await_snapshot(self, at: Array, now_ns: int) -> None:
        """The request for these is sent."""
        self._queued[at] = False
        self._due_ns[at] += now_ns
        self._requested_ns[at] = now_ns
        if not self._profile.snapshot:
            self._open_books(self._rows[at], now_ns)

    def _invalidate_live(self, at: Array, now_ns: int) -> None:
        rows = self._rows[at]
        live = rows[self._instruments[rows, M.I_SYNC] == M.SYNC_LIVE]
        if len(live):
            self._invalidate(live, now_ns)

    def _add(self, group: tuple[int, ...]) -> int:
        """The MDReqID of a new request for these instruments."""
        request = self._next_request
        self._next_request += 1
        self._positions[request] = group
        return request

    def _names_of(self, group: Sequence[int]) -> list[InstrumentName]:
        return [self._names[position] for position in group]

    def _without_trades(self, at: int) -> bool:
        return not self._trades_of(at) and not self._trades_rejected[at]

    def _trades_of(self, at: int) -> int:
        return int(self._instruments[self._rows[at], M.I_TRADE_REQUEST])

    def _request_of(self, at: int) -> int:
        return int(self._instruments[self._rows[at], M.I_REQUEST])
