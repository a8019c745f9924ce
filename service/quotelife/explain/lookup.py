"""Finds quotes: in the history, and in the journal ring those that are newer than the history."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from quotelife.config import Config
from quotelife.config.paths import data_paths
from quotelife.decision.refusal import REFUSALS
from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.journal.ring import Reader
from quotelife.ledger.history import ClientRejectRow, HistoryReader, HitRow, QuoteRow, in_present_state
from quotelife.ledger.history_rows import HistoryRows, final_state
from quotelife.ledger.quote_state import FILLED
from quotelife.shm.region import RegionError

_HITS = (J.KIND_FILL, J.KIND_HIT_REFUSED)
_OUTCOMES = (*_HITS, J.KIND_CANCEL, J.KIND_PASS)


class RecordedQuote(NamedTuple):
    """A quote, its journal record (None if that has been deleted), its hits, oldest first, the records of its legs, and
    what its request stated, as a JSON document or empty, and what its client did not accept."""

    quote: QuoteRow
    record: Record | None
    hits: list[HitRow]
    legs: list[Record]
    terms: str = ""
    rejects: Sequence[ClientRejectRow] = ()


class QuoteLookup:
    """Reads the journal once; every answer is as of that moment."""

    def __init__(self, config: Config, history: HistoryReader | None = None) -> None:
        self._history = history or HistoryReader(data_paths(config).history)
        self._rows = HistoryRows(config, REFUSALS)
        self._quotes: dict[str, Record] = {}
        self._newer: list[Record] = []
        self._legs: dict[str, list[Record]] = {}
        self._terms: dict[str, str] = {}
        self._outcomes: dict[str, list[Record]] = {}
        self._rejects: dict[str, list[ClientRejectRow]] = {}
        for record in _newer_records(config, self._history.position()):
            if record.kind in (J.KIND_QUOTE, J.KIND_INDICATIVE, J.KIND_REJECT):
                self._newer.append(record)
            if record.kind in (J.KIND_QUOTE, J.KIND_INDICATIVE):
                self._quotes[record.quote_id] = record
            elif record.kind == J.KIND_LEG:
                self._legs.setdefault(record.quote_id, []).append(record)
            elif record.kind == J.KIND_TERMS:
                self._terms[record.quote_id] = record.terms
            elif record.kind == J.KIND_CLIENT_REJECT:
                self._rejects.setdefault(record.quote_id, []).append(self._rows.client_reject(record))
            elif record.kind in _OUTCOMES:
                self._outcomes.setdefault(record.quote_id, []).append(record)

    def find(self, quote_id: str) -> RecordedQuote | None:
        """The quote with an id; None if it is unknown or has been deleted."""
        newest = self._quotes.get(quote_id)
        quote = self._rows.quote(newest, newest.sides) if newest is not None else self._history.quote(quote_id)
        if quote is None:
            return None
        record = newest if newest is not None else self._history.record(quote_id)
        newer_hits = (self._rows.hit(each) for each in self._outcomes.get(quote_id, []) if each.kind in _HITS)
        hits = [*self._history.hits(quote_id), *newer_hits]
        legs = self.legs(quote_id)
        terms = self._terms.get(quote_id) or self._history.terms(quote_id)
        rejects = self._history.client_rejects(quote_id) + self._rejects.get(quote_id, [])
        return RecordedQuote(self.in_present_state(quote), record, hits, legs, terms, rejects)

    def in_present_state(self, quote: QuoteRow) -> QuoteRow:
        """A quote with the outcome that the history does not know yet."""
        for outcome in self._outcomes.get(quote.quote_id or "", []):
            if outcome.kind != J.KIND_HIT_REFUSED and quote.state != FILLED:  # a fill is final
                state, ended_ns, because = final_state(outcome)
                quote = quote._replace(state=state, ended_ns=ended_ns, because=because)
        return in_present_state(quote)

    def newer(self) -> list[QuoteRow]:
        """The quotes that are not in the history yet, newest first, and refusals."""
        return [self.in_present_state(self._rows.quote(each, each.sides)) for each in reversed(self._newer)]

    def legs(self, quote_id: str) -> list[Record]:
        """The records of a quote's legs."""
        return self._legs.get(quote_id) or self._history.legs(quote_id)

    def record(self, quote_id: str) -> Record | None:
        """The record of a quote; None if there is none that this version can read."""
        return self._quotes.get(quote_id) or self._history.record(quote_id)

    def newest(self, n: int) -> list[str]:
        """QuoteIDs of the newest n quotes, newest first."""
        newest = list(reversed(self._quotes))[:n]
        older = (quote.quote_id for quote in self._history.newest(n) if quote.quote_id not in self._quotes)
        return [*newest, *(quote_id for quote_id in older if quote_id is not None)][:n]


def ring_records(config: Config, quote_id: str) -> list[Record]:
    """What the journal still has of a quote, oldest first: with monotonic times, which the history lacks."""
    try:
        return Reader(data_paths(config).journal).of_quote(quote_id)
    except RegionError:
        return []


def _newer_records(config: Config, position: tuple[int, int] | None) -> Iterator[Record]:
    """Records in the ring that are not yet in the history."""
    path = data_paths(config).journal
    try:
        reader = Reader(path, from_start=True)
    except RegionError:
        return
    if position is not None and reader.inode == position[0]:
        reader.position = min(max(reader.position, position[1]), reader.end)
    yield from reader.read()
