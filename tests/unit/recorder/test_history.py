"""The history file: rows are stored, read back, updated and deleted."""

import sqlite3

import numpy as np
import pytest

from quotelife.journal.record import Record
from quotelife.ledger import client_layout as L
from quotelife.ledger import history as H
from quotelife.ledger.history import HistoryError, HistoryReader, HitRow, QuoteRow
from quotelife.ledger.quote_state import EXPIRED, FILLED, OPEN, PASSED, REFUSED, WITHDRAWN
from quotelife.recorder import history_writer
from quotelife.recorder.history_writer import HistoryWriter
from quotelife.runtime.clock import NS_PER_S, wall_ns

NOW_NS = wall_ns()


def quote_of(n: int, **fields) -> QuoteRow:
    quote = QuoteRow(
        0, f"Q{n}", f"r{n}", "OMS", "Fund", "BTC-USD", 1, 0, 204, 10, 1, "risk_averse", "risk_bound", 10**8,
        NOW_NS + n, NOW_NS + 3600 * NS_PER_S, 0.01, 0.02, "00" * 8, OPEN, None, None,
    )  # fmt: skip
    return quote._replace(**fields)


def hit_of(n: int, outcome: str = "filled", **fields) -> HitRow:
    hit = HitRow(0, f"Q{n}", f"x{n}", outcome, "Fund", "BTC-USD", 1, 204, 10, NOW_NS + n, 5, 10**7, 1)
    return hit._replace(**fields)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.sqlite"


@pytest.fixture
def history(path):
    history = HistoryWriter(path)
    yield history
    history.close()


@pytest.fixture
def reader(path):
    reader = HistoryReader(path)
    yield reader
    reader.close()


def test_a_quote_is_read_back_as_stored(history, reader, monkeypatch):
    record = Record()
    record.words[:] = np.arange(len(record.words))
    history.add_quote(quote_of(1), record.words.tobytes())
    assert reader.quote("Q1") is None, "not committed yet"
    history.commit()
    assert reader.quote("Q1") == quote_of(1, number=1)
    assert reader.record("Q1").words.tolist() == record.words.tolist()
    assert reader.quote("Q2") is None and reader.record("Q2") is None
    monkeypatch.setattr(H, "RECORD_LAYOUT", 0)
    assert reader.record("Q1") is None, "of another version"


def test_refusals_have_no_quote_id_and_are_not_among_the_last_quotes(history, reader):
    for n in range(3):
        history.add_quote(quote_of(n, quote_id=None, state=REFUSED), None)
        history.add_quote(quote_of(n), None)
    history.add_quote(quote_of(2), None)
    history.commit()
    assert [q.quote_id for q in reader.newest(2)] == ["Q2", "Q1"]


def test_states_of_a_quote(history, reader):
    for n in range(4):
        history.add_quote(quote_of(n), None)
    history.add_quote(quote_of(4, valid_until_ns=NOW_NS - 10), None)
    history.end_quote("Q0", FILLED, NOW_NS + 5)
    history.end_quote("Q0", WITHDRAWN, NOW_NS + 6, "market_moved")
    history.end_quote("Q1", WITHDRAWN, NOW_NS + 6, "market_moved")
    history.end_quote("Q2", PASSED, NOW_NS + 7)
    history.commit()
    states = [reader.quote(f"Q{n}")[-3:] for n in range(5)]
    assert states == [
        (FILLED, None, NOW_NS + 5),
        (WITHDRAWN, "market_moved", NOW_NS + 6),
        (PASSED, None, NOW_NS + 7),
        (OPEN, None, None),
        (EXPIRED, None, NOW_NS - 10),
    ]
    history.expire_quotes(NOW_NS)
    history.commit()
    assert reader.quote("Q3").state == OPEN
    assert history._db.execute("SELECT quote_id FROM quotes WHERE state = 'expired'").fetchall() == [("Q4",)]
    history.end_quote("Q4", FILLED, NOW_NS - 11)
    history.commit()
    assert reader.quote("Q4").state == FILLED, "a hit in time whose record is late"


def test_hits_and_their_markouts(history, reader):
    number = history.add_hit(hit_of(1))
    history.add_hit(hit_of(1, "late", unmarked=0))
    history.store_markout(number, edge_ticks=2.5, horizon=-1, ticks=None, last=False)
    history.store_markout(number, edge_ticks=None, horizon=0, ticks=1.0, last=False)
    assert [h.number for h in history.hits_without_markouts()] == [number]
    history.store_markout(number, edge_ticks=None, horizon=1, ticks=None, last=False)
    history.store_markout(number, edge_ticks=None, horizon=2, ticks=-0.5, last=True)
    history.commit()
    filled, late = reader.hits("Q1")
    assert (filled.edge_ticks, filled.markout_100ms, filled.markout_1s, filled.markout_10s) == (2.5, 1.0, None, -0.5)
    assert (late.outcome, late.edge_ticks) == ("late", None)
    assert history.hits_without_markouts() == []


def test_uncommitted_rows_are_gone_after_a_crash(path, reader):
    history = HistoryWriter(path)
    history.add_quote(quote_of(1), None)
    history.position = (5, 10)
    history.commit()
    history.add_quote(quote_of(2), None)
    history.position = (5, 11)
    history.close()
    again = HistoryWriter(path)
    assert again.position == reader.position() == (5, 10)
    assert reader.quote("Q1") is not None and reader.quote("Q2") is None
    again.close()


def test_rows_of_clients(path):
    row = np.arange(L.ROW_WORDS, dtype=float)
    history = HistoryWriter(path)
    history.store_client("Fund", row)
    history.store_client("Fund", row + 1)
    history.commit()
    history.close()
    again = HistoryWriter(path)
    (kept,) = again.client_rows().values()
    assert kept.tolist() == (row + 1).tolist()
    again.close()


def test_old_quotes_are_deleted_a_few_at_a_time(history, reader, monkeypatch):
    monkeypatch.setattr(history_writer, "_DELETE_LIMIT", 4)
    for n in range(20):
        history.add_quote(quote_of(n, state=EXPIRED), None)
        history.add_hit(hit_of(n, unmarked=0))
    assert history.delete_old(NOW_NS, 14) == 4
    assert history.delete_old(NOW_NS, 14) == 2
    assert history.delete_old(NOW_NS, 14) == 0
    assert history.delete_old(NOW_NS + 8, 14) == 2, "those before the time"
    history.commit()
    assert reader.quote("Q7") is None and reader.quote("Q8") is not None
    assert reader.hits("Q7") == [] and len(reader.hits("Q8")) == 1


def test_a_history_of_another_version_is_renamed(path):
    HistoryWriter(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=1")
    db.close()
    HistoryWriter(path).close()
    assert path.with_name("history.sqlite.old").exists()


def test_a_file_that_is_not_a_history_is_refused(path, reader):
    path.write_bytes(b"no database, whatever it is called" * 100)
    with pytest.raises(HistoryError, match=r"history.sqlite: .*not a database"):
        HistoryWriter(path)
    with pytest.raises(HistoryError, match="not a database"):
        reader.quote("Q1")


def test_a_missing_history_reads_as_empty(path, reader):
    assert reader.quote("Q1") is None and reader.newest(3) == [] and reader.position() is None
    history = HistoryWriter(path)
    history.add_quote(quote_of(1), None)
    history.commit()
    assert reader.quote("Q1") is not None
    history.close()
