"""Where calibration finds its data: a folder of Parquet files, and the order-by-order sample.

Files are `<SYMBOL>_<anything>_quotes.parquet` (`ts_ns, bid_px, ask_px` and, where known, `bid_sz, ask_sz`) and
`<SYMBOL>_<anything>_trades.parquet` (`ts_ns, px, sz`); a file may hold any number of days. The symbols of one folder
know each other: one that has trades only (an index) is the correlated instrument of the others; without it two quoted
symbols are that of each other. A session is one symbol on one UTC day, as a stream of events for `models.fit.replay`.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from models.fit import l3

# events int64[n, 6]: ts_ns, kind, then by kind
QUOTE = 0  # bid, bid size, offer, offer size
PRINT = 1  # price, size, aggressor (+1, -1, 0 unknown)
CORRELATED = 2  # bid, offer of the correlated instrument
ORDER = 3  # id, side, price, size left (0: gone)
_ORDER_OF_KINDS = (PRINT, CORRELATED, QUOTE, ORDER)  # within one time: a trade happens before its book moves

DAY_NS = 86_400_000_000_000
Array = npt.NDArray[np.int64]
SAMPLE_SYMBOL = "BTC-USD"


class DataError(Exception):
    """Data that cannot be used; the text names the file and what is wrong."""


@dataclass(frozen=True)
class Session:
    """One symbol on one day. Ticks in currency units, 1 lot is the unit of the sizes in the file."""

    symbol: str
    day: str
    tick: float
    correlated_tick: float
    events: Array


@dataclass(frozen=True)
class Span:
    """Days from first to last, both included."""

    first: date
    last: date

    @classmethod
    def parse(cls, text: str) -> "Span":
        """`2013-10-07..2013-10-08`, or one day; ValueError otherwise."""
        first, _, last = text.partition("..")
        span = cls(date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip()))
        if span.last < span.first:
            raise ValueError(f"{text}: ends before it begins")
        return span

    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"


@dataclass(frozen=True)
class _Files:
    quotes: list[Path]
    trades: list[Path]


def symbols_in(data: Path) -> dict[str, tuple[Path, str | None]]:
    """Quoted symbols under a folder: their folder and their correlated symbol."""
    found: dict[str, tuple[Path, str | None]] = {}
    for folder in sorted({path.parent for path in data.rglob("*_quotes.parquet")}):
        files = _files(folder)
        quoted = sorted(name for name, f in files.items() if f.quotes)
        index = next((name for name, f in sorted(files.items()) if not f.quotes), None)
        for name in quoted:
            if name in found:
                raise DataError(f"{folder}: {name} has quotes in {found[name][0]} as well")
            other = quoted[1 - quoted.index(name)] if len(quoted) == 2 else None
            found[name] = (folder, index or other)
    return found


def _files(folder: Path) -> dict[str, _Files]:
    files: dict[str, _Files] = {}
    for path in sorted(folder.glob("*.parquet")):
        kind = path.stem.rpartition("_")[2]
        if kind in ("quotes", "trades"):
            entry = files.setdefault(path.stem.partition("_")[0], _Files([], []))
            (entry.quotes if kind == "quotes" else entry.trades).append(path)
    return files


def sessions(folder: Path, symbol: str, correlated: str | None, days: list[date]) -> Iterator[Session]:
    """The symbol's sessions on these days; days without quotes are left out."""
    files = _files(folder)
    mine, other = files[symbol], files.get(correlated or "", _Files([], []))
    for day in days:
        quotes = _read(mine.quotes, day, ("bid_px", "ask_px"))
        if quotes.is_empty():
            continue
        tick = tick_of(np.concatenate((quotes["bid_px"].to_numpy(), quotes["ask_px"].to_numpy())))
        parts = [_quotes(quotes, tick), _prints(_read(mine.trades, day, ("px", "sz")), tick)]
        stream, correlated_tick = _correlated(other, day)
        yield Session(symbol, day.isoformat(), tick, correlated_tick, _merge([*parts, stream]))


def sample_sessions(folder: Path, share: float) -> tuple[Session, Session]:
    """The order-by-order sample, cut in time: its first `share`, and the rest, which opens with the book as it then
    is."""
    events = l3.read_l3(folder)
    cut = l3.split_in_time(events, share)
    halves = (events[:cut], np.concatenate((_resting(events[:cut]), events[cut:])))
    first, second = (_sample(half, name) for half, name in zip(halves, ("first", "last"), strict=True))
    return first, second


def _sample(events: l3.Events, part: str) -> Session:
    columns = _columns(events["ts_ns"], ORDER, events["id"], events["side"], events["px_ticks"], events["size_lots"])
    traded = events["kind"] == l3.TRADE
    columns[traded, 1:] = _columns(
        events["ts_ns"][traded],
        PRINT,
        events["px_ticks"][traded],
        events["size_lots"][traded],
        1 - 2 * events["side"][traded].astype(np.int64),
    )[:, 1:]
    return Session(SAMPLE_SYMBOL, f"sample, {part} part", float(l3.TICK), 0.0, columns)


def _resting(events: l3.Events) -> l3.Events:
    """Orders that rest after these events, as additions at the time of the last."""
    book: dict[int, int] = {}
    events = events.copy()
    for i, (kind, key, size) in enumerate(zip(events["kind"], events["id"].tolist(), events["size_lots"], strict=True)):
        if kind == l3.ADD:
            book[key] = i
        elif kind == l3.CHANGE:
            events["size_lots"][book[key]] = size
        elif kind == l3.DELETE:
            del book[key]
    resting = events[sorted(book.values())]
    resting["ts_ns"] = events["ts_ns"][-1]
    return resting


def tick_of(prices: npt.NDArray[np.float64]) -> float:
    """The coarsest price step, a decimal one or a multiple of it, that all prices are on."""
    some = np.unique(prices)
    for decimals in range(10):
        scaled = some * 10.0**decimals
        whole = np.rint(scaled)
        if np.abs(scaled - whole).max() < 1e-4:
            return float(np.gcd.reduce(whole.astype(np.int64))) / 10.0**decimals
    raise DataError("prices with more than 9 decimals")


def _read(paths: list[Path], day: date, needed: tuple[str, ...]) -> pl.DataFrame:
    """Rows of a day in order of time, incomplete ones dropped."""
    start = (day - date(1970, 1, 1)).days * DAY_NS
    frames = []
    for path in paths:
        frame = pl.scan_parquet(path)
        missing = {"ts_ns", *needed} - set(frame.collect_schema().names())
        if missing:
            raise DataError(f"{path}: no column {', '.join(sorted(missing))}")
        frames.append(frame.filter(pl.col("ts_ns").is_between(start, start + DAY_NS, closed="left")).collect())
    if not frames:
        return pl.DataFrame({"ts_ns": []})
    rows = pl.concat(frames, how="diagonal").drop_nulls().sort("ts_ns", maintain_order=True)
    return rows.filter(pl.all_horizontal(pl.col(name) > 0 for name in needed)) if needed else rows


def _columns(ts_ns: npt.ArrayLike, kind: int, *values: npt.ArrayLike) -> Array:
    ts_ns = np.asarray(ts_ns, np.int64)
    events = np.zeros((len(ts_ns), 6), np.int64)
    events[:, 0], events[:, 1] = ts_ns, kind
    for i, value in enumerate(values):
        events[:, 2 + i] = value
    return events


def _ticks(prices: pl.Series, tick: float) -> Array:
    return np.rint(prices.to_numpy() / tick).astype(np.int64)


def _quotes(rows: pl.DataFrame, tick: float) -> Array:
    sizes = [rows[name].to_numpy() if name in rows.columns else 1 for name in ("bid_sz", "ask_sz")]
    return _columns(
        rows["ts_ns"], QUOTE, _ticks(rows["bid_px"], tick), sizes[0], _ticks(rows["ask_px"], tick), sizes[1]
    )


def _prints(rows: pl.DataFrame, tick: float) -> Array:
    if rows.is_empty():
        return np.zeros((0, 6), np.int64)
    return _columns(rows["ts_ns"], PRINT, _ticks(rows["px"], tick), rows["sz"].to_numpy())


def _correlated(files: _Files, day: date) -> tuple[Array, float]:
    """Quotes of the correlated instrument; of one that only trades, a market of a tick around each print."""
    if files.quotes:
        rows = _read(files.quotes, day, ("bid_px", "ask_px"))
        if not rows.is_empty():
            tick = tick_of(np.concatenate((rows["bid_px"].to_numpy(), rows["ask_px"].to_numpy())))
            return _columns(rows["ts_ns"], CORRELATED, _ticks(rows["bid_px"], tick), _ticks(rows["ask_px"], tick)), tick
    rows = _read(files.trades, day, ("px", "sz"))
    if rows.is_empty():
        return np.zeros((0, 6), np.int64), 0.0
    tick = tick_of(rows["px"].to_numpy())
    px = _ticks(rows["px"], tick)
    return _columns(rows["ts_ns"], CORRELATED, px - 1, px + 1), tick


def _merge(parts: list[Array]) -> Array:
    events = np.concatenate(parts)
    rank = np.empty(len(_ORDER_OF_KINDS), np.int64)
    rank[list(_ORDER_OF_KINDS)] = range(len(_ORDER_OF_KINDS))
    return np.ascontiguousarray(events[np.lexsort((rank[events[:, 1]], events[:, 0]))])


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write in full, then rename: a reader never finds half a file. Figures that are no number become null."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(_plain(document), indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
