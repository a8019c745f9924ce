"""Reads the columns of any CSV (plain, gzip or zstd) or Parquet file, by the names that the user gives.

Numbers that cannot be read become NaN, empty cells null. A side of a quote without a price is gone.
"""

import gzip
import io
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import polars as pl
import pyarrow as pa

from quotelife_research.data.batches import QUOTES, TRADES, Batch
from quotelife_research.data.files import DataError
from quotelife_research.data.times import TimeFormat, read_times

# name in --columns -> column of the common layout
KEYS = {
    "ts": "ts_ns", "bid": "bid_px", "bid_size": "bid_sz", "ask": "ask_px", "ask_size": "ask_sz", "price": "px",
    "size": "sz", "side": "aggressor",
}  # fmt: skip
_REQUIRED = {QUOTES: ("ts_ns", "bid_px", "ask_px"), TRADES: ("ts_ns", "px", "sz")}
_OPTIONAL = {QUOTES: ("bid_sz", "ask_sz"), TRADES: ("aggressor",)}
# what other sources call the columns, in small letters and digits only, the likeliest first
_WORDS = {
    "ts_ns": ("ts", "tsns", "timestamp", "time", "datetime", "tsevent", "tsrecv", "localtimestamp", "date", "utc"),
    "bid_px": ("bid", "bidpx", "bidprice", "bestbid", "bestbidprice", "bidpx00", "bid1", "bidprice1", "b"),
    "bid_sz": ("bidsz", "bidsize", "bidqty", "bidamount", "bidvolume", "bidvol", "bestbidsize", "bidsz00", "bidsize1"),
    "ask_px": ("ask", "askpx", "askprice", "bestask", "bestaskprice", "askpx00", "ask1", "askprice1", "offer", "a"),
    "ask_sz": ("asksz", "asksize", "askqty", "askamount", "askvolume", "askvol", "bestasksize", "asksz00", "asksize1"),
    "px": ("price", "px", "tradeprice", "p", "last"),
    "sz": ("size", "sz", "qty", "quantity", "amount", "volume", "vol", "q", "v"),
    "aggressor": ("side", "aggressor", "takerside", "direction"),
}
_ABSENT = ("", "nan", "na", "n/a", "null", "none", "-", "\\n")
_BOUGHT, _SOLD = ("buy", "b", "bid", "1", "+1"), ("sell", "s", "ask", "a", "-1")
_SEPARATORS = ",;\t|"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
_GZIP, _ZSTD, PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"


def parse_columns(given: Iterable[str]) -> dict[str, str]:
    """`ts=time,bid=Bid` as column of the common layout -> name in the file. DataError for another form."""
    found: dict[str, str] = {}
    for part in ",".join(given).split(","):
        key, equals, name = (word.strip() for word in part.partition("="))
        if not equals or key not in KEYS or not name or KEYS[key] in found:
            raise DataError(f"--columns {part}: allowed: each once, KEY=NAME with {', '.join(KEYS)}")
        found[KEYS[key]] = name
    return found


def check_columns(columns: dict[str, str], kinds: Iterable[str]) -> None:
    """DataError for a column that files of these kinds do not have."""
    known = {name for kind in kinds for name in (*_REQUIRED[kind], *_OPTIONAL[kind])}
    allowed = ", ".join(key for key, name in KEYS.items() if name in known) or "with --quotes or --trades only"
    for key, name in KEYS.items():
        if name in columns and name not in known:
            raise DataError(f"--columns {key}={columns[name]}: no column of these files; allowed: {allowed}")


def read_table(file: Path, kind: str, columns: dict[str, str], times: TimeFormat) -> Batch:
    """The rows of a file of quotes or trades. DataError if it cannot be read, lacks a column, or has another unit.

    `columns` has names of the file for columns of the common layout, which are the default. A CSV whose columns are
    all given by number, from 1, has no heading.
    """
    frame = read_frame(file, headed=not columns or not all(name.isdigit() for name in columns.values()))
    names = {name: columns.get(name, name) for name in (*_REQUIRED[kind], *_OPTIONAL[kind])}
    needed = [name for name in names if name in _REQUIRED[kind] or name in columns]
    missing = [names[name] for name in needed if names[name] not in frame.columns]
    if missing:
        raise DataError(_no_columns(file, kind, missing, frame.columns))
    read, notes = read_times(frame[names["ts_ns"]], times, f"{file}: column {names['ts_ns']}")
    values = frame.select(
        (_side(given) if name == "aggressor" else number(given, frame.schema[given])).alias(name)
        for name, given in names.items()
        if given in frame.columns and name != "ts_ns"
    )
    return Batch(file, kind, pl.concat((read, values), how="horizontal"), notes)


def _no_columns(file: Path, kind: str, missing: list[str], there: list[str]) -> str:
    shown = ", ".join(there[:20]) + (", ..." if len(there) > 20 else "")
    keys = {column: key for key, column in KEYS.items()}
    guessed = guess_columns(kind, there)
    wanted = ",".join(f"{keys[column]}=..." for column in _REQUIRED[kind])
    hint = f", perhaps --columns {guessed}" if guessed else ""
    return (
        f"{file}: no column {', '.join(missing)}; it has {shown}; allowed: --columns {wanted} with names of these{hint}"
    )


def guess_columns(kind: str, there: Iterable[str]) -> str:
    """The option --columns for columns whose names say what they are; empty if a required one is not found."""
    plain = {"".join(c for c in name.lower() if c.isalnum()): name for name in reversed(list(there))}
    keys = {column: key for key, column in KEYS.items()}
    found = {
        column: next((plain[word] for word in _WORDS[column] if word in plain), None)
        for column in (*_REQUIRED[kind], *_OPTIONAL[kind])
    }
    if any(found[column] is None for column in _REQUIRED[kind]):
        return ""
    return ",".join(f"{keys[column]}={name}" for column, name in found.items() if name is not None)


def number(name: str, kind: pl.DataType) -> pl.Expr:
    """A column as Float64: text that is no number becomes NaN, an empty cell null."""
    column = pl.col(name)
    if kind != pl.String:
        return column.cast(pl.Float64, strict=False)
    text = column.str.strip_chars()
    absent = text.str.to_lowercase().is_in(_ABSENT)
    unreadable = pl.when(~absent).then(pl.lit(float("nan")))
    return pl.when(~absent).then(pl.coalesce(text.cast(pl.Float64, strict=False), unreadable))


def _side(name: str) -> pl.Expr:
    text = pl.col(name).cast(pl.String).str.strip_chars().str.to_lowercase()
    return pl.when(text.is_in(_BOUGHT)).then(1).when(text.is_in(_SOLD)).then(-1).otherwise(0).cast(pl.Int8)


def read_frame(file: Path, headed: bool) -> pl.DataFrame:
    """All columns; those of a CSV as text, named 1, 2, ... if it has no heading."""
    try:
        with open(file, "rb") as raw:
            parquet = raw.read(4) == PARQUET
        if parquet or file.suffix.lower() in (".parquet", ".pq"):
            return pl.read_parquet(file)
        return read_csv(file, headed)
    except (OSError, EOFError, zlib.error, pa.ArrowException, pl.exceptions.PolarsError) as error:
        raise DataError(f"{file}: {problem_of(error)}") from None


def read_csv(file: Path, headed: bool) -> pl.DataFrame:
    """A CSV as text, whatever its separator and compression."""
    with open_bytes(file) as raw:
        text = raw.read()
    if text[:2] in UTF16:
        text = text.decode("utf-16", errors="replace").encode()
    first = text.split(b"\n", 1)[0].decode(errors="replace")
    separator = max(_SEPARATORS, key=first.count)
    try:
        frame = _parsed(text, headed, separator)
    except pl.exceptions.ComputeError:
        frame = _parsed(_without_long_rows(text, separator.encode()), headed, separator)
    if headed:
        return frame.rename({name: name.strip() for name in frame.columns if name != name.strip()})
    return frame.rename({name: str(i) for i, name in enumerate(frame.columns, 1)})


def _parsed(text: bytes, headed: bool, separator: str) -> pl.DataFrame:
    return pl.read_csv(
        io.BytesIO(text), infer_schema=False, has_header=headed, separator=separator, encoding="utf8-lossy"
    )


def _without_long_rows(text: bytes, separator: bytes) -> bytes:
    """Rows with more fields than the first one become empty: which of their fields are right is not known."""
    rows = text.split(b"\n")
    most = rows[0].count(separator)
    return b"\n".join(row if row.count(separator) <= most else separator * most for row in rows)


def open_bytes(file: Path) -> IO[bytes]:
    """The content of a file, decompressed if it begins as gzip or zstd does."""
    with open(file, "rb") as raw:
        start = raw.read(4)
    if start[:2] == _GZIP:
        return gzip.open(file, "rb")  # type: ignore[return-value]
    if start == _ZSTD:
        return pa.input_stream(str(file), compression="zstd")  # type: ignore[no-any-return]
    return open(file, "rb")


def problem_of(error: Exception) -> str:
    """The first line of an error, in which a file is not named again."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [type(error).__name__])[0]
