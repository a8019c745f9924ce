"""A board row that its writer is changing: read again for a moment, then refused as busy."""

import threading
import time

import pytest

from quotelife.market.board import layout as L
from tests.unit.rfq.rfq_rig import Rig


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def test_a_row_that_stays_busy_is_refused_as_busy(rig):
    rig.board.rows[0, L.VERSION] += 1
    start = time.perf_counter()
    answer = rig.ask("one")
    assert time.perf_counter() - start < 0.5
    assert (answer["35"], answer["658"]) == ("AG", "8")
    assert "BTC-USD" in answer["58"]
    assert rig.region.values[rig.region.counter("quotelife_rejects_total", reason="busy")] == 1
    rig.board.rows[0, L.VERSION] += 1
    assert rig.ask("two")["35"] == "S"


def test_a_row_that_is_busy_for_a_moment_is_quoted(rig):
    rig.ask("warm")
    rows = rig.board.rows
    answered = 0
    for n in range(10):  # one of them may find the test's own thread late
        writer = threading.Timer(0.0005, rows[0].__setitem__, (L.VERSION, int(rows[0, L.VERSION]) + 2))
        rows[0, L.VERSION] += 1
        writer.start()
        answered += rig.ask(f"r{n}")["35"] == "S"
        writer.join()
    assert answered >= 5
