"""Quotes that the history has deleted, from the capture's Parquet files (`quotelife.recorder.capture_archive`), newest
first. It needs pyarrow. A page reads the newest files before its key first, and no more than a bounded number of them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from quotelife.dashboard.quote_fields import Decided
from quotelife.ledger.history import QuoteRow
from quotelife.ledger.quote_filter import QuoteFilter, QuoteKey
from quotelife.ledger.quote_state import EXPIRED, FILLED, PASSED, REFUSED, WITHDRAWN, QuoteState
from quotelife.metrics.labels import PASS_KINDS
from quotelife.recorder.parquet_parts import day_of, partition
from quotelife.runtime.clock import NS_PER_S
from quotelife_models.enums import TIERS

_MAX_FILES = 40  # that one page reads
_CHUNK = 1_000  # rows that are looked at together
_MAX_OPEN_NS = 60 * NS_PER_S  # no quote lives longer
_SIDES = ("bid", "offer")
_OF_A_SIDE = ("reason", "edge", "client_tier", "p_one_tick", "p_pick_off", "model_ms")
_COLUMNS = [
    *("kind", "quote_id", "request_id", "client", "session", "model", "market_state", "refusal", "parameters"),
    *("wall_ns", "side", "lifetime_ns", "valid_until_ns", "bid", "offer", "quantity"),
    *(f"{side}_{name}" for side in _SIDES for name in _OF_A_SIDE),
]
_ENDS: dict[str, QuoteState] = {"fill": FILLED, "cancel": WITHDRAWN, "pass": PASSED}
_SEARCHED = ("quote_id", "request_id", "client", "refusal", "bid_reason", "offer_reason")


class CapturedQuote(NamedTuple):
    row: QuoteRow
    decided: Decided


class _File(NamedTuple):
    """A file of decisions; `symbol` is None for multilegs."""

    newest_ns: int
    oldest_ns: int
    symbol: str | None
    path: Path


class CapturedQuotes:
    """Reads the folder of a capture, which need not exist."""

    def __init__(self, folder: Path) -> None:
        self._decisions, self._outcomes = folder / "decisions", folder / "outcomes"

    def __bool__(self) -> bool:
        """Whether there is a capture."""
        return self._decisions.is_dir()

    def page(self, before: QuoteKey, wanted: QuoteFilter, n: int) -> tuple[list[CapturedQuote], QuoteKey | None]:
        """The newest n quotes before a key, newest first, and the key to continue before; None at the end."""
        found: list[CapturedQuote] = []
        for read, file in enumerate(self._files(before, wanted)):
            found.sort(key=_key, reverse=True)
            if len(found) >= n and _key(found[n - 1]).wall_ns > file.newest_ns:
                return found[:n], _key(found[n - 1])
            if read == _MAX_FILES:
                return found[:n], _key(found[n - 1]) if len(found) >= n else QuoteKey(file.newest_ns + 1, "")
            found += self._quotes(file, before, wanted, n)
        found.sort(key=_key, reverse=True)
        return found[:n], _key(found[n - 1]) if len(found) > n else None

    def _files(self, before: QuoteKey, wanted: QuoteFilter) -> Iterator[_File]:
        """The files with quotes before a key, by their newest, the newest first."""
        last = f"day={day_of(before.wall_ns)}"
        days = sorted((day for day in self._decisions.glob("day=*") if day.name <= last), reverse=True)
        for day in days:
            files = [_described(path) for path in day.glob(f"{_folder(wanted.symbol)}/*.parquet")]
            known = [file for file in files if file is not None and file.oldest_ns <= before.wall_ns]
            yield from sorted(known, key=lambda file: file.newest_ns, reverse=True)

    def _quotes(self, file: _File, before: QuoteKey, wanted: QuoteFilter, n: int) -> list[CapturedQuote]:
        """The newest n quotes of a file that are wanted."""
        table = pq.read_table(file.path, columns=_COLUMNS, partitioning=None, filters=_filter(before, wanted))
        if wanted.text is not None:
            table = table.filter(_has_text(table, wanted.text, file.symbol))
        table = table.sort_by([("wall_ns", "descending")])
        outcomes = None if wanted.state == REFUSED or not len(table) else self._ends(file, table["wall_ns"])
        found: list[CapturedQuote] = []
        for start in range(0, len(table), _CHUNK):
            rows = table.slice(start, _CHUNK).to_pylist()
            ends = {} if outcomes is None else _by_quote(outcomes, [row["quote_id"] for row in rows])
            quotes = (_quote(row, file.symbol, ends.get(row["quote_id"])) for row in rows)
            found += [q for q in quotes if wanted.state in (None, q.row.state) and _key(q) < before]
            if len(found) >= n:
                break
        return found

    def _ends(self, file: _File, times_ns: pa.ChunkedArray) -> pa.Table | None:
        """What ended the quotes of a file; None where nothing was captured."""
        first, last = pc.min(times_ns).as_py(), pc.max(times_ns).as_py() + _MAX_OPEN_NS
        wanted = [("wall_ns", ">=", first), ("wall_ns", "<=", last), ("kind", "in", list(_ENDS))]
        folders = [self._outcomes / f"day={day}" / partition(file.symbol) for day in {day_of(first), day_of(last)}]
        tables = [
            pq.read_table(path, columns=["quote_id", "kind", "outcome", "wall_ns"], partitioning=None, filters=wanted)
            for folder in folders
            for path in folder.glob("*.parquet")
        ]
        return pa.concat_tables(tables) if tables else None


def _by_quote(outcomes: pa.Table, quote_ids: list[str | None]) -> dict[str, dict[str, Any]]:
    """By QuoteID the record that ended a quote."""
    found: dict[str, dict[str, Any]] = {}
    for end in outcomes.filter(pc.is_in(outcomes["quote_id"], pa.array(quote_ids, pa.string()))).to_pylist():
        known = found.get(end["quote_id"])
        if known is None or known["kind"] != "fill":  # a fill is final
            found[end["quote_id"]] = end
    return found


def _folder(symbol: str | None) -> str:
    return "symbol=*" if symbol is None else partition(symbol)


def _described(path: Path) -> _File | None:
    """None for a file that was merged meanwhile, or that has no row."""
    try:
        metadata = pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return None
    at = metadata.schema.names.index("wall_ns")
    groups = [metadata.row_group(group).column(at).statistics for group in range(metadata.num_row_groups)]
    if not groups:
        return None
    symbol = unquote(path.parent.name.partition("=")[2])
    known = None if path.parent.name == partition(None) else symbol
    return _File(max(group.max for group in groups), min(group.min for group in groups), known, path)


def _filter(before: QuoteKey, wanted: QuoteFilter) -> list[tuple[str, str, object]]:
    kind = "reject" if wanted.state == REFUSED else "quote"
    found: list[tuple[str, str, object]] = [("kind", "=", kind), ("wall_ns", "<=", before.wall_ns)]
    for name in ("client", "model"):
        if (value := getattr(wanted, name)) is not None:
            found.append((name, "=", value))
    return found


def _has_text(table: pa.Table, text: str, symbol: str | None) -> pa.ChunkedArray | pa.Array:
    if symbol is not None and text.lower() in symbol.lower():
        return pa.array([True] * len(table), pa.bool_())
    found = pa.array([False] * len(table), pa.bool_())
    for name in _SEARCHED:
        found = pc.or_(found, pc.fill_null(pc.match_substring(table[name], text, ignore_case=True), False))
    return found


def _quote(row: dict[str, Any], symbol: str | None, end: dict[str, Any] | None) -> CapturedQuote:
    refused = row["kind"] == "reject"
    sides = [side for side in _SIDES if row[f"{side}_reason"] is not None]
    decisive = min(sides, key=lambda side: float(row[f"{side}_model_ms"]), default=None)
    state: QuoteState = REFUSED if refused else EXPIRED if end is None else _ENDS[end["kind"]]
    ended_ns = None if refused else row["valid_until_ns"] if end is None else end["wall_ns"]
    because = None if end is None or end["outcome"] in (PASS_KINDS[0], "filled") else end["outcome"]
    quote = QuoteRow(
        number=0,
        quote_id=row["quote_id"],
        request_id=row["request_id"],
        session=row["session"],
        client=row["client"],
        symbol=symbol,
        side=row["side"],
        bid_ticks=row["bid"],
        offer_ticks=row["offer"],
        quantity_lots=row["quantity"],
        legs=1,
        model=row["model"],
        reason=row["refusal"] if refused else row[f"{decisive}_reason"] if decisive else "",
        lifetime_ns=row["lifetime_ns"],
        wall_ns=row["wall_ns"],
        valid_until_ns=row["valid_until_ns"],
        p_one_tick=max((row[f"{side}_p_one_tick"] for side in sides), default=None),
        p_pick_off=max((row[f"{side}_p_pick_off"] for side in sides), default=None),
        parameters=row["parameters"],
        state=state,
        because=because,
        ended_ns=ended_ns,
    )
    if decisive is None:
        return CapturedQuote(quote, Decided("", "", None))
    tier = TIERS[int(row[f"{decisive}_client_tier"])]
    return CapturedQuote(quote, Decided(row["market_state"] or "", tier, row[f"{decisive}_edge"]))


def _key(quote: CapturedQuote) -> QuoteKey:
    return QuoteKey(quote.row.wall_ns, quote.row.quote_id or quote.row.request_id)
