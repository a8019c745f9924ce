"""How far the mid has moved from a quote to its withdrawal, stored with the withdrawal."""

import pytest

from quotelife.journal import layout as J
from quotelife.metrics.labels import CANCEL_REASONS
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, mono_ns
from tests.unit.recorder.test_recorder import Rig


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def withdraw(rig, n, quoted_ns, withdrawn_ns, reason="market_moved", legs=1):
    rig.quote(n, legs=legs, quoted_mono_ns=quoted_ns)
    record = rig._record(J.KIND_CANCEL, n, 0)
    record.mono_ns, record.outcome = withdrawn_ns, CANCEL_REASONS.index(reason)
    record.row = -1 if legs > 1 else 0
    rig.writer.append(record)


def moves(rig):
    return rig.reader.moves(0, 2**62)


@pytest.mark.parametrize(("bid", "ask", "moved"), [(104, 106, 4.0), (97, 100, -2.5), (100, 102, 0.0)])
def test_move_of_the_mid_is_stored(rig, bid, ask, moved):
    now_ns = mono_ns() - NS_PER_S
    rig.book(0, now_ns - 2 * NS_PER_S, 100, 102)
    rig.book(0, now_ns - NS_PER_S, bid, ask)
    rig.book(0, now_ns, bid, ask)
    withdraw(rig, 1, now_ns - 1_500 * NS_PER_MS, now_ns - 500 * NS_PER_MS)
    rig.step()
    assert moves(rig) == {"Q1": moved}


def test_move_of_a_multileg_is_that_of_its_net_price(rig):
    now_ns = mono_ns() - NS_PER_S
    for row, (before, after) in enumerate(((100, 104), (50, 51))):
        rig.book(row, now_ns - 2 * NS_PER_S, before, before + 2)
        rig.book(row, now_ns - NS_PER_S, after, after + 2)
        rig.book(row, now_ns, after, after + 2)
    rig.leg(1, 0, 1)
    rig.leg(1, 1, -2)
    withdraw(rig, 1, now_ns - 1_500 * NS_PER_MS, now_ns - 500 * NS_PER_MS, legs=2)
    rig.step()
    assert moves(rig) == {"Q1": 4.0 - 2 * 1.0}


def test_move_is_not_known_without_a_market(rig):
    withdraw(rig, 1, mono_ns() - 2 * NS_PER_S, mono_ns() - NS_PER_S, "no_market")
    rig.step()
    assert moves(rig) == {"Q1": None}


@pytest.mark.parametrize("reason", ["replaced", "cancelled_by_client", "session_ended"])
def test_end_that_is_no_withdrawal_is_none(rig, reason):
    withdraw(rig, 1, mono_ns() - 2 * NS_PER_S, mono_ns() - NS_PER_S, reason)
    rig.step()
    assert moves(rig) == {}
