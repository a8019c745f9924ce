"""All quotes that there have been, newest first: of the journal those that the recorder has not stored yet, then of its
history. A cursor is the key of the last quote of a page, so that pages fit together while quotes are added."""

from quotelife.config import Config
from quotelife.config.paths import data_paths
from quotelife.dashboard.quote_fields import Event, QuoteFields
from quotelife.explain.lookup import QuoteLookup
from quotelife.ledger.history import HistoryReader, QuoteRow
from quotelife.ledger.quote_filter import QuoteFilter, QuoteKey
from quotelife.ledger.quote_state import REFUSED
from quotelife.runtime.clock import NS_PER_MS

_MAX_SCANNED = 20_000  # rows that one page looks through


class QuoteHistory:
    """Reads the journal and the history of one configuration. One thread at a time."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._history = HistoryReader(data_paths(config).history)
        self._fields = QuoteFields(config)

    def knows_client(self, name: str) -> bool:
        """Whether a client is configured, or was."""
        return any(client.name == name for client in self._config.client) or self._history.knows_client(name)

    def page(self, wanted: QuoteFilter, before: QuoteKey | None, n: int) -> dict[str, object]:
        """At most n quotes before a key, with their outcomes, and the cursor of the next page; None at the end. A page
        may have fewer quotes than n, or none, and still be followed by another: it looks through a bounded number.
        HistoryError if the history cannot be read."""
        lookup = QuoteLookup(self._config, self._history)
        rows, following = self._history.quotes_before(before, wanted, n, _MAX_SCANNED)
        rows = [lookup.in_present_state(row) for row in rows]
        known = {key_of(row) for row in rows}
        newer = [row for row in lookup.newer() if (before is None or key_of(row) < before) and matches(row, wanted)]
        merged = sorted([*rows, *(row for row in newer if key_of(row) not in known)], key=key_of, reverse=True)
        page = merged[:n]
        if len(merged) > n:
            following = key_of(page[-1])
        return {
            "quotes": [self._document(row, lookup) for row in page],
            "next": None if following is None else following.cursor,
        }

    def _document(self, row: QuoteRow, lookup: QuoteLookup) -> Event:
        quote_id = row.quote_id or ""
        multileg = row.symbol is None and bool(quote_id)
        record = lookup.record(quote_id) if quote_id else None
        event = self._fields.quote(row, record, lookup.legs(quote_id) if multileg else [])
        ended_ms = None if row.ended_ns is None else row.ended_ns / NS_PER_MS
        why = row.reason if row.state == REFUSED else row.because or ""
        return event | {"outcome": row.state, "ended_ms": ended_ms, "why": why}


def key_of(row: QuoteRow) -> QuoteKey:
    return QuoteKey(row.wall_ns, row.quote_id or row.request_id)


def matches(row: QuoteRow, wanted: QuoteFilter) -> bool:
    """Whether a quote of the journal is wanted, as `HistoryReader.quotes_before` finds those of the history."""
    if (row.quote_id is None) != (wanted.state == REFUSED):
        return False
    pairs = ((row.client, wanted.client), (row.symbol, wanted.symbol), (row.model, wanted.model))
    if any(value is not None and value != found for found, value in (*pairs, (row.state, wanted.state))):
        return False
    searched = (row.quote_id, row.request_id, row.client, row.symbol, row.reason, row.because)
    return wanted.text is None or any(wanted.text.lower() in (text or "").lower() for text in searched)
