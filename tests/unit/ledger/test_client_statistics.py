"""What is known of clients: from the assumptions to what is measured and back, and the file it is read from."""

import math
import multiprocessing as mp

import numpy as np
import pytest

from quotelife.config import Client, Config, Instrument, Venue
from quotelife.config.sections import Recorder, Tiers, TierTerms
from quotelife.ledger import client_layout as L
from quotelife.ledger.client_region import Published, PublishedError, Publisher
from quotelife.ledger.client_statistics import Statistics, assumed, fill_context, markout, octave
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S
from quotelife_models import schema as S

NOW_NS = 1_700_000_000 * NS_PER_S
HALF_LIFE_S = 600.0


@pytest.fixture
def statistics() -> Statistics:
    return Statistics(
        Config(
            venue=[Venue(name="V", port=1, sender_comp_id="A", target_comp_id="B")],
            instrument=[Instrument(symbol="X", tick="1", lot="1", venue="V")],
            client=[Client(name="A", sessions=["A"]), Client(name="B", sessions=["B"], informed_share=0.5)],
            tier=Tiers(
                ordinary=TierTerms(informed_share=0.2, response_ms=300.0, response_cv=0.5, fill_rate=0.3, weight=10.0)
            ),
            recorder=Recorder(half_life_s=HALF_LIFE_S),
        )
    )


def estimates(statistics, client=0, wall_ns=NOW_NS):
    return statistics.estimate(client, wall_ns)[L.FILL_RATE : L.INFORMED_SHARE + 1].tolist()


def test_nothing_measured_is_what_is_assumed(statistics):
    assert estimates(statistics) == pytest.approx([0.3, 300.0, 0.5, 0.0, 0.2])
    assert estimates(statistics, 1) == pytest.approx([0.3, 300.0, 0.5, 0.0, 0.5])


def test_response_times_are_pooled_with_the_assumption(statistics):
    """Against the moments of a list that holds the assumption as ten values of its mean and variation."""
    measured = [80.0, 120.0, 100.0, 400.0, 90.0]
    for n, ms in enumerate(measured):
        statistics.hit(0, NOW_NS, int(ms * NS_PER_MS), in_time=n != 3)
    pooled = [300.0 - 150.0, 300.0 + 150.0] * 5 + measured
    _, mean, cv, *_ = estimates(statistics)
    assert mean == pytest.approx(np.mean(pooled))
    assert cv == pytest.approx(np.std(pooled) / np.mean(pooled))
    row = statistics.rows[0]
    assert (row[L.FILLED], row[L.LATE]) == (4, 1)
    assert row[L.RESPONSES : L.RESPONSES + L.N_OCTAVES].sum() == 5
    assert row[L.RESPONSES + octave(400 * NS_PER_MS)] == 1


@pytest.mark.parametrize("true", [0.02, 0.3, 0.9])
@pytest.mark.parametrize("shares", [(0.1, 0.3), (0.3, 0.3), (0.0, 1.0), (1.0, 1.0)])
def test_the_fill_rate_is_that_of_quotes_which_end_at_any_time(statistics, true, shares):
    """Quotes that are taken away when these shares of the client's responses have come; `when` is the client's own."""
    rng = np.random.default_rng(7)
    wanted, when, ends = rng.random(8_000) < true, rng.random(8_000), rng.uniform(*shares, 8_000)
    for hit, at, end in zip(wanted & (when < ends), when, ends, strict=True):
        statistics.requested(0)
        statistics.quoted(0)
        statistics.exposed(0, NOW_NS, 0.0, at if hit else end)
        if hit:
            statistics.hit(0, NOW_NS, 20 * NS_PER_MS, in_time=True)
        statistics.estimate(0, NOW_NS)
    deviation = math.sqrt(true / (8_000 * np.mean(shares)))  # of the share that was hit
    assert estimates(statistics)[0] == pytest.approx(true, abs=3 * deviation + 0.3 * 10 / (8_000 * np.mean(shares)))
    assert statistics.rows[0][L.REQUESTS] == statistics.rows[0][L.QUOTES] == 8_000


def test_a_client_that_says_no_is_not_taken_for_slow(statistics):
    for _ in range(200):
        statistics.exposed(0, NOW_NS, 0.0, 1.0)
        statistics.estimate(0, NOW_NS)
    assert estimates(statistics)[0] < 0.02


def test_toxicity_and_informed_share(statistics):
    for ticks in (5.0, 1.0, -1.0, 3.0):
        statistics.marked(0, NOW_NS, L.ONE_SECOND, ticks, edge_ticks=3.0)
        statistics.marked(0, NOW_NS, 0, ticks / 2, edge_ticks=3.0)
    *_, toxicity, informed = estimates(statistics)
    assert toxicity == pytest.approx(8.0 / (10 + 4))
    assert informed == pytest.approx((10 * 0.2 + 1) / (10 + 4)), "only the move beyond the edge"
    row = statistics.rows[0]
    assert markout(row, 0) == (1.0, 4.0) and markout(row, 1) == (2.0, 4.0)
    assert math.isnan(markout(row, 2)[0])


def test_what_was_measured_fades_back_to_the_assumption(statistics):
    for _ in range(40):
        statistics.hit(0, NOW_NS, 100 * NS_PER_MS, in_time=True)
        statistics.exposed(0, NOW_NS, 0.0, 1.0)
    half_life_ns = int(HALF_LIFE_S * NS_PER_S)
    exposure = float(statistics.rows[0][L.S_EXPOSURE])
    assert exposure == pytest.approx(40 * -math.log(1 - 0.3) / 0.3)
    assert estimates(statistics)[0] == pytest.approx((3 + 40) / (10 + exposure))
    half = statistics.rows[0][L.S_EXPOSURE] / 2
    assert estimates(statistics, 0, NOW_NS + half_life_ns)[0] == pytest.approx((3 + 20) / (10 + half))
    assert estimates(statistics, 0, NOW_NS + 30 * half_life_ns)[1] == pytest.approx(300.0)
    assert statistics.rows[0][L.FILLED] == 40, "counts do not fade"


def test_a_clock_that_goes_back_changes_nothing(statistics):
    statistics.hit(0, NOW_NS, 100 * NS_PER_MS, in_time=True)
    before = estimates(statistics)
    assert estimates(statistics, 0, NOW_NS - NS_PER_S) == before


def test_octaves():
    assert [octave(ns) for ns in (-5, 0, 64_000, 64_001, 128_000, 128_001, 256_001)] == [0, 0, 0, 1, 1, 2, 3]
    assert octave(10**18) == L.N_OCTAVES - 1


def test_estimates_enter_the_context_and_nothing_else_does():
    row = assumed(Client(name="A", sessions=["A"]), TierTerms())
    row[L.FILL_RATE : L.INFORMED_SHARE + 1] = (0.1, 20.0, 0.3, 4.0, 0.5)
    context = np.full(S.N_CONTEXT, 9.0)
    fill_context(row, context)
    names = ("client_fill_rate", "client_response", "client_response_cv", "client_toxicity", "client_informed_share")
    assert [context[S.CONTEXT_INDEX[name]] for name in names] == [0.1, 20.0, 0.3, 4.0, 0.5]
    assert (context == 9.0).sum() == S.N_CONTEXT - 5


# --- the file


def test_a_reader_gets_each_row_once_per_change(tmp_path, statistics):
    publisher = Publisher(tmp_path / "clients", statistics.names, statistics.rows)
    published = Published.attach(tmp_path / "clients", statistics.names)
    assert [client for client, _ in published.changes()] == [0, 1]
    assert list(published.changes()) == []
    statistics.hit(1, NOW_NS, 7 * NS_PER_MS, in_time=True)
    publisher.write(1, statistics.estimate(1, NOW_NS))
    ((client, row),) = published.changes()
    assert client == 1
    assert row[1:].tolist() == statistics.rows[1][1:].tolist()


def test_a_new_file_is_whole_and_a_reader_of_the_old_one_keeps_it(tmp_path, statistics):
    Publisher(tmp_path / "clients", statistics.names, statistics.rows)
    old = Published.attach(tmp_path / "clients", statistics.names)
    Publisher(tmp_path / "clients", statistics.names, statistics.rows)
    new = Published.attach(tmp_path / "clients", statistics.names)
    assert old.inode != new.inode
    assert len(list(new.changes())) == len(list(old.changes())) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["clients"]


def test_a_file_of_other_clients_is_refused(tmp_path, statistics):
    with pytest.raises(PublishedError):
        Published.attach(tmp_path / "clients", statistics.names)
    Publisher(tmp_path / "clients", statistics.names, statistics.rows)
    for names in (["A"], ["B", "A"]):
        with pytest.raises(PublishedError, match="not statistics"):
            Published.attach(tmp_path / "clients", names)
    (tmp_path / "clients").write_bytes(b"x" * 20)
    with pytest.raises(PublishedError):
        Published.attach(tmp_path / "clients", statistics.names)


def _write_alike(path, ready, stop):
    """Rows whose words are all the same."""
    rows = np.zeros((1, L.ROW_WORDS))
    publisher = Publisher(path, ["A"], rows)
    ready.set()
    n = 0.0
    while not stop.is_set():
        for _ in range(1_000):
            n += 1.0
            rows[0] = n
            publisher.write(0, rows[0])


def test_no_torn_row_is_read(tmp_path):
    context = mp.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    writer = context.Process(target=_write_alike, args=(tmp_path / "clients", ready, stop), daemon=True)
    writer.start()
    assert ready.wait(60)
    published = Published.attach(tmp_path / "clients", ["A"])
    seen = 0
    while seen < 20_000 and writer.is_alive():
        for _, row in published.changes():
            seen += 1
            assert (row[1:] == row[1]).all()
    stop.set()
    writer.join(20)
    assert seen == 20_000
