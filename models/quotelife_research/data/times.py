"""Times of imported rows as UTC nanoseconds.

Numbers count from 1970 in UTC, in one unit for the whole file. The plausible years 1990 to 2100 are disjoint ranges in
the four units, so a wrong unit is recognised and the right one suggested. ISO times may have an offset; without one
they, and Parquet times without a zone, are local times of a zone.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from quotelife_research.data.files import DataError

UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1000, "ns": 1}
FIRST_NS = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp()) * UNITS["s"]
END_NS = int(datetime(2101, 1, 1, tzinfo=UTC).timestamp()) * UNITS["s"]
UNREADABLE, IMPLAUSIBLE = "no readable time", "time outside 1990 to 2100"
AMBIGUOUS = "local time that occurs twice or never"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_ISO = (
    r"^(?<day>\d{4}[-/.]?\d\d[-/.]?\d\d)[T _-]?(?<minute>\d\d:?\d\d):?(?<second>\d\d)?(?:[.,]?(?<part>\d{1,9}))?\s*"
    r"(?<offset>Z|z|UTC|[+-]\d\d(?::?\d\d)?)?$"
)


@dataclass(frozen=True)
class TimeFormat:
    """What the times of a file mean where their type does not say it; None: nanoseconds, UTC."""

    unit: str | None = None
    zone: str | None = None

    def __post_init__(self) -> None:
        if self.unit is not None and self.unit not in UNITS:
            raise DataError(f"--time-unit {self.unit}: allowed: {', '.join(UNITS)}")
        try:
            pl.Series([0]).cast(pl.Datetime("us")).dt.replace_time_zone(self.zone or "UTC")
        except pl.exceptions.PolarsError:
            raise DataError(
                f"--time-zone {self.zone}: allowed: a name of the time-zone database such as America/New_York or UTC"
            ) from None


def read_times(column: pl.Series, given: TimeFormat, where: str) -> tuple[pl.DataFrame, list[str]]:
    """(`ts_ns` Int64 and `problem` String, null unless the time is unusable; notes about options that had no effect).

    DataError for values that are no times, or if most are implausible in their unit.
    """
    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        unit = {"ms": "ms", "us": "us", "ns": "ns"}[kind.time_unit]
        local = column if kind.time_zone is None else column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        zone = given.zone if kind.time_zone is None else None
        times = _zoned(_within(local.to_physical(), unit), zone)
        notes = ["the times have a unit, --time-unit is not used"] if given.unit else []
        if given.zone and kind.time_zone is not None:
            notes.append("the times have a zone, --time-zone is not used")
        return times, notes
    if kind.is_integer() or kind.is_float() or (kind == pl.String and _mostly_numbers(column)):
        if given.zone:
            raise DataError(
                f"{where}: --time-zone {given.zone}: the times are numbers, which count from 1970 in UTC; allowed: "
                "without --time-zone"
            )
        return _numbers(column, given.unit, where), []
    if kind == pl.String:
        notes = ["the times are text, --time-unit is not used"] if given.unit else []
        return _iso(column, given.zone, where), notes
    if kind == pl.Null:
        return _times(column.cast(pl.Int64), UNREADABLE), []
    raise DataError(f"{where} holds {kind}; allowed: date with time, integers with --time-unit, or ISO text")


def _times(ts_ns: pl.Series, problem: str) -> pl.DataFrame:
    frame = pl.DataFrame({"ts_ns": ts_ns})
    return frame.with_columns(problem=pl.when(pl.col("ts_ns").is_null()).then(pl.lit(problem)))


def _within(values: pl.Series, unit: str) -> pl.DataFrame:
    """Integers of a unit as nanoseconds where they are plausible."""
    factor = UNITS[unit]
    inside = values.is_between(FIRST_NS // factor, END_NS // factor, closed="left")
    ns = pl.select(pl.when(inside).then(values.cast(pl.Int64, strict=False) * factor))
    problem = pl.when(values.is_null()).then(pl.lit(UNREADABLE)).when(~inside).then(pl.lit(IMPLAUSIBLE))
    return pl.DataFrame({"ts_ns": ns.to_series(), "problem": pl.select(problem).to_series().cast(pl.String)})


def _mostly_numbers(column: pl.Series) -> bool:
    some = column.drop_nulls().head(1000).str.strip_chars()
    return len(some) > 0 and 2 * some.str.contains(_NUMBER).sum() >= len(some)


def _numbers(column: pl.Series, unit: str | None, where: str) -> pl.DataFrame:
    unit_or_ns = unit or "ns"
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        readable = pl.select(pl.when(text.str.contains(_NUMBER)).then(text)).to_series()
        rough = readable.cast(pl.Float64, strict=False)
    else:
        readable, rough = column, column.cast(pl.Float64).fill_nan(None)
        rough = rough if column.is_empty() else pl.select(pl.when(rough.is_finite()).then(rough)).to_series()
    _check_unit(rough.drop_nulls().to_numpy(), unit, where)
    exact = _exactly(readable, rough, UNITS[unit_or_ns])
    found = _within(exact, "ns")
    unreadable = found["ts_ns"].is_null() & rough.is_null()
    return found.with_columns(
        problem=pl.when(unreadable).then(pl.lit(UNREADABLE)).when(pl.col("ts_ns").is_null()).then(pl.lit(IMPLAUSIBLE))
    )


def _exactly(values: pl.Series, rough: pl.Series, factor: int) -> pl.Series:
    """Nanoseconds, null where they are implausible; digits of integers and text are not rounded."""
    inside = rough.is_between(FIRST_NS / factor, END_NS / factor)
    if values.dtype.is_integer():
        exact: pl.Series | pl.Expr = values.cast(pl.Int64, strict=False) * factor
    elif values.dtype == pl.String:
        parts = values.str.extract_groups(r"^\+?(?<whole>\d+)(?:\.(?<part>\d*))?$").struct
        digits = len(str(factor)) - 1
        part = parts.field("part").fill_null("").str.pad_end(digits, "0").str.slice(0, digits) if digits else None
        whole = parts.field("whole").cast(pl.Int64, strict=False) * factor
        small = part.replace("", "0").cast(pl.Int64, strict=False) if part is not None else 0
        exponent = _rounded(rough.filter(inside), factor, inside)
        exact = pl.select(pl.coalesce(whole + small, exponent)).to_series()
    else:
        exact = _rounded(rough.filter(inside), factor, inside)
    return pl.select(pl.when(inside).then(exact)).to_series()


def _rounded(usable: pl.Series, factor: int, inside: pl.Series) -> pl.Series:
    """Floats of a unit as nanoseconds, as exactly as they are; null where `inside` is not true."""
    values = usable.to_numpy()
    whole = np.floor(values)
    ns = np.zeros(len(inside), np.int64)
    here = inside.fill_null(False).to_numpy()
    ns[here] = whole.astype(np.int64) * factor + np.rint((values - whole) * factor).astype(np.int64)
    return pl.select(pl.when(pl.Series(here)).then(pl.Series(ns))).to_series()


def _check_unit(values: npt.NDArray[np.float64], unit: str | None, where: str) -> None:
    """DataError if most values are implausible in the unit."""
    if not len(values) or 2 * _plausible(values, unit or "ns").sum() >= len(values):
        return
    typical = float(np.median(values))
    better = next((name for name in UNITS if _plausible(np.array([typical]), name)[0]), None)
    assumed = f"--time-unit {unit}" if unit else "nanoseconds"
    reads = f"; allowed: --time-unit {better}, which reads it as {_shown(typical, better)}" if better else (
        "; allowed: a column of times: in no unit (s, ms, us, ns) are these years between 1990 and 2100"
    )  # fmt: skip
    raise DataError(f"{where}: times such as {typical:.0f} are not between 1990 and 2100 as {assumed}{reads}")


def _plausible(values: npt.NDArray[np.float64], unit: str) -> npt.NDArray[np.bool_]:
    return (values >= FIRST_NS / UNITS[unit]) & (values < END_NS / UNITS[unit])


def _shown(value: float, unit: str) -> str:
    return f"{datetime.fromtimestamp(value * UNITS[unit] / 1e9, UTC):%Y-%m-%d %H:%M:%S}"


def _iso(column: pl.Series, zone: str | None, where: str) -> pl.DataFrame:
    parts = column.str.strip_chars().str.extract_groups(_ISO).struct
    names = ("day", "minute", "second")
    day, minute, second = (parts.field(name).str.replace_all(r"[^0-9]", "") for name in names)
    wall = (day + minute + second.fill_null("00")).str.to_datetime("%Y%m%d%H%M%S", time_unit="us", strict=False)
    if wall.null_count() == len(wall) and column.drop_nulls().len():
        raise DataError(
            f"{where}: no readable time, such as {column.drop_nulls()[0]!r}; allowed: ISO times such as "
            "2020-01-02T09:30:00.123 with or without an offset, or numbers with --time-unit"
        )
    offset = parts.field("offset")
    shift = offset.str.extract_groups(r"^(?<sign>[+-])(?<hours>\d\d):?(?<minutes>\d\d)?$").struct
    minutes = shift.field("hours").cast(pl.Int64) * 60 + shift.field("minutes").fill_null("00").cast(pl.Int64)
    sign = pl.select(pl.when(shift.field("sign") == "-").then(-1).otherwise(1)).to_series()
    shift_ns = (minutes * sign).fill_null(0) * 60 * UNITS["s"]
    part = parts.field("part").fill_null("").str.pad_end(9, "0").cast(pl.Int64, strict=False)
    local = _within(wall.to_physical(), "us")
    local = local.with_columns(ts_ns=pl.col("ts_ns") + part - shift_ns)
    zoned = _zoned(local, zone)
    return local.with_columns(
        ts_ns=pl.when(offset.is_null()).then(zoned["ts_ns"]).otherwise(pl.col("ts_ns")),
        problem=pl.when(offset.is_null()).then(zoned["problem"]).otherwise(pl.col("problem")),
    )


def _zoned(local: pl.DataFrame, zone: str | None) -> pl.DataFrame:
    """Local times of a zone as UTC; an hour that occurs twice, or never, has no known time."""
    if zone is None:
        return local
    wall = local["ts_ns"].cast(pl.Datetime("ns"))
    utc = wall.dt.replace_time_zone(zone, ambiguous="null", non_existent="null").dt.convert_time_zone("UTC")
    lost = utc.is_null() & wall.is_not_null()
    return local.with_columns(
        ts_ns=utc.to_physical(), problem=pl.when(lost).then(pl.lit(AMBIGUOUS)).otherwise(pl.col("problem"))
    )
