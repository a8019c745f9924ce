"""Runs one session with a venue on a private board: connects, logs on, subscribes one instrument, watches, logs out."""

import asyncio
import enum
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from quotelife.config import Config, Instrument, Venue
from quotelife.config.venues.venue_sessions import venue_sessions
from quotelife.diagnostics.venue.observer import Observations, VenueObserver
from quotelife.fix import tags
from quotelife.market.board import layout as L
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import Array, SharedArrays
from quotelife.marketdata.feed import VenueFeed
from quotelife.marketdata.process import make_board, make_connection, make_feed
from quotelife.marketdata.transport import VenueConnection
from quotelife.runtime.clock import NS_PER_S, mono_ns

_POLL_S = 0.005
_LOGOUT_S = 3.0
_REFUSED_S = 0.5  # that a book may still come after a rejection of ours
_LEVELS = 5


class Stage(enum.IntEnum):
    """How far the session came."""

    CONNECT = 0
    LOGON = 1
    INSTRUMENTS = 2
    SNAPSHOT = 3
    WATCH = 4
    DONE = 5


@dataclass(slots=True)
class Outcome:
    """What happened. `problem` is why the session did not come further than `stage`; empty if it did."""

    stage: Stage = Stage.CONNECT
    error: OSError | None = None  # of the connection
    problem: str = ""
    closed: bool = False  # by the venue, while an answer was awaited
    timed_out: bool = False
    took_s: dict[Stage, float] = field(default_factory=dict)
    seen: Observations = field(default_factory=Observations)
    mismatch: str = ""  # of the instrument: why the venue's list does not confirm it
    halted: bool = False
    live: bool = False  # a live book was seen
    live_at_the_end: bool = False
    bids: list[tuple[int, int]] = field(default_factory=list)  # (ticks, lots), best first
    offers: list[tuple[int, int]] = field(default_factory=list)
    snapshots: int = 0
    entries: int = 0
    trades: int = 0
    last_trade: tuple[int, int] | None = None  # (ticks, lots)
    late: bool = False  # beyond the venue's max_lag_ms


def only(config: Config, venue: Venue, instrument: Instrument) -> Config:
    """The configuration with this instrument alone, at this venue alone."""
    alone = replace(instrument, venue=venue.name, correlated=None, volatility_index=None)
    return replace(config, instrument=[alone])


async def probe(
    config: Config, venue: Venue, instrument: Instrument, seconds: float, progress: Callable[[Stage, Outcome], None]
) -> Outcome:
    """Run a session of at most `seconds` per stage. `progress` is called after each stage. ConfigError as the service.

    The board is a file of its own, which nobody else attaches to, in a folder that is deleted.
    """
    alone = only(config, venue, instrument)
    observer = VenueObserver()
    with tempfile.TemporaryDirectory(prefix="quotelife-venue-check-") as folder:
        board = make_board(alone, Path(folder) / "board")
    session = next(s for s in venue_sessions(alone) if s.venue == venue)
    feed = make_feed(alone, session, SharedArrays(board), observer)
    observer.attach(feed)
    connection = make_connection(alone, venue, feed, observer.on_sent)
    outcome = Outcome(seen=observer.seen)
    stages = _Session(feed, connection, board.rows[0], board.venues[session.block], seconds, outcome, progress)
    failures: list[BaseException] = []  # of callbacks of the event loop, which would only log them
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failures.append(context.get("exception") or RuntimeError(context)))
    logging.disable(logging.ERROR)  # the outcome says it in other words
    try:
        await stages.run()
    finally:
        logging.disable(logging.NOTSET)
    if failures:
        raise failures[0]
    return outcome


class _Session:
    """One connection, stage by stage."""

    def __init__(
        self,
        feed: VenueFeed,
        connection: VenueConnection,
        row: Array,
        block: Array,
        seconds: float,
        outcome: Outcome,
        progress: Callable[[Stage, Outcome], None],
    ) -> None:
        self._feed, self._connection, self._row, self._block = feed, connection, row, block
        self._seconds, self._outcome, self._progress = seconds, outcome, progress

    async def run(self) -> None:
        task = asyncio.create_task(self._connection.connect_once())
        try:
            await self._run_stages(task)
        finally:
            self._read_book()
            self._connection.stop()
            await asyncio.wait((task,), timeout=_LOGOUT_S)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run_stages(self, task: asyncio.Task[None]) -> None:
        feed = self._feed
        stages = (
            (Stage.CONNECT, lambda: bool(self._outcome.seen.sent[tags.LOGON])),
            (Stage.LOGON, lambda: feed.logons > 0),
            (Stage.INSTRUMENTS, lambda: feed.confirmation.list.ready),
            (Stage.SNAPSHOT, self._was_live),
        )
        for stage, reached in stages:
            if not await self._reach(stage, reached, task):
                return
            if stage is Stage.INSTRUMENTS and feed.confirmation.list.missing:
                self._outcome.mismatch = feed.confirmation.list.difference(0)
                return
        self._outcome.live = True
        await self._reach(Stage.WATCH, lambda: False, task)
        if self._outcome.timed_out:
            self._outcome.stage, self._outcome.timed_out = Stage.DONE, False

    async def _reach(self, stage: Stage, reached: Callable[[], bool], task: asyncio.Task[None]) -> bool:
        """Wait until `reached()`; False if the time is over, the session is or the connection failed."""
        outcome = self._outcome
        outcome.stage = stage
        started_ns = mono_ns()
        while not reached():
            if task.done():
                self._ended(task)
                return False
            elapsed_s = (mono_ns() - started_ns) / NS_PER_S
            refused = stage is Stage.SNAPSHOT and outcome.seen.refusals and elapsed_s >= _REFUSED_S
            if refused or elapsed_s >= self._seconds:
                outcome.timed_out = True
                return False
            await asyncio.sleep(_POLL_S)
        outcome.took_s[stage] = (mono_ns() - started_ns) / NS_PER_S
        self._progress(stage, outcome)
        return True

    def _ended(self, task: asyncio.Task[None]) -> None:
        outcome = self._outcome
        error = task.exception()
        if error is None:
            outcome.problem = self._feed.closing or ""
            outcome.closed = self._feed.closing is None
        elif isinstance(error, OSError):
            outcome.error = error
        else:
            raise error

    def _was_live(self) -> bool:
        """Now, or before a message of the same read that was not understood."""
        return self._is_live() or bool(self._feed.control[M.SNAPSHOTS])

    def _is_live(self) -> bool:
        return bool(self._row[L.STATE] == L.BOOK_LIVE)

    def _read_book(self) -> None:
        row, outcome, control = self._row, self._outcome, self._feed.control
        outcome.live_at_the_end = self._is_live()
        outcome.halted = bool(row[L.HALTED])
        for levels, count, px, sz in (
            (outcome.bids, L.N_BID, L.BID_PX, L.BID_SZ),
            (outcome.offers, L.N_ASK, L.ASK_PX, L.ASK_SZ),
        ):
            levels += [(int(row[px + n]), int(row[sz + n])) for n in range(min(int(row[count]), _LEVELS))]
        outcome.snapshots, outcome.entries = int(control[M.SNAPSHOTS]), int(control[M.ENTRIES])
        outcome.trades = int(control[M.TRADES])
        if row[L.TRADES]:
            outcome.last_trade = (int(row[L.TRADE_PX]), int(row[L.TRADE_SZ]))
        outcome.late = bool(self._block[L.V_LATE_SINCE_NS])
