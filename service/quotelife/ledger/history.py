"""The history: every quote and refusal with what became of it, and every hit, in one SQLite file.

Written by the recorder alone, from the journal; read by any process. WAL mode with `synchronous=NORMAL`: a crash of the
machine may lose the last commits, never a part of one, and the place in the journal is in the same commit as what was
read up to there. What was promised does not depend on it: fills and positions are in `quotelife.ledger.store`.
"""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quotelife.journal.layout import LAYOUT_VERSION as JOURNAL_VERSION
from quotelife.journal.ring import Record
from quotelife.ledger.client_layout import HORIZON_NAMES, LAYOUT_VERSION, ROW_WORDS
from quotelife.runtime.clock import wall_ns
from quotelife_models.schema import SCHEMA_VERSION as FEATURES_VERSION

SCHEMA_VERSION = 1
REFUSED, OPEN, FILLED, EXPIRED, WITHDRAWN, PASSED = "refused", "open", "filled", "expired", "withdrawn", "passed"
BUSY_S = 5.0
_ENDS = "SELECT (SELECT min(number) FROM quotes), (SELECT max(number) FROM quotes)"
_FORGOTTEN_AT_ONCE = 5_000  # rows in one transaction, so that none is long

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS quotes (
    number INTEGER PRIMARY KEY,     -- in the order of the journal
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
    because TEXT,                   -- why it was withdrawn
    ended_ns INTEGER,
    record BLOB,                    -- the journal record, where a model was asked
    layout INTEGER                  -- that it was written with
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
    edge_ticks REAL,                -- price against the mid at the receipt, in the desk's favour
    {", ".join(f"markout_{name} REAL" for name in HORIZON_NAMES)} -- ticks, positive against the desk
);
CREATE INDEX IF NOT EXISTS hits_of_a_quote ON hits (quote_id);
CREATE INDEX IF NOT EXISTS hits_by_time ON hits (wall_ns);
CREATE INDEX IF NOT EXISTS unmarked_hits ON hits (unmarked) WHERE unmarked = 1;
CREATE TABLE IF NOT EXISTS legs (
    number INTEGER PRIMARY KEY,     -- in the order of the package
    quote_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    weight INTEGER NOT NULL,        -- ticks of the package per tick of the leg, negative where it is given
    wall_ns INTEGER NOT NULL,       -- of the quote
    record BLOB NOT NULL,           -- the leg's journal record
    layout INTEGER NOT NULL,
    UNIQUE (quote_id, symbol)
);
CREATE INDEX IF NOT EXISTS legs_by_time ON legs (wall_ns);
CREATE TABLE IF NOT EXISTS clients (
    client TEXT PRIMARY KEY,
    row BLOB NOT NULL               -- see quotelife.ledger.client_layout
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
    inode INTEGER NOT NULL,         -- of the journal's file
    next INTEGER NOT NULL           -- sequence number of the first record that is not in here
);
"""
_VERSION = SCHEMA_VERSION * 1000 + LAYOUT_VERSION
_RECORD_LAYOUT = FEATURES_VERSION * 1000 + JOURNAL_VERSION


class Quote(NamedTuple):
    """A quote or refusal without its record. Times are wall clock; `state` is one of the names above."""

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
    state: str
    because: str | None
    ended_ns: int | None


class Leg(NamedTuple):
    """A leg of a package's quote; `weight` is how many of the package's ticks one of its ticks moves the net."""

    quote_id: str
    symbol: str
    weight: int
    wall_ns: int


class Hit(NamedTuple):
    """A hit and, of a fill, its markouts in ticks."""

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


_QUOTE = ", ".join(Quote._fields)
_LEG = ", ".join(Leg._fields)
_HIT = ", ".join(Hit._fields)


class HistoryError(Exception):
    """The history cannot be used; the text names the file and what is wrong."""


class History:
    """The writer. Every call belongs to one transaction, which `commit` ends."""

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = _open(path)
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _VERSION):  # nothing rests on it: set aside, like a journal of another layout
                self._db.close()
                os.replace(path, path.with_name(f"{path.name}.old"))
                self._db = _open(path)
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version={_VERSION}")
            self._db.execute("BEGIN")
        except (sqlite3.Error, OSError) as error:
            raise HistoryError(f"{path}: {error}") from None

    def close(self) -> None:
        """Without a commit."""
        self._db.close()

    def commit(self) -> None:
        self._db.execute("COMMIT")
        self._db.execute("BEGIN")

    # --- the journal

    @property
    def position(self) -> tuple[int, int] | None:
        """(inode, next sequence number) of the journal; None at the beginning."""
        return self._db.execute("SELECT inode, next FROM journal").fetchone()

    @position.setter
    def position(self, value: tuple[int, int]) -> None:
        self._db.execute("DELETE FROM journal")
        self._db.execute("INSERT INTO journal VALUES (?, ?)", value)

    # --- quotes and hits

    def add(self, quote: Quote, record: bytes | None) -> None:
        """Add a quote or refusal; its `number` is given here. A QuoteID that is known is left as it is."""
        self._db.execute(
            f"INSERT INTO quotes ({_QUOTE}, record, layout) VALUES ({_marks(len(Quote._fields) + 2)}) "
            "ON CONFLICT (quote_id) DO NOTHING",
            (None, *quote[1:], record, _RECORD_LAYOUT),
        )

    def end(self, quote_id: str, state: str, ended_ns: int, because: str | None = None) -> None:
        """Note what became of a quote. A fill stands whatever is said after it."""
        self._db.execute(
            "UPDATE quotes SET state = ?, because = ?, ended_ns = ? WHERE quote_id = ? AND state != 'filled'",
            (state, because, ended_ns, quote_id),
        )

    def expire(self, before_ns: int) -> None:
        """End the open quotes whose ValidUntilTime is before that."""
        self._db.execute(
            "UPDATE quotes SET state = 'expired', ended_ns = valid_until_ns "
            "WHERE state = 'open' AND valid_until_ns < ?",
            (before_ns,),
        )

    def add_leg(self, leg: Leg, record: bytes) -> None:
        """Add a leg of a quote that comes after it."""
        self._db.execute(
            f"INSERT INTO legs ({_LEG}, record, layout) VALUES ({_marks(len(leg) + 2)}) ON CONFLICT DO NOTHING",
            (*leg, record, _RECORD_LAYOUT),
        )

    def legs(self, quote_id: str) -> list[Leg]:
        """The legs of a package's quote; none of an instrument's."""
        rows = self._db.execute(f"SELECT {_LEG} FROM legs WHERE quote_id = ? ORDER BY number", (quote_id,))
        return [Leg(*row) for row in rows]

    def open(self) -> list[tuple[str, bytes]]:
        """(client, record) of the quotes that are open as far as is known here."""
        sql = "SELECT client, record FROM quotes WHERE state = 'open' AND record IS NOT NULL AND layout = ?"
        return self._db.execute(sql, (_RECORD_LAYOUT,)).fetchall()

    def add_hit(self, hit: Hit) -> int:
        """Add a hit; the number it is given."""
        cursor = self._db.execute(f"INSERT INTO hits ({_HIT}) VALUES ({_marks(len(hit))})", (None, *hit[1:]))
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def mark(self, number: int, *, edge_ticks: float | None, horizon: int, ticks: float | None, last: bool) -> None:
        """Note a markout (horizon -1: only the edge); `last` when no other will come."""
        column = "edge_ticks" if horizon < 0 else f"markout_{HORIZON_NAMES[horizon]}"
        value = edge_ticks if horizon < 0 else ticks
        self._db.execute(f"UPDATE hits SET {column} = ?, unmarked = ? WHERE number = ?", (value, int(not last), number))

    def unmarked(self) -> list[Hit]:
        """Fills whose markouts are not all known."""
        return [Hit(*row) for row in self._db.execute(f"SELECT {_HIT} FROM hits WHERE unmarked = 1")]

    # --- clients

    def clients(self) -> dict[str, NDArray[np.float64]]:
        """Rows of `quotelife.ledger.client_layout` by the client's name."""
        rows = self._db.execute("SELECT client, row FROM clients")
        return {name: np.frombuffer(blob).copy() for name, blob in rows if len(blob) == ROW_WORDS * 8}

    def keep_client(self, name: str, row: NDArray[np.float64]) -> None:
        self._db.execute("INSERT OR REPLACE INTO clients VALUES (?, ?)", (name, row.tobytes()))

    # --- retention

    def forget(self, before_ns: int, keep_rows: int) -> int:
        """Delete a few of the quotes received before that, and of those beyond the newest `keep_rows`; how many."""
        first, last = self._db.execute(_ENDS).fetchone()
        if first is None:
            return 0
        chunk = (first + _FORGOTTEN_AT_ONCE, last - keep_rows, before_ns)
        deleted = self._db.execute(
            "DELETE FROM quotes WHERE number < ? AND state != 'open' AND (number <= ? OR wall_ns < ?)", chunk
        ).rowcount
        if deleted:
            for table in ("hits", "legs"):
                oldest = "SELECT wall_ns FROM quotes ORDER BY number LIMIT 1"
                self._db.execute(f"DELETE FROM {table} WHERE wall_ns < ({oldest})")
        return deleted

    @classmethod
    def open_readonly(cls, path: str | Path) -> "HistoryReader":
        """A reader, also of a history that does not exist yet."""
        return HistoryReader(path)


class HistoryReader:
    """Answers from the history as it was committed last; empty while there is none. One call at a time."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._db: sqlite3.Connection | None = None

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def quote(self, quote_id: str) -> Quote | None:
        """What is known of a quote, in the state it has now; None if nothing is."""
        for row in self._rows(f"SELECT {_QUOTE} FROM quotes WHERE quote_id = ?", (quote_id,)):
            return as_of(Quote(*row))
        return None

    def record(self, quote_id: str) -> Record | None:
        """The journal record of a quote; None without one that this version can read."""
        sql = "SELECT record FROM quotes WHERE quote_id = ? AND layout = ? AND record IS NOT NULL"
        for (blob,) in self._rows(sql, (quote_id, _RECORD_LAYOUT)):
            record = Record()
            record.bytes[:] = np.frombuffer(blob, np.uint8)
            return record
        return None

    def legs(self, quote_id: str) -> list[Record]:
        """The journal records of a quote's legs; none without such that this version can read."""
        sql = "SELECT record FROM legs WHERE quote_id = ? AND layout = ? ORDER BY number"
        records = []
        for (blob,) in self._rows(sql, (quote_id, _RECORD_LAYOUT)):
            records.append(Record())
            records[-1].bytes[:] = np.frombuffer(blob, np.uint8)
        return records

    def last(self, n: int) -> list[Quote]:
        """The newest n quotes, newest first, without the refusals."""
        sql = f"SELECT {_QUOTE} FROM quotes WHERE quote_id IS NOT NULL ORDER BY number DESC LIMIT ?"
        return [as_of(Quote(*row)) for row in self._rows(sql, (n,))]

    def hits(self, quote_id: str) -> list[Hit]:
        """The hits on a quote, oldest first."""
        sql = f"SELECT {_HIT} FROM hits WHERE quote_id = ? ORDER BY number"
        return [Hit(*row) for row in self._rows(sql, (quote_id,))]

    def position(self) -> tuple[int, int] | None:
        """(inode, next sequence number) of the journal up to which this reaches."""
        for row in self._rows("SELECT inode, next FROM journal", ()):
            return row
        return None

    def _rows(self, sql: str, arguments: tuple[object, ...]) -> Iterator[tuple]:
        try:
            if self._db is None:
                uri = f"{self._path.absolute().as_uri()}?mode=ro"
                self._db = sqlite3.connect(uri, uri=True, timeout=BUSY_S, check_same_thread=False)
            yield from self._db.execute(sql, arguments).fetchall()
        except sqlite3.DatabaseError as error:
            self.close()
            if self._path.exists() and "no such table" not in str(error):
                raise HistoryError(f"{self._path}: {error}") from None


def as_of(quote: Quote) -> Quote:
    """The quote as it is now: the recorder notes expiries a little late."""
    if quote.state == OPEN and quote.valid_until_ns <= wall_ns():
        return quote._replace(state=EXPIRED, ended_ns=quote.valid_until_ns)
    return quote


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    return db


def _marks(n: int) -> str:
    return ", ".join("?" * n)
