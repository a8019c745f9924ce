"""Parquet files of one kind, partitioned by day and symbol:

    <folder>/day=2026-11-22/symbol=BTC-USD/part-<run>-<first>-<end>-new.parquet     one of each flush
                                           part-<run>-<first>-<end>.parquet         many of them in one

A file appears whole, by rename from a folder beside this one, and is never changed: after a crash everything up to the
last flush can be read. Once a partition has enough new parts, or the oldest is old enough, they are merged into one
file and only then removed. A crash in between leaves rows twice, until `remove_merged_parts` finds parts that a larger
one contains.

`run` identifies the writer's numbering; `first` and `end` are the sequence numbers that the flush covers.
"""

import math
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

_NAME = re.compile(r"part-(\d+)-(\d+)-(\d+)(-new)?\.parquet")
_GROUP_ROWS = 1 << 18
_NONE = "__HIVE_DEFAULT_PARTITION__"  # the usual name for a missing value in partitioned data sets
_HIVE_SAFE = " !#$&'()+,;@[]{}~"  # beside letters, digits, '_', '.', '-' and '~'


class Part(NamedTuple):
    run: int
    first: int
    end: int
    new: bool

    @property
    def name(self) -> str:
        return f"part-{self.run}-{self.first}-{self.end}{'-new' if self.new else ''}.parquet"

    @classmethod
    def of(cls, path: Path) -> "Part | None":
        """None if the file is not a part."""
        match = _NAME.fullmatch(path.name)
        return None if match is None else cls(int(match[1]), int(match[2]), int(match[3]), match[4] is not None)


class Rotation(NamedTuple):
    """When the new parts of a partition are merged."""

    after_s: float
    size_bytes: int


class _NewParts(NamedTuple):
    """New parts of one partition."""

    since_s: float
    paths: list[Path]
    size: int


class PartitionedParquet:
    """The only writer of a folder. `size` is the size of its files in bytes."""

    def __init__(self, folder: Path, rotation: Rotation) -> None:
        self.folder, self._rotation = folder, rotation
        self._unfinished = folder.with_name(
            f".{folder.name}-unfinished"
        )  # outside the folder, so that its readers do not see it
        for made in (folder, self._unfinished):
            made.mkdir(parents=True, exist_ok=True)
        for path in self._unfinished.iterdir():
            path.unlink()
        self._new: dict[Path, _NewParts] = {}
        remove_merged_parts(folder)
        self.size = 0
        for path in folder.rglob("*.parquet"):
            self.size += path.stat().st_size
            part = Part.of(path)
            if part is not None and part.new:
                self._register(path, time.monotonic(), path.stat().st_size)

    def write(self, table: pa.Table, day: str, symbol: str | None, part: Part) -> int:
        """Add a part; returns its size in bytes. OSError, and no file, if that fails."""
        target = self.folder / f"day={day}" / partition(symbol)
        target.mkdir(parents=True, exist_ok=True)
        path = target / part.name
        size = self._write([table], path)
        self.size += size
        self._register(path, time.monotonic(), size)
        return size

    def _register(self, path: Path, now_s: float, size: int) -> None:
        fresh = self._new.get(path.parent, _NewParts(now_s, [], 0))
        self._new[path.parent] = fresh._replace(paths=[*fresh.paths, path], size=fresh.size + size)

    def rotate(self, everything: bool = False, seconds: float = math.inf) -> None:
        """Merge the new parts of every partition that is due, for at most `seconds`. OSError if a file cannot be
        written; its parts then stay."""
        now_s = time.monotonic()
        for folder, fresh in list(self._new.items()):
            if time.monotonic() - now_s > seconds:
                return
            if everything or now_s - fresh.since_s >= self._rotation.after_s or fresh.size >= self._rotation.size_bytes:
                del self._new[folder]
                for run in sorted({_part(path).run for path in fresh.paths}):
                    self._merge([path for path in fresh.paths if _part(path).run == run])

    def _merge(self, paths: list[Path]) -> None:
        paths = sorted(paths, key=lambda path: _part(path).first)
        whole = Part(_part(paths[0]).run, _part(paths[0]).first, max(_part(p).end for p in paths), new=False)
        before = sum(path.stat().st_size for path in paths)
        tables = (pq.read_table(path, partitioning=None) for path in paths)
        self.size += self._write(tables, paths[0].with_name(whole.name)) - before
        for path in paths:
            path.unlink()

    def _write(self, tables: Iterable[pa.Table], path: Path) -> int:
        """Write at least one table to a file that gets its name once it is complete; returns its size in bytes."""
        unfinished = self._unfinished / path.name
        try:
            with _Writer(unfinished) as writer:
                for table in tables:
                    writer.add(table)
            size = unfinished.stat().st_size
            unfinished.replace(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        return size


class _Writer:
    """One file. Small tables are gathered, so that it has few row groups; large ones are not, to save memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self._gathered: list[pa.Table] = []

    def add(self, table: pa.Table) -> None:
        self._gathered.append(table)
        if sum(len(t) for t in self._gathered) >= _GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if not self._gathered:
            return
        table = pa.concat_tables(self._gathered)
        self._gathered = []
        if self._writer is None:
            integers = [f.name for f in table.schema if pa.types.is_integer(f.type)]
            # Times and sequence numbers ascend: their differences take an eighth of the space, and are fast to compute.
            self._writer = pq.ParquetWriter(
                self._path,
                table.schema,
                compression="zstd",
                use_dictionary=[f.name for f in table.schema if f.name not in integers],
                column_encoding=dict.fromkeys(integers, "DELTA_BINARY_PACKED"),
            )
        self._writer.write_table(table.unify_dictionaries())

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *failure: object) -> None:
        try:
            if failure[0] is None:
                self._flush()
        finally:
            if self._writer is not None:
                self._writer.close()


def remove_merged_parts(folder: Path) -> None:
    """Remove the new parts that a larger one contains: a crash may have left them."""
    for path in folder.rglob("*-new.parquet"):
        part = _part(path)
        others = (Part.of(other) for other in path.parent.glob(f"part-{part.run}-*.parquet"))
        if any(o is not None and not o.new and o.first <= part.first and part.end <= o.end for o in others):
            path.unlink()


def written_until(folder: Path, run: int) -> tuple[int | None, dict[str, int]]:
    """Where a writer that was killed continues: (first sequence number of the run's last flush, which may not be in
    every partition, or its end if it has been merged, None without parts; the end written in each symbol's folder)."""
    ends: dict[str, int] = {}
    last: Part | None = None
    for path in folder.rglob(f"part-{run}-*.parquet"):
        part = Part.of(path)
        if part is None:
            continue
        ends[path.parent.name] = max(ends.get(path.parent.name, 0), part.end)
        if last is None or (part.end, part.new) > (last.end, last.new):
            last = part
    if last is None:
        return None, ends
    return (last.first if last.new else last.end), ends


def day_of(wall_ns: int) -> str:
    """The UTC day of a time."""
    return datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d")


def partition(symbol: str | None) -> str:
    """Name of the folder of a symbol."""
    return f"symbol={_NONE if symbol is None else quote(symbol, safe=_HIVE_SAFE)}"


def _part(path: Path) -> Part:
    part = Part.of(path)
    assert part is not None, path
    return part
