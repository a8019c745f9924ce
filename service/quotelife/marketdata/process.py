"""The market-data process: `python -m quotelife.marketdata.process --config FILE`. The board's only writer.

One task per venue session, one for the board's heartbeat. Importing this module compiles every kernel, so before the
first connection. `READY marketdata` on the standard output announces that the board exists. SIGTERM logs out of every
venue and ends with exit code 0.
"""

import asyncio
import gc
import os
import sys
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Protocol

import uvloop

from quotelife.config import Config, ConfigError, Venue, load_profile, venue_context
from quotelife.config.paths import RunPaths, run_paths
from quotelife.config.venues.venue_sessions import VenueSession, venue_blocks, venue_sessions
from quotelife.fix.fields import unit_and_scale
from quotelife.logs import LogEvent, event_logger
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board, initialise_row, link_sources
from quotelife.market.capture.layout import EVENT_WORDS, START
from quotelife.market.capture.ring import Ring
from quotelife.market.capture.writer import write_keyframe, write_status
from quotelife.market.sources.parts_log import PartsLog
from quotelife.market.sources.rows import n_rows, rows_by_venue
from quotelife.marketdata.decoder_state import Array, SharedArrays
from quotelife.marketdata.dialect import dialect_of
from quotelife.marketdata.feed import VenueFeed
from quotelife.marketdata.metrics import MarketDataMetrics
from quotelife.marketdata.session_settings import session_settings
from quotelife.marketdata.subscription.subscriptions import SubscriptionSettings
from quotelife.marketdata.transport import VenueConnection
from quotelife.marketdata.venue_instruments import VenueInstrument
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, mono_ns, wall_ns
from quotelife.runtime.process import StartupTimer, announce_ready, run_process, stop_event
from quotelife.runtime.process_tuning import lock_memory
from quotelife.shm.layout import WORD_BYTES
from quotelife.signals.active_signals import ActiveSignals
from quotelife.signals.receiver import SignalReceiver

logger = event_logger(__name__)
_HEARTBEAT_S = 0.01
_METRICS_S = 0.2
_REQUESTS_PER_SECOND = 1_000_000  # MDReqIDs start at the start time in seconds times this: unique across restarts


def make_board(config: Config, path: Path) -> Board:
    """An empty board with a row per configured instrument, and per venue of those that have several."""
    rows = {i.symbol: n for n, i in enumerate(config.instrument)}
    sessions = venue_sessions(config)
    blocks = venue_blocks(sessions)
    signals = len(sessions)  # the block after theirs
    by_venue = rows_by_venue(config)
    board = Board.create(path, len(rows), mono_ns(), n_rows(config) - len(rows))
    half_life_ns = int(config.market.sentiment_half_life_s * NS_PER_S)
    for row, instrument in enumerate(config.instrument):
        initialise = partial(
            initialise_row,
            board,
            tick_size=float(Decimal(instrument.tick)),
            stale_after_ns=int(instrument.stale_after_ms * NS_PER_MS),
            half_life_ns=half_life_ns,
        )
        initialise(
            row,
            venue=blocks.get((row, instrument.venues[0]), signals),
            correlated=rows[instrument.correlated] if instrument.correlated else -1,
            volatility_index=rows[instrument.volatility_index] if instrument.volatility_index else -1,
        )
        if len(instrument.venues) > 1:
            for venue in instrument.venues:
                initialise(by_venue[row, venue], venue=blocks[row, venue])
            first, combine = by_venue[row, instrument.venues[0]], L.COMBINE_NAMES.index(instrument.combine)
            link_sources(board, row, first, len(instrument.venues), combine)
    board.venues[signals, L.V_STATE] = L.VENUE_UP
    return board


def make_capture(config: Config, path: Path) -> Ring:
    """A capture ring that starts with a START event per row."""
    size = int(config.capture.ring_mb * 2**20) // (EVENT_WORDS * WORD_BYTES)
    now_ns = mono_ns()
    ring = Ring.create(path, 1 << (size.bit_length() - 1), n_rows(config), wall_ns(), now_ns)
    for row in range(n_rows(config)):
        write_status(ring.words, START, 0, row, now_ns)
    return ring


class Decoders(Protocol):
    """The decoder of each venue: `decode`, with something that watches it."""

    def timed_decode(self, venue: str) -> Callable[[Array, int], int]: ...


def make_feed(
    config: Config, session: VenueSession, shared: SharedArrays, metrics: Decoders, signals: ActiveSignals | None = None
) -> VenueFeed:
    """The feed of one session. ConfigError for a missing password, or a tick or lot out of the kernels' range."""
    venue = session.venue
    several = any(len(config.instrument[row].venues) > 1 for row in session.instruments)
    rows = rows_by_venue(config) if several else {}
    subscribed = [
        VenueInstrument(
            rows.get((row, venue.name), row),
            i.symbol_at(venue.name),
            _unit(config, row, "tick"),
            _unit(config, row, "lot"),
            i.security_id_at(venue.name),
            i.group_at(venue.name),
        )
        for row, i in ((row, config.instrument[row]) for row in session.instruments)
    ]
    by_order = venue.book == "order"
    return VenueFeed(
        session.name,
        session.block,
        shared,
        subscribed,
        session_settings(config, venue, session.number),
        SubscriptionSettings(venue.depth or 0, by_order, load_profile(config, venue)),
        first_request=wall_ns() // NS_PER_S * _REQUESTS_PER_SECOND,
        decode=metrics.timed_decode(session.name),
        signals=signals,
        max_lag_ns=int(venue.max_lag_ms * NS_PER_MS),
        dialect=dialect_of(load_profile(config, venue), venue.book, venue.depth),
    )


def make_connection(
    config: Config, venue: Venue, feed: VenueFeed, on_sent: Callable[[bytes], None] | None = None
) -> VenueConnection:
    """The connection of a venue's feed. ConfigError for a file of [venue.tls] that cannot be used."""
    return VenueConnection(
        feed,
        venue.host,
        venue.port,
        (venue.reconnect_min_ms, venue.reconnect_max_ms),
        tls=venue_context(config, venue),
        server_name=venue.tls.server_name if venue.tls is not None else None,
        on_sent=on_sent,
    )


def _unit(config: Config, row: int, key: str) -> tuple[int, int]:
    text = getattr(config.instrument[row], key)
    try:
        return unit_and_scale(text)
    except ValueError as error:
        raise ConfigError(Path(config.file), f"instrument[{row}].{key}", text, str(error)) from None


class InsufficientSpace(Exception):
    """The shared-memory files cannot be created; the text says where and why."""


def _create_shared(config: Config, run: RunPaths) -> SharedArrays:
    try:
        board = make_board(config, run.board)
        return SharedArrays(board, make_capture(config, run.capture))
    except OSError as error:
        for unfinished in run.directory.glob(f"*.{os.getpid()}"):
            unfinished.unlink()
        needed_mb = n_rows(config) * L.ROW_WORDS * WORD_BYTES / 2**20 + config.capture.ring_mb + 1
        raise InsufficientSpace(
            f"{run.directory}: {error.strerror}; allowed: {needed_mb:.0f} MB free (paths.run)"
        ) from None


async def serve(config: Config) -> None:
    """Run until SIGTERM or SIGINT."""
    timer = StartupTimer()
    run = run_paths(config)
    run.directory.mkdir(parents=True, exist_ok=True)
    shared = _create_shared(config, run)
    board = shared.board
    sessions = venue_sessions(config)
    metrics = MarketDataMetrics(run, [session.name for session in sessions])
    news_ns = int(config.market.sentiment_stale_after_s * NS_PER_S)
    signals = ActiveSignals(board, shared.capture, shared.books, news_ns)
    connections = [make_connection(config, s.venue, make_feed(config, s, shared, metrics, signals)) for s in sessions]
    stopping = stop_event()
    receiver = await SignalReceiver(config, signals).open(run.signals_socket)
    gc.freeze()
    if config.machine.lock_memory and (why := lock_memory()) is not None:
        logger.warning(LogEvent.MACHINE_SETTING_REFUSED, "%s", why)
    helpers = [
        asyncio.create_task(_heartbeat(shared, config.capture.keyframe_s)),
        asyncio.create_task(_update_metrics(metrics, connections, PartsLog(config, board, shared.sources))),
        asyncio.create_task(_expire_signals(signals)),
    ]
    timer.mark("board")
    timer.log()
    announce_ready("marketdata")
    await _run_connections(connections, helpers, stopping)
    receiver.close()
    for task in helpers:
        task.cancel()
    metrics.update(connections)


async def _run_connections(
    connections: list[VenueConnection], helpers: list[asyncio.Task[None]], stopping: asyncio.Event
) -> None:
    """Run the connections until `stopping` is set, then log out of every venue.

    A task that ends early has failed. Its exception ends the process, which the supervisor starts again.
    """
    running = [asyncio.create_task(c.run(), name=c.feed.name) for c in connections]
    stopped = asyncio.create_task(stopping.wait())
    done, _ = await asyncio.wait([stopped, *running, *helpers], return_when=asyncio.FIRST_COMPLETED)
    for task in done - {stopped}:
        task.result()
    for connection in connections:
        connection.stop()
    await asyncio.gather(*running)


async def _heartbeat(shared: SharedArrays, keyframe_s: float) -> None:
    """Update the board's heartbeat, remove parts of venues that have become silent, and capture a keyframe of each row
    in turn, all within `keyframe_s`."""
    board, ring, books = shared.board, shared.capture, shared.books
    rows = len(board.all_rows)
    started_ns, taken = mono_ns(), 0
    while True:
        now_ns = mono_ns()
        board.beat(now_ns)
        ring.set_clock(now_ns, wall_ns())
        if shared.sources.refresh(now_ns):
            board.announce()
        due = int((now_ns - started_ns) / NS_PER_S / keyframe_s * rows)
        if taken < due:  # one at a time, since a large book takes some microseconds
            row = taken % rows
            write_keyframe(ring.words, board.all_rows, books.px, books.sz, books.cnt, books.n, row, now_ns)
            taken += 1
        await asyncio.sleep(_HEARTBEAT_S)


async def _expire_signals(signals: ActiveSignals) -> None:
    while True:
        signals.expire(mono_ns(), wall_ns())
        await asyncio.sleep(_METRICS_S)


async def _update_metrics(metrics: MarketDataMetrics, connections: list[VenueConnection], parts: PartsLog) -> None:
    while True:
        metrics.update(connections)
        parts.poll(mono_ns())
        await asyncio.sleep(_METRICS_S)


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT."""
    uvloop.run(serve(config))
    return 0


def main(arguments: list[str] | None = None) -> int:
    return run_process(run, arguments, "marketdata", InsufficientSpace)


if __name__ == "__main__":
    sys.exit(main())
