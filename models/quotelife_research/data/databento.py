"""Reads Databento's DBN files: mbp-1, mbp-10, tbbo, trades and mbo, plain or compressed with zstd.

The layout is that of the package `databento-dbn`: a header with the symbols, then records of fixed size; prices are
multiples of 1e-9. The book of mbp-1 and mbp-10 is the state after each record, and the best level is read. The quotes
of tbbo are those before trades only, so that they say nothing about the time between: its trades are read. mbo is
rebuilt order by order (`quotelife_research.data.orders`) from the first clear of the book, with which the venue's files
begin.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import databento_dbn as dbn
import numpy as np
import numpy.typing as npt
import polars as pl

from quotelife_research.data import l3
from quotelife_research.data.batches import ORDERS, QUOTES, TRADES, Batch, VendorFormat
from quotelife_research.data.files import DataError
from quotelife_research.data.orders import OrderBook, OrderRecords
from quotelife_research.data.row_order import OUT_OF_PLACE, in_file_order
from quotelife_research.data.times import END_NS, FIRST_NS, IMPLAUSIBLE

_SCALE = 1e9
_CLASSES = {160: dbn.MBOMsg, 0: dbn.TradeMsg, 1: dbn.MBP1Msg, 10: dbn.MBP10Msg}  # by record type
_SCHEMAS = ("mbo", "mbp-1", "mbp-10", "tbbo", "trades")
_BAD_BOOK = "the book may be bad (flag)"
_HEAD, _WORD = 8, 4  # bytes before the header's content; unit of a record's length
Records = npt.NDArray[np.void]


def read_dbn(file: Path, content: bytes, chosen: VendorFormat, tick: float, lot: float, book: OrderBook) -> list[Batch]:
    """The rows of one instrument. Orders continue `book`, that of the files before.

    DataError for another schema, or if the file does not say which rows are the instrument's.
    """
    meta, at = _metadata(file, content)
    schema = None if meta.schema is None else str(meta.schema)
    if schema is not None and schema not in _SCHEMAS:
        raise DataError(f"{file}: Databento schema {schema}; allowed: {', '.join(_SCHEMAS)}")
    batches = []
    for rtype, (records, number) in _records(file, content, at).items():
        mine = _of_instrument(file, records, meta, chosen.symbol)
        records, number = records[mine], number[mine]
        if not len(records):
            continue
        if rtype == 160:
            batches.append(_orders(file, records, number, chosen, tick, lot, book))
            continue
        only_trades = schema in ("tbbo", "trades") or rtype == 0 or bool((records["action"] == b"T").all())
        if not only_trades:
            batches.append(_quotes(file, records, number, chosen))
        if (records["action"] == b"T").any() or only_trades:
            batches.append(_trades(file, records, number, chosen))
    if not batches:
        raise DataError(f"{file}: no record of {chosen.symbol}; allowed: {', '.join(_SCHEMAS)} of it")
    return batches


def _metadata(file: Path, content: bytes) -> tuple[Any, int]:
    """(Header, where the records begin)."""
    end = _HEAD + int.from_bytes(content[4:_HEAD], "little")
    try:
        return dbn.Metadata.decode(content[:end]), end
    except (dbn.DBNError, ValueError) as error:
        raise DataError(f"{file}: {error}") from None


def _records(file: Path, content: bytes, at: int) -> dict[int, tuple[Records, npt.NDArray[np.int64]]]:
    """The records of each known type, with their numbers from 1. DataError if the file ends inside a record."""
    starts: dict[tuple[int, int], list[tuple[int, int]]] = {}
    number, end = 0, len(content)
    alike = _alike(content, at)
    if alike:
        rtype, size = alike
        n = (end - at) // size
        return {rtype: (np.frombuffer(content, _dtype(file, rtype, size), n, at), np.arange(1, n + 1))}
    while at < end:
        number, size = number + 1, content[at] * _WORD
        if size == 0 or at + size > end:
            raise DataError(f"{file}: ends inside record {number}; allowed: a whole file, as it was downloaded")
        if content[at + 1] in _CLASSES:
            starts.setdefault((content[at + 1], size), []).append((at, number))
        at += size
    found = {}
    for (rtype, size), places in starts.items():
        joined = b"".join(content[start : start + size] for start, _ in places)
        found[rtype] = (np.frombuffer(joined, _dtype(file, rtype, size)), np.array([n for _, n in places]))
    return found


def _alike(content: bytes, at: int) -> tuple[int, int] | None:
    """(Type, size in bytes) if all records are of one known type."""
    size, rtype = (content[at] * _WORD, content[at + 1]) if at + 1 < len(content) else (0, -1)
    if not size or rtype not in _CLASSES or (len(content) - at) % size:
        return None
    heads = np.frombuffer(content, np.uint8, len(content) - at, at).reshape(-1, size)[:, :2]
    return (rtype, size) if (heads == heads[0]).all() else None


def _dtype(file: Path, rtype: int, size: int) -> np.dtype[Any]:
    """The layout of a record; a longer record has the time of sending at its end."""
    layout: Any = _CLASSES[rtype]
    plain: np.dtype[Any] = np.dtype(layout._dtypes)
    if size < plain.itemsize:
        raise DataError(f"{file}: records of {size} bytes; allowed: {plain.itemsize} bytes, DBN versions 1 to 3")
    names = list(plain.names or ())
    fields: Mapping[str, Any] = plain.fields or {}
    formats, offsets = [fields[name][0] for name in names], [fields[name][1] for name in names]
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})


def _of_instrument(file: Path, records: Records, meta: Any, symbol: str) -> npt.NDArray[np.bool_]:
    """Whether each record is of the instrument. DataError if the file has several and none has this name."""
    ids = records["instrument_id"]
    present = set(np.unique(ids).tolist())
    mappings: dict[str, list[dict[str, Any]]] = meta.mappings or {}
    if symbol in mappings:
        mine = np.zeros(len(records), np.bool_)
        day = records["ts_recv"].astype("datetime64[ns]")
        for interval in mappings[symbol]:
            inside = (day >= np.datetime64(interval["start_date"])) & (day < np.datetime64(interval["end_date"]))
            mine |= (ids == int(interval["symbol"])) & inside if interval["symbol"].isdigit() else False
    elif len(present) <= 1:
        mine = np.ones(len(records), np.bool_)
    else:
        known = ", ".join(sorted(mappings)[:20]) or ", ".join(map(str, sorted(present)[:20]))
        raise DataError(f"{file}: holds {len(present)} instruments; allowed: --file-symbol NAME with one of {known}")
    venues = np.unique(records["publisher_id"][mine])
    if len(venues) > 1:
        raise DataError(
            f"{file}: the books of {len(venues)} venues (publishers {', '.join(map(str, venues))}); allowed: a file "
            "of one"
        )
    return mine


def _times(records: Records, chosen: VendorFormat) -> npt.NDArray[np.int64]:
    """The time of receipt or of the venue; a snapshot has the former only. 0 if undefined."""
    received = records["ts_recv"]
    ts = received
    if chosen.exchange_time:
        ts = np.where(records["flags"] & dbn.F_SNAPSHOT, received, records["ts_event"])
    return np.where((ts >= FIRST_NS) & (ts < END_NS), ts, 0).astype(np.int64)


def _prices(values: npt.NDArray[np.int64]) -> pl.Series:
    """Prices in currency; null if undefined."""
    return pl.select(pl.when(pl.Series(values != dbn.UNDEF_PRICE)).then(pl.Series(values / _SCALE))).to_series()


def _rows(records: Records, number: npt.NDArray[np.int64], chosen: VendorFormat) -> pl.DataFrame:
    rows = pl.DataFrame({"ts_ns": _times(records, chosen), "row": number})
    undefined = pl.col("ts_ns") == 0
    return rows.with_columns(
        ts_ns=pl.when(~undefined).then(pl.col("ts_ns")), problem=pl.when(undefined).then(pl.lit(IMPLAUSIBLE))
    )


def _quotes(file: Path, records: Records, number: npt.NDArray[np.int64], chosen: VendorFormat) -> Batch:
    flagged = pl.Series((records["flags"] & dbn.F_MAYBE_BAD_BOOK) != 0)
    rows = _rows(records, number, chosen).with_columns(
        problem=pl.coalesce("problem", pl.when(flagged).then(pl.lit(_BAD_BOOK))),
        bid_px=_prices(records["bid_px_00"]),
        bid_sz=pl.Series(records["bid_sz_00"]).cast(pl.Float64),
        ask_px=_prices(records["ask_px_00"]),
        ask_sz=pl.Series(records["ask_sz_00"]).cast(pl.Float64),
    )
    return Batch(file, QUOTES, rows)


def _trades(file: Path, records: Records, number: npt.NDArray[np.int64], chosen: VendorFormat) -> Batch:
    traded = records["action"] == b"T"
    records, number = records[traded], number[traded]
    side = np.where(records["side"] == b"B", 1, np.where(records["side"] == b"A", -1, 0)).astype(np.int8)
    rows = _rows(records, number, chosen).with_columns(
        px=_prices(records["price"]), sz=pl.Series(records["size"]).cast(pl.Float64), aggressor=pl.Series(side)
    )
    return Batch(file, TRADES, rows)


def _orders(
    file: Path,
    records: Records,
    number: npt.NDArray[np.int64],
    chosen: VendorFormat,
    tick: float,
    lot: float,
    book: OrderBook,
) -> Batch:
    level_only = (records["flags"] & (dbn.F_MBP | dbn.F_TOB)) != 0
    if level_only.any():
        raise DataError(f"{file}: mbo with levels instead of orders; allowed: orders, or mbp-1 of this venue")
    ts, misplaced = in_file_order(_filled(_times(records, chosen)))
    undefined = records["price"] == dbn.UNDEF_PRICE
    if ts[0] < book.last_ns:
        raise DataError(f"{file}: begins before the end of the file before it; allowed: mbo files in the order of time")
    found, problems = book.apply(
        OrderRecords(
            ts,
            records["action"],
            records["side"],
            records["order_id"].astype(np.int64),
            np.where(undefined, np.nan, records["price"] / _SCALE / tick),
            records["size"] / lot,
            (records["flags"] & dbn.F_LAST) != 0,
            (records["flags"] & dbn.F_MAYBE_BAD_BOOK) != 0,
        )
    )
    bad = {what: (len(at), int(number[at[0]])) for what, at in problems.items()}
    if misplaced.any():
        bad[OUT_OF_PLACE] = (int(misplaced.sum()), int(number[int(np.argmax(misplaced))]))
    events = np.array(found, dtype=l3.EVENT)
    rows = pl.DataFrame({name: events[name] for name in l3.EVENT.names or ()})
    return Batch(file, ORDERS, rows, total=len(records), bad=bad, in_order=True)


def _filled(ts_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Times in which one that is undefined is that of the record before."""
    last = np.maximum.accumulate(np.where(ts_ns > 0, np.arange(len(ts_ns)), -1))
    return np.where(last >= 0, ts_ns[last], ts_ns[int(np.argmax(ts_ns > 0))])
