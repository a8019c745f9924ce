"""Field kernels against Decimal, int and datetime."""

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.fix import fields as F
from quotelife.fix import tags
from quotelife.fix.encode import Identity, encode
from quotelife.runtime.clock import utc_timestamp

TICKS = ("0.01", "0.25", "1", "0.00001", "0.5", "5", "100", "0.00000001", "0.125")


def as_array(text: str) -> np.ndarray:
    return np.frombuffer(b"=" + text.encode() + b"\x01", np.uint8).copy()


def units(text: str, tick: str, rounding: int) -> tuple[int, int]:
    buf, inexact = as_array(text), np.zeros(1, np.int64)
    unit, scale = F.unit_and_scale(tick)
    return F.parse_units(buf, 1, len(buf) - 1, unit, scale, rounding, inexact), int(inexact[0])


@given(
    st.integers(-(10**9), 10**9), st.integers(0, 9), st.sampled_from(TICKS), st.sampled_from([F.DOWN, F.NEAREST, F.UP])
)
@settings(max_examples=500, deadline=None)
def test_units_are_converted_exactly(mantissa, decimals, tick, rounding):
    value = Decimal(mantissa).scaleb(-decimals)
    ratio = value / Decimal(tick)
    floor, ceiling = (int(ratio.to_integral_value(r)) for r in (ROUND_FLOOR, ROUND_CEILING))
    nearest = floor if ratio - floor < ceiling - ratio else ceiling
    expected = {F.DOWN: floor, F.UP: ceiling, F.NEAREST: nearest}[rounding]
    assert units(f"{value:f}", tick, rounding) == (expected, int(floor != ceiling))


@given(st.integers(-(10**8), 10**8), st.sampled_from(TICKS), st.integers(0, 12))
@settings(max_examples=200, deadline=None)
def test_multiples_of_the_tick_round_trip_with_any_zeros(ticks, tick, zeros):
    text = f"{Decimal(tick) * ticks:f}"
    text += ("" if "." in text else ".") + "0" * zeros
    assert units(text, tick, F.NEAREST) == (ticks, 0)


@given(st.text("0123456789.-+eE x", max_size=24))
@settings(max_examples=500, deadline=None)
def test_invalid_floats_are_rejected(text):
    found, _ = units(text, "0.01", F.NEAREST)
    is_float = re.fullmatch(r"-?(\d+\.?\d*|\.\d+)", text) is not None
    if not is_float:
        assert found == F.INVALID
    elif len(text) < 16:
        assert found == int((Decimal(text) * 100 + Decimal("0.5")).to_integral_value(ROUND_FLOOR))


@given(st.text("0123456789-+. ", max_size=20))
@settings(max_examples=300, deadline=None)
def test_integers_are_parsed_or_rejected(text):
    buf = as_array(text)
    expected = int(text) if re.fullmatch(r"-?\d{1,18}", text) else F.INVALID
    assert F.parse_int(buf, 1, len(buf) - 1) == expected
    assert F.as_int(text.encode()) == (None if expected == F.INVALID or len(text) > 18 else expected)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2261, 12, 31)), st.integers(0, 999))
@settings(max_examples=300, deadline=None)
def test_timestamps_are_parsed_exactly(when, nanos):
    ns = (when.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000 + nanos
    full = f"{utc_timestamp(ns)}{nanos:03d}"
    for digits in (0, 3, 6, 9):
        text = full[: 18 + digits] if digits else full[:17]
        unit = 10 ** (9 - digits)
        buf = as_array(text)
        assert F.parse_utc_timestamp(buf, 1, len(buf) - 1) == ns // unit * unit


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20260229-00:00:00",
        "20261301-00:00:00",
        "20260100-00:00:00",
        "20260101 00:00:00",
        "20260101-24:00:00",
        "20260101-00:60:00",
        "20260101-00:00:61",
        "20260101-00:00:00.",
        "20260101-00:00:00,5",
        "20260101-0:00:00",
        "20260101-00:00:00.1234567890",
        "19691231-00:00:00",
        "2026010x-00:00:00",
    ],
)
def test_invalid_timestamps_are_rejected(text):
    buf = as_array(text)
    assert F.parse_utc_timestamp(buf, 1, len(buf) - 1) == F.INVALID


def test_leap_second_is_the_next_second():
    buf = as_array("20161231-23:59:60")
    assert F.parse_utc_timestamp(buf, 1, len(buf) - 1) == 1_483_228_800 * 10**9


@pytest.mark.parametrize(("tick", "expected"), [("0.01", (1, 2)), ("0.250", (25, 2)), ("1", (1, 0)), ("1e2", (100, 0))])
def test_unit_and_scale_of_valid_ticks(tick, expected):
    assert F.unit_and_scale(tick) == expected


@pytest.mark.parametrize("tick", ["0", "-1", "1.23456789012", "1e-19", "1e12", "NaN"])
def test_unit_and_scale_rejects_values_out_of_range(tick):
    with pytest.raises(ValueError, match=r"tick|decimal"):
        F.unit_and_scale(tick)


text_values = st.text(st.characters(exclude_characters="\x01", exclude_categories=["Cs"]), max_size=20)


DATA_FIELDS = tags.DATA_AFTER_LENGTH.keys() | tags.LENGTH_OF_DATA.keys()


@given(st.lists(st.tuples(st.integers(100, 9999).filter(lambda t: t not in DATA_FIELDS), text_values), max_size=8))
@settings(max_examples=200, deadline=None)
def test_encoded_fields_are_split_unchanged(body):
    message = encode(Identity("A", "B"), "B", 7, "20260101-00:00:00.000", body)
    found = F.split_fields(message)
    assert found[:3] == [(8, b"FIX.4.4"), (9, b"%d" % int(found[1][1])), (35, b"B")]
    assert [(tag, value.decode()) for tag, value in found[7:-1]] == body


def test_data_fields_may_contain_soh():
    message = b"8=FIX.4.4\x019=1\x0195=3\x0196=a\x01b\x0158=x\x0110=000\x01"
    assert (96, b"a\x01b") in F.split_fields(message)


@pytest.mark.parametrize("message", [b"8=FIX\x01x=1\x01", b"8=FIX\x0135", b"8=FIX\x0195=9\x0196=a\x01", b"=1\x01"])
def test_invalid_fields_are_malformed(message):
    with pytest.raises(F.MalformedMessage):
        F.split_fields(message)


def test_a_value_with_soh_cannot_be_encoded():
    with pytest.raises(ValueError, match="SOH"):
        encode(Identity("A", "B"), "B", 7, "20260101-00:00:00.000", [(58, "a\x01b")])
