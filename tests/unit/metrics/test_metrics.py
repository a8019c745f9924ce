"""Metrics in shared memory: the catalogue, the region, and the histogram against a plain count."""

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from quotelife.decision.refusal import REFUSALS
from quotelife.metrics import catalog
from quotelife.metrics.catalog import supervisor
from quotelife.metrics.family import Family
from quotelife.metrics.histogram import HISTOGRAM_WORDS, N_BUCKETS, observe, quantile, record, upper_bounds
from quotelife.metrics.labels import SUPERVISED
from quotelife.metrics.region import MetricsRegion
from quotelife.shm.region import RegionError


@pytest.fixture
def region(tmp_path: Path) -> MetricsRegion:
    return MetricsRegion.create(
        tmp_path / "metrics-quoting", catalog.QUOTING, process=["quoting"], session=["A", "B"], reason=REFUSALS
    )


def test_names_follow_the_conventions():
    families = {f.name: f for group in (catalog.QUOTING, catalog.MARKETDATA, supervisor(SUPERVISED)) for f in group}
    for family in families.values():
        assert family.name.startswith("quotelife_")
        assert family.name.endswith("_total") == (family.kind == "counter")
        assert family.help.endswith(".")


def test_a_reader_sees_the_writers_values(region):
    word = region.counter("quotelife_rejects_total", reason="stale_book")
    reader = MetricsRegion.attach(region.path)
    region.values[word] += 3
    assert reader.values[reader.counter("quotelife_rejects_total", reason="stale_book")] == 3
    assert reader.families == region.families
    assert reader.series == region.series
    assert reader.pid == multiprocessing.current_process().pid
    with pytest.raises(ValueError, match="read-only"):
        reader.values[word] = 1


def test_every_series_has_its_own_words(region):
    taken = np.zeros(len(region.values), int)
    kinds = {f.name: f.kind for f in region.families}
    for series in region.series:
        taken[series.word : series.word + (HISTOGRAM_WORDS if kinds[series.family] == "histogram" else 1)] += 1
    assert (taken == 1).all()


def test_an_unknown_series_is_an_error(region):
    with pytest.raises(KeyError):
        region.counter("quotelife_rejects_total", reason="weather")
    with pytest.raises(KeyError, match="is a counter"):
        region.gauge("quotelife_requests_total")


def test_an_open_label_needs_values(tmp_path):
    with pytest.raises(KeyError, match="venue"):
        MetricsRegion.create(tmp_path / "metrics-m", catalog.MARKETDATA, process=["marketdata"])


def test_a_new_region_replaces_the_old_one(region):
    old = MetricsRegion.attach(region.path)
    word = region.counter("quotelife_requests_total")
    region.values[word] = 7
    MetricsRegion.create(region.path, catalog.QUOTING, process=["quoting"], session=["A"], reason=REFUSALS)
    assert old.values[word] == 7
    assert MetricsRegion.attach(region.path).values[word] == 0
    assert [p.name for p in region.path.parent.iterdir()] == [region.path.name]


@pytest.mark.parametrize("contents", [b"", b"short", bytes(4096)])
def test_a_file_that_is_not_a_region_is_refused(tmp_path, contents):
    path = tmp_path / "metrics-x"
    path.write_bytes(contents)
    with pytest.raises(RegionError):
        MetricsRegion.attach(path)


@given(st.lists(st.one_of(st.integers(-5, 2**40), st.integers(8, 36).map(lambda e: 2**e), st.integers(-3, 600))))
def test_the_histogram_equals_a_plain_count(values):
    words = np.zeros(HISTOGRAM_WORDS + 2, np.int64)
    for value in values:
        observe(words, 1, value)
    plain = np.searchsorted(upper_bounds(), values, side="left")  # first bound that is not below the value
    assert words[0] == 0
    assert words[-1] == 0
    assert words[1] == sum(max(v, 0) for v in values)
    assert (words[2:-1] == np.bincount(plain.astype(int), minlength=N_BUCKETS)).all()


def test_histogram_inside_another_kernel():
    @njit("void(int64[::1])")
    def kernel(values):
        for i in range(10):
            record(values, 0, i * 1000)

    inside, outside = np.zeros(HISTOGRAM_WORDS, np.int64), np.zeros(HISTOGRAM_WORDS, np.int64)
    kernel(inside)
    for i in range(10):
        observe(outside, 0, i * 1000)
    assert (inside == outside).all()


def test_quantiles_are_within_a_bucket():
    values = np.random.default_rng(1).lognormal(11, 1, 20_000).astype(int)
    words = np.zeros(HISTOGRAM_WORDS, np.int64)
    assert np.isnan(quantile(words, 0.5))
    for value in values:
        observe(words, 0, value)
    for q in (0.01, 0.5, 0.99, 0.999):
        assert quantile(words, q) == pytest.approx(np.quantile(values, q), rel=0.125)
    observe(words, 0, 2**50)
    assert quantile(words, 1.0) == 2**36


def test_an_extended_region_keeps_every_word_and_value(tmp_path):
    families = [
        Family("requests_total", "counter", "Requests.", (("session", None),)),
        Family("lifetime_seconds", "histogram", "Lifetimes.", (("session", None),)),
        Family("up", "gauge", "Up.", (("process", None),)),
    ]
    first = MetricsRegion.create(tmp_path / "m", families, session=["A"], process=["quoting"])
    first.values[first.counter("requests_total", session="A")] = 7
    first.values[first.gauge("up", process="quoting")] = 1
    second = first.extended(session=["A", "B"])
    assert second.counter("requests_total", session="A") == first.counter("requests_total", session="A")
    assert second.values[second.counter("requests_total", session="A")] == 7
    second.values[second.counter("requests_total", session="B")] = 3
    second.values[second.histogram("lifetime_seconds", session="B")] = 5
    third = second.extended(session=["A", "B", "C"])
    seen = MetricsRegion.attach(tmp_path / "m")
    assert seen.inode == third.inode != first.inode
    counts = [int(seen.values[seen.counter("requests_total", session=s)]) for s in "ABC"]
    assert counts == [7, 3, 0] and seen.values[seen.gauge("up", process="quoting")] == 1
    assert len({series.word for series in seen.series}) == len(seen.series)
