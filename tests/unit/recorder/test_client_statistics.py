"""Client statistics: from the configured estimates to measured ones, and back."""

import math

import msgspec
import numpy as np
import pytest

from quotelife.config import Client, Config, Instrument, Venue
from quotelife.config.client_sections import Tiers, TierTerms
from quotelife.config.sections import Recorder, Withdrawal
from quotelife.ledger import client_layout as L
from quotelife.recorder.client_statistics import ClientStatistics, response_bucket
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S

NOW_NS = 1_700_000_000 * NS_PER_S
HALF_LIFE_S = 600.0


def config_of() -> Config:
    return Config(
        venue=[Venue(name="V", port=1, sender_comp_id="A", target_comp_id="B")],
        instrument=[Instrument(symbol="X", tick="1", lot="1", venue="V")],
        client=[Client(name="A", sessions=["A"]), Client(name="B", sessions=["B"], informed_share=0.5)],
        tier=Tiers(
            ordinary=TierTerms(informed_share=0.2, response_ms=300.0, response_cv=0.5, fill_rate=0.3, weight=10.0)
        ),
        recorder=Recorder(half_life_s=HALF_LIFE_S),
    )


@pytest.fixture
def statistics() -> ClientStatistics:
    return ClientStatistics(config_of())


def estimates(statistics, client=0, wall_ns=NOW_NS):
    return statistics.estimate(client, wall_ns)[L.FILL_RATE : L.INFORMED_SHARE + 1].tolist()


def test_without_measurements_estimates_are_the_configured_ones(statistics):
    assert estimates(statistics) == pytest.approx([0.3, 300.0, 0.5, 0.0, 0.2])
    assert estimates(statistics, 1) == pytest.approx([0.3, 300.0, 0.5, 0.0, 0.5])


def test_response_times_are_pooled_with_the_configured_ones(statistics):
    """Against the moments of a list with the configured estimates as ten values of that mean and variation."""
    measured = [80.0, 120.0, 100.0, 400.0, 90.0]
    for n, ms in enumerate(measured):
        statistics.add_hit(0, NOW_NS, int(ms * NS_PER_MS), in_time=n != 3)
    pooled = [300.0 - 150.0, 300.0 + 150.0] * 5 + measured
    _, mean, cv, *_ = estimates(statistics)
    assert mean == pytest.approx(np.mean(pooled))
    assert cv == pytest.approx(np.std(pooled) / np.mean(pooled))
    row = statistics.rows[0]
    assert (row[L.FILLED], row[L.LATE]) == (4, 1)
    assert row[L.RESPONSES : L.RESPONSES + L.N_OCTAVES].sum() == 5
    assert row[L.RESPONSES + response_bucket(400 * NS_PER_MS)] == 1


@pytest.mark.parametrize("true", [0.02, 0.3, 0.9])
@pytest.mark.parametrize("shares", [(0.1, 0.3), (0.3, 0.3), (0.0, 1.0), (1.0, 1.0)])
def test_the_fill_rate_is_that_of_quotes_which_end_at_any_time(statistics, true, shares):
    """Quotes that end at these shares of the client's response times; `when` is that of the client."""
    rng = np.random.default_rng(7)
    wanted, when, ends = rng.random(8_000) < true, rng.random(8_000), rng.uniform(*shares, 8_000)
    for hit, at, end in zip(wanted & (when < ends), when, ends, strict=True):
        statistics.count_request(0)
        statistics.count_quote(0)
        statistics.add_exposure(0, NOW_NS, 0.0, at if hit else end)
        if hit:
            statistics.add_hit(0, NOW_NS, 20 * NS_PER_MS, in_time=True)
        statistics.estimate(0, NOW_NS)
    deviation = math.sqrt(true / (8_000 * np.mean(shares)))  # of the share that was hit
    assert estimates(statistics)[0] == pytest.approx(true, abs=3 * deviation + 0.3 * 10 / (8_000 * np.mean(shares)))
    assert statistics.rows[0][L.REQUESTS] == statistics.rows[0][L.QUOTES] == 8_000


def test_passes_lower_the_fill_rate(statistics):
    for _ in range(200):
        statistics.add_exposure(0, NOW_NS, 0.0, 1.0)
        statistics.estimate(0, NOW_NS)
    assert estimates(statistics)[0] < 0.02


def test_toxicity_and_informed_share(statistics):
    for ticks in (5.0, 1.0, -1.0, 3.0):
        statistics.add_markout(0, NOW_NS, L.ONE_SECOND, ticks, edge_ticks=3.0)
        statistics.add_markout(0, NOW_NS, 0, ticks / 2, edge_ticks=3.0)
    *_, toxicity, informed = estimates(statistics)
    assert toxicity == pytest.approx(8.0 / (10 + 4))
    assert informed == pytest.approx((10 * 0.2 + 1) / (10 + 4)), "only the move greater than the edge"
    row = statistics.rows[0]
    assert row[L.S_MARKOUTS : L.S_MARKOUTS + L.N_HORIZONS].tolist() == [4.0, 4.0, 0.0]
    assert row[L.S_MARKOUT_TICKS : L.S_MARKOUT_TICKS + L.N_HORIZONS].tolist() == [4.0, 8.0, 0.0]


def test_estimates_decay_to_the_configured_ones(statistics):
    for _ in range(40):
        statistics.add_hit(0, NOW_NS, 100 * NS_PER_MS, in_time=True)
        statistics.add_exposure(0, NOW_NS, 0.0, 1.0)
    half_life_ns = int(HALF_LIFE_S * NS_PER_S)
    exposure = float(statistics.rows[0][L.S_EXPOSURE])
    assert exposure == pytest.approx(40 * -math.log(1 - 0.3) / 0.3)
    assert estimates(statistics)[0] == pytest.approx((3 + 40) / (10 + exposure))
    half = statistics.rows[0][L.S_EXPOSURE] / 2
    assert estimates(statistics, 0, NOW_NS + half_life_ns)[0] == pytest.approx((3 + 20) / (10 + half))
    assert estimates(statistics, 0, NOW_NS + 30 * half_life_ns)[1] == pytest.approx(300.0)
    assert statistics.rows[0][L.FILLED] == 40, "counts do not decay"


def test_a_clock_set_back_changes_nothing(statistics):
    statistics.add_hit(0, NOW_NS, 100 * NS_PER_MS, in_time=True)
    before = estimates(statistics)
    assert estimates(statistics, 0, NOW_NS - NS_PER_S) == before


def test_response_buckets_are_octaves():
    assert [response_bucket(ns) for ns in (-5, 0, 64_000, 64_001, 128_000, 128_001, 256_001)] == [0, 0, 0, 1, 1, 2, 3]
    assert response_bucket(10**18) == L.N_OCTAVES - 1


def race(statistics, client=0, wall_ns=NOW_NS):
    return float(statistics.estimate(client, wall_ns)[L.RACE_LOST])


def weighted_moments(values, weights):
    mean = np.average(values, weights=weights)
    return float(mean), float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))


def assumed_logs(median_ms, sigma):
    """Two values of that mean and deviation."""
    return [math.log(median_ms) - sigma, math.log(median_ms) + sigma]


def test_the_race_is_that_of_all_hits_and_withdrawals_with_their_weights(statistics):
    """Against moments of lists: each observation with the weight that its age leaves, and what is assumed as values of
    that mean and deviation. Withdrawals of both clients' quotes measure one latency."""
    rng = np.random.default_rng(11)
    n = 300
    at_ns = NOW_NS + np.sort(rng.integers(0, 3_000 * NS_PER_S, n))
    reactions, latencies = rng.lognormal(math.log(0.4), 0.7, n), rng.lognormal(math.log(0.2), 0.4, n)
    early = rng.random(n) < 0.1
    for k in range(n):
        statistics.add_reaction(0, int(at_ns[k]), -1_000 if early[k] else int(reactions[k] * NS_PER_MS))
        statistics.add_withdrawal(k % 2, int(at_ns[k]), int(latencies[k] * NS_PER_MS))
    end_ns = NOW_NS + 3_600 * NS_PER_S
    age = 0.5 ** ((end_ns - at_ns) / NS_PER_S / HALF_LIFE_S)
    own = weighted_moments([*assumed_logs(0.5, 0.5), *np.log(latencies)], [10.0, 10.0, *age])
    late = ~early
    reaction = weighted_moments([*assumed_logs(1.0, 0.5), *np.log(reactions[late])], [5.0, 5.0, *age[late]])
    share = age[early].sum() / (10.0 + age.sum())
    expected = share + (1 - share) * 0.5 * math.erfc((reaction[0] - own[0]) / math.hypot(own[1], reaction[1]) / 2**0.5)
    assert statistics.latency(end_ns) == pytest.approx(own, rel=1e-4)
    assert race(statistics, 0, end_ns) == pytest.approx(expected, rel=1e-4)
    assert race(statistics, 1, end_ns) != race(statistics, 0, end_ns), "its reaction is still the assumed one"


@pytest.mark.parametrize(("own_ms", "client_ms"), [(0.1, 20.0), (0.1, 0.3), (2.0, 0.3), (0.5, 1.0)])
def test_the_race_tends_to_the_share_that_is_lost(statistics, own_ms, client_ms):
    rng = np.random.default_rng(5)
    n = 4_000
    own, hits = rng.lognormal(math.log(own_ms), 0.4, n), rng.lognormal(math.log(client_ms), 0.6, n)
    hits[rng.random(n) < 0.05] = -1.0
    for latency, reaction in zip(own, hits, strict=True):
        statistics.add_withdrawal(0, NOW_NS, int(latency * NS_PER_MS))
        statistics.add_reaction(0, NOW_NS, int(reaction * NS_PER_MS))
    assert race(statistics) == pytest.approx(np.mean(hits < own), abs=0.03)


def test_the_race_returns_to_what_is_assumed(statistics):
    before = race(statistics)
    for _ in range(100):
        statistics.add_reaction(0, NOW_NS, NS_PER_MS // 20)
        statistics.add_withdrawal(1, NOW_NS, NS_PER_MS)
    assert race(statistics) > 0.9
    assert race(statistics, 0, NOW_NS + int(40 * HALF_LIFE_S * NS_PER_S)) == pytest.approx(before)


def test_what_comes_long_after_the_change_is_no_race(statistics):
    before = race(statistics)
    statistics.add_reaction(0, NOW_NS, NS_PER_S + 1)
    statistics.add_withdrawal(0, NOW_NS, NS_PER_S + 1)
    assert race(statistics) == before
    statistics.add_reaction(0, NOW_NS, NS_PER_S)
    assert race(statistics) != before


def test_every_race_is_lost_without_withdrawals():
    config = msgspec.structs.replace(config_of(), withdrawal=Withdrawal(enabled=False))
    statistics = ClientStatistics(config)
    statistics.add_reaction(0, NOW_NS, 100 * NS_PER_MS)
    assert race(statistics) == 1.0
