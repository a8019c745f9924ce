"""Hits on withdrawn quotes count towards a client's informed share, so that it is that of its requests."""

from typing import NamedTuple

import numpy as np
import pytest

from quotelife.ledger import client_layout as L
from quotelife.market.board import layout as B
from quotelife.recorder.client_statistics import ClientStatistics
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, mono_ns
from tests.unit.recorder.test_client_statistics import HALF_LIFE_S, NOW_NS, config_of
from tests.unit.recorder.test_recorder import Rig

EDGE_TICKS = 2.0
WEIGHT, CONFIGURED = 10.0, 0.2  # of `config_of`


class Ended(NamedTuple):
    """How a request ended: how long its quote was open, as a share of the client's response times, and its hit."""

    open_share: float
    informed: bool
    filled: bool
    refused: bool


def requests(n, q, race_lost, fill_rate, withdrawn_share, in_flight, seed=3):
    """Requests, a share `q` of them informed; either kind leads to a hit with the probability `fill_rate`.

    The market makes the desk withdraw at an informed hit, which is filled if the race is lost, and otherwise a share of
    quotes at any time. Hits are still sent for the time `in_flight` after the withdrawal, a share of response times.
    """
    rng = np.random.default_rng(seed)
    for _ in range(n):
        informed, wanted, at = rng.random() < q, rng.random() < fill_rate, rng.random()
        if informed:
            lost = rng.random() < race_lost
            yield Ended(at if wanted else 1.0, True, wanted and lost, wanted and not lost)
            continue
        until = rng.random() if rng.random() < withdrawn_share else 1.0
        filled = wanted and at < until
        yield Ended(at if filled else until, False, filled, wanted and until <= at < until + in_flight)


def measure(ended):
    """Statistics that have seen these requests."""
    statistics = ClientStatistics(config_of())
    for n, one in enumerate(ended):
        statistics.add_exposure(0, NOW_NS, 0.0, one.open_share)
        ticks = EDGE_TICKS + 1.0 if one.informed else 0.0
        if one.filled:
            statistics.add_hit(0, NOW_NS, 20 * NS_PER_MS, in_time=True)
            statistics.add_markout(0, NOW_NS, L.ONE_SECOND, ticks, EDGE_TICKS)
        elif one.refused:
            statistics.count_refused_hit(0)
            statistics.add_withdrawn_hit(0, NOW_NS, ticks, EDGE_TICKS)
        if n % 10 == 0:
            statistics.estimate(0, NOW_NS)  # exposure depends on the fill rate so far
    return statistics


def informed_among(hits):
    """Informed share of a list of hits, pooled with the configured one."""
    return (WEIGHT * CONFIGURED + sum(hit.informed for hit in hits)) / (WEIGHT + len(hits))


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("race_lost", [0.02, 0.16, 1.0])
def test_the_informed_share_is_that_of_requests_and_fills_alone_understate_it(q, race_lost):
    ended = list(requests(6_000, q, race_lost, 0.4, withdrawn_share=0.1, in_flight=0.1))
    row = measure(ended).estimate(0, NOW_NS)
    fills = [one for one in ended if one.filled]
    of_fills = q * race_lost / (q * race_lost + (1 - q))
    assert informed_among(fills) == pytest.approx(of_fills, abs=0.04), "0.14 with half informed and 0.16 lost"
    assert row[L.INFORMED_SHARE] == pytest.approx(informed_among([o for o in ended if o.filled or o.refused]))
    assert row[L.INFORMED_SHARE] == pytest.approx(q, abs=0.03)


@pytest.mark.parametrize(("q", "race_lost"), [(0.0, 0.5), (0.3, 0.5), (0.5, 0.16), (0.5, 1.0), (0.7, 0.1)])
@pytest.mark.parametrize(("withdrawn_share", "in_flight"), [(0.0, 0.0), (0.8, 0.0), (0.8, 0.3)])
def test_the_fill_rate_is_that_of_uninformed_requests_whatever_is_withdrawn(q, race_lost, withdrawn_share, in_flight):
    ended = list(requests(6_000, q, race_lost, 0.4, withdrawn_share, in_flight))
    row = measure(ended).estimate(0, NOW_NS)
    assert row[L.FILL_RATE] == pytest.approx(0.4, abs=0.025)


def test_fills_or_hits_over_exposure_would_not_be_that_rate():
    """Why informed hits count and others that are refused do not."""
    ended = list(requests(6_000, 0.5, 0.16, 0.4, withdrawn_share=0.1, in_flight=0.0))
    statistics = measure(ended)
    assert sum(o.filled for o in ended) / statistics.rows[0, L.S_EXPOSURE] < 0.28
    ended = list(requests(6_000, 0.0, 0.0, 0.4, withdrawn_share=0.8, in_flight=0.3))
    statistics = measure(ended)
    assert sum(o.filled or o.refused for o in ended) / statistics.rows[0, L.S_EXPOSURE] > 0.5


def test_a_hit_is_informed_if_the_price_was_passed_at_its_receipt_or_a_second_later():
    statistics = ClientStatistics(config_of())
    for ticks, edge_ticks in ((-3.0, -0.5), (3.0, 2.5), (2.5, 2.5), (0.0, 0.0), (-1.0, 2.0)):
        statistics.add_withdrawn_hit(0, NOW_NS, ticks, edge_ticks)
    row = statistics.rows[0]
    assert row[[L.S_WITHDRAWN_HITS, L.S_WITHDRAWN_THROUGH]].tolist() == [5, 2]
    statistics.add_markout(0, NOW_NS, L.ONE_SECOND, -3.0, -0.5)
    assert row[L.S_THROUGH] == 1, "fills by the same rule"


def test_withdrawn_hits_are_forgotten():
    statistics = measure(requests(2_000, 0.8, 0.1, 0.5, 0.0, 0.0))
    half_life_ns = int(HALF_LIFE_S * NS_PER_S)
    hits, informed = statistics.rows[0, [L.S_WITHDRAWN_HITS, L.S_WITHDRAWN_THROUGH]]
    filled, through = statistics.rows[0, [L.S_MARKOUTS + L.ONE_SECOND, L.S_THROUGH]]
    row = statistics.estimate(0, NOW_NS + half_life_ns)
    later = (WEIGHT * CONFIGURED + (informed + through) / 2) / (WEIGHT + (hits + filled) / 2)
    assert row[L.INFORMED_SHARE] == pytest.approx(later)
    row = statistics.estimate(0, NOW_NS + 40 * half_life_ns)
    assert row[[L.INFORMED_SHARE, L.FILL_RATE]].tolist() == pytest.approx([CONFIGURED, 0.3])


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def moving_market(rig):
    """Mids of 102, and 105 from 500 ms after the time that is returned, for 20 s."""
    rig.book(0, rig.started_ns, 101, 103)
    received_ns = mono_ns()
    rig.book(0, received_ns + 500 * NS_PER_MS, 104, 106)
    rig.board.beat(received_ns + 20 * NS_PER_S)
    rig.board.venues[0, B.V_LAST_RECEIVED_NS] = received_ns + 20 * NS_PER_S
    return received_ns


def withdrawn(rig, client=0):
    """Informed share, and the sums of the hits that were refused as withdrawn."""
    return rig.row(client)[[L.INFORMED_SHARE, L.S_WITHDRAWN_HITS, L.S_WITHDRAWN_THROUGH]].tolist()


def test_withdrawn_hits_are_judged_by_the_market_after_them(rig):
    received_ns = moving_market(rig)
    rig.hit(1, "withdrawn", received_ns=received_ns, price=104)  # passed within a second
    rig.hit(2, "withdrawn", received_ns=received_ns, price=105)  # reached
    rig.hit(3, "withdrawn", received_ns=received_ns, price=104, side=2)  # passed when it came
    rig.hit(4, "withdrawn", received_ns=received_ns, price=100, side=2)
    rig.hit(5, "late", received_ns=received_ns, price=104)
    rig.hit(6, "refused", received_ns=received_ns, price=104)
    rig.step(received_ns + 900 * NS_PER_MS)
    assert withdrawn(rig) == [0.2, 0, 0], "not known yet"
    rig.step(received_ns + 11 * NS_PER_S)
    assert withdrawn(rig) == pytest.approx([(0.2 + 2) / 5, 4, 2], rel=1e-3)
    (hit,) = rig.reader.hits("Q1")
    assert (hit.edge_ticks, hit.markout_100ms, hit.markout_1s, hit.markout_10s, hit.unmarked) == (2.0, 0.0, 3.0, 3.0, 0)
    (late,) = rig.reader.hits("Q5")
    assert (late.edge_ticks, late.markout_1s) == (2.0, 3.0), "what it would have brought"


def test_withdrawn_hits_are_no_fills(rig):
    received_ns = moving_market(rig)
    for n in range(3):
        rig.hit(n, "withdrawn", received_ns=received_ns)
    rig.step(received_ns + 11 * NS_PER_S)
    row = rig.row()
    assert row[[L.FILLED, L.REFUSED, L.S_HITS, L.S_RESPONSES, L.TOXICITY]].tolist() == [0, 3, 0, 0, 0]
    assert not row[L.S_MARKOUTS : L.S_MARKOUT_TICKS + L.N_HORIZONS].any()
    assert rig.metric("quotelife_fills_total", tier="strategic") == 0
    assert rig.metric("quotelife_markouts_total", tier="strategic", horizon="1s") == 0


def test_only_the_first_hit_on_a_withdrawn_quote_counts(rig):
    """Neither a second try, also after a restart, nor a hit on a side that was not quoted."""
    received_ns = moving_market(rig)
    change_ns = received_ns - NS_PER_MS
    for _ in range(3):
        rig.hit(1, "withdrawn", received_ns=received_ns, change_ns=change_ns)
    rig.hit(2, "withdrawn", received_ns=received_ns, price=0)
    rig.hit(3, "withdrawn", received_ns=received_ns, side=0)
    rig.step(received_ns + 2 * NS_PER_S)
    rig.restart()
    rig.hit(1, "withdrawn", received_ns=received_ns, change_ns=change_ns)
    rig.step(received_ns + 4 * NS_PER_S)
    assert withdrawn(rig)[1:] == pytest.approx([1, 1], rel=1e-3)
    assert rig.row()[L.S_REACTIONS] == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("at_ms", [0, 200, 1_100])
def test_withdrawn_hits_are_judged_once_across_a_restart(rig, at_ms):
    """The recorder stops before the market has been read, after the receipt, and after the second."""
    received_ns = moving_market(rig)
    rig.hit(1, "withdrawn", received_ns=received_ns)
    rig.step(received_ns + at_ms * NS_PER_MS)
    rig.restart(commit=False)
    rig.step(received_ns + 11 * NS_PER_S)
    assert withdrawn(rig) == pytest.approx([(0.2 + 1) / 2, 1, 1], rel=1e-3)
    rig.restart()
    rig.step(received_ns + 12 * NS_PER_S)
    assert withdrawn(rig) == pytest.approx([(0.2 + 1) / 2, 1, 1], rel=1e-3)
    assert rig.history.hits_without_markouts() == []


def test_withdrawn_hits_without_a_market_are_not_judged(rig):
    rig.hit(1, "withdrawn", received_ns=mono_ns() - NS_PER_S)
    rig.step()
    assert withdrawn(rig) == [0.2, 0, 0]
    assert rig.history.hits_without_markouts() == []
    assert rig.metric("quotelife_markouts_unknown_total") == 0, "of fills"


def test_the_first_late_hit_on_a_quote_has_markouts_that_no_estimate_uses(rig):
    received_ns = moving_market(rig)
    rig.quote(1)
    for after_ns in (0, NS_PER_MS):
        rig.hit(1, "late", received_ns=received_ns + after_ns)
    rig.step()
    before = rig.row()
    rig.step(received_ns + 11 * NS_PER_S)
    first, second = rig.reader.hits("Q1")
    assert (first.edge_ticks, first.markout_1s, first.unmarked) == (2.0, 3.0, 0)
    assert second.edge_ticks is None and not second.unmarked
    for word in (L.S_WITHDRAWN_HITS, L.S_MARKOUTS + L.ONE_SECOND, L.S_THROUGH, L.S_REACTIONS):
        assert rig.row()[word] == before[word] == 0
    assert rig.metric("quotelife_markouts_unknown_total") == 0
