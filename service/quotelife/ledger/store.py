"""The durable ledger: answers to hits, fills, positions and their changes in one SQLite file, written only by the
quoting process.

SQLite in WAL mode with `synchronous=FULL`: when a `record_` method returns, its rows are on disk. A fill, its change of
position and the answer to be sent are in one transaction: after a crash either all of them exist or none. Threads that
wait for the disk at the same time share one transaction and one wait.

A transaction waits for one sync of the write-ahead log, which has room for many: syncing a file that grows waits for
its new size, too. The log moves into the file only when its room is half used, as that syncs, and the first transaction
afterwards syncs twice.

That an answer was sent, or that its client has it, is marked without waiting for the disk. The mark survives a crash of
the process; if it is lost in a crash of the machine, the answer is sent again as a possible resend.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from quotelife.ledger.position import NANO, Position
from quotelife.ledger.position_tables import (
    CLIENTS,
    DESK,
    PositionChange,
    RecordedChange,
    all_client_positions,
    all_positions,
    apply_change,
    change_position,
)
from quotelife.ledger.schema import SCHEMA_VERSION, prepare

NOT_SENT, DELIVERED, SENT = range(3)  # of an answer: accepted by the engine it is SENT, by its client DELIVERED
_ROOM_BYTES = 8 << 20  # of the write-ahead log, for about 150 fills
_BYTES_WRITTEN = 56 << 10  # by a fill, and the marks of its answer
_CACHE_KB = 512  # page cache in this process; the rest comes from the cache of the machine


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


Changes = Sequence[tuple[str, int, int]]  # (symbol, lots added to the position of the desk, price in ticks)
Key = tuple[str, str, str]  # session, kind and id of an answer


class _Entry:
    """A request of one thread to write, and its result. What is wrong with an entry itself (ValueError, OverflowError,
    sqlite3.IntegrityError of `write`) undoes that one; any other exception undoes all that share its transaction."""

    __slots__ = ("done", "error", "write")

    def __init__(self, write: Callable[[sqlite3.Connection], None]) -> None:
        self.write = write
        self.done = False
        self.error: BaseException | None = None


class Ledger:
    """One open ledger file. Thread-safe within its process."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        self._waiting: deque[_Entry] = deque()
        self._unmoved = 0  # bytes in the log that are not in the file, estimated
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._connect()
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA wal_autocheckpoint=0")  # by `checkpoint`, not during a commit
            version = prepare(self._db)
            if not 0 <= version <= SCHEMA_VERSION:
                raise LedgerError(f"{path}: ledger of version {version}, this version reads {SCHEMA_VERSION}")
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

    def make_room(self) -> None:
        """Extend the write-ahead log to its usual size. sqlite3.Error if the disk has no room.

        What a transaction writes beyond the cache goes into the log before it ends; undone, it leaves the room.
        """
        with self._lock:
            db = self._db
            db.execute("BEGIN IMMEDIATE")
            try:
                db.execute("CREATE TABLE room (bytes BLOB)")
                db.execute("INSERT INTO room VALUES (zeroblob(?))", (_ROOM_BYTES + (_CACHE_KB << 10),))
            finally:
                db.execute("ROLLBACK")
            db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")  # a transaction, whose sync includes the room

    # --- writing

    def record_fill(self, fill: Fill, changes: Changes, answer: Answer, copies: Sequence[Answer] = ()) -> None:
        """Write a fill, its positions, its answer and the copies of that; they are on disk when this returns. The
        position with its client changes with that of the desk.

        sqlite3.Error, and nothing written, if that fails; sqlite3.IntegrityError if this hit has an answer or this
        quote a fill already.
        """

        def write(db: sqlite3.Connection) -> None:
            db.execute(f"INSERT INTO fills VALUES ({', '.join('?' * len(fill))})", fill)
            for symbol, lots, ticks in changes:
                trade = partial(Position.after_trade, lots=lots, price=ticks * NANO)
                change_position(db, DESK, (symbol,), trade)
                change_position(db, CLIENTS, (fill.client, symbol), trade)
            _insert_answers(db, answer, *copies)

        self._record(_Entry(write))

    def record_refusal(self, answer: Answer, copies: Sequence[Answer] = ()) -> None:
        """Write the answer to a hit that is not filled, and its copies; on disk when this returns. Errors as for
        `record_fill`."""
        self._record(_Entry(lambda db: _insert_answers(db, answer, *copies)))

    def record_copies(self, copies: Sequence[Answer]) -> None:
        """Write copies of an answer that is not in the ledger; on disk when this returns. Errors as for
        `record_fill`."""
        self._record(_Entry(lambda db: _insert_answers(db, *copies)))

    def record_change(self, change: PositionChange) -> RecordedChange:
        """Apply a change of a position that is no fill, once; it is on disk when this returns.

        `ChangeConflict` for the id of an earlier change with other content, `NoAveragePrice` where a price is missing,
        sqlite3.Error if it cannot be written: then nothing has changed.
        """
        recorded = []
        self._record(_Entry(lambda db: recorded.append(apply_change(db, change))))
        return recorded[0]

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
                    entry.write(db)
                except (sqlite3.IntegrityError, ValueError, OverflowError) as error:
                    entry.error = error
                    db.execute("ROLLBACK TO entry")
                db.execute("RELEASE entry")
            db.execute("COMMIT")
            self._unmoved += _BYTES_WRITTEN * len(entries)
        except BaseException as error:
            for entry in entries:
                entry.error = entry.error or error
            if db.in_transaction:
                db.execute("ROLLBACK")
        finally:
            for entry in entries:
                entry.done = True

    def mark(self, states: Iterable[tuple[Key, int]]) -> None:
        """Mark answers as SENT or DELIVERED. Does not wait for the disk."""
        rows = [(state, *key) for key, state in states]
        with self._lock:
            self._db.execute("PRAGMA synchronous=NORMAL")
            try:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany("UPDATE answers SET sent = ? WHERE session = ? AND kind = ? AND id = ?", rows)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            finally:
                self._db.execute("PRAGMA synchronous=FULL")

    def delete_answers(self, before_ns: int) -> int:
        """Delete the delivered answers given before a time; returns how many. Fills and positions stay."""
        with self._lock:
            sql = "DELETE FROM answers WHERE wall_ns < ? AND sent = ?"
            return self._db.execute(sql, (before_ns, DELIVERED)).rowcount

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file, if half of its room is used, without blocking writers. sqlite3.Error
        if that fails."""
        if self._unmoved >= _ROOM_BYTES // 2:
            self._unmoved = 0
            self._checkpoints.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    # --- reading

    def answer_to(self, session: str, kind: str, id_: str) -> Answer | None:
        """The stored answer to a hit; None if the hit is new."""
        sql = "SELECT session, kind, id, digest, answer, wall_ns FROM answers WHERE session = ? AND kind = ? AND id = ?"
        return next((Answer(*row) for row in self._rows(sql, (session, kind, id_))), None)

    def unconfirmed_answers(self, session: str) -> list[tuple[Answer, int]]:
        """Answers for a session that are not DELIVERED, with their state, oldest first."""
        sql = (
            "SELECT session, kind, id, digest, answer, wall_ns, sent FROM answers WHERE session = ? AND sent != 1 "
            "ORDER BY wall_ns"
        )
        return [(Answer(*row[:-1]), row[-1]) for row in self._rows(sql, (session,))]

    def fills(self, since_ns: int = 0) -> Iterator[Fill]:
        """All fills received at or after `since_ns`, oldest first."""
        for row in self._rows("SELECT * FROM fills WHERE wall_ns >= ? ORDER BY wall_ns", (since_ns,)):
            yield Fill(*row)

    def fill(self, exec_id: str) -> Fill | None:
        """The fill with an ExecID."""
        return next((Fill(*row) for row in self._rows("SELECT * FROM fills WHERE exec_id = ?", (exec_id,))), None)

    def positions(self) -> dict[str, int]:
        """Lots of the desk by symbol."""
        return dict(self._rows("SELECT symbol, lots FROM positions", ()))

    def desk_positions(self) -> dict[str, Position]:
        """The positions of the desk by symbol."""
        with self._lock:
            return all_positions(self._db)

    def client_positions(self) -> dict[tuple[str, str], Position]:
        """The positions with each client by client and symbol."""
        with self._lock:
            return all_client_positions(self._db)

    def _rows(self, sql: str, arguments: tuple[object, ...]) -> list[tuple]:
        with self._lock:
            return self._db.execute(sql, arguments).fetchall()


def _insert_answers(db: sqlite3.Connection, *answers: Answer) -> None:
    db.executemany("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, 0)", answers)
