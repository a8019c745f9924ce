"""The history as any process reads it: every quote and refusal with its outcome, and every hit, in one SQLite file.

Only the recorder writes it (`quotelife.recorder.history_writer`), from the journal. No promise of the desk depends on
it: fills and positions are in `quotelife.ledger.store`.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from quotelife.journal.layout import DECIDED_NS
from quotelife.journal.layout import LAYOUT_VERSION as JOURNAL_VERSION
from quotelife.journal.record import Record
from quotelife.ledger.client_layout import HORIZON_NAMES
from quotelife.ledger.quote_filter import QuoteFilter, QuoteKey
from quotelife.ledger.quote_state import EXPIRED, OPEN, REFUSED, QuoteState
from quotelife.runtime.clock import NS_PER_S, wall_ns
from quotelife.shm.layout import WORD_BYTES
from quotelife_models.schema import SCHEMA_VERSION as FEATURES_VERSION

RECORD_LAYOUT = FEATURES_VERSION * 1000 + JOURNAL_VERSION  # of the journal records that are stored
RECORD_OF_A_QUOTE = "SELECT record FROM quotes WHERE quote_id = ? AND layout = ? AND record IS NOT NULL"
BUSY_S = 5.0
_MAX_NUMBER = 2**63 - 1
_LATEST_HIT_NS = 60 * NS_PER_S  # after the end of a period, on a quote inside it


class QuoteRow(NamedTuple):
    """A quote or refusal without its record. Times are wall clock."""

    number: int
    quote_id: str | None
    request_id: str
    session: str | None
    client: str | None
    symbol: str | None
    side: int
    bid_ticks: int
    offer_ticks: int
    quantity_lots: int
    legs: int
    model: str | None
    reason: str
    lifetime_ns: int
    wall_ns: int
    valid_until_ns: int
    p_one_tick: float | None
    p_pick_off: float | None
    parameters: str
    state: QuoteState
    because: str | None
    ended_ns: int | None


class LegRow(NamedTuple):
    """A leg of a quote; `weight` is by how many ticks of the multileg one tick of the leg moves its price."""

    quote_id: str
    symbol: str
    weight: int
    wall_ns: int


class ClientRejectRow(NamedTuple):
    """A message that its client did not accept; `kind` is one of CLIENT_REJECTS, ids are empty where not known."""

    quote_id: str
    exec_id: str
    session: str | None
    kind: str
    reason: str
    wall_ns: int


class PassRow(NamedTuple):
    """A client's end of a quote without a hit. `elsewhere_ticks` is the price that it names of its deal elsewhere, in
    the quote's ticks; `kind` is one of PASS_KINDS."""

    quote_id: str
    response_id: str
    kind: str
    side: int
    elsewhere_ticks: float | None
    wall_ns: int


class HitRow(NamedTuple):
    """A hit and, of a fill or of the first hit on a withdrawn or expired quote, its markouts in ticks."""

    number: int
    quote_id: str
    response_id: str
    outcome: str
    client: str | None
    symbol: str | None
    side: int
    price_ticks: int
    quantity_lots: int
    wall_ns: int
    mono_ns: int
    response_ns: int
    unmarked: int
    edge_ticks: float | None = None
    markout_100ms: float | None = None
    markout_1s: float | None = None
    markout_10s: float | None = None

    @property
    def markouts(self) -> tuple[float | None, ...]:
        """By horizon."""
        return self.markout_100ms, self.markout_1s, self.markout_10s


class FillTotals(NamedTuple):
    """Sums over fills: their number, those with a known edge, those at a loss against the mid at their receipt, and by
    horizon the number of known markouts and their sum in ticks against the desk."""

    fills: int
    priced: int
    picked_off: int
    markouts: tuple[int, ...]
    markout_ticks: tuple[float, ...]

    def plus(self, other: "FillTotals") -> "FillTotals":
        return FillTotals(
            self.fills + other.fills,
            self.priced + other.priced,
            self.picked_off + other.picked_off,
            tuple(a + b for a, b in zip(self.markouts, other.markouts, strict=True)),
            tuple(a + b for a, b in zip(self.markout_ticks, other.markout_ticks, strict=True)),
        )


_QUOTE = ", ".join(QuoteRow._fields)
_KEY = "coalesce(quote_id, request_id)"
_SUMS = ", ".join(f"count(markout_{name}), total(markout_{name})" for name in HORIZON_NAMES)
_SEARCHED = ("quote_id", "request_id", "client", "symbol", "reason", "because")
_HIT = ", ".join(HitRow._fields)


class HistoryError(Exception):
    """The history cannot be used; the text names the file and the reason."""


class HistoryReader:
    """Reads the last committed state; empty while there is no file. One call at a time."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._db: sqlite3.Connection | None = None

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def quote(self, quote_id: str) -> QuoteRow | None:
        """A quote in its present state; None if it is unknown."""
        for row in self._rows(f"SELECT {_QUOTE} FROM quotes WHERE quote_id = ?", (quote_id,)):
            return in_present_state(QuoteRow(*row))
        return None

    def record(self, quote_id: str) -> Record | None:
        """The journal record of a quote; None if there is none that this version can read."""
        for (blob,) in self._rows(RECORD_OF_A_QUOTE, (quote_id, RECORD_LAYOUT)):
            return Record.from_bytes(blob)
        return None

    def legs(self, quote_id: str) -> list[Record]:
        """The journal records of a quote's legs that this version can read."""
        sql = "SELECT record FROM legs WHERE quote_id = ? AND layout = ? ORDER BY number"
        return [Record.from_bytes(blob) for (blob,) in self._rows(sql, (quote_id, RECORD_LAYOUT))]

    def terms(self, quote_id: str) -> str:
        """What the request of a quote stated, see `quotelife.rfq.terms.quote_terms`; empty for nothing."""
        for (text,) in self._rows("SELECT terms FROM terms WHERE quote_id = ?", (quote_id,)):
            return text
        return ""

    def newest(self, n: int) -> list[QuoteRow]:
        """The newest n quotes without refusals, newest first."""
        sql = f"SELECT {_QUOTE} FROM quotes WHERE quote_id IS NOT NULL ORDER BY number DESC LIMIT ?"
        return [in_present_state(QuoteRow(*row)) for row in self._rows(sql, (n,))]

    def hits(self, quote_id: str) -> list[HitRow]:
        """The hits on a quote, oldest first."""
        sql = f"SELECT {_HIT} FROM hits WHERE quote_id = ? ORDER BY number"
        return [HitRow(*row) for row in self._rows(sql, (quote_id,))]

    def client_rejects(self, quote_id: str) -> list[ClientRejectRow]:
        """What its client did not accept of a quote and its hits, oldest first."""
        sql = f"SELECT {', '.join(ClientRejectRow._fields)} FROM client_rejects WHERE quote_id = ? ORDER BY wall_ns"
        return [ClientRejectRow(*row) for row in self._rows(sql, (quote_id,))]

    def client_quotes(self, client: str, since_ns: int, until_ns: int) -> Iterator[tuple[QuoteRow, int | None]]:
        """The quotes and refusals of a client whose requests were received in [since, until), oldest first, each with
        the duration of its decision in nanoseconds, None if this version cannot read that."""
        word = f"CASE layout WHEN {RECORD_LAYOUT} THEN substr(record, {DECIDED_NS * WORD_BYTES + 1}, {WORD_BYTES}) END"
        sql = (
            f"SELECT {_QUOTE}, {word} FROM quotes "
            "WHERE client = ? AND wall_ns >= ? AND wall_ns < ? ORDER BY wall_ns, number"
        )
        for *row, decided in self._rows(sql, (client, since_ns, until_ns), at_once=False):
            decided_ns = None if decided is None else int.from_bytes(decided, "little", signed=True)
            yield in_present_state(QuoteRow(*row)), decided_ns

    def client_hits(self, client: str, since_ns: int, until_ns: int) -> list[HitRow]:
        """The hits of a client that were received in [since, until), oldest first."""
        sql = f"SELECT {_HIT} FROM hits WHERE client = ? AND wall_ns >= ? AND wall_ns < ? ORDER BY number"
        return [HitRow(*row) for row in self._rows(sql, (client, since_ns, until_ns))]

    def quotes_before(
        self, before: QuoteKey | None, wanted: QuoteFilter, n: int, max_scanned: int
    ) -> tuple[list[QuoteRow], QuoteKey | None]:
        """The newest n quotes before a key, newest first, of at most `max_scanned` rows, and the key to continue
        before; None at the end of the history."""
        conditions, arguments = ["1"], list[object]()
        if before is not None:
            conditions.append(f"(wall_ns, {_KEY}) < (?, ?)")
            arguments += before
        if wanted.client is not None:
            conditions.append("client = ?")
            arguments.append(wanted.client)
        scanned = (
            f"SELECT {_QUOTE} FROM quotes WHERE {' AND '.join(conditions)} "
            f"ORDER BY wall_ns DESC, {_KEY} DESC LIMIT {max_scanned}"
        )
        found, values = _matching(wanted)
        sql = f"SELECT * FROM ({scanned}) WHERE {found} LIMIT {n}"
        rows = [in_present_state(QuoteRow(*row)) for row in self._rows(sql, (*arguments, *values))]
        if len(rows) == n:
            return rows, QuoteKey(rows[-1].wall_ns, rows[-1].quote_id or rows[-1].request_id)
        last = f"SELECT wall_ns, {_KEY} FROM ({scanned}) LIMIT 1 OFFSET {max_scanned - 1}"
        return rows, next((QuoteKey(*row) for row in self._rows(last, tuple(arguments))), None)

    def oldest_ns(self) -> int | None:
        """The receipt of the oldest request; None in an empty history."""
        for row in self._rows("SELECT min(wall_ns) FROM quotes", ()):
            return row[0]
        return None

    def knows_client(self, client: str) -> bool:
        """Whether it has a request of a client."""
        return any(True for _ in self._rows("SELECT 1 FROM quotes WHERE client = ? LIMIT 1", (client,)))

    def fill_totals(self, after: int) -> tuple[int, dict[str, FillTotals], dict[str, FillTotals]]:
        """The fills of each client whose numbers are above `after`: up to the last whose markouts are complete, as all
        before it, and the others; with the number of that last one."""
        last = "SELECT min((SELECT max(number) FROM hits), (SELECT min(number) - 1 FROM hits WHERE unmarked = 1))"
        last = f"SELECT coalesce(({last}), (SELECT max(number) FROM hits), 0)"
        complete = max(next((row[0] for row in self._rows(last, ())), after), after)
        return complete, self._totals(after, complete), self._totals(complete, _MAX_NUMBER)

    def _totals(self, after: int, until: int) -> dict[str, FillTotals]:
        sql = (
            f"SELECT client, count(*), count(edge_ticks), total(edge_ticks < 0), {_SUMS} FROM hits "
            "WHERE number > ? AND number <= ? AND client IS NOT NULL AND outcome LIKE 'filled%' GROUP BY client"
        )
        return {
            client: FillTotals(fills, priced, int(lost), tuple(sums[::2]), tuple(sums[1::2]))
            for client, fills, priced, lost, *sums in self._rows(sql, (after, until))
        }

    def period_quotes(self, since_ns: int, until_ns: int) -> Iterator[QuoteRow]:
        """The quotes and refusals of all clients whose requests were received in [since, until), oldest first."""
        sql = f"SELECT {_QUOTE} FROM quotes WHERE wall_ns >= ? AND wall_ns < ? ORDER BY wall_ns, number"
        for row in self._rows(sql, (since_ns, until_ns), at_once=False):
            yield in_present_state(QuoteRow(*row))

    def period_hits(self, since_ns: int, until_ns: int) -> Iterator[HitRow]:
        """The hits of all clients on the quotes of this time, oldest first; they may come a little later."""
        sql = f"SELECT {_HIT} FROM hits WHERE wall_ns >= ? AND wall_ns < ? ORDER BY number"
        for row in self._rows(sql, (since_ns, until_ns + _LATEST_HIT_NS), at_once=False):
            yield HitRow(*row)

    def moves(self, since_ns: int, until_ns: int) -> dict[str, float | None]:
        """By QuoteID, how far the mid had moved, in ticks, when a quote was withdrawn in [since, until)."""
        sql = "SELECT quote_id, moved_ticks FROM withdrawals WHERE wall_ns >= ? AND wall_ns < ?"
        return dict(self._rows(sql, (since_ns, until_ns)))

    def position(self) -> tuple[int, int] | None:
        """(inode, next sequence number) of the journal up to which the history reaches."""
        for row in self._rows("SELECT inode, next FROM journal", ()):
            return row
        return None

    def _rows(self, sql: str, arguments: tuple[object, ...], *, at_once: bool = True) -> Iterator[tuple]:
        """The rows; not `at_once` where they may be too many for the memory."""
        try:
            if self._db is None:
                uri = f"{self.path.absolute().as_uri()}?mode=ro"
                self._db = sqlite3.connect(uri, uri=True, timeout=BUSY_S, check_same_thread=False)
            cursor = self._db.execute(sql, arguments)
            yield from cursor.fetchall() if at_once else cursor
        except sqlite3.DatabaseError as error:
            self.close()
            if self.path.exists() and "no such table" not in str(error):
                raise HistoryError(f"{self.path}: {error}") from None


def _matching(wanted: QuoteFilter) -> tuple[str, list[object]]:
    """The condition and its arguments for what is not found by an index."""
    conditions, arguments = ["quote_id IS NOT NULL" if wanted.state != REFUSED else "quote_id IS NULL"], list[object]()
    for column in ("symbol", "model"):
        if (value := getattr(wanted, column)) is not None:
            conditions.append(f"{column} = ?")
            arguments.append(value)
    if wanted.state is not None:
        is_past = "state = 'open' AND valid_until_ns <= ?"
        conditions.append(f"(CASE WHEN {is_past} THEN 'expired' ELSE state END) = ?")
        arguments += wall_ns(), wanted.state
    if wanted.text is not None:
        conditions.append("(" + " OR ".join(f"instr(lower({column}), ?)" for column in _SEARCHED) + ")")
        arguments += [wanted.text.lower()] * len(_SEARCHED)
    return " AND ".join(conditions), arguments


def in_present_state(quote: QuoteRow) -> QuoteRow:
    """The quote in its present state: the recorder stores expiries a little late."""
    if quote.state == OPEN and quote.valid_until_ns <= wall_ns():
        return quote._replace(state=EXPIRED, ended_ns=quote.valid_until_ns)
    return quote
