"""All quotes that there have been, newest first: of the journal those that the recorder has not stored yet, then of its
history, then of its capture those that the history has deleted.

A cursor is the key of the last quote of a page, so that pages fit together while quotes are added.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from quotelife.config import Config
from quotelife.config.paths import data_paths
from quotelife.dashboard.quote_fields import Decided, Event, QuoteFields, decided
from quotelife.explain.lookup import QuoteLookup
from quotelife.journal.record import Record
from quotelife.ledger.history import HistoryReader, QuoteRow
from quotelife.ledger.quote_filter import QuoteFilter, QuoteKey
from quotelife.ledger.quote_state import REFUSED
from quotelife.runtime.clock import NS_PER_MS, wall_ns

if TYPE_CHECKING:
    from quotelife.dashboard.captured_quotes import CapturedQuotes  # needs pyarrow

_MAX_SCANNED = 20_000  # rows of the history that one page looks through
NO_PYARROW = "Older quotes are in the capture, which cannot be read here: pyarrow is not installed (extra [capture])."


class QuoteHistory:
    """Reads the journal, the history and the capture of one configuration. One thread at a time."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._history = HistoryReader(data_paths(config).history)
        self._fields = QuoteFields(config)
        self._captured: CapturedQuotes | None = None
        self.has_pyarrow = find_spec("pyarrow") is not None

    def knows_client(self, name: str) -> bool:
        """Whether a client is configured, or was."""
        return any(client.name == name for client in self._config.client) or self._history.knows_client(name)

    def page(self, wanted: QuoteFilter, before: QuoteKey | None, n: int) -> dict[str, object]:
        """At most n quotes before a key, with their outcomes, and the cursor of the next page; None at the end. A page
        may have fewer quotes than n, or none, and still be followed by another: it looks through a bounded number.
        `note` says what is missing, if anything. HistoryError if the history cannot be read."""
        quotes, following = self._recorded(wanted, before, n)
        note = ""
        if following is None and len(quotes) < n and data_paths(self._config).capture.is_dir():
            if self.has_pyarrow:
                more, following = self._from_capture(wanted, before, n - len(quotes))
                quotes += more
            else:
                note = NO_PYARROW
        return {"quotes": quotes, "next": None if following is None else following.cursor, "note": note}

    def _recorded(self, wanted: QuoteFilter, before: QuoteKey | None, n: int) -> tuple[list[Event], QuoteKey | None]:
        """Of the journal and the history."""
        lookup = QuoteLookup(self._config, self._history)
        rows, following = self._history.quotes_before(before, wanted, n, _MAX_SCANNED)
        rows = [lookup.in_present_state(row) for row in rows]
        known = {key_of(row) for row in rows}
        newer = [row for row in lookup.newer() if (before is None or key_of(row) < before) and matches(row, wanted)]
        merged = sorted([*rows, *(row for row in newer if key_of(row) not in known)], key=key_of, reverse=True)
        if len(merged) > n:
            following = key_of(merged[n - 1])
        return [self._found(row, lookup) for row in merged[:n]], following

    def _from_capture(
        self, wanted: QuoteFilter, before: QuoteKey | None, n: int
    ) -> tuple[list[Event], QuoteKey | None]:
        """Of the capture, what is older than the history."""
        if self._captured is None:
            from quotelife.dashboard.captured_quotes import CapturedQuotes

            self._captured = CapturedQuotes(data_paths(self._config).capture)
        oldest_ns = self._history.oldest_ns()
        start = QuoteKey(wall_ns() if oldest_ns is None else oldest_ns, "")
        found, following = self._captured.page(start if before is None else min(before, start), wanted, n)
        return [self._event(each.row, each.decided, []) for each in found], following

    def _found(self, row: QuoteRow, lookup: QuoteLookup) -> Event:
        quote_id = row.quote_id or ""
        is_multileg = row.symbol is None and bool(quote_id)
        by = decided(lookup.record(quote_id)) if quote_id else None
        return self._event(row, by, lookup.legs(quote_id) if is_multileg else [])

    def _event(self, row: QuoteRow, by: Decided | None, legs: list[Record]) -> Event:
        ended_ms = None if row.ended_ns is None else row.ended_ns / NS_PER_MS
        why = row.reason if row.state == REFUSED else row.because or ""
        return self._fields.quote(row, by, legs) | {"outcome": row.state, "ended_ms": ended_ms, "why": why}


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
