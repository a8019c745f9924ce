"""The capture on disk: events of the ring, decisions and outcomes into Parquet files.

    capture ring --> Archive.turn --+
    journal -------> Archive.record-+--> every flush_s --> a thread --> capture/{events,decisions,outcomes}/day=.../...
    markouts ------> Archive.marked-+

The recorder's turn only copies; a thread makes tables and files. What the thread cannot take, because the disk is
slow, full or at its limit, is dropped and counted, and the events say so by one of kind `lost`.
"""

import logging
import math
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from quotelife.config import Config
from quotelife.config.paths import RunPaths, data_paths
from quotelife.journal import layout as J
from quotelife.journal.ring import Record
from quotelife.ledger.client_layout import HORIZON_NAMES
from quotelife.ledger.history import Hit
from quotelife.market.capture import layout as L
from quotelife.market.capture.events import table
from quotelife.market.capture.ring import Block, Follower, Words
from quotelife.recorder.capture_instruments import write_instruments
from quotelife.recorder.capture_stretches import Resumed, Stretch, by_run, end_of, lost_before, since
from quotelife.recorder.decision_tables import DECISIONS, Markout, Tables
from quotelife.recorder.metrics import Meters
from quotelife.recorder.parquet_parts import Part, Parts, Rotation, day_of, partition
from quotelife.runtime.clock import NS_PER_S, mono_ns, wall_ns

log = logging.getLogger(__name__)

EVENTS, DECISIONS_FOLDER, OUTCOMES = "events", "decisions", "outcomes"
_MAX_WAITING = 1 << 21  # events in memory, 128 MB
_MAX_RECORDS = 1 << 16  # the same of the journal
_BYTES_PER_GB = 1 << 30
_LOOK_S = 0.2
_LAST_S = 2.0  # for files of each kind to be made of parts at the end; parts can be read as well


class Batch(NamedTuple):
    """What is flushed together. Records come with their sequence number."""

    stretches: list[Stretch]
    records: list[tuple[int, Record]]
    markouts: list[Markout]


class Archive:
    """One writer of one capture folder. `turn`, `record` and `marked` are the recorder's; the rest is the thread's."""

    def __init__(self, config: Config, run_directory: Path, meters: Meters) -> None:
        keep = config.capture
        self.folder = data_paths(config).capture
        self._meters, self._flush_ns = meters, int(keep.flush_s * NS_PER_S)
        self._limit = int(keep.max_gb * _BYTES_PER_GB)
        self._symbols = [instrument.symbol for instrument in config.instrument]
        rotation = Rotation(keep.rotate_minutes * 60, int(keep.rotate_mb * 2**20))
        write_instruments(config, self.folder)
        self._parts = {kind: Parts(self.folder / kind, rotation) for kind in (EVENTS, DECISIONS_FOLDER, OUTCOMES)}
        self._tables = Tables(config)
        self._follower = Follower(RunPaths(run_directory).capture)
        self._resumed = Resumed(self._parts[EVENTS].folder)
        self._next: tuple[int, int] = (0, 0)  # (run, sequence number) that would follow without a hole
        self._hole = 0  # events dropped since the last that was kept
        self._waiting = Batch([], [], [])
        self._n_events = 0
        self._flushed_ns = self._written_ns = mono_ns()
        self._marked: dict[int, Hit] = {}  # hits whose markouts may come
        self._sequence = 0
        self._started, self._flushes = wall_ns(), 0  # name the files of records
        self._missing = np.zeros(len(self._symbols), np.int64)  # events to be reported as lost, by row
        self._trouble = ""
        self._failure: BaseException | None = None
        self._jobs: queue.Queue[Batch | None] = queue.Queue(1)
        self._thread = threading.Thread(target=self._work, name="capture", daemon=True)
        self._thread.start()

    # --- the recorder's part

    def record(self, record: Record) -> None:
        """A journal record. It must not be changed afterwards."""
        if len(self._waiting.records) >= _MAX_RECORDS:
            self._meters.dropped("decisions" if record.words[J.KIND] in DECISIONS else "outcomes", 1)
            return
        self._waiting.records.append((self._sequence, record))
        self._sequence += 1

    def watched(self, number: int, hit: Hit) -> None:
        """A fill that will be marked."""
        self._marked[number] = hit

    def marked(self, number: int, horizon: int, ticks: float | None, edge: float | None, last: bool) -> None:
        """A markout at one of the horizons, -1 for the receipt itself; None where it is not known."""
        hit = self._marked.pop(number, None) if last else self._marked.get(number)
        if hit is None or horizon < 0 or ticks is None or edge is None:
            return
        row = -1 if hit.symbol is None else self._symbols.index(hit.symbol)  # a multileg has none
        self._waiting.markouts.append(
            Markout(
                *(row, hit.wall_ns, hit.mono_ns, hit.client, hit.side, hit.quote_id, hit.response_id),
                *(HORIZON_NAMES[horizon], ticks, edge),
            )
        )

    def turn(self, now_ns: int) -> None:
        """Take what is new in the ring; hand over what waits if it is time, and the thread has done what it had."""
        while (block := self._follower.read()) is not None:
            self._take(block)
        if now_ns - self._flushed_ns >= self._flush_ns:
            self._flush(now_ns)
        self._meters.flush_age(now_ns - self._written_ns)
        if self._failure is not None:
            raise self._failure

    def _take(self, block: Block) -> None:
        run = self._follower.run
        expected = self._next[1] if self._next[0] == run else self._resumed.at(run)
        self._next = (run, block.first + len(block.words))
        block = since(block, expected)
        missing = block.first - expected
        if missing:
            self._meters.dropped("ring", missing)
        if self._n_events + len(block.words) > _MAX_WAITING:
            self._meters.dropped(EVENTS, len(block.words))
            self._hole += missing + len(block.words)
        elif len(block.words):
            self._waiting.stretches.append(Stretch(run, missing + self._hole, block))
            self._n_events += len(block.words)
            self._hole = 0

    def _flush(self, now_ns: int) -> None:
        try:
            self._jobs.put_nowait(self._waiting)
        except queue.Full:
            return
        self._waiting, self._n_events = Batch([], [], []), 0
        self._flushed_ns = now_ns

    def close(self) -> None:
        """Write what is left, and wait for it."""
        while (block := self._follower.read()) is not None:
            self._take(block)
        for job in (self._waiting, None):
            while self._thread.is_alive():
                try:
                    self._jobs.put(job, timeout=_LOOK_S)
                    break
                except queue.Full:
                    continue
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    # --- the thread's part

    def _work(self) -> None:
        try:
            while (batch := self._jobs.get()) is not None:
                self._write(batch)
                self._written_ns = mono_ns()
                self._rotate(everything=False)
            self._rotate(everything=True, seconds=_LAST_S)
        except Exception as failure:
            self._failure = failure  # the recorder ends with it

    def _rotate(self, everything: bool, seconds: float = math.inf) -> None:
        for parts in self._parts.values():
            try:
                parts.rotate(everything, seconds)
            except (OSError, pa.ArrowException) as error:
                self._say(f"parts cannot be made one file: {error}")
        self._meters.captured_size(self._size)

    @property
    def _size(self) -> int:
        return sum(parts.size for parts in self._parts.values())

    def _write(self, batch: Batch) -> None:
        for stretches in by_run(batch.stretches):
            part = Part(stretches[0].run, stretches[0].block.first, end_of(stretches[-1]), new=True)
            for row in range(len(self._symbols)):
                for day, sequence, words in self._events(stretches, row):
                    lost = words[:, L.WHAT] & L.BYTE == L.LOST
                    rows, new = table(sequence, words, part.run), len(words) - int(lost.sum())
                    if not self._put(EVENTS, rows, new, day, row, part):
                        self._missing[row] += new + words[lost, L.A].sum()
        part = Part(self._started, self._flushes, self._flushes + 1, new=True)
        self._flushes += 1
        for kind, rows, day, row in self._journal(batch):
            self._put(kind, rows, len(rows), day, row, part)

    def _put(self, kind: str, rows: pa.Table, new: int, day: str, row: int, part: Part) -> bool:
        """Write a part with `new` rows that count; False, and counted, if it cannot be."""
        symbol = self._symbols[row] if 0 <= row < len(self._symbols) else None
        if self._size >= self._limit:
            self._meters.dropped(kind, new)
            self._say(f"the captures have reached capture.max_gb ({self._size >> 20} MB): nothing more is written")
            return False
        try:
            size = self._parts[kind].write(rows, day, symbol, part)
        except (OSError, pa.ArrowException) as error:
            self._meters.dropped(kind, new)
            self._say(f"cannot be written: {error}")
            return False
        self._meters.captured(kind, new, size)
        self._say("")
        return True

    def _say(self, trouble: str) -> None:
        """Log a change between well and not well."""
        if bool(trouble) != bool(self._trouble):
            if trouble:
                log.error("capture: %s", trouble)
            else:
                log.warning("capture: is written again")
        self._trouble = trouble

    def _events(self, stretches: list[Stretch], row: int) -> Iterator[tuple[str, Words, Words]]:
        """(day, sequence numbers, words) of a row's events in stretches of one run; an event `lost` where some are
        missing."""
        until = self._resumed.until(stretches[0].run, partition(self._symbols[row]))
        found: list[tuple[Words, Words]] = []
        for stretch in stretches:
            block = stretch.block
            at = np.flatnonzero(block.row == row)
            at = at[block.first + at >= until]
            missing, self._missing[row] = int(self._missing[row]) + stretch.missing, 0
            if missing and len(at):
                found.append((block.first + at[:1] - 1, lost_before(block.words[at[0]], missing)))
            elif missing:
                self._missing[row] = missing  # to be said when there is something of this row again
            found.append((block.first + at, block.words[at]))
        sequence, words = (np.concatenate(part) for part in zip(*found, strict=True))
        days = words[:, L.WALL_NS] // (86_400 * NS_PER_S)
        for day in np.unique(days):
            mine = days == day
            yield day_of(int(day) * 86_400 * NS_PER_S), sequence[mine], words[mine]

    def _journal(self, batch: Batch) -> Iterator[tuple[str, pa.Table, str, int]]:
        """(kind, table, day, row) of records and markouts."""
        groups: dict[tuple[str, str, int], list[tuple[int, Record]]] = {}
        for sequence, record in batch.records:
            kind = DECISIONS_FOLDER if record.words[J.KIND] in DECISIONS else OUTCOMES
            key = kind, day_of(int(record.words[J.WALL_NS])), int(record.words[J.INSTRUMENT])
            groups.setdefault(key, []).append((sequence, record))
        marks: dict[tuple[str, str, int], list[Markout]] = {}
        for markout in batch.markouts:
            marks.setdefault((OUTCOMES, day_of(markout.wall_ns), markout.row), []).append(markout)
        for key in sorted(groups.keys() | marks.keys()):
            kind, day, row = key
            tables = []
            if key in groups:
                sequences, records = zip(*groups[key], strict=True)
                make = self._tables.decisions if kind == DECISIONS_FOLDER else self._tables.outcomes
                tables.append(make(sequences, records))
            if key in marks:
                tables.append(self._tables.markouts(marks[key]))
            yield kind, pa.concat_tables(tables), day, row
