"""The ledger's tables, and the way from an older version to this one."""

import sqlite3

from quotelife.ledger.position import NANO, Position
from quotelife.ledger.position_tables import CLIENTS, DESK, write_position

SCHEMA_VERSION = 2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    session TEXT NOT NULL,      -- the client's SenderCompID
    kind TEXT NOT NULL,         -- MsgType of the hit: AJ or D; of a drop copy 8
    id TEXT NOT NULL,           -- its QuoteRespID or ClOrdID; of a drop copy the ExecID
    digest INTEGER NOT NULL,    -- of its content, to detect the same id with other content
    answer TEXT NOT NULL,       -- the messages of the answer as a JSON array
    wall_ns INTEGER NOT NULL,
    sent INTEGER NOT NULL,      -- NOT_SENT, DELIVERED or SENT of `quotelife.ledger.store`
    PRIMARY KEY (session, kind, id)
) WITHOUT ROWID;
DROP INDEX IF EXISTS answers_not_sent;
CREATE INDEX IF NOT EXISTS answers_not_confirmed ON answers (session) WHERE sent != 1;
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
CREATE TABLE IF NOT EXISTS positions (  -- of the desk: by fills, hedges and the desk's own changes
    symbol TEXT PRIMARY KEY,
    lots INTEGER NOT NULL,      -- positive if the desk is long
    cost TEXT NOT NULL DEFAULT '0',     -- whole numbers that may exceed 64 bits, see `quotelife.ledger.position`
    realised TEXT NOT NULL DEFAULT '0'
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS client_positions (  -- the desk's, from its fills with one client
    client TEXT NOT NULL,
    symbol TEXT NOT NULL,
    lots INTEGER NOT NULL,
    cost TEXT NOT NULL,
    realised TEXT NOT NULL,
    PRIMARY KEY (client, symbol)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS position_changes (  -- all but fills: of hedges and by the desk
    source TEXT NOT NULL,       -- SenderCompID of the hedge session; empty: the desk
    id TEXT NOT NULL,           -- ExecID or TradeReportID of the hedge; the desk's own
    day TEXT NOT NULL,          -- of a hedge YYYYMMDD, because an ExecID is unique for a day
    digest INTEGER NOT NULL,    -- of its content, to detect the same id with other content
    kind TEXT NOT NULL,         -- trade, cancel, correct, adjust or set
    client TEXT NOT NULL,       -- the position with this client; empty: the desk's
    symbol TEXT NOT NULL,
    lots INTEGER NOT NULL,      -- added to the position; of a correction what was dealt after all
    price TEXT,                 -- billionths of a tick; null: at the average price
    text TEXT NOT NULL,         -- the reason that was given
    ref TEXT NOT NULL,          -- id and day of the trade that a cancel or a correction takes back
    ref_day TEXT NOT NULL,
    wall_ns INTEGER NOT NULL,
    PRIMARY KEY (source, id, day)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS taken_back_once ON position_changes (source, ref, ref_day) WHERE ref <> '';
"""


def prepare(db: sqlite3.Connection) -> int:
    """Create what is missing, or bring an older ledger to this version, all or nothing; returns the version found,
    unchanged if it is one that this version does not know. sqlite3.Error if it cannot be done."""
    found: int = db.execute("PRAGMA user_version").fetchone()[0]
    if not 0 <= found <= SCHEMA_VERSION:
        return found
    try:
        db.execute("BEGIN IMMEDIATE")
        if found == 1:
            for column in ("cost", "realised"):
                db.execute(f"ALTER TABLE positions ADD COLUMN {column} TEXT NOT NULL DEFAULT '0'")
        for statement in _SCHEMA.split(";\n"):
            db.execute(statement)
        if found == 1:
            _price_positions(db)
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return found


def _price_positions(db: sqlite3.Connection) -> None:
    """Version 1 had the lots of a position only: derive cost and result from the fills.

    It did not keep the prices of a multileg's legs. What they moved counts as dealt at the last price at which a client
    dealt the instrument, which the desk can correct by setting the position with a price.
    """
    lots_held = dict(db.execute("SELECT symbol, lots FROM positions").fetchall())
    desk = {symbol: Position() for symbol in lots_held}
    clients: dict[tuple[str, str], Position] = {}
    last: dict[str, int] = {}
    sql = "SELECT client, symbol, side, price_ticks, quantity_lots FROM fills ORDER BY wall_ns, exec_id"
    for client, symbol, side, ticks, lots in db.execute(sql).fetchall():
        if symbol in desk:
            trade = (-lots if side == 1 else lots), ticks * NANO
            desk[symbol] = desk[symbol].after_trade(*trade)
            clients[client, symbol] = clients.get((client, symbol), Position()).after_trade(*trade)
            last[symbol] = ticks * NANO
    for symbol, position in desk.items():
        position = position.after_trade(lots_held[symbol] - position.lots, last.get(symbol, 0))
        write_position(db, DESK, (symbol,), position)
    for key, position in clients.items():
        write_position(db, CLIENTS, key, position)
