"""The durable ledger: answers to hits, fills and positions in one SQLite file, written only by the quoting process.

SQLite in WAL mode with `synchronous=FULL`: when a `record_` method returns, its rows are on disk. A fill, its change of
position and the answer to be sent are in one transaction: after a crash either all of them exist or none. Threads that
wait for the disk at the same time share one transaction and one wait.

That the engine has accepted an answer is marked without waiting for the disk. The mark survives a crash of the process;
if it is lost in a crash of the machine, the answer is sent again as a possible resend.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

SCHEMA_VERSION = 1
_CACHE_KB = 512  # page cache in this process; the rest comes from the cache of the machine

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    session TEXT NOT NULL,      -- the client's SenderCompID
    kind TEXT NOT NULL,         -- MsgType of the hit: AJ or D
    id TEXT NOT NULL,           -- its QuoteRespID or ClOrdID
    digest INTEGER NOT NULL,    -- of its content, to detect the same id with other content
    answer TEXT NOT NULL,       -- the messages of the answer as a JSON array
    wall_ns INTEGER NOT NULL,
    sent INTEGER NOT NULL,      -- 1 once the engine has accepted it
    PRIMARY KEY (session, kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_not_sent ON answers (session) WHERE sent = 0;
CREATE TABLE IF NOT EXISTS fills (
    exec_id TEXT PRIMARY KEY,
    quote_id TEXT NOT NULL,
    session TEXT NOT NULL,
    client TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side INTEGER NOT NULL,      -- FIX Side of the client: 1 buys, 2 sells
    price_ticks INTEGER NOT NULL,
    quantity_lots INTEGER NOT NULL CHECK (quantity_lots > 0),
    quoted_wall_ns INTEGER NOT NULL,
    wall_ns INTEGER NOT NULL,   -- receipt of the hit
    response_id TEXT NOT NULL   -- its QuoteRespID or ClOrdID
);
CREATE UNIQUE INDEX IF NOT EXISTS fill_of_a_quote ON fills (quote_id);
CREATE INDEX IF NOT EXISTS fills_by_time ON fills (wall_ns);
CREATE TABLE IF NOT EXISTS positions (
    symbol TEXT PRIMARY KEY,
    lots INTEGER NOT NULL       -- positive if the desk is long
) WITHOUT ROWID;
"""


class LedgerError(Exception):
    """The ledger cannot be used; the text names the file and the reason."""


class Fill(NamedTuple):
    """A hit that was filled. Price in ticks, quantity in lots, times in nanoseconds of the wall clock."""

    exec_id: str
    quote_id: str
    session: str
    client: str
    symbol: str
    side: int
    price_ticks: int
    quantity_lots: int
    quoted_wall_ns: int
    wall_ns: int
    response_id: str


class Answer(NamedTuple):
    """The answer to a hit, sent again if the same hit is received again."""

    session: str
    kind: str
    id: str
    digest: int
    answer: str
    wall_ns: int


Changes = Sequence[tuple[str, int]]  # (symbol, lots added to the position of the desk)
Key = tuple[str, str, str]  # session, kind and id of an answer


class _Entry:
    """A request of one thread to write, and its result."""

    __slots__ = ("answer", "changes", "done", "error", "fill")

    def __init__(self, answer: Answer, fill: Fill | None, changes: Changes) -> None:
        self.answer, self.fill, self.changes = answer, fill, changes
        self.done = False
        self.error: BaseException | None = None


class Ledger:
    """One open ledger file. Thread-safe within its process."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        self._waiting: deque[_Entry] = deque()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._connect()
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA wal_autocheckpoint=0")  # by `checkpoint`, not during a commit
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, SCHEMA_VERSION):
                raise LedgerError(f"{path}: ledger of version {version}, this version reads {SCHEMA_VERSION}")
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            self._checkpoints = self._connect()
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(f"{path}: {error}") from None

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        db.execute(f"PRAGMA cache_size=-{_CACHE_KB}")
        return db

    def close(self) -> None:
        self._checkpoints.close()
        self._db.close()

    # --- writing

    def record_fill(self, fill: Fill, changes: Changes, answer: Answer) -> None:
        """Write a fill, its positions and its answer; they are on disk when this returns.

        sqlite3.Error, and nothing written, if that fails; sqlite3.IntegrityError if this hit has an answer or this
        quote a fill already.
        """
        self._record(_Entry(answer, fill, changes))

    def record_refusal(self, answer: Answer) -> None:
        """Write the answer to a hit that is not filled; on disk when this returns. Errors as for `record_fill`."""
        self._record(_Entry(answer, None, ()))

    def _record(self, entry: _Entry) -> None:
        self._waiting.append(entry)
        with self._lock:
            if not entry.done:  # no other thread has written it: this one writes for all that wait
                self._write([self._waiting.popleft() for _ in range(len(self._waiting))])
        if entry.error is not None:
            raise entry.error

    def _write(self, entries: list[_Entry]) -> None:
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            for entry in entries:
                db.execute("SAVEPOINT entry")
                try:
                    self._insert(entry)
                except sqlite3.IntegrityError as error:
                    entry.error = error
                    db.execute("ROLLBACK TO entry")
                db.execute("RELEASE entry")
            db.execute("COMMIT")
        except BaseException as error:
            for entry in entries:
                entry.error = entry.error or error
            if db.in_transaction:
                db.execute("ROLLBACK")
        finally:
            for entry in entries:
                entry.done = True

    def _insert(self, entry: _Entry) -> None:
        db, fill = self._db, entry.fill
        if fill is not None:
            db.execute(f"INSERT INTO fills VALUES ({', '.join('?' * len(fill))})", fill)
            for change in entry.changes:
                db.execute(
                    "INSERT INTO positions VALUES (?, ?) "
                    "ON CONFLICT (symbol) DO UPDATE SET lots = lots + excluded.lots",
                    change,
                )
        db.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, 0)", entry.answer)

    def mark_sent(self, keys: Iterable[Key]) -> None:
        """Mark answers that the engine has accepted. Does not wait for the disk."""
        with self._lock:
            self._db.execute("PRAGMA synchronous=NORMAL")
            try:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany("UPDATE answers SET sent = 1 WHERE session = ? AND kind = ? AND id = ?", keys)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            finally:
                self._db.execute("PRAGMA synchronous=FULL")

    def delete_answers(self, before_ns: int) -> int:
        """Delete the answers given before a time; returns how many. Fills and positions stay."""
        with self._lock:
            return self._db.execute("DELETE FROM answers WHERE wall_ns < ?", (before_ns,)).rowcount

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file without blocking writers. sqlite3.Error if that fails."""
        self._checkpoints.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    # --- reading

    def answer_to(self, session: str, kind: str, id_: str) -> Answer | None:
        """The stored answer to a hit; None if the hit is new."""
        sql = "SELECT session, kind, id, digest, answer, wall_ns FROM answers WHERE session = ? AND kind = ? AND id = ?"
        return next((Answer(*row) for row in self._rows(sql, (session, kind, id_))), None)

    def unsent_answers(self, session: str) -> list[Answer]:
        """Answers for a session that are not marked as sent, oldest first."""
        sql = (
            "SELECT session, kind, id, digest, answer, wall_ns FROM answers WHERE session = ? AND sent = 0 "
            "ORDER BY wall_ns"
        )
        return [Answer(*row) for row in self._rows(sql, (session,))]

    def fills(self, since_ns: int = 0) -> Iterator[Fill]:
        """All fills received at or after `since_ns`, oldest first."""
        for row in self._rows("SELECT * FROM fills WHERE wall_ns >= ? ORDER BY wall_ns", (since_ns,)):
            yield Fill(*row)

    def positions(self) -> dict[str, int]:
        """Lots by symbol."""
        return dict(self._rows("SELECT symbol, lots FROM positions", ()))

    def _rows(self, sql: str, arguments: tuple[object, ...]) -> list[tuple]:
        with self._lock:
            return self._db.execute(sql, arguments).fetchall()
