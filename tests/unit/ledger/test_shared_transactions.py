"""Fills of threads that wait at the same time share one transaction, and with it one sync."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import pytest

from quotelife.ledger.store import Answer, Fill, Ledger

N = 6


def record(ledger: Ledger, n: int, quote_id: str) -> None:
    fill = Fill(f"E{n}", quote_id, f"S{n}", "Fund", "BTC-USD", 1, 100, 5, 1_000, 2_000, f"R{n}")
    ledger.record_fill(fill, [("BTC-USD", -5, 100)], Answer(f"S{n}", "AJ", f"R{n}", 7, f"35=8|17=E{n}", 2_000))


class Waiting:
    """Threads that have something to record, held back until all of them wait."""

    def __init__(self, ledger: Ledger, pool: ThreadPoolExecutor, quote_ids: list[str]) -> None:
        self.statements: list[str] = []
        self.done_at: dict[int, int] = {}  # by fill, the number of statements before it was reported
        with ledger._lock:
            self.futures = [pool.submit(self._run, ledger, n, quote_id) for n, quote_id in enumerate(quote_ids)]
            limit = monotonic() + 10.0
            while len(ledger._waiting) < len(quote_ids) and monotonic() < limit:
                sleep(0.0)
            assert len(ledger._waiting) == len(quote_ids)
            ledger._db.set_trace_callback(self.statements.append)

    def _run(self, ledger: Ledger, n: int, quote_id: str) -> None:
        try:
            record(ledger, n, quote_id)
        finally:
            self.done_at[n] = len(self.statements)

    def errors(self) -> list[BaseException | None]:
        return [future.exception(10.0) for future in self.futures]


@pytest.fixture
def ledger(tmp_path):
    opened = Ledger(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()


def test_they_share_one_transaction_and_none_is_reported_before_it(ledger):
    with ThreadPoolExecutor(N) as pool:
        waiting = Waiting(ledger, pool, [f"Q{n}" for n in range(N)])
        assert waiting.errors() == [None] * N
    ended = [at for at, statement in enumerate(waiting.statements) if statement == "COMMIT"]
    assert len(ended) == 1
    assert all(at > ended[0] for at in waiting.done_at.values())
    assert len(list(ledger.fills())) == N and ledger.positions() == {"BTC-USD": -5 * N}


def test_one_that_fails_undoes_itself_alone(ledger):
    with ThreadPoolExecutor(N) as pool:
        errors = Waiting(ledger, pool, ["Q0", "Q1", "Q1", "Q3", "Q4", "Q5"]).errors()
    failed = [n for n, error in enumerate(errors) if error is not None]
    assert len(failed) == 1 and failed[0] in (1, 2) and isinstance(errors[failed[0]], sqlite3.IntegrityError)
    assert {fill.exec_id for fill in ledger.fills()} == {f"E{n}" for n in range(N) if n not in failed}
    assert ledger.answer_to(f"S{failed[0]}", "AJ", f"R{failed[0]}") is None
    assert ledger.positions() == {"BTC-USD": -5 * (N - 1)}


def test_a_transaction_that_fails_fails_for_all_of_them(ledger):
    with ThreadPoolExecutor(N) as pool:
        ledger._db.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON fills WHEN NEW.exec_id = 'E3' BEGIN "
                           "SELECT RAISE(ROLLBACK, 'no room'); END")  # fmt: skip
        errors = Waiting(ledger, pool, [f"Q{n}" for n in range(N)]).errors()
    assert all(isinstance(error, sqlite3.Error) for error in errors)
    assert list(ledger.fills()) == [] and ledger.positions() == {}
    ledger._db.execute("DROP TRIGGER temp.full")
    record(ledger, 0, "Q0")
    assert len(list(ledger.fills())) == 1
