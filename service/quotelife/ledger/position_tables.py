"""Positions in the ledger's tables: read, changed and written within the caller's transaction."""

import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from quotelife.ledger.position import Position


class Table(NamedTuple):
    """A table of positions, and the columns of its key."""

    name: str
    key: tuple[str, ...]


DESK = Table("positions", ("symbol",))
CLIENTS = Table("client_positions", ("client", "symbol"))
TRADE, CANCEL, CORRECT, ADJUST, SET = "trade", "cancel", "correct", "adjust", "set"  # kinds of a change


class PositionChange(NamedTuple):
    """A change that is no fill: a hedge (`trade`) of so many lots, one that is taken back (`cancel`) or dealt otherwise
    (`correct`), or by the desk (`adjust` by `lots`, or `set` to `lots`).

    `source` is the SenderCompID of the hedge session, empty for the desk; `id` and `day` (YYYYMMDD, may be empty)
    identify the change there, `digest` its content. `client` is empty for the position of the desk, else it is the one
    with that client. `price` is in billionths of a tick; None: the average price. `ref` is the id of the trade that is
    taken back: by an opposite trade at its price, so its result is gone, but the average price may stay another one.
    """

    source: str
    id: str
    day: str
    digest: int
    kind: str
    client: str
    symbol: str
    lots: int
    price: int | None
    text: str
    wall_ns: int
    ref: str = ""


class RecordedChange(NamedTuple):
    """A change as it is in the ledger: the lots that it added, and the position as it is now. `is_new` is False where
    the ledger had it already: nothing was changed."""

    is_new: bool
    lots: int
    position: Position


class ChangeConflict(ValueError):
    """The id of a change is that of an earlier one with other content."""


class UnknownTrade(ValueError):
    """There is no trade that could be taken back under this id."""


def read_position(db: sqlite3.Connection, table: Table, key: tuple[str, ...]) -> Position:
    """The position with that key, an empty one if there is none."""
    where = " AND ".join(f"{column} = ?" for column in table.key)
    row = db.execute(f"SELECT lots, cost, realised FROM {table.name} WHERE {where}", key).fetchone()
    return Position() if row is None else Position(row[0], int(row[1]), int(row[2]))


def write_position(db: sqlite3.Connection, table: Table, key: tuple[str, ...], position: Position) -> None:
    columns = ", ".join((*table.key, "lots", "cost", "realised"))
    places = ", ".join("?" * (len(key) + 3))
    values = (*key, position.lots, str(position.cost), str(position.realised))
    db.execute(f"INSERT OR REPLACE INTO {table.name} ({columns}) VALUES ({places})", values)


def change_position(
    db: sqlite3.Connection, table: Table, key: tuple[str, ...], change: Callable[[Position], Position]
) -> tuple[Position, Position]:
    """Change a position; returns it as it was and as it is."""
    before = read_position(db, table, key)
    after = change(before)
    write_position(db, table, key, after)
    return before, after


def all_positions(db: sqlite3.Connection) -> dict[str, Position]:
    """The positions of the desk by symbol."""
    rows = db.execute("SELECT symbol, lots, cost, realised FROM positions").fetchall()
    return {symbol: Position(lots, int(cost), int(realised)) for symbol, lots, cost, realised in rows}


def all_client_positions(db: sqlite3.Connection) -> dict[tuple[str, str], Position]:
    """The positions with each client by client and symbol."""
    rows = db.execute("SELECT client, symbol, lots, cost, realised FROM client_positions").fetchall()
    return {(client, symbol): Position(lots, int(cost), int(realised)) for client, symbol, lots, cost, realised in rows}


def apply_change(db: sqlite3.Connection, change: PositionChange) -> RecordedChange:
    """Apply a change once: the one that the ledger has already changes nothing.

    `ChangeConflict` for its id with other content, `NoAveragePrice` where a price is missing, `UnknownTrade`.
    """
    table, key = (CLIENTS, (change.client, change.symbol)) if change.client else (DESK, (change.symbol,))
    identity = change.source, change.id, change.day
    sql = "SELECT digest, lots FROM position_changes WHERE source = ? AND id = ? AND day = ?"
    known = db.execute(sql, identity).fetchone()
    if known is not None:
        if known[0] != change.digest:
            raise ChangeConflict(f"id {change.id} was used before, for something else")
        return RecordedChange(False, known[1], read_position(db, table, key))
    taken_back = _trade_of(db, change) if change.ref else None
    before, after = change_position(db, table, key, lambda position: _changed(position, change, taken_back))
    added = after.lots - before.lots
    dealt = change.lots if change.kind == CORRECT else added
    price = change.price if taken_back is None or change.kind == CORRECT else taken_back.price
    row = (*identity, change.digest, change.kind, change.client, change.symbol, dealt)
    ref = (change.ref, "" if taken_back is None else taken_back.day)
    values = (*row, None if price is None else str(price), change.text, *ref, change.wall_ns)
    db.execute(f"INSERT INTO position_changes VALUES ({', '.join('?' * len(values))})", values)
    return RecordedChange(True, added, after)


class _Trade(NamedTuple):
    """A trade that is taken back."""

    day: str
    lots: int
    price: int


def _trade_of(db: sqlite3.Connection, change: PositionChange) -> _Trade:
    """The newest trade of that id from the same source. `UnknownTrade` without one, `ChangeConflict` if it is of
    another instrument or has been taken back."""
    sql = (
        "SELECT day, lots, price, symbol FROM position_changes WHERE source = ? AND id = ? AND kind IN (?, ?) "
        "ORDER BY day DESC LIMIT 1"
    )
    found = db.execute(sql, (change.source, change.ref, TRADE, CORRECT)).fetchone()
    if found is None:
        raise UnknownTrade(f"no trade {change.ref} has been reported")
    day, lots, price, symbol = found
    if symbol != change.symbol:
        raise ChangeConflict(f"trade {change.ref} was in {symbol}, not {change.symbol}")
    sql = "SELECT 1 FROM position_changes WHERE source = ? AND ref = ? AND ref_day = ?"
    if db.execute(sql, (change.source, change.ref, day)).fetchone() is not None:
        raise ChangeConflict(f"trade {change.ref} has been taken back before")
    return _Trade(day, lots, int(price))


def _changed(position: Position, change: PositionChange, taken_back: _Trade | None) -> Position:
    if taken_back is not None:
        position = position.after_trade(-taken_back.lots, taken_back.price)
        if change.kind == CANCEL:
            return position
    if change.kind == SET:
        return position.after_set(change.lots, change.price)
    if change.price is None:
        return position.after_move(change.lots)
    return position.after_trade(change.lots, change.price)
