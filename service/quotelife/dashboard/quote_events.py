"""Quote events for display, read from the journal: quotes, their outcomes, and refusals."""

from pathlib import Path
from typing import NamedTuple

from quotelife.config import Config
from quotelife.dashboard.quote_fields import Event, QuoteFields, decided
from quotelife.decision.refusal import REFUSALS
from quotelife.journal import layout as J
from quotelife.journal.follower import JournalFollower
from quotelife.journal.record import Record
from quotelife.ledger.history_rows import HistoryRows
from quotelife.ledger.quote_state import FILLED, PASSED, WITHDRAWN
from quotelife.metrics.labels import CANCEL_REASONS, CLIENT_REJECTS, HIT_OUTCOMES, PASS_KINDS
from quotelife.runtime.clock import NS_PER_MS, wall_ns
from quotelife_models.enums import MARKET_STATES, MODELS, SIDE_TEXTS


class Batch(NamedTuple):
    """New events, and the number of quotes left out."""

    events: list[Event]
    left_out: int


class QuoteEventReader:
    """Follows the journal, which need not exist yet. `lost` counts records overwritten before they were read."""

    def __init__(self, config: Config, journal: Path) -> None:
        self._follower = JournalFollower(journal)
        self._rows, self._fields = HistoryRows(config, REFUSALS), QuoteFields(config)
        self._legs: list[Record] = []

    @property
    def lost(self) -> int:
        return self._follower.lost

    def read(self, max_quotes: int | None = None) -> Batch:
        """Events since the last call; on the first call the open quotes and the latest refusals.

        Of more than `max_quotes` new quotes an even sample is returned: nobody could read all of them, and encoding
        them takes longer than storing them.
        """
        is_first = self._follower.position is None
        now_ns = wall_ns()
        records = list(self._follower.read())
        if is_first:
            return Batch(_current(self._events(records, 1), now_ns), 0)
        quotes = sum(record.kind == J.KIND_QUOTE for record in records)
        step = max(-(-quotes // max_quotes), 1) if max_quotes else 1
        return Batch(self._events(records, step), int(quotes) - len(range(0, quotes, step)))

    def _events(self, records: list[Record], step: int) -> list[Event]:
        """One in `step` quotes, and all other events."""
        events, n_quotes = [], 0
        for record in records:
            if record.kind == J.KIND_QUOTE:
                n_quotes += 1
                if (n_quotes - 1) % step:
                    self._legs = []
                    continue
            if (event := self._event(record)) is not None:
                events.append(event)
        return events

    def _event(self, record: Record) -> Event | None:
        kind = record.kind
        if kind == J.KIND_CONFIGURATION:
            return None
        if kind == J.KIND_LEG:
            self._legs.append(record)
            return None
        if kind == J.KIND_TERMS:
            return None
        legs, self._legs = self._legs, []
        if kind == J.KIND_QUOTE:
            return self._quote(record, legs)
        if kind == J.KIND_INDICATIVE:
            return self._quote(record, legs) | {"kind": "indicative"}
        if kind == J.KIND_REJECT:
            return self._common(record, "reject") | {"reason": _at(REFUSALS, record.outcome)}
        event: Event = {"id": record.quote_id, "at_ms": _ms(record.wall_ns)}
        if kind == J.KIND_FILL:
            after_ms = _ms(record.lifetime_ns)
            return event | {"kind": "end", "state": FILLED, "after_ms": after_ms}
        if kind == J.KIND_CANCEL:
            return event | {"kind": "end", "state": WITHDRAWN, "why": _at(CANCEL_REASONS, record.outcome)}
        if kind == J.KIND_PASS:
            ending = _at(PASS_KINDS, record.outcome)
            return event | {"kind": "end", "state": PASSED} | ({"why": ending} if ending != PASSED else {})
        if kind == J.KIND_CLIENT_REJECT:
            return event | {
                "kind": "not_accepted",
                "what": _at(CLIENT_REJECTS, record.outcome),
                "exec_id": record.request_id,
                "reason": record.reject_text,
                **self._client_and_symbol(record),
            }
        return event | {
            "kind": "hit_refused",
            "why": _at(HIT_OUTCOMES, record.outcome),
            **self._client_and_symbol(record),
        }

    def _quote(self, record: Record, legs: list[Record]) -> Event:
        return self._fields.quote(self._rows.quote(record, record.sides), decided(record), legs)

    def _common(self, record: Record, kind: str) -> Event:
        return {
            "kind": kind,
            "request": record.request_id,
            "at_ms": _ms(record.wall_ns),
            "side": _at(SIDE_TEXTS, record.side),
            "quantity": self._fields.size(record.row, record.quantity_lots),
            "model": _at(MODELS, record.model),
            "market": _at(MARKET_STATES, record.market_state) if record.model >= 0 else "",
            **self._client_and_symbol(record),
        }

    def _client_and_symbol(self, record: Record) -> Event:
        names = self._fields.names
        return {"client": names.client(record) or "", "symbol": names.symbol(record) or ""}


def _current(events: list[Event], now_ns: int, max_refusals: int = 50) -> list[Event]:
    """The unexpired quotes with their outcomes, the latest refusals, and what clients did not accept."""
    now_ms = now_ns / NS_PER_MS
    open_ids = {e["id"] for e in events if e["kind"] == "quote" and float(str(e["until_ms"])) > now_ms}
    refused = [e for e in events if e["kind"] in ("reject", "not_accepted")][-max_refusals:]
    return refused + [e for e in events if e.get("id") in open_ids and e["kind"] != "not_accepted"]


def _at(names: tuple[str, ...] | list[str], index: int) -> str:
    return names[index] if 0 <= index < len(names) else ""


def _ms(ns: int) -> float:
    return int(ns) / NS_PER_MS
