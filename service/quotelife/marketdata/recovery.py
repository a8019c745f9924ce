"""Who is subscribed, and when to subscribe anew: a book out of step, a snapshot that does not come, a refusal.

Sans I/O. One subscription per instrument, each attempt with an MDReqID of its own, so that an answer to an older one
cannot be taken for the newest. The first repetition is immediate, further ones wait twice as long each time, until the
book has held for a while.
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
    pause_ns: int = 100_000_000  # before the second repetition
    longest_pause_ns: int = 30 * _NS
    snapshot_timeout_ns: int = 2 * _NS
    calm_ns: int = 10 * _NS  # a book that held so long starts over with an immediate repetition


class Recovery:
    """Subscriptions of one venue session. `rows` are board rows, `symbols` the venue's names for them, in one order."""

    def __init__(
        self, instruments: Array, rows: list[int], symbols: list[str], first_request: int, settings: RecoverySettings
    ) -> None:
        self._instruments = instruments
        self._rows = np.array(rows, np.int64)
        self._symbols = symbols
        self._settings = settings
        self._next_request = first_request
        self._due = np.full(len(rows), _NEVER, np.int64)
        self._asked = np.zeros(len(rows), np.int64)
        self._pause = np.zeros(len(rows), np.int64)
        self._refused = np.zeros(len(rows), np.bool_)
        self._active = False

    def start(self, now_ns: int) -> None:
        """The session stands: subscribe everything."""
        self._instruments[self._rows, M.I_SYNC] = M.SYNC_NONE
        self._instruments[self._rows, M.I_REQUEST] = 0
        self._pause[:] = 0
        self.resume(now_ns)

    def resume(self, now_ns: int) -> None:
        """A gap of the session is filled: subscribe everything anew."""
        self._active = True
        self._refused[:] = False
        self._due[:] = now_ns

    def stop(self) -> None:
        """The session is broken or gone: ask for nothing until `start` or `resume`."""
        self._active = False
        self._due[:] = _NEVER
        self._instruments[self._rows, M.I_SYNC] = M.SYNC_NONE

    def refused(self, request: int, now_ns: int) -> str | None:
        """The venue refused a subscription; it is tried again after the longest pause. Returns the symbol."""
        found = np.flatnonzero(self._instruments[self._rows, M.I_REQUEST] == request)
        if not len(found):
            return None
        at = found[0]
        self._instruments[self._rows[at], M.I_SYNC] = M.SYNC_NONE
        self._instruments[self._rows[at], M.I_REQUEST] = 0  # there is nothing to unsubscribe
        self._refused[at] = True
        self._due[at] = now_ns + self._settings.longest_pause_ns
        return self._symbols[at]

    def requests(self, now_ns: int) -> list[Body]:
        """Bodies of the MarketDataRequests (V) that are due; their rows are then waiting for a snapshot."""
        if not self._active:
            return []
        sync = self._instruments[self._rows, M.I_SYNC]
        live = sync == M.SYNC_LIVE
        self._due[live] = _NEVER
        self._pause[live & (now_ns - self._asked >= self._settings.calm_ns)] = 0
        lost = (sync == M.SYNC_NONE) & ~self._refused
        soonest = np.maximum(self._asked[lost] + self._pause[lost], now_ns)
        self._due[lost] = np.minimum(self._due[lost], soonest)
        found: list[Body] = []
        for at in np.flatnonzero(self._due <= now_ns):
            found += self._ask(int(at), now_ns)
        return found

    def live(self) -> int:
        """Books in step."""
        return int(np.count_nonzero(self._instruments[self._rows, M.I_SYNC] == M.SYNC_LIVE))

    def _ask(self, at: int, now_ns: int) -> list[Body]:
        settings = self._settings
        instrument = self._instruments[self._rows[at]]
        bodies = []
        if instrument[M.I_REQUEST]:
            bodies.append(self._body(int(instrument[M.I_REQUEST]), tags.UNSUBSCRIBE, at))
        instrument[M.I_REQUEST] = self._next_request
        instrument[M.I_SYNC] = M.SYNC_WAITING
        self._next_request += 1
        self._refused[at] = False
        self._asked[at] = now_ns
        self._due[at] = now_ns + settings.snapshot_timeout_ns + self._pause[at]
        self._pause[at] = min(max(2 * int(self._pause[at]), settings.pause_ns), settings.longest_pause_ns)
        bodies.append(self._body(int(instrument[M.I_REQUEST]), tags.SNAPSHOT_PLUS_UPDATES, at))
        return bodies

    def _body(self, request: int, kind: str, at: int) -> Body:
        settings = self._settings
        updates: Body = ((tags.MDUpdateType, tags.INCREMENTAL_REFRESH),) if kind != tags.UNSUBSCRIBE else ()
        return (
            (tags.MDReqID, request),
            (tags.SubscriptionRequestType, kind),
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
