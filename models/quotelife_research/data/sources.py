"""Reads sessions for calibration and backtest from the files of a folder or from the order-by-order sample.

A session is one symbol on one UTC day, or the part of the day inside a span, as events for
`quotelife_research.data.replay`.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from quotelife.market.capture.layout import NO_PRICE
from quotelife.report.provenance import DataFile, data_file
from quotelife_research.data import captures, l3
from quotelife_research.data.files import DataError, Source
from quotelife_research.data.rows import (
    DAY_NS,
    EPOCH,
    PRICES,
    days_of,
    files_with_rows,
    has_quotes,
    read_quotes,
    read_rows,
)
from quotelife_research.data.session import CORRELATED, ORDER, PRINT, QUOTE, Array, Session
from quotelife_research.data.ticks import check_lot, check_tick, inferred_tick

_ORDER_OF_KINDS = (PRINT, CORRELATED, QUOTE, ORDER)  # at equal times: a trade precedes the change of its book

SAMPLE_SYMBOL = "BTC-USD"
_AGGRESSOR = np.array([1, -1, 0])  # by the side of a trade in the orders; side -1 is unknown
_MOST_DAYS = 7  # that a message lists one by one
_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?")


@dataclass(frozen=True)
class Span:
    """A time span in UTC nanoseconds; an end that is a day includes the whole day."""

    text: str
    first_ns: int
    end_ns: int

    @classmethod
    def parse(cls, text: str) -> "Span":
        """Parse `2013-10-07..2013-10-08`, one day, or `2026-05-02T12:00..2026-05-02T12:20`; ValueError otherwise."""
        first, dots, last = text.strip().partition("..")
        last = last if dots else first
        end_ns = _ns(last) + (0 if "T" in last else DAY_NS)
        if end_ns <= _ns(first):
            raise ValueError(f"{text}: ends before it begins")
        return cls(f"{first.strip()}..{last.strip()}", _ns(first), end_ns)

    def days(self) -> list[date]:
        first, last = self.first_ns // DAY_NS, (self.end_ns - 1) // DAY_NS
        return [EPOCH + timedelta(days=n) for n in range(first, last + 1)]

    def __str__(self) -> str:
        return self.text


def _ns(text: str) -> int:
    """UTC nanoseconds of a day such as 2013-10-07 or a time such as 2013-10-07T09:30; ValueError otherwise."""
    if not _TIME.fullmatch(text.strip()):
        raise ValueError(f"{text.strip()!r} is no day and no time without offset")
    at = datetime.fromisoformat(text.strip()).replace(tzinfo=UTC)
    return (int(at.timestamp()) * 1_000_000 + at.microsecond) * 1000


def sessions(source: Source, spans: list[Span]) -> Iterator[Session]:
    """The symbol's sessions inside these spans, in time order; days without quotes are skipped."""
    known = set(days_of(source))
    parts = {(day, span) for span in spans for day in span.days() if day in known}
    for day, span in sorted(parts, key=lambda part: (part[0], part[1].first_ns)):
        start = (day - EPOCH).days * DAY_NS
        first, end = max(start, span.first_ns), min(start + DAY_NS, span.end_ns)
        if source.captured:
            found = _captured(source, day, first, end)
            if found is not None:
                yield found
            continue
        by_order = any(path.parents[1].name == f"day={day}" for path in source.orders)
        stream, tick = (_orders if by_order else _quoted)(source, day, first, end)
        if len(stream):
            other, correlated_tick = _correlated(source.correlated, day, first, end)
            yield Session(source.symbol, day.isoformat(), tick, correlated_tick, _merge([stream, other]))


def check_spans(data: Path, found: Iterable[Source], option: str, spans: list[Span]) -> None:
    """DataError if there is no symbol, or if one of the option's spans has no quotes of any."""
    group = list(found)
    if not group:
        raise DataError(
            f"{data}: no market data; allowed: a folder written by import, a capture, or a folder with "
            "<SYMBOL>_*_quotes.parquet"
        )
    for span in spans:
        if not any(has_quotes(source, span.first_ns, span.end_ns) for source in group):
            days = sorted({day for source in group for day in days_of(source)})
            known = ", ".join(map(str, days)) if len(days) <= _MOST_DAYS else f"{len(days)} days, {days[0]}..{days[-1]}"
            raise DataError(f"{option} {span}: no quotes in {data}; it has {known or 'no day with quotes'}")


def data_files(source: Source, spans: list[Span]) -> list[DataFile]:
    """The files of a symbol, and of those that it is read with, that have rows in the spans, with their hashes."""
    known = [each for each in (source, source.correlated, source.volatility_index) if each is not None]
    paths = {path for each in known for s in spans for path in files_with_rows(each, s.first_ns, s.end_ns)}
    return [data_file(path) for path in sorted(paths)]


def _captured(source: Source, day: date, first: int, end: int) -> Session | None:
    """The session of a captured symbol with its related symbols; None without events of the symbol itself."""
    of = (source, source.correlated, source.volatility_index)
    events = captures.read([other.events if other else [] for other in of], day, first, end)
    if not len(events):
        return None
    tick, correlated, index = (other.tick or 0.0 if other and other.events else 0.0 for other in of)
    return Session(source.symbol, day.isoformat(), tick, correlated, events, index, source.sentiment_half_life_s)


def _quoted(source: Source, day: date, first: int, end: int) -> tuple[Array, float]:
    quotes = read_quotes(source.quotes, day, first, end)
    if quotes.is_empty():
        return np.zeros((0, 6), np.int64), 0.0
    tick = source.tick or inferred_tick(source, day, quotes["bid_px"], quotes["ask_px"])
    trades = read_rows(source.trades, day, first, end, ("px", "sz"))
    if source.tick:
        check_tick(source, day, quotes, "bid_px", "ask_px")
        check_tick(source, day, trades, "px")
    check_lot(source, day, quotes, "bid_sz", "ask_sz")
    check_lot(source, day, trades, "sz")
    return np.concatenate((_quotes(quotes, tick, source.lot), _prints(trades, tick, source.lot))), tick


def _orders(source: Source, day: date, first: int, end: int) -> tuple[Array, float]:
    """Order-by-order events; a part that begins inside the day starts with the resting orders at that time."""
    start = (day - EPOCH).days * DAY_NS
    rows = read_rows(source.orders, day, start, end, ())
    if rows.is_empty():
        return np.zeros((0, 6), np.int64), 0.0
    events = np.zeros(len(rows), l3.EVENT)
    for name in l3.EVENT.names or ():
        events[name] = rows[name].to_numpy()
    cut = int(np.searchsorted(events["ts_ns"], first))
    if cut:
        events = np.concatenate((_resting(events[:cut]), events[cut:]))
    return _order_events(events), source.tick or 1.0


def sample_sessions(folder: Path, share: float) -> tuple[Session, Session]:
    """The order-by-order sample split in time: its first `share`, and the rest, which starts with the orders resting
    at that time."""
    events = l3.read_l3(folder)
    cut = l3.split_in_time(events, share)
    halves = (events[:cut], np.concatenate((_resting(events[:cut]), events[cut:])))
    first, second = (_sample(half, name) for half, name in zip(halves, ("first", "last"), strict=True))
    return first, second


def _sample(events: l3.Events, part: str) -> Session:
    return Session(SAMPLE_SYMBOL, f"sample, {part} part", float(l3.TICK), 0.0, _order_events(events))


def _order_events(events: l3.Events) -> Array:
    columns = _columns(events["ts_ns"], ORDER, events["id"], events["side"], events["px_ticks"], events["size_lots"])
    traded = events["kind"] == l3.TRADE
    columns[traded, 1:] = _columns(
        events["ts_ns"][traded],
        PRINT,
        events["px_ticks"][traded],
        events["size_lots"][traded],
        _AGGRESSOR[events["side"][traded]],
    )[:, 1:]
    return columns


def _resting(events: l3.Events) -> l3.Events:
    """The orders resting after these events, as additions at the time of the last event."""
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


def _columns(ts_ns: npt.ArrayLike, kind: int, *values: npt.ArrayLike) -> Array:
    ts_ns = np.asarray(ts_ns, np.int64)
    events = np.zeros((len(ts_ns), 6), np.int64)
    events[:, 0], events[:, 1] = ts_ns, kind
    for i, value in enumerate(values):
        events[:, 2 + i] = value
    return events


def _ticks(prices: pl.Series, tick: float) -> Array:
    """Prices in ticks; 0 for one that is absent."""
    return np.rint(prices.fill_null(0.0).to_numpy() / tick).astype(np.int64)


def _lots(sizes: pl.Series, lot: float) -> Array:
    return np.rint(sizes.to_numpy() / lot).astype(np.int64)


def _quotes(rows: pl.DataFrame, tick: float, lot: float) -> Array:
    bid, ask = _ticks(rows["bid_px"], tick), _ticks(rows["ask_px"], tick)
    return _columns(rows["ts_ns"], QUOTE, bid, _lots(rows["bid_sz"], lot), ask, _lots(rows["ask_sz"], lot))


def _prints(rows: pl.DataFrame, tick: float, lot: float) -> Array:
    if rows.is_empty():
        return np.zeros((0, 6), np.int64)
    aggressor = rows["aggressor"].fill_null(0).to_numpy() if "aggressor" in rows.columns else 0
    return _columns(rows["ts_ns"], PRINT, _ticks(rows["px"], tick), _lots(rows["sz"], lot), aggressor)


def _correlated(source: Source | None, day: date, first: int, end: int) -> tuple[Array, float]:
    """Quotes of the correlated instrument; without quotes, one tick on either side of each trade."""
    nothing = np.zeros((0, 6), np.int64), 0.0
    if source is None:
        return nothing
    rows = read_quotes(source.quotes, day, first, end)
    if not rows.is_empty():
        tick = source.tick or inferred_tick(source, day, rows["bid_px"], rows["ask_px"])
        if source.tick:
            check_tick(source, day, rows, "bid_px", "ask_px")
        bid, ask = (np.where(rows[name].is_null().to_numpy(), NO_PRICE, _ticks(rows[name], tick)) for name in PRICES)
        return _columns(rows["ts_ns"], CORRELATED, bid, ask), tick
    rows = read_rows(source.trades, day, first, end, ("px", "sz"))
    if rows.is_empty():
        return nothing
    tick = source.tick or inferred_tick(source, day, rows["px"])
    if source.tick:
        check_tick(source, day, rows, "px")
    px = _ticks(rows["px"], tick)
    return _columns(rows["ts_ns"], CORRELATED, px - 1, px + 1), tick


def _merge(parts: list[Array]) -> Array:
    events = np.concatenate(parts)
    rank = np.empty(len(_ORDER_OF_KINDS), np.int64)
    rank[list(_ORDER_OF_KINDS)] = range(len(_ORDER_OF_KINDS))
    return np.ascontiguousarray(events[np.lexsort((rank[events[:, 1]], events[:, 0]))])


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write the file atomically, by renaming; NaN and infinity become null."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(_plain(document), indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
