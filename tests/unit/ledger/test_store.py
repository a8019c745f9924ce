"""The ledger: all or nothing, durable, the same after a restart."""

import sqlite3
import subprocess
import sys

import pytest

from quotelife.ledger.store import DELIVERED, SENT, Answer, Fill, Ledger, LedgerError


def fill_of(n: int, side: int = 1, lots: int = 5) -> Fill:
    return Fill(f"E{n}", f"Q{n}", "OMS", "Fund", "BTC-USD", side, 100, lots, 1_000 + n, 2_000 + n, f"R{n}")


def change_of(fill: Fill) -> list[tuple[str, int, int]]:
    return [(fill.symbol, -fill.quantity_lots if fill.side == 1 else fill.quantity_lots, fill.price_ticks)]


def record(ledger: Ledger, fill: Fill, answer: Answer) -> None:
    ledger.record_fill(fill, change_of(fill), answer)


def answer_of(n: int, kind: str = "AJ") -> Answer:
    return Answer("OMS", kind, f"R{n}", 7, f"35=8|17=E{n}", 2_000 + n)


def test_fill_position_and_answer_are_stored_together(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    record(ledger, fill_of(1), answer_of(1))
    record(ledger, fill_of(2, side=2, lots=7), answer_of(2))
    assert ledger.positions() == {"BTC-USD": 2}
    assert ledger.answer_to("OMS", "AJ", "R1") == answer_of(1)
    assert ledger.answer_to("OMS", "D", "R1") is None
    assert list(ledger.fills()) == [fill_of(1), fill_of(2, side=2, lots=7)]


@pytest.mark.parametrize("again", [(fill_of(1), answer_of(2)), (fill_of(2), answer_of(1))])
def test_a_second_fill_of_a_quote_changes_nothing(tmp_path, again):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    record(ledger, fill_of(1), answer_of(1))
    with pytest.raises(sqlite3.IntegrityError):
        record(ledger, *again)
    assert ledger.positions() == {"BTC-USD": -5}
    assert list(ledger.fills()) == [fill_of(1)]
    assert ledger.answer_to("OMS", "AJ", "R2") is None


def test_everything_is_read_back_after_a_restart(tmp_path):
    first = Ledger(tmp_path / "ledger.sqlite")
    record(first, fill_of(1), answer_of(1))
    first.record_refusal(answer_of(2, "D"))
    first.close()
    second = Ledger(tmp_path / "ledger.sqlite")
    assert second.positions() == {"BTC-USD": -5}
    assert [f.exec_id for f in second.fills(since_ns=2_001)] == ["E1"]
    assert list(second.fills(since_ns=2_002)) == []
    assert second.answer_to("OMS", "D", "R2") == answer_of(2, "D")


_DIES = """
import os, signal, sys
from tests.unit.ledger.test_store import Ledger, answer_of, fill_of, record
ledger, n = Ledger(sys.argv[1]), 0
while True:
    n += 1
    record(ledger, fill_of(n), answer_of(n))
    print(n, flush=True)
"""


def test_recorded_rows_survive_kill_9(tmp_path):
    path = tmp_path / "ledger.sqlite"
    process = subprocess.Popen([sys.executable, "-c", _DIES, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = [int(process.stdout.readline()) for _ in range(50)]
    process.kill()
    told += [int(line) for line in process.stdout.read().splitlines()]
    process.wait(10)
    process.stdout.close()
    ledger = Ledger(path)
    recorded = sorted(int(f.exec_id[1:]) for f in ledger.fills())
    assert set(told) <= set(recorded)
    assert len(recorded) - len(told) <= 1, "at most the one that was not printed yet"
    assert ledger.positions() == {"BTC-USD": -5 * len(recorded)}
    assert all(ledger.answer_to("OMS", "AJ", f"R{n}") for n in recorded)


def test_a_file_that_is_not_a_ledger_is_refused(tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 50)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite"):
        Ledger(tmp_path / "ledger.sqlite")
    later = sqlite3.connect(tmp_path / "later.sqlite")
    later.execute("PRAGMA user_version=99")
    later.close()
    with pytest.raises(LedgerError, match="version 99"):
        Ledger(tmp_path / "later.sqlite")


def test_only_delivered_answers_are_deleted(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for n in range(3):
        ledger.record_refusal(answer_of(n))
    ledger.mark([(("OMS", "AJ", "R1"), SENT), (("OMS", "AJ", "R2"), DELIVERED)])
    assert ledger.delete_answers(5_000) == 1
    assert [answer.id for answer, _ in ledger.unconfirmed_answers("OMS")] == ["R0", "R1"]


def log_of(tmp_path) -> tuple[int, bytes]:
    """Size of the write-ahead log, and its salts, which change when it begins anew."""
    data = (tmp_path / "ledger.sqlite-wal").read_bytes()
    return len(data), data[16:24]


def test_fills_do_not_extend_the_log_after_room_was_made(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.make_room()
    size, _ = log_of(tmp_path)
    assert size > 8 << 20
    for n in range(100):
        record(ledger, fill_of(n), answer_of(n))
    assert log_of(tmp_path)[0] == size
    assert len(list(ledger.fills())) == 100
    ledger.close()
    assert (tmp_path / "ledger.sqlite").stat().st_size < 1 << 20, "the room is not in the file"


def test_the_log_is_moved_into_the_file_only_when_half_of_its_room_is_used(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.make_room()
    record(ledger, fill_of(0), answer_of(0))
    before = log_of(tmp_path)
    ledger.checkpoint()
    record(ledger, fill_of(1), answer_of(1))
    assert log_of(tmp_path) == before
    for n in range(2, 80):
        record(ledger, fill_of(n), answer_of(n))
    ledger.checkpoint()
    record(ledger, fill_of(80), answer_of(80))
    size, salts = log_of(tmp_path)
    assert size == before[0] and salts != before[1]
    with sqlite3.connect(tmp_path / "ledger.sqlite") as other:
        assert other.execute("SELECT COUNT(*) FROM fills").fetchone() == (81,)
