"""The recorder learns from hits and withdrawals how often a client's hit arrives before the withdrawal."""

import math

import pytest

from quotelife.journal import layout as J
from quotelife.ledger import client_layout as L
from quotelife.market.board import layout as B
from quotelife.metrics.labels import CANCEL_REASONS
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, mono_ns
from tests.unit.recorder.test_recorder import Rig

MOVED = CANCEL_REASONS.index("market_moved")
_SUMS = [L.S_EARLY, L.S_REACTIONS, L.S_LOG_REACTION, L.S_WITHDRAWALS, L.S_LOG_LATENCY]


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def sums(rig, client=0):
    """Early hits, reactions and their logarithms in ms, withdrawals and theirs."""
    return pytest.approx(rig.row(client)[_SUMS].tolist(), rel=1e-3, abs=1e-3)


def hit(rig, n, reaction_ms, outcome, **more):
    now_ns = mono_ns()
    change_ns = now_ns - round(reaction_ms * NS_PER_MS)
    rig.hit(n, outcome, received_ns=now_ns, change_ns=change_ns, **more)


def test_reactions_are_learnt_from_fills_that_the_market_had_passed(rig):
    hit(rig, 1, 0.25, "filled")
    hit(rig, 3, -0.1, "filled")  # the board changed while the hit was on its way to the decision
    hit(rig, 4, 2.0, "filled", client=1)
    rig.hit(5, "withdrawn")  # for another reason than the market
    rig.hit(6, "late")
    rig.step()
    assert sums(rig) == [1, 1, math.log(0.25), 0, 0]
    assert sums(rig, 1) == [0, 1, math.log(2.0), 0, 0]


def test_of_the_hits_on_withdrawn_quotes_only_informed_ones_show_a_reaction(rig):
    """A client that wanted to trade anyway, and came late, says nothing about how fast it picks off."""
    rig.book(0, rig.started_ns, 101, 103)
    received_ns = mono_ns()
    for n, price in ((1, 100), (2, 104)):  # bought at 100, the mid is through that; at 104 it is not
        rig.hit(n, "withdrawn", received_ns=received_ns, price=price, change_ns=received_ns - 4 * NS_PER_MS)
    rig.step(received_ns + NS_PER_MS)
    assert sums(rig) == [0, 0, 0, 0, 0], "not before the market has shown it"
    rig.board.beat(received_ns + 2 * NS_PER_S)
    rig.board.venues[0, B.V_LAST_RECEIVED_NS] = received_ns + 2 * NS_PER_S
    rig.step(received_ns + 2 * NS_PER_S)
    assert sums(rig) == [0, 1, math.log(4.0), 0, 0]


def test_latency_is_learnt_from_withdrawals_and_is_that_of_every_client(rig):
    rig.step()
    before = rig.row(1)[L.RACE_LOST]
    for n in range(200):
        rig.quote(n)
        rig.end(n, J.KIND_CANCEL, MOVED, latency_ns=NS_PER_MS // 20)
        rig.step()
    rig.end(201, J.KIND_CANCEL, CANCEL_REASONS.index("stopped_by_desk"))
    rig.end(202, J.KIND_PASS)
    rig.quote(203, client=1)
    rig.step()
    assert sums(rig) == [0, 0, 0, 200, 200 * math.log(0.05)]
    own_ms = math.exp((20 * math.log(0.5) + 200 * math.log(0.05)) / 220)
    assert math.exp(rig.recorder.statistics.latency(rig.t0_ns)[0]) == pytest.approx(own_ms, rel=1e-3)
    assert rig.row(1)[L.RACE_LOST] < before / 2
    gauge = rig.metric("quotelife_client_race_lost_ratio", client="Desk") / 1e9
    assert gauge == pytest.approx(rig.row(1)[L.RACE_LOST], abs=1e-8)


def test_a_hit_is_early_if_the_mid_passes_its_price_within_100_ms(rig):
    rig.book(0, rig.started_ns, 101, 103)
    received_ns = mono_ns()
    rig.book(0, received_ns + 50 * NS_PER_MS, 104, 106)
    rig.board.beat(received_ns + NS_PER_S)
    rig.board.venues[0, B.V_LAST_RECEIVED_NS] = received_ns + NS_PER_S
    rig.hit(1, received_ns=received_ns, price=104)  # passed: the mid is 105
    rig.hit(2, received_ns=received_ns, price=105)
    rig.hit(3, received_ns=received_ns, price=104, change_ns=received_ns - NS_PER_MS)  # passed before it arrived
    rig.hit(4, received_ns=received_ns, price=104, change_ns=-1)  # unknown
    rig.step(received_ns + 500 * NS_PER_MS)
    assert sums(rig) == [1, 1, 0, 0, 0]


def test_what_was_learnt_survives_a_restart(rig):
    for n in range(50):
        hit(rig, n, 0.1, "filled")
        rig.end(n, J.KIND_CANCEL, MOVED, latency_ns=NS_PER_MS)
    rig.step()
    before = rig.row()
    rig.restart()
    rig.step()
    after = rig.row()
    assert before[L.RACE_LOST] > 0.9
    assert after[_SUMS].tolist() == pytest.approx(before[_SUMS].tolist(), rel=1e-4)
    assert after[L.RACE_LOST] == pytest.approx(before[L.RACE_LOST], rel=1e-4)
