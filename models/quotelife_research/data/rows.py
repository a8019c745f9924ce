"""Reads rows of Parquet files, and finds the days that they have."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from quotelife_research.data.files import DataError, Source

DAY_NS = 86_400_000_000_000
EPOCH = date(1970, 1, 1)
PRICES, SIZES = ("bid_px", "ask_px"), ("bid_sz", "ask_sz")
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
    return any(_has_rows(source, path, first_ns, end_ns) for path in _with_quotes(source))


def files_with_rows(source: Source, first_ns: int, end_ns: int) -> Iterator[Path]:
    """All files of a symbol with rows whose times are in [first_ns, end_ns), trades included."""
    for path in (*_with_quotes(source), *source.trades):
        if _has_rows(source, path, first_ns, end_ns):
            yield path


def _has_rows(source: Source, path: Path, first_ns: int, end_ns: int) -> bool:
    time = "wall_ns" if source.captured else "ts_ns"
    inside = pl.col(time).is_between(first_ns, end_ns, closed="left")
    return len(_collect(path, scan(path, (time,)).filter(inside).head(1))) > 0


def _with_quotes(source: Source) -> list[Path]:
    return source.events or [*source.orders, *source.quotes]


def _day_of(path: Path, partition: str) -> date:
    try:
        return date.fromisoformat(partition.removeprefix(_PARTITION))
    except ValueError:
        raise DataError(f"{path}: {partition}: allowed: a folder for a day such as day=2013-10-07") from None


def read_rows(paths: list[Path], day: date, first: int, end: int, needed: tuple[str, ...]) -> pl.DataFrame:
    """Complete rows in [first, end), which lies in the day, in time order; the needed values are positive."""
    rows = _read(paths, day, first, end, needed).drop_nulls(("ts_ns", *needed) if needed else None)
    numbers = [pl.col(name).is_finite() for name, kind in rows.schema.items() if kind.is_float() and name in needed]
    return rows.filter(pl.lit(True), *numbers, *(pl.col(name) > 0 for name in needed))


def read_quotes(paths: list[Path], day: date, first: int, end: int) -> pl.DataFrame:
    """Quotes in [first, end), which lies in the day, in time order.

    A side without a positive price and size is gone: its price is null and its size 0. So is a side whose price cannot
    be read: the quote before it has ended. Sizes are 1 in files without them.
    """
    rows = _read(paths, day, first, end, PRICES).drop_nulls("ts_ns")
    for price, size in zip(PRICES, SIZES, strict=True):
        px = pl.col(price)
        sz = pl.col(size).cast(pl.Float64) if size in rows.columns else pl.lit(1.0)
        there = (px.is_finite() & (px > 0) & sz.is_finite() & (sz > 0)).fill_null(False)
        rows = rows.with_columns(
            pl.when(there).then(px).otherwise(None).cast(pl.Float64).alias(price),
            pl.when(there).then(sz).otherwise(0.0).alias(size),
        )
    return rows


def _read(paths: list[Path], day: date, first: int, end: int, needed: tuple[str, ...]) -> pl.DataFrame:
    frames = []
    for path in paths:
        partition = path.parents[1].name
        if partition.startswith(_PARTITION) and partition != f"{_PARTITION}{day}":
            continue
        inside = pl.col("ts_ns").is_between(first, end, closed="left")
        frames.append(_collect(path, scan(path, ("ts_ns", *needed)).filter(inside)))
    if not frames:
        return pl.DataFrame(schema={"ts_ns": pl.Int64} | dict.fromkeys(needed, pl.Float64))
    return pl.concat(frames, how="diagonal_relaxed").sort("ts_ns", maintain_order=True)


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
