"""Finding quotes: in the history, and what is newer than it in the journal ring."""

from collections.abc import Iterator
from typing import NamedTuple

from quotelife.config import Config
from quotelife.config.paths import data_paths
from quotelife.journal import layout as J
from quotelife.journal.decided import sides
from quotelife.journal.ring import JournalError, Reader, Record
from quotelife.ledger.history import FILLED, History, Hit, Quote, as_of
from quotelife.recorder.history_rows import Rows, ending

_HITS = (J.KIND_FILL, J.KIND_HIT_REFUSED)


class Found(NamedTuple):
    """A quote, its journal record (None if it is no longer kept), the hits on it, oldest first, and of a multileg the
    records of its legs."""

    quote: Quote
    record: Record | None
    hits: list[Hit]
    legs: list[Record]


class Finder:
    """Looks once at what there is; every answer is of that moment."""

    def __init__(self, config: Config) -> None:
        self._history = History.open_readonly(data_paths(config).history)
        self._rows = Rows(config)
        self._quotes: dict[str, Record] = {}
        self._legs: dict[str, list[Record]] = {}
        self._later: dict[str, list[Record]] = {}
        for record in _newer(config, self._history.position()):
            if record.words[J.KIND] == J.KIND_QUOTE:
                self._quotes[record.quote_id] = record
            elif record.words[J.KIND] == J.KIND_LEG:
                self._legs.setdefault(record.quote_id, []).append(record)
            elif record.words[J.KIND] != J.KIND_REJECT:
                self._later.setdefault(record.quote_id, []).append(record)

    def find(self, quote_id: str) -> Found | None:
        """The quote of that id; None if it is not known, or not any more."""
        newest = self._quotes.get(quote_id)
        quote = self._rows.quote(newest, sides(newest)) if newest is not None else self._history.quote(quote_id)
        if quote is None:
            return None
        record = newest if newest is not None else self._history.record(quote_id)
        hits = self._history.hits(quote_id)
        for later in self._later.get(quote_id, []):
            if later.words[J.KIND] in _HITS:
                hits.append(self._rows.hit(later))
            if later.words[J.KIND] != J.KIND_HIT_REFUSED and quote.state != FILLED:  # a fill stands
                state, ended_ns, because = ending(later)
                quote = quote._replace(state=state, ended_ns=ended_ns, because=because)
        legs = self._legs.get(quote_id) or self._history.legs(quote_id)
        return Found(as_of(quote), record, hits, legs)

    def last(self, n: int) -> list[str]:
        """QuoteIDs of the newest n quotes, newest first."""
        newest = list(reversed(self._quotes))[:n]
        older = (quote.quote_id for quote in self._history.last(n) if quote.quote_id not in self._quotes)
        return [*newest, *(quote_id for quote_id in older if quote_id is not None)][:n]


def _newer(config: Config, position: tuple[int, int] | None) -> Iterator[Record]:
    """What stands in the ring and not yet in the history."""
    path = data_paths(config).journal
    try:
        reader = Reader(path, from_start=True)
        same = position is not None and path.stat().st_ino == position[0]
    except (OSError, JournalError):
        return
    if same and position is not None:
        reader.position = min(max(reader.position, position[1]), reader.end)
    yield from reader.read()
