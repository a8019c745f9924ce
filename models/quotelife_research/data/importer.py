"""Imports quotes and trades of any venue into the common layout of `quotelife_research.data.files`.

Rows that cannot be used are counted by the first problem that applies, and reported with the number of the first such
row, counted from 1 below the heading; `quotelife_research.data.batches` says what becomes of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote as percent_encoded

import polars as pl

from quotelife_models.parameters import POOLED
from quotelife_research.data import l3, sources
from quotelife_research.data.batches import OFF_THE_LOT, OFF_THE_TICK, ORDERS, QUOTES, TRADES, Batch, Problems, clean
from quotelife_research.data.files import INSTRUMENTS, DataError, is_tick, read_instruments
from quotelife_research.data.sources import SAMPLE_SYMBOL
from quotelife_research.data.tables import check_columns, read_table
from quotelife_research.data.ticks import off_lot, off_tick, tick_of
from quotelife_research.data.times import TimeFormat
from quotelife_research.data.vendors import VendorFormat, read_vendor_files

_ENOUGH_ROWS = 1000  # to doubt a tick that is finer than the prices
_MOST_OFF_STEP = 1 / 3  # share of a file's rows; above it the tick or the lot is wrong, not the rows
MOST_UNUSABLE = 0.01  # share of a file's rows; above it the exit code says so
_STEPS = {OFF_THE_TICK: ("tick", "px", "price", off_tick), OFF_THE_LOT: ("lot", "sz", "size", off_lot)}


@dataclass(frozen=True)
class ImportOptions:
    """How files are read where they do not say it themselves."""

    columns: dict[str, str] = field(default_factory=dict)  # as `tables.parse_columns` returns it
    times: TimeFormat = field(default_factory=TimeFormat)
    lot: float | None = None  # None: that of an earlier import, or 1
    file_symbol: str = ""  # the instrument's name in files with several; empty: the symbol
    exchange_time: bool = False


@dataclass(frozen=True)
class ImportResult:
    """The result of importing one file."""

    file: str
    kind: str
    rows: int
    kept: int
    days: list[str]
    bad: Problems  # problem -> number of rows, number of the first row
    step: float | None = None  # of the prices, where it is coarser than the tick
    notes: Sequence[str] = ()

    @property
    def unusable(self) -> float:
        """The share of the rows that could not be used."""
        return min(1.0, sum(n for n, _ in self.bad.values()) / self.rows) if self.rows else 0.0

    def __str__(self) -> str:
        wrong = "; ".join(f"{what}: {n} rows, first in row {first}" for what, (n, first) in self.bad.items())
        days = f"{self.days[0]}..{self.days[-1]}" if self.days else "no day"
        coarse = f"; every price is a multiple of {self.step:g}: is the tick right?" if self.step else ""
        left_out = f"; unusable: {wrong}" if wrong else ""
        notes = "".join(f"; {note}" for note in self.notes)
        return f"{self.file}: {self.kept} of {self.rows} {self.kind} kept, {days}{left_out}{notes}{coarse}"


def import_files(
    symbol: str,
    tick: float,
    quotes: Sequence[Path],
    trades: Sequence[Path],
    out: Path,
    correlated: str | None = None,
    files: Sequence[Path] = (),
    options: ImportOptions = ImportOptions(),
) -> list[ImportResult]:
    """Import the files of one symbol into the folder `out`; days that exist there are replaced. `files` are those of
    `quotelife_research.data.vendors`.

    DataError for an unreadable file, a missing column, a file without usable rows, or a tick, lot or unit that is not
    that of the file; nothing is written then.
    """
    lot = _check_instrument(out, symbol, tick, options.lot)
    done: list[ImportResult] = []
    read: dict[str, list[pl.DataFrame]] = {}
    for batch in _batches(symbol, tick, lot, quotes, trades, files, options):
        rows = batch.rows if batch.kind == ORDERS else _cleaned(batch, tick, lot, done)
        if batch.kind == ORDERS:
            usable = (batch.total or 0) - sum(n for n, _ in batch.bad.values())
            done.append(
                ImportResult(
                    batch.file.name, ORDERS, batch.total or 0, usable, _days(rows), batch.bad, None, batch.notes
                )
            )
        if rows.is_empty():
            raise DataError(f"{done[-1]}: nothing to import")
        read.setdefault(batch.kind, []).append(rows)
    for kind, frames in read.items():
        _write(pl.concat(frames, how="diagonal").sort("ts_ns", maintain_order=True), symbol, kind, out)
    _save_instrument(out, symbol, tick, lot, correlated)
    return done


def _batches(
    symbol: str,
    tick: float,
    lot: float,
    quotes: Sequence[Path],
    trades: Sequence[Path],
    files: Sequence[Path],
    options: ImportOptions,
) -> Iterable[Batch]:
    tables = ((QUOTES, quotes), (TRADES, trades))
    check_columns(options.columns, [kind for kind, given in tables if given])
    for kind, given in tables:
        for file in given:
            yield read_table(file, kind, options.columns, options.times)
    chosen = VendorFormat(options.file_symbol or symbol, options.exchange_time)
    yield from read_vendor_files(files, chosen, tick, lot)


def _cleaned(batch: Batch, tick: float, lot: float, done: list[ImportResult]) -> pl.DataFrame:
    """The rows of a batch to be written; its result is added to `done`."""
    cleaned = clean(batch, tick, lot)
    total = len(batch.rows) if batch.total is None else batch.total
    kept = cleaned.usable if batch.total is None else total - sum(n for n, _ in cleaned.bad.values())
    step = _coarser_step(cleaned.rows, tick)
    days = _days(cleaned.rows)
    done.append(ImportResult(batch.file.name, batch.kind, total, kept, days, cleaned.bad, step, cleaned.notes))
    _check_steps(batch, {"tick": tick, "lot": lot}, cleaned.bad)
    return cleaned.rows if cleaned.usable else cleaned.rows.head(0)


def check_correlated(out: Path, symbol: str, correlated: str) -> None:
    """DataError unless the correlated symbol is another one in the folder `out`."""
    path = out / INSTRUMENTS
    known = sorted(set(read_instruments(path) if path.is_file() else ()) - {symbol})
    if correlated not in known:
        allowed = ", ".join(known) if known else f"another symbol that {out} has; import {correlated} first"
        raise DataError(f"--correlated {correlated}: not in {out}; allowed: {allowed}")


def _check_instrument(out: Path, symbol: str, tick: float, lot: float | None) -> float:
    """The lot. DataError for a tick or lot that is no step or not that of an earlier import, or a reserved symbol."""
    for name, step in (("tick", tick), ("lot", 1.0 if lot is None else lot)):
        if not is_tick(step):
            raise DataError(f"--{name} {step}: allowed: a positive {'price step' if name == 'tick' else 'size'}")
    if symbol == POOLED:
        raise DataError(f"--symbol {symbol}: reserved for the parameters of new instruments; allowed: any other name")
    path = out / INSTRUMENTS
    before = read_instruments(path).get(symbol) if path.is_file() else None
    earlier = {"tick": before["tick"], "lot": before.get("lot", 1.0)} if before else {}
    for name, given in (("tick", tick), ("lot", lot)):
        if before and given is not None and earlier[name] != given:
            raise DataError(
                f"--{name} {given}: {symbol} was imported into {out} with the {name} {earlier[name]}; allowed: that "
                f"{name}, or another folder"
            )
    return float(lot if lot is not None else earlier.get("lot", 1.0))


def _check_steps(batch: Batch, steps: dict[str, float], bad: Problems) -> None:
    """DataError if so many rows are off the tick or the lot that it must be wrong."""
    for what, (name, suffix, value, is_off) in _STEPS.items():
        n, first = bad.get(what, (0, 0))
        if n <= _MOST_OFF_STEP * len(batch.rows):
            continue
        at = first - 1 if "row" not in batch.rows.columns else batch.rows["row"].index_of(first) or 0
        row = batch.rows.select(column for column in batch.rows.columns if column.endswith(suffix)).row(at)
        example = next(v for v in row if v is not None and is_off(v, steps[name]))
        better = _step(batch.rows, suffix)
        raise DataError(
            f"{batch.file}: --{name} {steps[name]:g}: {n} of {len(batch.rows)} rows have {value}s that are not "
            f"multiples of it, such as {example:g} in row {first}; allowed: the {value} step"
            f"{f', here {better:g} or a divisor of it' if better else ''}"
        )


def _coarser_step(kept: pl.DataFrame, tick: float) -> float | None:
    """The step of the prices, if they are many and it is at least twice the tick."""
    step = _step(kept, "px") if len(kept) >= _ENOUGH_ROWS else None
    return step if step is not None and step > 1.5 * tick else None


def _step(rows: pl.DataFrame, suffix: str) -> float | None:
    """The step of all columns of this kind; None if there is none that a tick or a lot can be."""
    values = pl.concat([rows[name].alias(suffix) for name in rows.columns if name.endswith(suffix)])
    try:
        return tick_of(values.filter(values.is_finite() & (values > 0)).to_numpy())
    except DataError:
        return None


def import_sample(folder: Path, out: Path) -> list[ImportResult]:
    """Import the order-by-order sample, cleaned as in `quotelife_research.data.l3`, into the folder `out`."""
    events = l3.read_l3(folder)
    rows = pl.DataFrame({name: events[name] for name in l3.EVENT.names or ()})
    _write(rows, SAMPLE_SYMBOL, ORDERS, out)
    _save_instrument(out, SAMPLE_SYMBOL, float(l3.TICK), 1.0, None)
    return [ImportResult(folder.name, ORDERS, len(rows), len(rows), _days(rows), {})]


def _day() -> pl.Expr:
    return pl.from_epoch(pl.col("ts_ns") // sources.DAY_NS, "d").cast(pl.Date)


def _days(rows: pl.DataFrame) -> list[str]:
    return [day.isoformat() for day in rows.select(_day().unique().sort()).to_series()]


def _write(rows: pl.DataFrame, symbol: str, kind: str, out: Path) -> None:
    for (day,), part in rows.with_columns(_day().alias("day")).partition_by("day", as_dict=True).items():
        folder = out / f"day={day}" / f"symbol={percent_encoded(symbol, safe='')}"
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f"{kind}.new"
        part.drop("day").write_parquet(fresh)
        fresh.replace(folder / f"{kind}.parquet")


def _save_instrument(out: Path, symbol: str, tick: float, lot: float, correlated: str | None) -> None:
    """Save tick, lot and correlated symbol; an earlier correlated symbol stays unless a new one is given."""
    path = out / INSTRUMENTS
    known = read_instruments(path) if path.is_file() else {}
    before = known.get(symbol, {})
    known[symbol] = {"tick": tick, "lot": lot, "correlated": correlated or before.get("correlated")}
    sources.write_json(path, known)
