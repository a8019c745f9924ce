"""Subscribes instruments, and again after an invalid book, a missing snapshot or a reject. Sans I/O.

One subscription per instrument. Each attempt has its own MDReqID, so that an answer to an older one is not mistaken for
the newest. The first retry is immediate; the delay of further ones doubles each time, until the book has been stable
for a while.
"""

from dataclasses import dataclass

import numpy as np

from quotelife.fix import tags
from quotelife.fix.encode import Body
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import Array

_NEVER = np.iinfo(np.int64).max
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RecoverySettings:
    depth: int = 0  # MarketDepth
    by_order: bool = False
    retry_ns: int = 100_000_000  # before the second retry
    max_retry_ns: int = 30 * _NS
    snapshot_timeout_ns: int = 2 * _NS
    stable_ns: int = 10 * _NS  # after a book was valid for so long, the first retry is immediate again


class SubscriptionRecovery:
    """Subscriptions of one venue session. `rows` are board rows, `symbols` the venue's names for them."""

    def __init__(
        self, instruments: Array, rows: list[int], symbols: list[str], first_request: int, settings: RecoverySettings
    ) -> None:
        self._instruments = instruments
        self._rows = np.array(rows, np.int64)
        self._symbols = symbols
        self._settings = settings
        self._next_request = first_request
        self._due_ns = np.full(len(rows), _NEVER, np.int64)
        self._requested_ns = np.zeros(len(rows), np.int64)
        self._retry_ns = np.zeros(len(rows), np.int64)
        self._rejected = np.zeros(len(rows), np.bool_)
        self._active = False

    def start(self, now_ns: int) -> None:
        """The session is established: subscribe every instrument."""
        self._instruments[self._rows, M.I_SYNC] = M.SYNC_NONE
        self._instruments[self._rows, M.I_REQUEST] = 0
        self._retry_ns[:] = 0
        self.resume(now_ns)

    def resume(self, now_ns: int) -> None:
        """A sequence gap is filled: subscribe every instrument again."""
        self._active = True
        self._rejected[:] = False
        self._due_ns[:] = now_ns

    def stop(self) -> None:
        """The session has a gap or has ended: send no requests until `start` or `resume`."""
        self._active = False
        self._due_ns[:] = _NEVER
        self._instruments[self._rows, M.I_SYNC] = M.SYNC_NONE

    def on_request_reject(self, request: int, now_ns: int) -> str | None:
        """The venue rejected a subscription: retry after the longest delay. Returns the symbol, None if unknown."""
        found = np.flatnonzero(self._instruments[self._rows, M.I_REQUEST] == request)
        if not len(found):
            return None
        at = found[0]
        self._instruments[self._rows[at], M.I_SYNC] = M.SYNC_NONE
        self._instruments[self._rows[at], M.I_REQUEST] = 0  # nothing to unsubscribe
        self._rejected[at] = True
        self._due_ns[at] = now_ns + self._settings.max_retry_ns
        return self._symbols[at]

    def due_requests(self, now_ns: int) -> list[Body]:
        """Bodies of the MarketDataRequests (V) that are due; their rows then await a snapshot."""
        if not self._active:
            return []
        sync = self._instruments[self._rows, M.I_SYNC]
        live = sync == M.SYNC_LIVE
        self._due_ns[live] = _NEVER
        self._retry_ns[live & (now_ns - self._requested_ns >= self._settings.stable_ns)] = 0
        invalid = (sync == M.SYNC_NONE) & ~self._rejected
        earliest = np.maximum(self._requested_ns[invalid] + self._retry_ns[invalid], now_ns)
        self._due_ns[invalid] = np.minimum(self._due_ns[invalid], earliest)
        found: list[Body] = []
        for at in np.flatnonzero(self._due_ns <= now_ns):
            found += self._request(int(at), now_ns)
        return found

    def _request(self, at: int, now_ns: int) -> list[Body]:
        settings = self._settings
        instrument = self._instruments[self._rows[at]]
        bodies = []
        if instrument[M.I_REQUEST]:
            bodies.append(self._body(int(instrument[M.I_REQUEST]), tags.UNSUBSCRIBE, at))
        instrument[M.I_REQUEST] = self._next_request
        instrument[M.I_SYNC] = M.SYNC_WAITING
        self._next_request += 1
        self._rejected[at] = False
        self._requested_ns[at] = now_ns
        self._due_ns[at] = now_ns + settings.snapshot_timeout_ns + self._retry_ns[at]
        self._retry_ns[at] = min(max(2 * int(self._retry_ns[at]), settings.retry_ns), settings.max_retry_ns)
        bodies.append(self._body(int(instrument[M.I_REQUEST]), tags.SNAPSHOT_PLUS_UPDATES, at))
        return bodies

    def _body(self, request: int, request_type: str, at: int) -> Body:
        settings = self._settings
        updates: Body = ((tags.MDUpdateType, tags.INCREMENTAL_REFRESH),) if request_type != tags.UNSUBSCRIBE else ()
        return (
            (tags.MDReqID, request),
            (tags.SubscriptionRequestType, request_type),
            (tags.MarketDepth, settings.depth),
            *updates,
            (tags.AggregatedBook, "N" if settings.by_order else "Y"),
            (tags.NoMDEntryTypes, 3),
            (tags.MDEntryType, "0"),
            (tags.MDEntryType, "1"),
            (tags.MDEntryType, "2"),
            (tags.NoRelatedSym, 1),
            (tags.Symbol, self._symbols[at]),
        )
