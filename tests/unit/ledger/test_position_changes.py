"""Positions in the ledger: fills, hedges and the desk's changes, each once; a ledger of the version before."""

import sqlite3

import pytest

from quotelife.ledger.position import NANO, NoAveragePrice, Position
from quotelife.ledger.position_tables import (
    ADJUST,
    CANCEL,
    CORRECT,
    SET,
    TRADE,
    ChangeConflict,
    PositionChange,
    RecordedChange,
    UnknownTrade,
)
from quotelife.ledger.store import Ledger
from tests.unit.ledger.test_store import answer_of, fill_of, record

V1 = """
CREATE TABLE answers (session TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, digest INTEGER NOT NULL,
    answer TEXT NOT NULL, wall_ns INTEGER NOT NULL, sent INTEGER NOT NULL, PRIMARY KEY (session, kind, id))
    WITHOUT ROWID;
CREATE TABLE fills (exec_id TEXT PRIMARY KEY, quote_id TEXT NOT NULL, session TEXT NOT NULL, client TEXT NOT NULL,
    symbol TEXT NOT NULL, side INTEGER NOT NULL, price_ticks INTEGER NOT NULL, quantity_lots INTEGER NOT NULL,
    quoted_wall_ns INTEGER NOT NULL, wall_ns INTEGER NOT NULL, response_id TEXT NOT NULL);
CREATE TABLE positions (symbol TEXT PRIMARY KEY, lots INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version=1;
"""


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.sqlite")


def change(id_: str, kind: str, lots: int, ticks: int | None = None, **more) -> PositionChange:
    price = None if ticks is None else ticks * NANO
    known = {"source": "", "day": "", "digest": 1, "client": "", "symbol": "BTC-USD", "text": "", "wall_ns": 5}
    return PositionChange(id=id_, kind=kind, lots=lots, price=price, **known | more)


def test_a_fill_moves_the_position_of_the_desk_and_the_one_with_its_client(ledger):
    record(ledger, fill_of(1), answer_of(1))
    record(ledger, fill_of(2, side=2, lots=7)._replace(client="Other", price_ticks=90), answer_of(2))
    assert ledger.desk_positions() == {"BTC-USD": Position(2, 180 * NANO, 50 * NANO)}
    assert ledger.client_positions() == {
        ("Fund", "BTC-USD"): Position(-5, -500 * NANO, 0),
        ("Other", "BTC-USD"): Position(7, 630 * NANO, 0),
    }


def test_a_hedge_moves_the_position_of_the_desk_alone_and_once(ledger):
    record(ledger, fill_of(1), answer_of(1))
    hedge = change("X1", TRADE, 5, 98, source="EMS", day="20260105")
    recorded = ledger.record_change(hedge)
    assert (recorded.is_new, recorded.lots, recorded.position) == (True, 5, Position(0, 0, 10 * NANO))
    again = ledger.record_change(hedge._replace(wall_ns=9))
    assert (again.is_new, again.lots, again.position) == (False, 5, recorded.position)
    assert ledger.positions() == {"BTC-USD": 0}
    assert ledger.client_positions()["Fund", "BTC-USD"].lots == -5


def test_an_id_is_used_once_a_day_and_source(ledger):
    hedge = change("X1", TRADE, 5, 98, source="EMS", day="20260105")
    ledger.record_change(hedge)
    with pytest.raises(ChangeConflict, match="X1 was used before"):
        ledger.record_change(hedge._replace(digest=2))
    assert ledger.record_change(hedge._replace(digest=2, day="20260106")).is_new
    assert ledger.record_change(hedge._replace(digest=2, source="OTHER")).is_new
    assert ledger.positions() == {"BTC-USD": 15}


def test_a_trade_is_taken_back_once(ledger):
    ledger.record_change(change("X1", TRADE, 5, 98, source="EMS", day="20260105"))
    cancel = change("X2", CANCEL, 0, source="EMS", day="20260106", ref="X1")
    assert ledger.record_change(cancel) == RecordedChange(True, -5, Position(0, 0, 0))
    assert not ledger.record_change(cancel).is_new
    with pytest.raises(ChangeConflict, match="taken back before"):
        ledger.record_change(cancel._replace(id="X3"))
    with pytest.raises(UnknownTrade, match="no trade X9"):
        ledger.record_change(cancel._replace(id="X3", ref="X9"))
    with pytest.raises(UnknownTrade):
        ledger.record_change(cancel._replace(id="X3", ref="X2"))
    with pytest.raises(UnknownTrade):
        ledger.record_change(cancel._replace(id="X3", source="OTHER"))
    assert ledger.positions() == {"BTC-USD": 0}


def test_a_trade_is_corrected_and_the_correction_taken_back(ledger):
    ledger.record_change(change("X1", TRADE, 5, 98, source="EMS"))
    correct = change("X2", CORRECT, 7, 97, source="EMS", ref="X1")
    assert ledger.record_change(correct) == RecordedChange(True, 2, Position(7, 7 * 97 * NANO, 0))
    with pytest.raises(ChangeConflict, match="was in BTC-USD, not ETH-USD"):
        ledger.record_change(correct._replace(id="X3", ref="X2", symbol="ETH-USD"))
    cancelled = ledger.record_change(change("X3", CANCEL, 0, source="EMS", ref="X2"))
    assert cancelled == RecordedChange(True, -7, Position(0, 0, 0))


def test_the_desk_sets_and_adjusts(ledger):
    assert ledger.record_change(change("1", SET, 10, 100)).position == Position(10, 1000 * NANO)
    assert ledger.record_change(change("2", ADJUST, -4, 120)).position == Position(6, 600 * NANO, 80 * NANO)
    assert ledger.record_change(change("3", ADJUST, 6)).position == Position(12, 1200 * NANO, 80 * NANO)
    assert ledger.record_change(change("4", SET, 0)).lots == -12
    assert ledger.record_change(change("5", SET, -3, 50, client="Fund")).position == Position(-3, -150 * NANO)
    assert ledger.desk_positions() == {"BTC-USD": Position(0, 0, 80 * NANO)}


def test_a_change_without_a_price_that_it_needs_changes_nothing(ledger):
    with pytest.raises(NoAveragePrice):
        ledger.record_change(change("1", SET, 10))
    with pytest.raises(OverflowError):
        ledger.record_change(change("1", SET, 2**70, 1))
    assert ledger.desk_positions() == {}
    assert ledger.record_change(change("1", SET, 10, 7)).is_new


def test_amounts_above_64_bits_are_exact(ledger, tmp_path):
    ledger.record_change(change("1", SET, 2**52, 2**40 + 1))
    ledger.record_change(change("2", ADJUST, -1, 2**40))
    expected = Position(2**52 - 1, (2**52 - 1) * (2**40 + 1) * NANO, -NANO)
    ledger.close()
    assert Ledger(tmp_path / "ledger.sqlite").desk_positions()["BTC-USD"] == expected


def old_ledger(path, positions) -> None:
    db = sqlite3.connect(path)
    db.executescript(V1)
    fills = [fill_of(1), fill_of(2, side=2, lots=7)._replace(price_ticks=90, client="Other"), fill_of(3, lots=4)]
    legs = fill_of(4)._replace(symbol="[N/A]")
    for fill in [*fills, legs]:
        db.execute(f"INSERT INTO fills VALUES ({', '.join('?' * 11)})", fill)
        db.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, 0)", answer_of(int(fill.exec_id[1:])))
    db.executemany("INSERT INTO positions VALUES (?, ?)", positions.items())
    db.commit()
    db.close()


def test_a_ledger_of_version_1_is_migrated_in_place(tmp_path):
    old_ledger(tmp_path / "ledger.sqlite", {"BTC-USD": -2})
    for _ in range(2):  # the second time it is of this version already
        ledger = Ledger(tmp_path / "ledger.sqlite")
        assert ledger.desk_positions() == {"BTC-USD": Position(-2, -200 * NANO, 70 * NANO)}
        assert ledger.client_positions()["Fund", "BTC-USD"] == Position(-9, -900 * NANO)
        assert set(ledger.client_positions()) == {("Fund", "BTC-USD"), ("Other", "BTC-USD")}
        assert len(list(ledger.fills())) == 4 and ledger.answer_to("OMS", "AJ", "R2") == answer_of(2)
        ledger.close()
    db = sqlite3.connect(tmp_path / "ledger.sqlite")
    assert db.execute("PRAGMA user_version").fetchone() == (2,)


def test_legs_of_version_1_count_at_the_last_price_of_their_instrument(tmp_path):
    old_ledger(tmp_path / "ledger.sqlite", {"BTC-USD": 3, "ETH-USD": 11})
    positions = Ledger(tmp_path / "ledger.sqlite").desk_positions()
    assert positions["BTC-USD"] == Position(3, 300 * NANO, 70 * NANO)
    assert positions["ETH-USD"] == Position(11, 0, 0)


def test_a_migration_that_fails_leaves_version_1(tmp_path, monkeypatch):
    old_ledger(tmp_path / "ledger.sqlite", {"BTC-USD": -2})
    monkeypatch.setattr("quotelife.ledger.schema.NANO", "not a number")
    with pytest.raises(TypeError):
        Ledger(tmp_path / "ledger.sqlite")
    db = sqlite3.connect(tmp_path / "ledger.sqlite")
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert db.execute("SELECT * FROM positions").fetchall() == [("BTC-USD", -2)]
