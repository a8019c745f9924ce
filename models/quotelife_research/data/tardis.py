"""Reads Tardis' downloadable CSV files: incremental_book_L2, book_snapshot_N, quotes (book_ticker) and trades.

Each file begins with the columns exchange, symbol, timestamp, local_timestamp; times are microseconds in UTC. Of
incremental_book_L2 the best prices after each message are read: rows with one local_timestamp are one message, amount 0
removes a level, and a snapshot replaces the book. The book is unknown before the first snapshot.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from quotelife_research.data.batches import MISSING, NOT_A_NUMBER, QUOTES, TRADES, Batch, Problems, VendorFormat
from quotelife_research.data.files import DataError
from quotelife_research.data.levels import best_of_levels
from quotelife_research.data.row_order import OUT_OF_PLACE, in_file_order
from quotelife_research.data.tables import number
from quotelife_research.data.times import TimeFormat, read_times

_LEVELS = ("is_snapshot", "side", "price", "amount")
_TRADES = ("id", "side", "price", "amount")
_QUOTES = {"bid_price": "bid_px", "bid_amount": "bid_sz", "ask_price": "ask_px", "ask_amount": "ask_sz"}
_SNAPSHOT = {
    "bids[0].price": "bid_px", "bids[0].amount": "bid_sz", "asks[0].price": "ask_px", "asks[0].amount": "ask_sz",
}  # fmt: skip
# of each type of file, beside exchange, symbol, timestamp, local_timestamp
COLUMNS = {
    "incremental_book_L2": _LEVELS, "trades": _TRADES, "quotes": tuple(_QUOTES), "book_snapshot_N": tuple(_SNAPSHOT),
}  # fmt: skip
_GRID = 1e9  # prices are compared as multiples of 1e-9
Ints = npt.NDArray[np.int64]


def read_tardis(file: Path, frame: pl.DataFrame, chosen: VendorFormat) -> list[Batch]:
    """The rows of one instrument, from the file's columns as text. DataError for another type of file."""
    rows = _of_instrument(file, frame.with_row_index("row", 1), chosen.symbol)
    name = "timestamp" if chosen.exchange_time else "local_timestamp"
    times, _ = read_times(rows[name], TimeFormat("us"), f"{file}: column {name}")
    rows = rows.with_columns(times)
    if set(_LEVELS) <= set(rows.columns):
        return [_levels(file, rows)]
    if set(_TRADES) <= set(rows.columns):
        side = pl.when(pl.col("side") == "buy").then(1).when(pl.col("side") == "sell").then(-1).otherwise(0)
        values = _value("price", "px"), _value("amount", "sz"), side.cast(pl.Int8).alias("aggressor")
        return [Batch(file, TRADES, rows.select("row", "ts_ns", "problem", *values))]
    for columns in (_QUOTES, _SNAPSHOT):
        if set(columns) <= set(rows.columns):
            sides = (_value(theirs, ours) for theirs, ours in columns.items())
            return [Batch(file, QUOTES, rows.select("row", "ts_ns", "problem", *sides))]
    raise DataError(f"{file}: Tardis columns {', '.join(frame.columns[:12])}; expected: {described_types()}")


def described_types() -> str:
    """The types of files that are read, with their columns."""
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in COLUMNS.items())


def _value(theirs: str, ours: str) -> pl.Expr:
    return number(theirs, pl.String()).alias(ours)


def _of_instrument(file: Path, rows: pl.DataFrame, symbol: str) -> pl.DataFrame:
    known = rows.select("exchange", "symbol").unique().sort("exchange", "symbol")
    if len(known) > 1:
        mine = known.filter(pl.col("symbol") == symbol)
        if mine.is_empty():
            names = ", ".join(known["symbol"].head(20))
            raise DataError(f"{file}: holds {len(known)} instruments; allowed: --file-symbol NAME with one of {names}")
        if len(mine) > 1:
            raise DataError(f"{file}: {symbol} of {', '.join(mine['exchange'])}; allowed: a file of one exchange")
        return rows.filter(pl.col("symbol") == symbol)
    return rows


def _levels(file: Path, rows: pl.DataFrame) -> Batch:
    """The best prices after each message that changed them. Rows are applied in the order of the file."""
    total = len(rows)
    bad: Problems = _counted(rows.filter(pl.col("problem").is_not_null()))
    rows = rows.with_columns(
        pl.col("ts_ns").forward_fill().backward_fill(), _value("price", "px"), _value("amount", "sz")
    )
    if rows.is_empty() or rows["ts_ns"].null_count():
        return Batch(file, QUOTES, _empty(), total=total, bad=bad)
    ts_ns, misplaced = in_file_order(rows["ts_ns"].to_numpy())
    side = pl.when(pl.col("side") == "bid").then(0).when(pl.col("side") == "ask").then(1)
    readable = pl.col("px").is_finite() & pl.col("sz").is_finite() & side.is_not_null()
    rows = rows.with_columns(
        group=pl.col("local_timestamp").rle_id().cast(pl.Int64),
        snapshot=(pl.col("is_snapshot").str.to_lowercase() == "true").fill_null(False).cast(pl.Int64),
        level=pl.when(readable.fill_null(False)).then((pl.col("sz") > 0).cast(pl.Int64)).otherwise(-1),
        side=side.fill_null(0).cast(pl.Int64),
        misplaced=pl.Series(misplaced),
    )
    prices = np.rint(rows["px"].fill_null(0.0).fill_nan(0.0).to_numpy() * _GRID).astype(np.int64)
    group, snapshot, sides, level = (rows[name].to_numpy() for name in ("group", "snapshot", "side", "level"))
    tops = best_of_levels(group, snapshot, sides, prices, level)
    unreadable = (
        pl.when(pl.col("px").is_null() | pl.col("sz").is_null()).then(pl.lit(MISSING)).otherwise(pl.lit(NOT_A_NUMBER))
    )
    bad |= _counted(rows.filter(pl.col("level") < 0).with_columns(problem=unreadable))
    bad |= _counted(rows.filter("misplaced").with_columns(problem=pl.lit(OUT_OF_PLACE)))
    unknown = _without_book(snapshot, level) & (level >= 0)
    if unknown.any():
        bad["without a known book"] = (int(unknown.sum()), int(rows["row"][int(np.argmax(unknown))]))
    notes = [f"{len(tops)} changes of the best prices"]
    return Batch(file, QUOTES, _quotes(rows, ts_ns, tops), notes, total=total, bad=bad, in_order=True)


def _without_book(snapshot: Ints, level: Ints) -> npt.NDArray[np.bool_]:
    """Whether a row comes before the first snapshot, or after an unreadable one and before the next snapshot."""
    begins = (snapshot == 1) & (np.concatenate(([0], snapshot[:-1])) == 0)
    marks = np.where(level < 0, 0, np.where(begins, 1, -1))
    last = np.maximum.accumulate(np.where(marks >= 0, np.arange(len(marks)), -1))
    return (last < 0) | (marks[last] == 0)


def _quotes(rows: pl.DataFrame, ts_ns: Ints, tops: Ints) -> pl.DataFrame:
    """Quotes from the rows at which the top changed and the rows that set its sides."""
    at, sides = tops[:, 0], (("bid", tops[:, 1]), ("ask", tops[:, 2]))
    found = rows.select("row")[at].with_columns(ts_ns=pl.Series(ts_ns[at]), problem=pl.lit(None, pl.String))
    for name, place in sides:
        there = pl.Series(place >= 0)
        for theirs, ours in (("px", f"{name}_px"), ("sz", f"{name}_sz")):
            value = rows[theirs][np.maximum(place, 0)]
            found = found.with_columns(pl.when(there).then(value).alias(ours))
    return found


def _empty() -> pl.DataFrame:
    return pl.DataFrame(
        schema={"row": pl.UInt32, "ts_ns": pl.Int64, "problem": pl.String}
        | dict.fromkeys(("bid_px", "bid_sz", "ask_px", "ask_sz"), pl.Float64)
    )


def _counted(rows: pl.DataFrame) -> Problems:
    counted = rows.group_by("problem").agg(pl.len(), pl.col("row").min()).sort("row")
    return {what: (n, first) for what, n, first in counted.select("problem", "len", "row").iter_rows()}
