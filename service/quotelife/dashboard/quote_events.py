"""Quote events for display, read from the journal: quotes, their outcomes, and refusals."""

from pathlib import Path
from typing import NamedTuple

from quotelife.config import Config
from quotelife.decision.model_selection import MARKETS
from quotelife.journal import layout as J
from quotelife.journal.decided import sides, weaker
from quotelife.journal.ring import Reader, Record
from quotelife.market.grid import Grid
from quotelife.metrics.labels import CANCEL_REASONS, HIT_OUTCOMES, REFUSALS
from quotelife.runtime.clock import NS_PER_MS, wall_ns
from quotelife_models import decide as D
from quotelife_models.policy import MODELS
from quotelife_models.reasons import REASONS

SIDES = ("two-way", "buy", "sell")  # by FIX Side (54), from the client's point of view
_BUYS = 1

Event = dict[str, object]


class Batch(NamedTuple):
    """New events, and the number of quotes left out."""

    events: list[Event]
    left_out: int


class QuoteEventReader:
    """Follows the journal, which need not exist yet. `lost` counts records overwritten before they were read."""

    def __init__(self, config: Config, journal: Path) -> None:
        self._path = journal
        self._symbols = [i.symbol for i in config.instrument]
        self._prices = [Grid(i.tick) for i in config.instrument]
        self._sizes = [Grid(i.lot) for i in config.instrument]
        self._clients = [c.name for c in config.client]
        self._reader: Reader | None = None
        self._inode = 0
        self._legs: list[str] = []
        self._lost_before = 0  # in earlier journal files

    @property
    def lost(self) -> int:
        return self._lost_before + (self._reader.lost if self._reader else 0)

    def read(self, max_quotes: int | None = None) -> Batch:
        """Events since the last call; on the first call the open quotes and the latest refusals.

        Of more than `max_quotes` new quotes an even sample is returned: nobody could read all of them, and encoding
        them takes longer than storing them.
        """
        is_first = self._reader is None
        if not self._attach():
            return Batch([], 0)
        assert self._reader is not None
        now_ns = wall_ns()
        records = list(self._reader.read())
        if is_first:
            return Batch(_current(self._events(records, 1), now_ns), 0)
        quotes = sum(record.words[J.KIND] == J.KIND_QUOTE for record in records)
        step = max(-(-quotes // max_quotes), 1) if max_quotes else 1
        return Batch(self._events(records, step), int(quotes) - len(range(0, quotes, step)))

    def _attach(self) -> bool:
        """Attach to the current file; False if there has never been one."""
        try:
            inode = self._path.stat().st_ino
            if self._reader is None or inode != self._inode:
                reader = Reader(self._path, from_start=True)
                self._lost_before, self._reader, self._inode = self.lost, reader, inode
        except (OSError, ValueError):
            return self._reader is not None
        return True

    def _events(self, records: list[Record], step: int) -> list[Event]:
        """One in `step` quotes, and all other events."""
        events, n_quotes = [], 0
        for record in records:
            if record.words[J.KIND] == J.KIND_QUOTE:
                n_quotes += 1
                if (n_quotes - 1) % step:
                    self._legs = []
                    continue
            if (event := self._event(record)) is not None:
                events.append(event)
        return events

    def _event(self, record: Record) -> Event | None:
        words = record.words
        kind = int(words[J.KIND])
        if kind == J.KIND_LEG:
            self._legs.append(self._leg(record))
            return None
        legs, self._legs = self._legs, []
        if kind == J.KIND_QUOTE:
            return self._quote(record, legs)
        if kind == J.KIND_REJECT:
            return self._common(record, "reject") | {"reason": _at(REFUSALS, words[J.OUTCOME])}
        event: Event = {"id": record.quote_id, "at_ms": _ms(words[J.WALL_NS])}
        if kind == J.KIND_FILL:
            after_ms = _ms(words[J.LIFETIME_NS])
            return event | {"kind": "end", "state": "filled", "after_ms": after_ms}
        if kind == J.KIND_CANCEL:
            return event | {"kind": "end", "state": "withdrawn", "why": _at(CANCEL_REASONS, words[J.OUTCOME])}
        if kind == J.KIND_PASS:
            return event | {"kind": "end", "state": "passed"}
        return event | {
            "kind": "hit_refused",
            "why": _at(HIT_OUTCOMES, words[J.OUTCOME]),
            **self._client_and_symbol(record),
        }

    def _quote(self, record: Record, legs: list[str]) -> Event:
        words, row = record.words, int(record.words[J.INSTRUMENT])
        decided = sides(record)
        shorter = weaker(decided) if decided else None
        bid, offer = int(words[J.BID_PX]), int(words[J.OFFER_PX])
        event = self._common(record, "quote") | {
            "id": record.quote_id,
            "bid": self._price(row, bid),
            "offer": self._price(row, offer),
            "lifetime_ms": _ms(words[J.LIFETIME_NS]),
            "until_ms": _ms(words[J.VALID_UNTIL_NS]),
            "reason": "" if shorter is None else REASONS[int(shorter.decision[D.OUT_REASON])],
            "p_move": max((float(s.decision[D.OUT_P_ONE_TICK]) for s in decided), default=0.0),
            "p_pick_off": max((float(s.decision[D.OUT_P_PICK_OFF]) for s in decided), default=0.0),
        }
        if legs:
            event["symbol"] = " ".join(legs)
        return event

    def _common(self, record: Record, kind: str) -> Event:
        words, row = record.words, int(record.words[J.INSTRUMENT])
        lots = int(words[J.QUANTITY])
        return {
            "kind": kind,
            "request": record.request_id,
            "at_ms": _ms(words[J.WALL_NS]),
            "side": _at(SIDES, words[J.SIDE]),
            "quantity": self._sizes[row].short(lots) if 0 <= row < len(self._sizes) else str(lots),
            "model": _at(MODELS, words[J.MODEL]),
            "market": _at(MARKETS, words[J.MARKET_STATE]) if words[J.MODEL] >= 0 else "",
            **self._client_and_symbol(record),
        }

    def _client_and_symbol(self, record: Record) -> Event:
        words = record.words
        return {"client": _at(self._clients, words[J.CLIENT]), "symbol": _at(self._symbols, words[J.INSTRUMENT])}

    def _leg(self, record: Record) -> str:
        words = record.words
        sign = "+" if words[J.SIDE] == _BUYS else "-"
        return f"{sign}{int(words[J.QUANTITY])} {_at(self._symbols, words[J.INSTRUMENT])}"

    def _price(self, row: int, ticks: int) -> str:
        """The price as on the wire, or in ticks for a multileg, whose tick the record lacks; empty if not quoted."""
        if not ticks:
            return ""
        return self._prices[row].text(ticks) if 0 <= row < len(self._prices) else f"{ticks} ticks"


def _current(events: list[Event], now_ns: int, max_refusals: int = 50) -> list[Event]:
    """The unexpired quotes with their outcomes, and the latest refusals."""
    now_ms = now_ns / NS_PER_MS
    open_ids = {e["id"] for e in events if e["kind"] == "quote" and float(str(e["until_ms"])) > now_ms}
    refused = [e for e in events if e["kind"] == "reject"][-max_refusals:]
    return refused + [e for e in events if e.get("id") in open_ids]


def _at(names: tuple[str, ...] | list[str], index: int) -> str:
    return names[index] if 0 <= index < len(names) else ""


def _ms(ns: int) -> float:
    return int(ns) / NS_PER_MS
