"""The capture on disk: market events, decisions and outcomes as Parquet files.

    capture ring --> CaptureArchive.step --------+
    journal -------> CaptureArchive.add_record --+--> every flush_s --> a thread --> capture/KIND/day=.../symbol=.../...
    markouts ------> CaptureArchive.add_markout -+

The recorder only copies; the thread makes tables and files. Rows that the thread cannot accept, because the disk is
slow, full or at its limit, are dropped and counted; among the events, one of kind `lost` reports them.
"""

import math
import queue
import threading
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from quotelife.config import Config
from quotelife.config.paths import RunPaths, data_paths
from quotelife.journal.record import Record
from quotelife.ledger.client_layout import HORIZON_NAMES
from quotelife.ledger.history import HitRow
from quotelife.logs import LogEvent, event_logger
from quotelife.market.capture import layout as L
from quotelife.market.capture.events import table
from quotelife.market.capture.ring import Block, CaptureFollower
from quotelife.recorder.capture_segments import ArchivedEvents, Segment, by_run, events_from, lost_before
from quotelife.recorder.captured_books import EVENTS, SOURCES, captured_books
from quotelife.recorder.decision_tables import DECISIONS, JournalTables, MarkoutRow
from quotelife.recorder.instruments_file import write_instruments
from quotelife.recorder.metrics import RecorderMetrics
from quotelife.recorder.parquet_parts import Part, PartitionedParquet, Rotation, day_of, partition
from quotelife.runtime.clock import NS_PER_S, mono_ns, wall_ns
from quotelife.shm.region import Words

logger = event_logger(__name__)

DECISIONS_FOLDER, OUTCOMES = "decisions", "outcomes"
_MAX_EVENTS = 1 << 21  # events in memory, 128 MB
_MAX_RECORDS = 1 << 16  # journal records in memory
_BYTES_PER_GB = 1 << 30
_RETRY_S = 0.2
_CLOSE_S = 2.0  # for merging the parts of each kind at the end; unmerged parts can be read as well


class Batch(NamedTuple):
    """Rows that are flushed together; records with their sequence number."""

    segments: list[Segment]
    records: list[tuple[int, Record]]
    markouts: list[MarkoutRow]


class CaptureArchive:
    """The only writer of a capture folder. The recorder calls the public methods."""

    def __init__(self, config: Config, run: RunPaths, metrics: RecorderMetrics) -> None:
        settings = config.capture
        self.folder = data_paths(config).capture
        self._metrics, self._flush_ns = metrics, int(settings.flush_s * NS_PER_S)
        self._limit = int(settings.max_gb * _BYTES_PER_GB)
        self._symbols = [instrument.symbol for instrument in config.instrument]
        rotation = Rotation(settings.rotate_minutes * 60, int(settings.rotate_mb * 2**20))
        write_instruments(config, self.folder)
        self._parts = {
            kind: PartitionedParquet(self.folder / kind, rotation)
            for kind in (EVENTS, SOURCES, DECISIONS_FOLDER, OUTCOMES)
        }
        self._books = captured_books(config)
        self._tables = JournalTables(config)
        self._follower = CaptureFollower(run.capture)
        self._archived = {kind: ArchivedEvents(self._parts[kind].folder) for kind in (EVENTS, SOURCES)}
        self._next: tuple[int, int] = (0, 0)  # (run, sequence number) expected next
        self._dropped = 0  # events since the last that was accepted
        self._batch = Batch([], [], [])
        self._n_events = 0
        self._flushed_ns = self._written_ns = mono_ns()
        self._awaiting_markouts: dict[int, HitRow] = {}
        self._sequence = 0
        self._started, self._flushes = wall_ns(), 0  # name the files of journal records
        self._missing = np.zeros(len(self._books), np.int64)  # events to be reported as lost, by captured book
        self._problem = ""
        self._failure: BaseException | None = None
        self._jobs: queue.Queue[Batch | None] = queue.Queue(1)
        self._thread = threading.Thread(target=self._work, name="capture", daemon=True)
        self._thread.start()

    # --- called by the recorder

    def add_record(self, record: Record) -> None:
        """Add a journal record, which must not be changed afterwards."""
        if len(self._batch.records) >= _MAX_RECORDS:
            self._metrics.count_dropped("decisions" if record.kind in DECISIONS else "outcomes", 1)
            return
        self._batch.records.append((self._sequence, record))
        self._sequence += 1

    def expect_markouts(self, number: int, hit: HitRow) -> None:
        """Announce a fill whose markouts will follow."""
        self._awaiting_markouts[number] = hit

    def add_markout(self, number: int, horizon: int, ticks: float | None, edge: float | None, last: bool) -> None:
        """Add a markout at one of the horizons, -1 for the receipt itself; None if it is not known."""
        hit = self._awaiting_markouts.pop(number, None) if last else self._awaiting_markouts.get(number)
        if hit is None or horizon < 0 or ticks is None or edge is None:
            return
        row = -1 if hit.symbol is None else self._symbols.index(hit.symbol)  # a multileg has none
        self._batch.markouts.append(
            MarkoutRow(
                *(row, hit.wall_ns, hit.mono_ns, hit.client, hit.side, hit.quote_id, hit.response_id),
                *(HORIZON_NAMES[horizon], ticks, edge),
            )
        )

    def step(self, now_ns: int) -> None:
        """Copy new events from the ring; hand the batch to the thread if it is due and the thread is free."""
        while (block := self._follower.read()) is not None:
            self._accept(block)
        if now_ns - self._flushed_ns >= self._flush_ns:
            self._flush(now_ns)
        self._metrics.set_flush_age(now_ns - self._written_ns)
        if self._failure is not None:
            raise self._failure

    def _accept(self, block: Block) -> None:
        run = self._follower.run
        expected = self._next[1] if self._next[0] == run else self._archived[EVENTS].first_unwritten(run)
        self._next = (run, block.first + len(block.words))
        block = events_from(block, expected)
        missing = block.first - expected
        if missing:
            self._metrics.count_dropped("ring", missing)
        if self._n_events + len(block.words) > _MAX_EVENTS:
            self._metrics.count_dropped(EVENTS, len(block.words))
            self._dropped += missing + len(block.words)
        elif len(block.words):
            self._batch.segments.append(Segment(run, missing + self._dropped, block))
            self._n_events += len(block.words)
            self._dropped = 0

    def _flush(self, now_ns: int) -> None:
        try:
            self._jobs.put_nowait(self._batch)
        except queue.Full:
            return
        self._batch, self._n_events = Batch([], [], []), 0
        self._flushed_ns = now_ns

    def close(self) -> None:
        """Write the last batch, and wait for it."""
        while (block := self._follower.read()) is not None:
            self._accept(block)
        for job in (self._batch, None):
            while self._thread.is_alive():
                try:
                    self._jobs.put(job, timeout=_RETRY_S)
                    break
                except queue.Full:
                    continue
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    # --- called by the thread

    def _work(self) -> None:
        try:
            while (batch := self._jobs.get()) is not None:
                self._write(batch)
                self._written_ns = mono_ns()
                self._rotate(everything=False)
            self._rotate(everything=True, seconds=_CLOSE_S)
        except Exception as failure:
            self._failure = failure  # raised in the recorder

    def _rotate(self, everything: bool, seconds: float = math.inf) -> None:
        for parts in self._parts.values():
            try:
                parts.rotate(everything, seconds)
            except (OSError, pa.ArrowException) as error:
                self._log_problem(f"parts cannot be merged: {error}")
        self._metrics.set_capture_size(self._size)

    @property
    def _size(self) -> int:
        return sum(parts.size for parts in self._parts.values())

    def _write(self, batch: Batch) -> None:
        for segments in by_run(batch.segments):
            part = Part(segments[0].run, segments[0].block.first, segments[-1].end, new=True)
            for at, book in enumerate(self._books):
                for day, sequence, words in self._events(segments, at):
                    lost = words[:, L.KIND_WORD] & L.BYTE == L.LOST
                    rows = table(sequence, words, part.run, book.venues, book.positions(words))
                    new = len(words) - int(lost.sum())
                    if not self._write_part(book.kind, rows, new, day, book.symbol, part):
                        self._missing[at] += new + words[lost, L.A].sum()
        part = Part(self._started, self._flushes, self._flushes + 1, new=True)
        self._flushes += 1
        for kind, rows, day, row in self._journal(batch):
            symbol = self._symbols[row] if 0 <= row < len(self._symbols) else None
            self._write_part(kind, rows, len(rows), day, symbol, part)

    def _write_part(self, kind: str, rows: pa.Table, new: int, day: str, symbol: str | None, part: Part) -> bool:
        """Write a part with `new` rows to be counted; counts them as dropped and returns False if that fails."""
        if self._size >= self._limit:
            self._metrics.count_dropped(kind, new)
            self._log_problem(f"capture.max_gb is reached ({self._size >> 20} MB), nothing more is written")
            return False
        try:
            size = self._parts[kind].write(rows, day, symbol, part)
        except (OSError, pa.ArrowException) as error:
            self._metrics.count_dropped(kind, new)
            self._log_problem(f"cannot write: {error}")
            return False
        self._metrics.count_captured(kind, new, size)
        self._log_problem("")
        return True

    def _log_problem(self, problem: str) -> None:
        """Log when writing begins to fail, and when it works again (an empty text)."""
        if bool(problem) != bool(self._problem):
            if problem:
                logger.error(LogEvent.CAPTURE_FAILED, "capture: %s", problem)
            else:
                logger.warning(LogEvent.CAPTURE_RESUMED, "capture: writing again")
        self._problem = problem

    def _events(self, segments: list[Segment], at: int) -> Iterator[tuple[str, Words, Words]]:
        """(day, sequence numbers, words) of a captured book's events in segments of one run, with an event `lost`
        before a gap."""
        book = self._books[at]
        until = self._archived[book.kind].end(segments[0].run, partition(book.symbol))
        parts: list[tuple[Words, Words]] = []
        for segment in segments:
            block = segment.block
            mine = np.flatnonzero(book.has(block.row))
            mine = mine[block.first + mine >= until]
            missing, self._missing[at] = int(self._missing[at]) + segment.missing, 0
            if missing and len(mine):
                parts.append((block.first + mine[:1] - 1, lost_before(block.words[mine[0]], missing)))
            elif missing:
                self._missing[at] = missing  # reported with the next event of this book
            parts.append((block.first + mine, block.words[mine]))
        sequence, words = (np.concatenate(part) for part in zip(*parts, strict=True))
        days = words[:, L.WALL_NS] // (86_400 * NS_PER_S)
        for day in np.unique(days):
            of_day = days == day
            yield day_of(int(day) * 86_400 * NS_PER_S), sequence[of_day], words[of_day]

    def _journal(self, batch: Batch) -> Iterator[tuple[str, pa.Table, str, int]]:
        """(kind, table, day, row) of journal records and markouts."""
        groups: dict[tuple[str, str, int], list[tuple[int, Record]]] = {}
        for sequence, record in batch.records:
            kind = DECISIONS_FOLDER if record.kind in DECISIONS else OUTCOMES
            key = kind, day_of(record.wall_ns), record.row
            groups.setdefault(key, []).append((sequence, record))
        markouts: dict[tuple[str, str, int], list[MarkoutRow]] = {}
        for markout in batch.markouts:
            markouts.setdefault((OUTCOMES, day_of(markout.wall_ns), markout.row), []).append(markout)
        for key in sorted(groups.keys() | markouts.keys()):
            kind, day, row = key
            tables = []
            if key in groups:
                sequences, records = zip(*groups[key], strict=True)
                make = self._tables.decisions if kind == DECISIONS_FOLDER else self._tables.outcomes
                tables.append(make(sequences, records))
            if key in markouts:
                tables.append(self._tables.markouts(markouts[key]))
            yield kind, pa.concat_tables(tables), day, row
