"""Reads rows of Parquet files, and finds the days that they have."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from quotelife_research.data.files import DataError, Source

DAY_NS = 86_400_000_000_000
EPOCH = date(1970, 1, 1)
_PARTITION = "day="
_DAY = pl.col("ts_ns").drop_nulls() // DAY_NS


def days_of(source: Source) -> list[date]:
    """The UTC days with quotes, in order: from the names of folders, or from the times of plain files."""
    days: set[int] = set()
    for path in _with_quotes(source):
        partition = path.parents[1].name
        if partition.startswith(_PARTITION):
            days.add((_day_of(path, partition) - EPOCH).days)
        else:
            days.update(_collect(path, scan(path, ("ts_ns",)).select(_DAY).unique())["ts_ns"].to_list())
    return [EPOCH + timedelta(days=n) for n in sorted(days)]


def has_quotes(source: Source, first_ns: int, end_ns: int) -> bool:
    """Whether the symbol has rows of quotes with times in [first_ns, end_ns)."""
    time = "wall_ns" if source.captured else "ts_ns"
    inside = pl.col(time).is_between(first_ns, end_ns, closed="left")
    return any(len(_collect(path, scan(path, (time,)).filter(inside).head(1))) for path in _with_quotes(source))


def _with_quotes(source: Source) -> list[Path]:
    return source.events or source.orders or source.quotes


def _day_of(path: Path, partition: str) -> date:
    try:
        return date.fromisoformat(partition.removeprefix(_PARTITION))
    except ValueError:
        raise DataError(f"{path}: {partition}: allowed: a folder for a day such as day=2013-10-07") from None


def read_rows(paths: list[Path], day: date, first: int, end: int, needed: tuple[str, ...]) -> pl.DataFrame:
    """Complete rows in [first, end), which lies in the day, in time order."""
    frames = []
    for path in paths:
        partition = path.parents[1].name
        if partition.startswith(_PARTITION) and partition != f"{_PARTITION}{day}":
            continue
        inside = pl.col("ts_ns").is_between(first, end, closed="left")
        frames.append(_collect(path, scan(path, ("ts_ns", *needed)).filter(inside)))
    if not frames:
        return pl.DataFrame({"ts_ns": []})
    rows = pl.concat(frames, how="diagonal_relaxed").drop_nulls().sort("ts_ns", maintain_order=True)
    numbers = [pl.col(name).is_finite() for name, kind in rows.schema.items() if kind.is_float()]
    return rows.filter(pl.lit(True), *numbers, *(pl.col(name) > 0 for name in needed))


def scan(path: Path, needed: tuple[str, ...]) -> pl.LazyFrame:
    """The file's rows. DataError if it cannot be read, or if one of these columns is absent or holds no numbers."""
    frame = pl.scan_parquet(path, hive_partitioning=False)
    try:
        schema = frame.collect_schema()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: {str(error).splitlines()[0]}") from None
    missing = set(needed) - set(schema)
    if missing:
        raise DataError(f"{path}: no column {', '.join(sorted(missing))}; it has {', '.join(schema)}")
    for name in needed:
        if schema[name] != pl.Null and not (
            schema[name].is_integer() if name == "ts_ns" else schema[name].is_numeric()
        ):
            allowed = "integers, UTC nanoseconds" if name == "ts_ns" else "numbers"
            raise DataError(f"{path}: column {name} holds {schema[name]}; allowed: {allowed}")
    return frame.with_columns(pl.col(pl.Null).cast(pl.Int64))  # a file without rows may not know its types


def _collect(path: Path, rows: pl.LazyFrame) -> pl.DataFrame:
    try:
        return rows.collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: {str(error).splitlines()[0]}") from None
