"""The history as the recorder writes it: one SQLite file, see `quotelife.ledger.history`.

WAL mode with `synchronous=NORMAL`: a crash of the machine may lose the last commits, but never part of one. Each commit
includes the position in the journal up to which records are stored.
"""

import os
import sqlite3
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quotelife.journal.record import Record
from quotelife.ledger.client_layout import HORIZON_NAMES, LAYOUT_VERSION, ROW_WORDS
from quotelife.ledger.history import (
    BUSY_S,
    RECORD_LAYOUT,
    RECORD_OF_A_QUOTE,
    ClientRejectRow,
    HistoryError,
    HitRow,
    LegRow,
    PassRow,
    QuoteRow,
)
from quotelife.ledger.quote_state import QuoteState

SCHEMA_VERSION = 1
_DELETE_LIMIT = 5_000  # rows in one transaction, which keeps it short

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS quotes (
    number INTEGER PRIMARY KEY,     -- in journal order
    quote_id TEXT UNIQUE,           -- NULL for a refused request
    request_id TEXT NOT NULL,
    session TEXT,                   -- the client's SenderCompID, if known
    client TEXT,
    symbol TEXT,
    side INTEGER NOT NULL,          -- FIX Side of the request, 0 two-way
    bid_ticks INTEGER NOT NULL,
    offer_ticks INTEGER NOT NULL,
    quantity_lots INTEGER NOT NULL,
    legs INTEGER NOT NULL,
    model TEXT,
    reason TEXT NOT NULL,           -- of the lifetime, or of the refusal
    lifetime_ns INTEGER NOT NULL,
    wall_ns INTEGER NOT NULL,       -- receipt of the request
    valid_until_ns INTEGER NOT NULL,
    p_one_tick REAL,
    p_pick_off REAL,
    parameters TEXT NOT NULL,       -- first 16 digits of the hash of the fitted parameters
    state TEXT NOT NULL,
    because TEXT,                   -- reason of a withdrawal
    ended_ns INTEGER,
    record BLOB,                    -- the journal record, if a model has decided
    layout INTEGER                  -- of the record
);
CREATE INDEX IF NOT EXISTS open_quotes ON quotes (valid_until_ns) WHERE state = 'open';
CREATE TABLE IF NOT EXISTS hits (
    number INTEGER PRIMARY KEY,
    quote_id TEXT NOT NULL,
    response_id TEXT NOT NULL,      -- ClOrdID or QuoteRespID
    outcome TEXT NOT NULL,          -- filled, or why not
    client TEXT,
    symbol TEXT,
    side INTEGER NOT NULL,          -- FIX Side of the client
    price_ticks INTEGER NOT NULL,
    quantity_lots INTEGER NOT NULL,
    wall_ns INTEGER NOT NULL,       -- receipt of the hit
    mono_ns INTEGER NOT NULL,
    response_ns INTEGER NOT NULL,   -- since the quote
    unmarked INTEGER NOT NULL,      -- 1 while a markout may still come
    edge_ticks REAL,                -- of the price over the mid at the receipt, positive for the desk
    {", ".join(f"markout_{name} REAL" for name in HORIZON_NAMES)} -- ticks, positive against the desk
);
CREATE INDEX IF NOT EXISTS hits_of_a_quote ON hits (quote_id);
CREATE INDEX IF NOT EXISTS hits_by_time ON hits (wall_ns);
CREATE INDEX IF NOT EXISTS unmarked_hits ON hits (unmarked) WHERE unmarked = 1;
CREATE TABLE IF NOT EXISTS legs (
    number INTEGER PRIMARY KEY,     -- in multileg order
    quote_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    weight INTEGER NOT NULL,        -- ticks of the multileg per tick of the leg, negative if it is sold
    wall_ns INTEGER NOT NULL,       -- of the quote
    record BLOB NOT NULL,           -- the leg's journal record
    layout INTEGER NOT NULL,
    UNIQUE (quote_id, symbol)
);
CREATE INDEX IF NOT EXISTS legs_by_time ON legs (wall_ns);
CREATE TABLE IF NOT EXISTS passes (
    quote_id TEXT NOT NULL,
    response_id TEXT NOT NULL,      -- QuoteRespID
    kind TEXT NOT NULL,             -- one of quotelife.metrics.labels.PASS_KINDS
    side INTEGER NOT NULL,          -- FIX Side of the client, 0 unknown
    elsewhere_ticks REAL,           -- price of its deal elsewhere, or of the next best quote, in the quote's ticks
    wall_ns INTEGER NOT NULL        -- receipt
);
CREATE INDEX IF NOT EXISTS passes_of_a_quote ON passes (quote_id);
CREATE INDEX IF NOT EXISTS passes_by_time ON passes (wall_ns);
CREATE TABLE IF NOT EXISTS client_rejects (
    quote_id TEXT NOT NULL,         -- empty where the message is not known
    exec_id TEXT NOT NULL,          -- of an ExecutionReport, else empty
    session TEXT,                   -- the client's SenderCompID, if known
    kind TEXT NOT NULL,             -- one of quotelife.metrics.labels.CLIENT_REJECTS
    reason TEXT NOT NULL,           -- in the client's words
    wall_ns INTEGER NOT NULL        -- receipt
);
CREATE INDEX IF NOT EXISTS client_rejects_of_a_quote ON client_rejects (quote_id);
CREATE INDEX IF NOT EXISTS client_rejects_by_time ON client_rejects (wall_ns);
CREATE TABLE IF NOT EXISTS withdrawals (
    quote_id TEXT PRIMARY KEY,
    because TEXT NOT NULL,          -- one of quotelife.metrics.labels.CANCEL_REASONS
    moved_ticks REAL,               -- of the mid since the quote, positive upwards; NULL if not known
    wall_ns INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS withdrawals_by_time ON withdrawals (wall_ns);
CREATE INDEX IF NOT EXISTS quotes_by_time ON quotes (wall_ns);
CREATE INDEX IF NOT EXISTS quotes_of_a_client ON quotes (client, wall_ns);
CREATE TABLE IF NOT EXISTS terms (
    quote_id TEXT PRIMARY KEY,
    wall_ns INTEGER NOT NULL,       -- of the quote
    terms TEXT NOT NULL             -- what its request stated, see quotelife.rfq.terms.quote_terms
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS terms_by_time ON terms (wall_ns);
CREATE TABLE IF NOT EXISTS clients (
    client TEXT PRIMARY KEY,
    row BLOB NOT NULL               -- see quotelife.ledger.client_layout
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
    inode INTEGER NOT NULL,         -- of the journal file
    next INTEGER NOT NULL           -- sequence number of the first record that is not stored
);
"""
_VERSION = SCHEMA_VERSION * 1000 + LAYOUT_VERSION
_QUOTE = ", ".join(QuoteRow._fields)
_LEG = ", ".join(LegRow._fields)
_HIT = ", ".join(HitRow._fields)
_ENDS = "SELECT (SELECT min(number) FROM quotes), (SELECT max(number) FROM quotes)"


class HistoryWriter:
    """All calls belong to one transaction, which `commit` ends. HistoryError if the file cannot be used."""

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = _open(path)
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _VERSION):  # set aside, like a journal of another layout: no promise depends on it
                self._db.close()
                os.replace(path, path.with_name(f"{path.name}.old"))
                self._db = _open(path)
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version={_VERSION}")
            self._db.execute("BEGIN")
        except (sqlite3.Error, OSError) as error:
            raise HistoryError(f"{path}: {error}") from None

    def close(self) -> None:
        """Discard what has not been committed."""
        self._db.close()

    def commit(self) -> None:
        self._db.execute("COMMIT")
        self._db.execute("BEGIN")

    # --- the journal

    @property
    def position(self) -> tuple[int, int] | None:
        """(inode, next sequence number) of the journal; None in a new history."""
        return self._db.execute("SELECT inode, next FROM journal").fetchone()

    @position.setter
    def position(self, value: tuple[int, int]) -> None:
        self._db.execute("DELETE FROM journal")
        self._db.execute("INSERT INTO journal VALUES (?, ?)", value)

    # --- quotes and hits

    def add_quote(self, quote: QuoteRow, record: bytes | None) -> None:
        """Add a quote or refusal; its `number` is assigned. A known QuoteID is left unchanged."""
        self._db.execute(
            f"INSERT INTO quotes ({_QUOTE}, record, layout) VALUES ({_placeholders(len(QuoteRow._fields) + 2)}) "
            "ON CONFLICT (quote_id) DO NOTHING",
            (None, *quote[1:], record, RECORD_LAYOUT),
        )

    def end_quote(self, quote_id: str, state: QuoteState, ended_ns: int, because: str | None = None) -> None:
        """Store the final state of a quote. A fill is never replaced."""
        self._db.execute(
            "UPDATE quotes SET state = ?, because = ?, ended_ns = ? WHERE quote_id = ? AND state != 'filled'",
            (state, because, ended_ns, quote_id),
        )

    def expire_quotes(self, before_ns: int) -> None:
        """Expire the open quotes whose ValidUntilTime is before a time."""
        self._db.execute(
            "UPDATE quotes SET state = 'expired', ended_ns = valid_until_ns "
            "WHERE state = 'open' AND valid_until_ns < ?",
            (before_ns,),
        )

    def add_leg(self, leg: LegRow, record: bytes) -> None:
        """Add a leg of the quote that is added next."""
        self._db.execute(
            f"INSERT INTO legs ({_LEG}, record, layout) VALUES ({_placeholders(len(leg) + 2)}) ON CONFLICT DO NOTHING",
            (*leg, record, RECORD_LAYOUT),
        )

    def add_terms(self, quote_id: str, wall_ns: int, terms: str) -> None:
        """Add what the request of the quote that is added next stated."""
        self._db.execute("INSERT INTO terms VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (quote_id, wall_ns, terms))

    def legs(self, quote_id: str) -> list[LegRow]:
        """The legs of a quote; none if it is for one instrument."""
        rows = self._db.execute(f"SELECT {_LEG} FROM legs WHERE quote_id = ? ORDER BY number", (quote_id,))
        return [LegRow(*row) for row in rows]

    def open_quotes(self) -> list[tuple[str, bytes]]:
        """(client, record) of the quotes that are stored as open."""
        sql = "SELECT client, record FROM quotes WHERE state = 'open' AND record IS NOT NULL AND layout = ?"
        return self._db.execute(sql, (RECORD_LAYOUT,)).fetchall()

    def add_hit(self, hit: HitRow) -> int:
        """Add a hit; returns its number."""
        cursor = self._db.execute(f"INSERT INTO hits ({_HIT}) VALUES ({_placeholders(len(hit))})", (None, *hit[1:]))
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def add_client_reject(self, row: ClientRejectRow) -> None:
        """Add a message that its client did not accept."""
        self._db.execute(f"INSERT INTO client_rejects VALUES ({_placeholders(len(row))})", row)

    def add_pass(self, row: PassRow) -> None:
        """Add a client's end of a quote without a hit."""
        self._db.execute(f"INSERT INTO passes VALUES ({_placeholders(len(row))})", row)

    def add_withdrawal(self, quote_id: str, because: str, wall_ns: int) -> None:
        """Add a withdrawal, for which the market's move is not known yet."""
        self._db.execute("INSERT OR IGNORE INTO withdrawals VALUES (?, ?, NULL, ?)", (quote_id, because, wall_ns))

    def store_move(self, quote_id: str, ticks: float | None) -> None:
        """Store how far the mid had moved from a quote to its withdrawal."""
        self._db.execute("UPDATE withdrawals SET moved_ticks = ? WHERE quote_id = ?", (ticks, quote_id))

    def record(self, quote_id: str) -> Record | None:
        """The journal record of a quote; None if there is none that this version can read."""
        found = self._db.execute(RECORD_OF_A_QUOTE, (quote_id, RECORD_LAYOUT)).fetchone()
        return None if found is None else Record.from_bytes(found[0])

    def has_hit(self, quote_id: str, outcome: str) -> bool:
        """Whether a quote has a hit with this outcome."""
        found = self._db.execute("SELECT 1 FROM hits WHERE quote_id = ? AND outcome = ? LIMIT 1", (quote_id, outcome))
        return found.fetchone() is not None

    def store_markout(
        self, number: int, *, edge_ticks: float | None, horizon: int, ticks: float | None, last: bool
    ) -> None:
        """Store a markout (horizon -1: only the edge); `last` if no other will follow."""
        column = "edge_ticks" if horizon < 0 else f"markout_{HORIZON_NAMES[horizon]}"
        value = edge_ticks if horizon < 0 else ticks
        self._db.execute(f"UPDATE hits SET {column} = ?, unmarked = ? WHERE number = ?", (value, int(not last), number))

    def hits_without_markouts(self) -> list[HitRow]:
        """Hits whose markouts are not complete."""
        return [HitRow(*row) for row in self._db.execute(f"SELECT {_HIT} FROM hits WHERE unmarked = 1")]

    # --- clients

    def client_rows(self) -> dict[str, NDArray[np.float64]]:
        """Rows of `quotelife.ledger.client_layout` by client name."""
        rows = self._db.execute("SELECT client, row FROM clients")
        return {name: np.frombuffer(blob).copy() for name, blob in rows if len(blob) == ROW_WORDS * 8}

    def store_client(self, name: str, row: NDArray[np.float64]) -> None:
        self._db.execute("INSERT OR REPLACE INTO clients VALUES (?, ?)", (name, row.tobytes()))

    # --- retention

    def delete_old(self, before_ns: int, max_rows: int) -> int:
        """Delete some of the quotes received before a time or older than the newest `max_rows`; returns how many."""
        first, last = self._db.execute(_ENDS).fetchone()
        if first is None:
            return 0
        chunk = (first + _DELETE_LIMIT, last - max_rows, before_ns)
        deleted = self._db.execute(
            "DELETE FROM quotes WHERE number < ? AND state != 'open' AND (number <= ? OR wall_ns < ?)", chunk
        ).rowcount
        if deleted:
            for table in ("hits", "legs", "passes", "client_rejects", "withdrawals", "terms"):
                oldest = "SELECT wall_ns FROM quotes ORDER BY number LIMIT 1"
                self._db.execute(f"DELETE FROM {table} WHERE wall_ns < ({oldest})")
        return deleted


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    return db


def _placeholders(n: int) -> str:
    return ", ".join("?" * n)
