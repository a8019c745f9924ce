"""Timestamps on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotelife.runtime.clock import NS_PER_S, mono_ns, parse_utc_timestamp, utc_timestamp, wall_ns


def test_timestamp_is_rounded_down_to_microseconds():
    assert utc_timestamp(0) == "19700101-00:00:00.000000"
    assert utc_timestamp(1_777_691_180_507_000_999) == "20260502-03:06:20.507000"
    assert utc_timestamp(1_777_691_180_507_001_000) == "20260502-03:06:20.507001"


@given(st.integers(0, 4 * 10**18))
def test_written_timestamp_is_parsed_to_the_microsecond(ns):
    assert parse_utc_timestamp(utc_timestamp(ns)) == ns // 1000 * 1000


@pytest.mark.parametrize(
    ("text", "decimals_ns"), [("", 0), (".5", 500_000_000), (".123", 123_000_000), (".000000001", 1)]
)
def test_timestamp_with_0_to_9_decimals_is_parsed(text, decimals_ns):
    assert parse_utc_timestamp("20260502-03:06:20" + text) == 1_777_691_180 * NS_PER_S + decimals_ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "20260502",
        "20260502-03:06",
        "2026-05-02T03:06:20",
        "20260502-25:06:20",
        "20260502-03:06:20.",
        "20260502-03:06:20.12x",
        "20260502-03:06:20.1234567890",
    ],
)
def test_invalid_timestamp_is_refused(text):
    with pytest.raises(ValueError):
        parse_utc_timestamp(text)


def test_clocks_count_nanoseconds():
    before = mono_ns()
    assert 0 <= mono_ns() - before < NS_PER_S
    assert wall_ns() > 1_700_000_000 * NS_PER_S
