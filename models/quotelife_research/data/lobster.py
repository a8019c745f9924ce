"""Reads LOBSTER pairs: `TICKER_DATE_START_END_message_LEVEL.csv` and `..._orderbook_LEVEL.csv`.

Both files have a row for each event: the message, and the book after it, best level first. Times are seconds after
midnight in New York on the date in the name; prices are multiples of 1/10000; a level that is absent has a dummy price
of +-9999999999. The best level becomes quotes, executions become trades. The messages are not read as orders: they
begin without a book, and orders that come into the requested levels from outside have none.
"""

import re
from datetime import date
from pathlib import Path

import polars as pl

from quotelife_research.data.batches import QUOTES, TRADES, Batch
from quotelife_research.data.files import DataError
from quotelife_research.data.rows import DAY_NS, EPOCH
from quotelife_research.data.tables import number, read_frame
from quotelife_research.data.times import UNREADABLE

NAME = re.compile(r"(?P<ticker>.+)_(?P<day>\d{4}-\d\d-\d\d)_\d+_\d+_(?P<kind>message|orderbook)_\d+\.csv(\.gz|\.zst)?")
_KINDS = ("message", "orderbook")
_ZONE = "America/New_York"
_SCALE = 10_000
_DUMMY = 9_999_999_999
_VISIBLE, _HIDDEN, _AUCTION, _HALT = 4.0, 5.0, 6.0, 7.0
_NS = 9  # decimals of a second
_MESSAGE = ("time", "type", "id", "size", "price", "direction")
_BOOK = ("ask_px", "ask_sz", "bid_px", "bid_sz")


def pair_of(file: Path) -> Path:
    """The message file of a pair, of which this is one. DataError if the other one is not beside it."""
    message, book = (file.with_name(re.sub("_(message|orderbook)_", f"_{kind}_", file.name)) for kind in _KINDS)
    for other in (message, book):
        if not other.is_file():
            raise DataError(f"{file}: no {other.name} beside it; allowed: both files of a pair in one folder")
    return message


def read_pair(message_file: Path) -> list[Batch]:
    """Quotes and trades of a pair. DataError if one cannot be read or they have not the same number of rows."""
    named = NAME.fullmatch(message_file.name)
    if named is None:
        raise DataError(f"{message_file}: allowed: TICKER_YYYY-MM-DD_START_END_message_LEVEL.csv")
    book_file = message_file.with_name(message_file.name.replace("_message_", "_orderbook_"))
    messages, books = read_frame(message_file, headed=False), read_frame(book_file, headed=False)
    if len(messages.columns) < len(_MESSAGE) or len(books.columns) < len(_BOOK):
        raise DataError(f"{message_file}: allowed: 6 columns in the messages and 4 for each level of the book")
    if len(messages) != len(books):
        raise DataError(
            f"{message_file}: {len(messages)} messages, but {len(books)} rows in {book_file.name}; allowed: the pair "
            "of a day"
        )
    raw = pl.DataFrame([messages["1"].alias("time"), *(messages[str(i)] for i in range(2, 7))])
    rows = raw.select("time", *(number(str(i), pl.String()).alias(name) for i, name in enumerate(_MESSAGE[1:], 2)))
    rows = rows.with_columns(books.select(number(str(i), pl.String()).alias(name) for i, name in enumerate(_BOOK, 1)))
    rows = _timed(rows.with_row_index("row", 1), _day(message_file, named["day"]))
    quotes, trades = _quotes(book_file, rows), _trades(message_file, rows)
    return [quotes] if trades.rows.is_empty() else [quotes, trades]


def _day(file: Path, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise DataError(f"{file}: {text}: {error}; allowed: a date in the name") from None


def _timed(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """Add `ts_ns` and `problem`; the digits of the seconds are not rounded."""
    noon = pl.Series([(day - EPOCH).days * DAY_NS + DAY_NS // 2]).cast(pl.Datetime("ns"))
    # clocks change at night: seconds after midnight are those of a clock that was right at noon
    midnight = int(noon.dt.replace_time_zone(_ZONE).dt.convert_time_zone("UTC").to_physical()[0]) - DAY_NS // 2
    parts = rows["time"].str.strip_chars().str.extract_groups(r"^(?<whole>\d{1,5})(?:\.(?<part>\d*))?$").struct
    part = parts.field("part").fill_null("").str.pad_end(_NS, "0").str.slice(0, _NS).cast(pl.Int64, strict=False)
    ts_ns = midnight + parts.field("whole").cast(pl.Int64, strict=False) * 10**_NS + part
    problem = pl.select(pl.when(ts_ns.is_null()).then(pl.lit(UNREADABLE))).to_series()
    return rows.with_columns(ts_ns=ts_ns, problem=problem)


def _quotes(file: Path, rows: pl.DataFrame) -> Batch:
    # a halt begins with price -1 and ends with 1 (0: only quoting resumes); the book repeats what was before
    state = pl.when(pl.col("type") == _HALT).then(
        pl.when(pl.col("price") == -1).then(1).when(pl.col("price") == 1).then(0)
    )
    halted = state.forward_fill().fill_null(0) == 1
    sides = [
        pl.when((pl.col(name).abs() != _DUMMY) & ~pl.col("halted")).then(pl.col(name) / _SCALE).alias(name)
        for name in ("bid_px", "ask_px")
    ]
    rows = rows.with_columns(halted=halted)
    columns = ("row", "ts_ns", "problem", "bid_px", "bid_sz", "ask_px", "ask_sz")
    notes = ["a trading halt, without quotes"] if rows["halted"].any() else []
    return Batch(file, QUOTES, rows.with_columns(sides).select(columns), notes)


def _trades(file: Path, rows: pl.DataFrame) -> Batch:
    """Executions. The direction is that of the resting order; the aggressor of hidden ones and auctions is unknown."""
    traded = rows.filter(pl.col("type").is_in((_VISIBLE, _HIDDEN, _AUCTION)))
    side = pl.when(pl.col("type") == _VISIBLE).then(-pl.col("direction")).otherwise(0).cast(pl.Int8, strict=False)
    values = (pl.col("price") / _SCALE).alias("px"), pl.col("size").alias("sz"), side.alias("aggressor")
    return Batch(file, TRADES, traded.select("row", "ts_ns", "problem", *values))
