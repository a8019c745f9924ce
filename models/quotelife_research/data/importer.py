"""Imports quotes and trades of any venue into the common layout of `quotelife_research.data.files`.

Unusable rows are left out, counted by the first problem that applies, and reported with the number of the first such
row, counted from 1 below the heading. Locked quotes are kept: they are a state of the market, in which the service has
no usable book and does not quote.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote as percent_encoded

import polars as pl

from quotelife_models.parameters import POOLED
from quotelife_research.data import l3, sources
from quotelife_research.data.files import INSTRUMENTS, DataError, is_tick, read_instruments
from quotelife_research.data.sources import SAMPLE_SYMBOL
from quotelife_research.data.ticks import OFF_TICK, off_tick, tick_of

QUOTES = {"ts_ns": True, "bid_px": True, "bid_sz": False, "ask_px": True, "ask_sz": False}  # column -> required
TRADES = {"ts_ns": True, "px": True, "sz": True}
_ENOUGH_ROWS = 1000  # to doubt a tick that is finer than the prices
_MOST_OFF_TICK = 1 / 3  # share of a file's rows; above it the tick is wrong, not the rows


@dataclass(frozen=True)
class ImportResult:
    """The result of importing one file."""

    file: str
    kind: str
    rows: int
    kept: int
    days: list[str]
    bad: dict[str, tuple[int, int]]  # problem -> number of rows, number of the first row
    step: float | None = None  # of the prices, where it is coarser than the tick

    def __str__(self) -> str:
        wrong = "; ".join(f"{what}: {n} rows, first in row {first}" for what, (n, first) in self.bad.items())
        days = f"{self.days[0]}..{self.days[-1]}" if self.days else "no day"
        coarse = f"; every price is a multiple of {self.step:g}: is the tick right?" if self.step else ""
        left_out = f"; left out: {wrong}" if wrong else ""
        return f"{self.file}: {self.kept} of {self.rows} {self.kind} kept, {days}{left_out}{coarse}"


def import_files(
    symbol: str,
    tick: float,
    quotes: Sequence[Path],
    trades: Sequence[Path],
    out: Path,
    correlated: str | None = None,
) -> list[ImportResult]:
    """Import the files of one symbol into the folder `out`; days that exist there are replaced.

    DataError for an unreadable file, a missing column, a file without usable rows, or a tick that is not that of the
    prices; nothing is written then.
    """
    _check_instrument(out, symbol, tick)
    done, read = [], {}
    for kind, columns, files in (("quotes", QUOTES, quotes), ("trades", TRADES, trades)):
        frames = []
        for file in files:
            rows = _read(file, columns)
            kept, bad = _check_rows(rows, columns, tick)
            step = _coarser_step(kept, tick)
            done.append(ImportResult(file.name, kind, len(rows), len(kept), _days(kept), bad, step))
            _check_tick(file, rows, tick, bad)
            if kept.is_empty():
                raise DataError(f"{done[-1]}: nothing to import")
            frames.append(kept)
        if frames:
            read[kind] = pl.concat(frames, how="diagonal").sort("ts_ns", maintain_order=True)
    for kind, rows in read.items():
        _write(rows, symbol, kind, out)
    _save_instrument(out, symbol, tick, correlated)
    return done


def check_correlated(out: Path, symbol: str, correlated: str) -> None:
    """DataError unless the correlated symbol is another one in the folder `out`."""
    path = out / INSTRUMENTS
    known = sorted(set(read_instruments(path) if path.is_file() else ()) - {symbol})
    if correlated not in known:
        allowed = ", ".join(known) if known else f"another symbol that {out} has; import {correlated} first"
        raise DataError(f"--correlated {correlated}: not in {out}; allowed: {allowed}")


def _check_instrument(out: Path, symbol: str, tick: float) -> None:
    if not is_tick(tick):
        raise DataError(f"--tick {tick}: allowed: a positive price step")
    if symbol == POOLED:
        raise DataError(f"--symbol {symbol}: reserved for the parameters of new instruments; allowed: any other name")
    path = out / INSTRUMENTS
    before = read_instruments(path).get(symbol) if path.is_file() else None
    if before and before["tick"] != tick:
        raise DataError(
            f"--tick {tick}: {symbol} was imported into {out} with the tick {before['tick']}; allowed: that tick, or "
            "another folder"
        )


def _check_tick(file: Path, rows: pl.DataFrame, tick: float, bad: dict[str, tuple[int, int]]) -> None:
    """DataError if so many rows are off the tick that the tick must be wrong."""
    n, first = bad.get("off the tick", (0, 0))
    if n <= _MOST_OFF_TICK * len(rows):
        return
    row = rows.select(name for name in rows.columns if name.endswith("px")).row(first - 1)
    example = next(px for px in row if px is not None and off_tick(px, tick))
    step = _step(rows)
    raise DataError(
        f"{file}: --tick {tick}: {n} of {len(rows)} rows have prices that are not multiples of it, such as {example:g} "
        f"in row {first}; allowed: the price step{f', here {step:g} or a divisor of it' if step else ''}"
    )


def _coarser_step(kept: pl.DataFrame, tick: float) -> float | None:
    """The step of the prices, if they are many and it is at least twice the tick."""
    step = _step(kept) if len(kept) >= _ENOUGH_ROWS else None
    return step if step is not None and step > 1.5 * tick else None


def _step(rows: pl.DataFrame) -> float | None:
    """The price step of all columns; None if there is none that a tick can be."""
    prices = pl.concat([rows[name].alias("px") for name in rows.columns if name.endswith("px")])
    try:
        return tick_of(prices.filter(prices.is_finite() & (prices > 0)).to_numpy())
    except DataError:
        return None


def import_sample(folder: Path, out: Path) -> list[ImportResult]:
    """Import the order-by-order sample, cleaned as in `quotelife_research.data.l3`, into the folder `out`."""
    events = l3.read_l3(folder)
    rows = pl.DataFrame({name: events[name] for name in l3.EVENT.names or ()})
    _write(rows, SAMPLE_SYMBOL, "orders", out)
    _save_instrument(out, SAMPLE_SYMBOL, float(l3.TICK), None)
    return [ImportResult(folder.name, "orders", len(rows), len(rows), _days(rows), {})]


def _read(file: Path, columns: dict[str, bool]) -> pl.DataFrame:
    """The file's known columns as numbers: other text becomes NaN, an empty cell null."""
    try:
        text = file.suffix.lower() in (".csv", ".txt")
        rows = pl.read_csv(file, infer_schema=False) if text else pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{file}: {str(error).splitlines()[0]}") from None
    missing = [name for name, needed in columns.items() if needed and name not in rows.columns]
    if missing:
        raise DataError(f"{file}: no column {', '.join(missing)}; it has {', '.join(rows.columns)}")
    return rows.select(_number(name, rows.schema[name]) for name in columns if name in rows.columns)


def _number(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if kind != pl.String:
        return column.cast(pl.Int64 if name == "ts_ns" else pl.Float64, strict=False)
    text = column.str.strip_chars()
    if name == "ts_ns":
        return text.cast(pl.Int64, strict=False)
    unreadable = pl.when(text.str.len_chars() > 0).then(pl.lit(float("nan")))
    return pl.coalesce(text.cast(pl.Float64, strict=False), unreadable).alias(name)


def _check_rows(
    rows: pl.DataFrame, columns: dict[str, bool], tick: float
) -> tuple[pl.DataFrame, dict[str, tuple[int, int]]]:
    """(Usable rows, problems of the others)."""
    values = [name for name in rows.columns if name != "ts_ns"]
    prices = [name for name in values if name.endswith("px")]
    sizes = [name for name in values if name.endswith("sz")]
    checks: dict[str, pl.Expr] = {
        "missing": pl.any_horizontal(pl.col(name).is_null() for name in rows.columns),
        "not a number": pl.any_horizontal(~pl.col(name).is_finite() for name in values),
        "not positive": pl.any_horizontal(pl.col(name) <= 0 for name in (*prices, *sizes)),
        "off the tick": pl.any_horizontal(
            ((pl.col(name) / tick) - (pl.col(name) / tick).round()).abs() > OFF_TICK for name in prices
        ),
    }
    if "bid_px" in columns:
        checks["crossed"] = pl.col("bid_px") > pl.col("ask_px")
    wrong = pl.lit(None, pl.String)
    for name, check in reversed(checks.items()):
        wrong = pl.when(check).then(pl.lit(name)).otherwise(wrong)
    checked = rows.with_row_index("row", 1).with_columns(wrong.alias("wrong"))
    # out of order: earlier than a preceding usable row
    latest = pl.when(pl.col("wrong").is_null()).then(pl.col("ts_ns")).cum_max().forward_fill()
    unordered = pl.col("wrong").is_null() & (pl.col("ts_ns") < latest)
    checked = checked.with_columns(
        pl.when(unordered).then(pl.lit("out of order")).otherwise(pl.col("wrong")).alias("wrong")
    )
    counted = checked.filter(pl.col("wrong").is_not_null()).group_by("wrong").agg(pl.len(), pl.col("row").min())
    bad = {what: (n, first) for what, n, first in counted.sort("row").iter_rows()}
    return checked.filter(pl.col("wrong").is_null()).select(rows.columns), bad


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


def _save_instrument(out: Path, symbol: str, tick: float, correlated: str | None) -> None:
    """Save tick and correlated symbol; an earlier correlated symbol stays unless a new one is given."""
    path = out / INSTRUMENTS
    known = read_instruments(path) if path.is_file() else {}
    before = known.get(symbol, {})
    known[symbol] = {"tick": tick, "correlated": correlated or before.get("correlated")}
    sources.write_json(path, known)
