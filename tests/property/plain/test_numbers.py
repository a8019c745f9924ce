"""Number kernels of the plain request against Grid, the clock, str and format."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.fix.fields import INVALID, unit_and_scale
from quotelife.market.grid import Grid
from quotelife.rfq.plain import numbers as N
from quotelife.runtime.clock import utc_timestamp

STEPS = (
    *("0.01", "0.25", "1", "0.00001", "0.5", "5", "100", "1000000", "0.00000001", "0.125", "0.03", "999999999"),
    "0.000000000000000001",
)
WORDS = st.integers(-(2**63), 2**63 - 1)
COMMON = st.integers(-(10**9), 10**9)
_2101 = 4_133_980_800 * 10**9


def written(kernel, *arguments) -> str | None:
    """What a kernel writes; None if it declines. It writes nowhere else, and no more than MAX_NUMBER bytes."""
    out = np.full(N.MAX_NUMBER + 2, 255, np.uint8)
    end = kernel(out, 1, *arguments)
    assert out[0] == 255 and out[-1] == 255
    if end == N.DECLINED:
        return None
    assert set(out[end:]) == {255}
    return out[1:end].tobytes().decode()


def exact_units(text: str, step: str) -> int:
    buf = np.frombuffer(b"=" + text.encode() + b"\x01", np.uint8).copy()
    return N.exact_units(buf, 1, len(buf) - 1, *unit_and_scale(step), np.ones(1, np.int64))


def grid_units(text: str, step: str) -> int | None:
    try:
        return Grid(step).units(text)
    except ValueError:
        return None


def fits(text: str, units: int, step: str) -> bool:
    """Whether a number has 18 digits at most, in the text and in units of the step's last decimal."""
    return abs(units) * Grid(step).unit < 10**18 and sum(map(str.isdigit, text)) <= 18


@given(WORDS | COMMON)
@settings(max_examples=500, deadline=None)
def test_an_int_is_written_as_str_writes_it(value):
    assert written(N.write_int, value) == (None if value == -(2**63) else str(value))


@pytest.mark.parametrize("value", [0, 9, 10, 99, 100, 10**18 - 1, 10**18, 2**63 - 1, -1, -10, 1 - 2**63])
def test_an_int_at_a_change_of_length(value):
    assert written(N.write_int, value) == str(value)


@given(COMMON | WORDS, st.sampled_from(STEPS))
@settings(max_examples=500, deadline=None)
def test_units_are_written_as_the_grid_writes_them(units, step):
    grid = Grid(step)
    fits = abs(units * grid.unit) < 2**63
    assert written(N.write_units, units, grid.unit, grid.decimals) == (grid.text(units) if fits else None)


def test_more_decimals_than_18_are_declined():
    assert written(N.write_units, 1, 1, 18) == "0.000000000000000001"
    assert written(N.write_units, 1, 1, 19) is None


@given(COMMON | st.integers(-(10**17), 10**17), st.sampled_from(STEPS), st.integers(0, 3))
@settings(max_examples=500, deadline=None)
def test_multiples_of_a_step_are_read_as_the_grid_reads_them(units, step, zeros):
    text = Grid(step).text(units)
    text += "0" * zeros if "." in text else ""
    found = exact_units(text, step)
    assert found == units or (found == INVALID and not fits(text, units, step))


@given(st.text("0123456789.-+eE ", max_size=20), st.sampled_from(STEPS))
@settings(max_examples=500, deadline=None)
def test_what_the_grid_refuses_is_declined(text, step):
    found = exact_units(text, step)
    assert found == INVALID or found == grid_units(text, step)


@given(st.integers(0, 99_999), st.integers(0, 6), st.sampled_from(STEPS))
@settings(max_examples=500, deadline=None)
def test_what_fits_is_never_declined(mantissa, decimals, step):
    text = f"{mantissa / 10**decimals:.{decimals}f}"
    expected = grid_units(text, step)
    if expected is None or fits(text, expected, step):
        assert exact_units(text, step) == (INVALID if expected is None else expected)


@given(st.integers(0, _2101))
@settings(max_examples=500, deadline=None)
def test_times_are_written_as_the_clock_writes_them(ns):
    assert written(N.write_utc_timestamp, ns) == utc_timestamp(ns)


def test_each_day_up_to_2100_and_its_last_microsecond():
    day_ns = 86_400 * 10**9
    out = np.zeros(N.MAX_NUMBER, np.uint8)
    wrong = []
    for ns in range(0, _2101, day_ns):
        for moment in (ns, ns + day_ns - 1):
            end = N.write_utc_timestamp(out, 0, moment)
            if out[:end].tobytes().decode() != utc_timestamp(moment):
                wrong.append(moment)
    assert wrong == []


def test_times_before_1970_are_declined():
    assert written(N.write_utc_timestamp, -1) is None


def _bits(value: float) -> int:
    return struct.unpack("=q", struct.pack("=d", value))[0]


TIES = st.integers(0, 2**20).map(lambda n: n / 2**20)  # many lie exactly between two millionths
SIX_DECIMALS = st.integers(0, 2 * 10**6).map(lambda n: n / 2e6)


@given(st.floats(0.0, 1.0) | TIES | SIX_DECIMALS)
@settings(max_examples=1000, deadline=None)
def test_a_probability_is_written_as_format_writes_it(value):
    value = abs(value)  # no negative zero
    assert written(N.write_probability, _bits(value)) == f"{value:.6f}"


def test_exact_ties_are_rounded_to_the_even_digit():
    for n in range(2**13 + 1):
        value = n / 2**13
        assert written(N.write_probability, _bits(value)) == f"{value:.6f}"
    assert written(N.write_probability, _bits(2.0**-7)) == "0.007812"
    assert written(N.write_probability, _bits(3 * 2.0**-7)) == "0.023438"


@pytest.mark.parametrize("value", [-0.0, -1e-9, 1.0000000000000002, 2.0, float("inf"), float("-inf"), float("nan")])
def test_what_is_no_probability_is_declined(value):
    assert written(N.write_probability, _bits(value)) is None
