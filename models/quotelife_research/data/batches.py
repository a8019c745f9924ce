"""Rows of one imported file, and which of them can be used.

A row of quotes is the whole top of the book at its time. So a row that cannot be used still ends the quote before it:
it is kept as a row without the side that is wrong, or without both if the book is crossed or the time is wrong. Locked
quotes are kept: they are a state of the market, in which the service has no usable book and does not quote. A trade
that cannot be used is left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from quotelife_research.data.row_order import OUT_OF_PLACE, newest_first, order_rows
from quotelife_research.data.ticks import OFF_TICK

QUOTES, TRADES, ORDERS = "quotes", "trades", "orders"
MISSING, NOT_A_NUMBER, NOT_POSITIVE = "missing", "not a number", "not positive"
CROSSED, OFF_THE_TICK, OFF_THE_LOT = "crossed", "off the tick", "off the lot"
Problems = dict[str, tuple[int, int]]  # problem -> number of rows, number of the first row


@dataclass(frozen=True)
class VendorFormat:
    """What is chosen about a vendor's file."""

    symbol: str  # the name of the instrument in the file
    exchange_time: bool = False  # the venue's time instead of the time of receipt


@dataclass
class Batch:
    """Rows of one kind from one file.

    `rows` has `ts_ns` (null if it is unknown), `problem` (null unless the row is known to be unusable), the columns of
    the kind in currency and units of the file, and optionally `row`, its number in the file from 1. A null price is an
    absent side, NaN is no number.
    """

    file: Path
    kind: str
    rows: pl.DataFrame
    notes: list[str] = field(default_factory=list)
    total: int | None = None  # rows of the file, if they are not `rows`
    bad: Problems = field(default_factory=dict)  # of rows of the file that are not in `rows`
    in_order: bool = False  # whether times do not decrease already


@dataclass(frozen=True)
class Cleaned:
    """The rows to be written, in time order, and the problems of the others."""

    rows: pl.DataFrame
    bad: Problems
    usable: int
    notes: list[str]


def clean(batch: Batch, tick: float, lot: float) -> Cleaned:
    """Check and order the rows of a batch. DataError if they are in no order."""
    rows = batch.rows
    if "row" not in rows.columns:
        rows = rows.with_row_index("row", 1)
    prices, sizes = ([name for name in rows.columns if name.endswith(end)] for end in ("_px", "_sz"))
    prices, sizes = prices or ["px"], sizes or [name for name in ("sz",) if name in rows.columns]
    rows, notes = _ordered(rows, batch)
    rows = (_side_problems if batch.kind == QUOTES else _trade_problems)(rows, prices, sizes, tick, lot)
    counted = rows.filter(pl.col("problem").is_not_null()).group_by("problem").agg(pl.len(), pl.col("row").min())
    bad = batch.bad | {what: (n, first) for what, n, first in counted.sort("row", "problem").iter_rows()}
    usable = rows["problem"].null_count()
    if batch.kind == QUOTES:
        rows, gone = _without_gone_sides(rows)
        notes = [*notes, *([f"{gone} with a side gone"] if gone else [])]
        kept = rows.filter(pl.col("ts_ns").is_not_null())
    else:
        kept = rows.filter(pl.col("problem").is_null())
    columns = [name for name in batch.rows.columns if name not in ("row", "problem")]
    return Cleaned(kept.select(columns), bad, usable, [*batch.notes, *notes])


def _off(names: Iterable[str], step: float) -> dict[str, pl.Expr]:
    """Whether each of the values is no multiple of the step, as exactly as numbers of 64 bits hold it."""
    steps = {name: pl.col(name) / step for name in names}
    return {
        name: (value - value.round()).abs() > pl.max_horizontal(pl.lit(OFF_TICK), value.abs() * 1e-12)
        for name, value in steps.items()
    }


def _side_problems(rows: pl.DataFrame, prices: list[str], sizes: list[str], tick: float, lot: float) -> pl.DataFrame:
    """Add `problem` of the row, and for each side `<side>_gone`: whether it has no price then."""
    off_tick, off_lot = _off(prices, tick), _off(sizes, lot)
    problems = []
    for price in prices:
        size = price.replace("_px", "_sz")
        px, sz = pl.col(price), pl.col(size) if size in sizes else pl.lit(1.0)
        absent = px.is_null() | (px == 0) | (sz == 0).fill_null(False)
        problem = (
            pl.when(absent)
            .then(pl.lit(None, pl.String))
            .when(sz.is_null())
            .then(pl.lit(MISSING))
            .when(~px.is_finite() | ~sz.is_finite())
            .then(pl.lit(NOT_A_NUMBER))
            .when((px < 0) | (sz < 0))
            .then(pl.lit(NOT_POSITIVE))
            .when(off_tick[price])
            .then(pl.lit(OFF_THE_TICK))
            .when(off_lot[size] if size in sizes else pl.lit(False))
            .then(pl.lit(OFF_THE_LOT))
        )
        rows = rows.with_columns(problem.alias(f"{price}_problem"))
        rows = rows.with_columns((absent | pl.col(f"{price}_problem").is_not_null()).alias(f"{price}_gone"))
        problems.append(f"{price}_problem")
    both = ~pl.any_horizontal(f"{price}_gone" for price in prices)
    crossed = both & (pl.col("bid_px") > pl.col("ask_px"))
    whole = pl.coalesce("problem", pl.when(crossed).then(pl.lit(CROSSED)))
    return rows.with_columns(
        pl.coalesce(whole, *problems).alias("problem"),
        *((pl.col(f"{price}_gone") | whole.is_not_null()).alias(f"{price}_gone") for price in prices),
    ).drop(problems)


def _trade_problems(rows: pl.DataFrame, prices: list[str], sizes: list[str], tick: float, lot: float) -> pl.DataFrame:
    values = [*prices, *sizes]
    problem = (
        pl.when(pl.any_horizontal(pl.col(name).is_null() for name in values))
        .then(pl.lit(MISSING))
        .when(pl.any_horizontal(~pl.col(name).is_finite() for name in values))
        .then(pl.lit(NOT_A_NUMBER))
        .when(pl.any_horizontal(pl.col(name) <= 0 for name in values))
        .then(pl.lit(NOT_POSITIVE))
        .when(pl.any_horizontal(_off(prices, tick).values()))
        .then(pl.lit(OFF_THE_TICK))
        .when(pl.any_horizontal(_off(sizes, lot).values()))
        .then(pl.lit(OFF_THE_LOT))
    )
    return rows.with_columns(pl.coalesce("problem", problem).alias("problem"))


def _ordered(rows: pl.DataFrame, batch: Batch) -> tuple[pl.DataFrame, list[str]]:
    """Rows in the order of their times; one whose time is wrong follows the row before it in the file, at its time."""
    timed = rows["ts_ns"].is_not_null()
    if batch.in_order or not timed.any():
        return rows, []
    notes = []
    if newest_first(rows["ts_ns"].drop_nulls().to_numpy()):
        rows, timed, notes = rows.reverse(), timed.reverse(), ["newest first, reversed"]
    order = order_rows(rows["ts_ns"].drop_nulls().to_numpy(), str(batch.file))
    place = np.empty(len(order.take), np.int64)
    place[order.take] = np.arange(len(place))
    at = np.full(len(rows), -1, np.int64)
    at[timed.to_numpy()] = np.arange(len(place))
    at = np.maximum.accumulate(at)  # of the last row with a time; -1 before the first
    wrong = pl.Series(order.wrong[at]) & timed
    rows = rows.with_columns(
        ts_ns=pl.select(pl.when(pl.Series(at >= 0)).then(pl.Series(order.ts_ns[at]))).to_series(),
        problem=pl.when(wrong).then(pl.lit(OUT_OF_PLACE)).otherwise(pl.col("problem")),
        place=pl.Series(np.where(at >= 0, place[at], -1)),
    )
    return rows.sort("place", maintain_order=True).drop("place"), [*notes, *order.notes]


def _without_gone_sides(rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """(Quotes with null prices and sizes where a side is gone, how many usable rows have one)."""
    sides = [name for name in rows.columns if name.endswith("_gone")]
    gone = rows.filter(pl.col("problem").is_null()).select(pl.any_horizontal(sides).sum()).item()
    for side in sides:
        price = side.removesuffix("_gone")
        size = price.replace("_px", "_sz")
        there = ~pl.col(side)
        rows = rows.with_columns(
            pl.when(there).then(pl.col(name)).alias(name) for name in (price, size) if name in rows.columns
        )
    return rows, int(gone)
