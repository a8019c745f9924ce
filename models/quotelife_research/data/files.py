"""The market-data files of a folder, by symbol, and the correlated symbol of each.

Three layouts are read: a capture of the service's recorder; the output of `quotelife import`,
`day=<DAY>/symbol=<SYMBOL>/{quotes,trades,orders}.parquet` with `instruments.json` (of each symbol its tick, and
optionally its lot and its correlated symbol); and plain files, `<SYMBOL>_<anything>_quotes.parquet` and
`<SYMBOL>_<anything>_trades.parquet`, with any number of days each and the tick inferred from the prices. Columns:
quotes `ts_ns, bid_px, ask_px` and optionally `bid_sz, ask_sz`, where a side without a price or with size 0 is gone;
trades `ts_ns, px, sz` and optionally `aggressor` (1 bought, -1 sold, 0 unknown); orders
`ts_ns, kind, id, side, px_ticks, size_lots` as in `quotelife_research.data.l3`.

Unless specified, the correlated symbol is found among the symbols of the folder with a common day: a symbol with trades
only (an index) is the correlated instrument of the others; otherwise two quoted symbols are correlated with each other.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

INSTRUMENTS = "instruments.json"
CAPTURED = "events"  # this folder exists only in a capture
_CAPTURE_KEYS = ("sentiment_half_life_s", "quotable", "correlated", "volatility_index")


class DataError(Exception):
    """Unusable data; the text names the file and the problem."""


@dataclass
class Source:
    """The files of one symbol."""

    symbol: str
    quotes: list[Path] = field(default_factory=list)
    trades: list[Path] = field(default_factory=list)
    orders: list[Path] = field(default_factory=list)
    events: list[Path] = field(default_factory=list)  # of a capture
    tick: float | None = None  # inferred from the prices if None
    lot: float = 1.0  # the size of a lot in the unit of the file's sizes
    correlated: "Source | None" = None
    volatility_index: "Source | None" = None
    sentiment_half_life_s: float = 60.0
    quotable: bool = True

    @property
    def captured(self) -> bool:
        return bool(self.events)

    @property
    def quoted(self) -> bool:
        return bool(self.quotes or self.orders or (self.events and self.quotable))


def symbols_in(data: Path) -> dict[str, Source]:
    """The quoted symbols under a folder. DataError if `instruments.json` cannot be used."""
    if (data / CAPTURED).is_dir():
        return {symbol: source for symbol, source in _captured(data).items() if source.quoted}
    found: dict[str, Source] = {}
    neutral = (data / INSTRUMENTS).is_file()
    for group in [_imported(data)] if neutral else [_plain_files(f) for f in _folders(data)]:
        for source in group.values():
            if source.correlated is None:
                source.correlated = _companion(source, group)
            if source.quoted and source.symbol in found:
                other = found[source.symbol]
                raise DataError(f"{source.quotes[0]}: {source.symbol} also has quotes in {other.quotes[0].parent}")
            if source.quoted:
                found[source.symbol] = source
    return found


def _captured(data: Path) -> dict[str, Source]:
    """The symbols of a capture."""
    known = read_instruments(
        data / INSTRUMENTS, ("sentiment_half_life_s", "quotable", "correlated", "volatility_index")
    )
    group = {
        symbol: Source(
            symbol,
            tick=values["tick"],
            sentiment_half_life_s=values["sentiment_half_life_s"],
            quotable=values["quotable"],
        )
        for symbol, values in known.items()
    }
    for path in sorted((data / CAPTURED).glob("day=*/symbol=*/part-*.parquet")):
        symbol = unquote(path.parent.name.partition("=")[2])
        if symbol in group:
            group[symbol].events.append(path)
    for symbol, values in known.items():
        for role in ("correlated", "volatility_index"):
            setattr(group[symbol], role, _related(data, group, symbol, role, values[role]))
    return group


def read_instruments(path: Path, keys: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    """Ticks and relations of the symbols of a folder, each with a positive tick and these keys; DataError otherwise."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {error}") from None
    if not isinstance(known, dict) or not all(isinstance(values, dict) for values in known.values()):
        raise DataError(f"{path}: allowed: an object with the tick of each symbol")
    for symbol, values in known.items():
        for key in keys:
            if key not in values:
                raise DataError(f"{path}: {symbol} has no {key}; required: tick{''.join(f', {k}' for k in keys)}")
        tick = values.get("tick")
        if not is_tick(tick):
            raise DataError(f"{path}: {symbol}: tick = {tick!r}: allowed: a positive number")
        if not is_tick(values.get("lot", 1.0)):
            raise DataError(f"{path}: {symbol}: lot = {values['lot']!r}: allowed: a positive number")
    return known


def is_tick(tick: Any) -> bool:
    """Whether this can be a price step: a positive finite number."""
    return isinstance(tick, int | float) and not isinstance(tick, bool) and math.isfinite(tick) and tick > 0


def _related(data: Path, group: dict[str, Source], symbol: str, role: str, name: str | None) -> Source | None:
    """The symbol's correlated instrument or volatility index; None without one."""
    if name is not None and name not in group:
        verb = "is correlated with" if role == "correlated" else "has the volatility index"
        raise DataError(
            f"{data / INSTRUMENTS}: {symbol} {verb} {name}, which was not imported; allowed: {', '.join(sorted(group))}"
        )
    return group.get(name) if name is not None else None


def _folders(data: Path) -> list[Path]:
    return sorted({path.parent for path in data.rglob("*_quotes.parquet")})


def _plain_files(folder: Path) -> dict[str, Source]:
    group: dict[str, Source] = {}
    for path in sorted(folder.glob("*.parquet")):
        kind = path.stem.rpartition("_")[2]
        if kind in ("quotes", "trades"):
            symbol = path.stem.partition("_")[0]
            getattr(group.setdefault(symbol, Source(symbol)), kind).append(path)
    return group


def _imported(data: Path) -> dict[str, Source]:
    known = read_instruments(data / INSTRUMENTS)
    group = {
        symbol: Source(symbol, tick=values["tick"], lot=values.get("lot", 1.0)) for symbol, values in known.items()
    }
    for path in sorted(data.glob("day=*/symbol=*/*.parquet")):
        symbol = unquote(path.parent.name.partition("=")[2])
        if symbol in group and path.stem in ("quotes", "trades", "orders"):
            getattr(group[symbol], path.stem).append(path)
    for symbol, values in known.items():
        group[symbol].correlated = _related(data, group, symbol, "correlated", values.get("correlated"))
    return group


def _companion(source: Source, group: dict[str, Source]) -> Source | None:
    """The correlated instrument according to the rule above."""
    mates = [s for name, s in sorted(group.items()) if s is not source and _share_a_day(source, s)]
    index = next((s for s in mates if not s.quoted), None)
    if index is not None or not source.quoted:
        return index
    quoted = [s for s in mates if s.quoted]
    return quoted[0] if len(quoted) == 1 else None


def _share_a_day(a: Source, b: Source) -> bool:
    """Whether both have files of a common day; assumed for plain files."""
    days = [{p.parents[1].name for p in (*s.quotes, *s.trades, *s.orders) if "=" in p.parents[1].name} for s in (a, b)]
    return not (days[0] and days[1]) or bool(days[0] & days[1])
